"""`voice serve` judged by clients that nobody here wrote: OpenAI's SDK, and OpenAI's agents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.fakes.forms import heard
from tests.interop.tools import TOOLS, environment
from tests.server.conftest import CONFIG, Served, serving

HERE = Path(__file__).parent
DIGITS, NEXT = "4071993825", "5182004936"


@dataclass(frozen=True)
class Judged:
    """The server, and a folder with recordings for its clients."""

    server: Served
    folder: Path

    def by(self, tool: str, client: str, url: str, *calls: str) -> dict[str, object]:
        command = [str(TOOLS / tool / "bin" / "python"), str(HERE / client), url, str(self.folder), *calls]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, object] = json.loads(done.stdout)
        return found


@pytest.fixture
def judged(tmp_path: Path) -> Iterator[Judged]:
    for name, rate in (("digits.wav", 16_000), ("digits24.wav", 24_000)):
        soundfile.write(tmp_path / name, dtmf.encode(DIGITS, rate), rate, subtype="PCM_16")
    with serving(tmp_path, config=CONFIG + "[talk]\nvad = 'webrtc'\n") as server:
        yield Judged(server, tmp_path)


def answers_sounded(folder: Path, prefix: str = "") -> None:
    for name, digits in (("typed", "583"), ("spoken", NEXT)):
        sound = np.frombuffer((folder / f"{prefix}{name}.pcm").read_bytes(), np.int16)
        assert dtmf.decode(sound, 24_000) == digits


def held_to_the_asynchronous_sdk(judged: Judged, url: str) -> None:
    found = judged.by("sdk", "sdk_async_client.py", url)
    assert found.pop("speech")
    assert found == {
        "chat": "583.",
        "transcription": [DIGITS, DIGITS],
        "models": True,
        "refused": "model_not_found",
        "realtime": {"typed": "583.", "spoken": f"{NEXT}.", "cancelled": "cancelled"},
    }
    assert heard((judged.folder / "async.mp3").read_bytes()) == DIGITS
    answers_sounded(judged.folder, "async-")


def test_openais_sdk(tmp_path: Path, judged: Judged) -> None:
    found = judged.by("sdk", "sdk_client.py", f"{judged.server.url}/v1")
    assert found["transcriptions"] == dict.fromkeys(
        ("json", "text", "verbose", "words", "streamed", "done"), DIGITS
    ) | {"segments": 1}
    assert found["realtime"] == {"deltas": DIGITS, "text": DIGITS}
    assert found["chat"]["streamed"] == f"{NEXT}."  # type: ignore[index]
    for form in ("wav", "mp3", "flac", "opus"):
        assert heard((tmp_path / f"speech.{form}").read_bytes()) == DIGITS, form


def test_openais_sdk_all_at_once(judged: Judged) -> None:
    held_to_the_asynchronous_sdk(judged, f"{judged.server.url}/v1")


def test_openais_agents(tmp_path: Path, judged: Judged) -> None:
    found = judged.by("openai-agents", "agents_client.py", f"ws://127.0.0.1:{judged.server.port}/v1/realtime")
    assert found == {"interrupted": True}
    answers_sounded(tmp_path)
