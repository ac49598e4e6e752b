"""What is kept of finished pieces: found again whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import ROOT
from voicecli.backends.registry import FAMILIES
from voicecli.storage.cache import PieceCache, Room, clear, contents, key_of, trim
from voicecli.types import Backend, Secret, Segment, TranscribeOptions, Transcript, Word

WHOLE = Transcript(
    "你好 \ud83d hello",
    language="zh",
    duration=3.5,
    segments=(Segment("你好", 0.1, 0.9, (Word("你", 0.1, 0.5, 0.75),), "A"),),
    words=(Word("你", 0.1, 0.5, unsure=True),),
    tags=("HAPPY",),
)
KEY = "ab" + "0" * 62
BACKEND = Backend("w", "openai", base_url="http://127.0.0.1/v1", transcribe_model="m1")


def test_what_is_kept_is_found_as_it_was(tmp_path: Path) -> None:
    kept = replace(WHOLE, text="你好 hello")
    cache = PieceCache(tmp_path)
    assert cache.get(KEY) is None
    cache.put(KEY, kept)
    assert PieceCache(tmp_path).get(KEY) == kept
    (path,) = (each for each in tmp_path.rglob("*") if each.is_file())
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_half_a_surrogate_does_not_stop_it(tmp_path: Path) -> None:
    cache = PieceCache(tmp_path)
    cache.put(KEY, WHOLE)
    found = cache.get(KEY)
    assert found is not None
    assert found.segments == WHOLE.segments


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    cache = PieceCache(None)
    cache.put(KEY, WHOLE)
    assert cache.get(KEY) is None


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = PieceCache(tmp_path / "file")
    cache.put(KEY, WHOLE)
    assert cache.get(KEY) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"text": 1}', b'{"text": "a"}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_entry_is_none(damage: bytes, tmp_path: Path) -> None:
    cache = PieceCache(tmp_path)
    cache.put(KEY, WHOLE)
    (path,) = (each for each in tmp_path.rglob("*.json"))
    path.write_bytes(damage)
    assert cache.get(KEY) is None


def identity(backend: Backend) -> str:
    return FAMILIES[backend.family].of(backend).identity("transcribe")


@pytest.mark.parametrize(
    ("data", "container", "options", "backend"),
    [
        (b"other", "flac", TranscribeOptions(), BACKEND),
        (b"sound", "wav", TranscribeOptions(), BACKEND),
        (b"sound", "flac", TranscribeOptions(language="de"), BACKEND),
        (b"sound", "flac", TranscribeOptions(words=True), BACKEND),
        (b"sound", "flac", TranscribeOptions(), replace(BACKEND, transcribe_model="m2")),
        (b"sound", "flac", TranscribeOptions(), replace(BACKEND, base_url="http://127.0.0.2/v1")),
        (b"sound", "flac", TranscribeOptions(), replace(BACKEND, extra={"transcribe": {"beam": 5}})),
        (b"sound", "flac", TranscribeOptions(), replace(BACKEND, headers={"x-deployment": "b"})),
    ],
)
def test_another_question_is_another_key(
    data: bytes, container: str, options: TranscribeOptions, backend: Backend
) -> None:
    usual = key_of(b"sound", "flac", TranscribeOptions(), identity(BACKEND))
    assert key_of(data, container, options, identity(backend)) != usual


def test_a_name_or_a_key_makes_no_difference() -> None:
    usual = key_of(b"sound", "flac", TranscribeOptions(), identity(BACKEND))
    other = replace(
        BACKEND, name="x", key=Secret("sk-1234567"), chat_model="m3", timeout_s=9.0, extra={"chat": {"a": 1}}
    )
    assert key_of(b"sound", "flac", TranscribeOptions(), identity(other)) == usual


def test_old_entries_go_alone(tmp_path: Path) -> None:
    cache = PieceCache(tmp_path)
    for key in (KEY, "cd" + "1" * 62):
        cache.put(key, WHOLE)
    old = tmp_path / "pieces" / "ab" / f"{'0' * 62}.json"
    os.utime(old, (time.time() - 40 * 86_400,) * 2)
    (old.parent / ".leftover.part").touch()
    assert contents(tmp_path)["pieces"].entries == 2
    assert clear(tmp_path, older_than_days=30) == 1
    assert (old.exists(), contents(tmp_path)["pieces"].entries) == (False, 1)
    assert clear(tmp_path) == 1
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


# -- room ------------------------------------------------------------------------------------------


def keys(count: int) -> list[str]:
    return [f"{number % 256:02x}{number:062x}" for number in range(count)]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = PieceCache(tmp_path)
    one, two, three = keys(3)
    for at, key in enumerate((one, two, three)):
        cache.put(key, WHOLE)
        os.utime(tmp_path / "pieces" / key[:2] / f"{key[2:]}.json", (at + 1, at + 1))
    size = contents(tmp_path)["pieces"].bytes
    assert trim(tmp_path, size) == 0
    assert cache.get(one) is not None, "using it makes it young"
    assert trim(tmp_path, size - 1) == 1
    assert [cache.get(key) is not None for key in (one, two, three)] == [True, False, True]


def test_speech_and_pieces_share_the_room(tmp_path: Path) -> None:
    speech = tmp_path / "speech" / "ab" / "cd"
    speech.parent.mkdir(parents=True)
    speech.write_bytes(bytes(10_000))
    os.utime(speech, (1, 1))
    PieceCache(tmp_path, most_bytes=5000).put(KEY, WHOLE)
    assert not speech.exists()
    assert contents(tmp_path)["pieces"].entries == 1


def test_the_room_is_kept_while_a_run_fills_it(tmp_path: Path) -> None:
    most = 20_000
    cache = PieceCache(tmp_path, most_bytes=most)
    for key in keys(200):
        cache.put(key, WHOLE)
        assert contents(tmp_path)["pieces"].bytes <= most * (1 + Room.SHARE) + 1000
    assert cache.get(keys(200)[-1]) is not None
    assert cache.get(keys(200)[0]) is None


SHARER = """
import sys
from pathlib import Path
from tests.test_cache import WHOLE, keys
from voicecli.storage.cache import PieceCache
cache = PieceCache(Path(sys.argv[1]), most_bytes=15_000)
for _ in range(3):
    for key in keys(100):
        found = cache.get(key)
        assert found is None or found.segments == WHOLE.segments
        cache.put(key, WHOLE)
"""


def test_processes_share_a_cache(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", SHARER, str(tmp_path)]
    running = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE) for _ in range(3)]
    for each in running:
        _, said = each.communicate(timeout=60)
        assert (each.returncode, said) == (0, b"")
    held = contents(tmp_path)["pieces"]
    assert 0 < held.bytes <= 15_000 * (1 + 3 * Room.SHARE) + 3000
    assert list(tmp_path.rglob(".*.part")) == []
