"""What is kept of finished pieces: found again whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from voicecli.cache import PieceCache, clear, contents, key_of
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
    ],
)
def test_another_question_is_another_key(
    data: bytes, container: str, options: TranscribeOptions, backend: Backend
) -> None:
    usual = key_of(b"sound", "flac", TranscribeOptions(), BACKEND)
    assert key_of(data, container, options, backend) != usual


def test_a_name_or_a_key_makes_no_difference() -> None:
    usual = key_of(b"sound", "flac", TranscribeOptions(), BACKEND)
    other = replace(BACKEND, name="x", key=Secret("sk-1234567"), extra={"chat": {"a": 1}})
    assert key_of(b"sound", "flac", TranscribeOptions(), other) == usual


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
