"""Kinds of models that nobody here has heard: told, loaded and fed, on random weights (tests.backends.local.tiny)."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest

from tests.backends.local.speech import heard, read
from tests.backends.local.tiny import MAKERS, deafen, make
from tests.people import speech
from voicecli.backends.local import engine
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.health import LocalModels
from voicecli.backends.local.hotwords import spelled
from voicecli.backends.local.kinds import FoundModel, tell
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import ConfigError, UsageError
from voicecli.storage.models import RECORD
from voicecli.text.phrases import Phrases, entries
from voicecli.types import TranscribeOptions


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """Somebody speaks."""
    return bytes(16_000) + speech(rate=16_000).tobytes() + bytes(16_000)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", MAKERS)
async def test_a_kind_takes_recordings_and_live_sound(tmp_path: Path, kind: str, pcm: bytes) -> None:
    folder = make(kind, tmp_path)
    assert tell(folder).kind.name == kind
    ears = Ears(LocalSettings("local", "local", transcribe_model=str(folder)))
    for way in (read, heard):
        final = (await way(ears, pcm))[-1]
        assert final.final and final.text and final.duration == pytest.approx(len(pcm) / 32_000)
        assert all(0 <= each.start <= each.end <= len(pcm) / 32_000 + 0.5 for each in final.words)


@pytest.mark.anyio
async def test_what_is_said_to_be_missing_is_missing(tmp_path: Path) -> None:
    """The recogniser is a folder of the person's own, named in the settings: none needs to be installed besides."""
    folder = make("zipformer", tmp_path / "pulled")
    models = tmp_path / "models"
    backend = LocalSettings("local", "local", transcribe_model=str(folder), models_folder=str(models))
    told = (await LocalModels(backend).check()).detail
    assert told.startswith(f"{folder.name} and espeak-ng on sherpa-onnx ")
    assert "no recogniser" not in told and "; there is no voice on this machine yet: voice models pull " in told
    catalogue = files("voicecli").joinpath("locale/zh.po").read_text(encoding="utf-8")
    assert re.search(r"sherpa-onnx [\d.]+；这台机器上还没有声音：voice", Phrases(dict(entries(catalogue))).say(told))


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["zipformer", "zipformer-streaming", "nemo-transducer"])
async def test_a_transducer_hears_the_words_that_it_expects(tmp_path: Path, kind: str, pcm: bytes) -> None:
    folder = make(kind, tmp_path)
    deafen(folder)
    ears = Ears(LocalSettings("local", "local", transcribe_model=str(folder)))
    for way in (read, heard):
        wishes = [TranscribeOptions(hotwords=words) for words in ((), ("AC", "thec"))]
        texts = [(await way(ears, pcm, wish))[-1].text for wish in wishes]
        plain, expecting = (text.count("ac") + text.count("thec") for text in texts)
        assert plain == 0 and expecting > 10, texts


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "word", "told"),
    [
        ("sense-voice", "好", "sense-voice takes no hotwords"),
        ("zipformer", "xylophone", "zipformer can't spell the hotword 'xylophone'"),
        ("zipformer-streaming", " ", "zipformer-streaming can't spell the hotword ''"),
        ("nemo-transducer", "a :b/#c", "nemo-transducer can't spell the hotword 'a :b/#c'"),
    ],
)
async def test_words_that_a_model_cannot_expect_are_told(tmp_path: Path, kind: str, word: str, told: str) -> None:
    ears = Ears(LocalSettings("local", "local", transcribe_model=str(make(kind, tmp_path))))
    for way in (read, heard):
        with pytest.raises(UsageError, match=told):
            await way(ears, bytes(32_000), TranscribeOptions(hotwords=("好", word)))


@pytest.mark.anyio
async def test_a_folder_of_ones_own_is_tried_once_before_it_is_loaded(tmp_path: Path, pcm: bytes) -> None:
    """sherpa-onnx would end this very process over it."""
    folder = make("zipformer", tmp_path)
    (folder / RECORD).unlink()
    own = LocalSettings("local", "local", models_folder=str(tmp_path / "models"), transcribe_model=str(folder))
    for _ in range(2):
        assert (await read(Ears(own), pcm))[-1].text
        [mark] = (tmp_path / "models" / ".tried").iterdir()
    engine.unload(math.inf)
    (folder / "tokens.txt").write_bytes(b"no tokens")
    for way in (read, heard):
        with pytest.raises(ConfigError, match="zipformer: it can't be loaded: "):
            await way(Ears(own), pcm)
    assert list(mark.parent.iterdir()) == [mark]


def _names(*numbers: int) -> str:
    return " ".join(f"HOTWORDTOKEN{each}" for each in numbers)


@pytest.mark.parametrize(
    ("tokens", "scores", "word", "told"),
    [
        ("▁ab c ▁a bc", {"▁ab": -3, "c": -3, "▁a": -2, "bc": -2}, "abc", [(2, 3)]),
        ("▁ab c ▁a bc", {"▁ab": -1, "c": -3, "▁a": -4, "bc": -2}, "abc", [(0, 1)]),
        ("▁ab c ▁a bc", {}, "abc abc", [(0, 1, 0, 1)]),
        ("▁AB C", {}, "abc", [(0, 1)]),
        ("▁a ▁北 北 京", {}, "北京", [(1, 3), (2, 3)]),
        ("▁a 北 京", {}, "北京", [(1, 2)]),
        ("北 京", {}, "北京", [(0, 1)]),
        ("▁a <0xE4> <0xBA> <0xAC>", {}, "a京", [(0, 1, 2, 3)]),
    ],
)
def test_a_word_is_spelled_as_its_model_writes(
    tmp_path: Path, tokens: str, scores: dict[str, float], word: str, told: list[tuple[int, ...]]
) -> None:
    folder = make("zipformer", tmp_path)
    (folder / "tokens.txt").write_text("".join(f"{each} {number}\n" for number, each in enumerate(tokens.split())))
    pieces = [(each.encode(), struct.pack("<f", score)) for each, score in scores.items()]
    raw = [b"\x0a" + bytes([len(piece)]) + piece + b"\x15" + score for piece, score in pieces]
    if raw:
        (folder / "bpe.model").write_bytes(b"".join(b"\x0a" + bytes([len(each)]) + each for each in raw))
    assert spelled(tell(folder), [word]) == "/".join(_names(*each) for each in told)


def test_what_native_code_writes_is_told_and_no_file_stays_open() -> None:
    code = (
        "import os\nfrom voicecli.backends.local.engine import quiet\n"
        "with quiet() as said:\n    os.write(2, b'one\\nlost\\n')\n    print(said())"
    )
    run = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("lost\n", "")


def test_a_model_that_is_here_waits_for_no_other_to_load(tmp_path: Path) -> None:
    found, loading, go_on = tell(make("zipformer", tmp_path)), threading.Event(), threading.Event()

    def light(_: FoundModel) -> str:
        return "here"

    def heavy(_: FoundModel) -> bool:
        loading.set()
        return go_on.wait(60)

    assert engine.loaded(found, light) == "here"
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(engine.loaded, found, heavy)
        loading.wait(60)
        try:
            assert threads.submit(engine.loaded, found, light).result(10) == "here"
        finally:
            go_on.set()
        assert other.result(10)
