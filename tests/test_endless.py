"""Inputs without an end: a device, or a program that writes for ever, named where a text or a recording is wanted;
and names that lead nowhere: links in a circle, names that are too long.
"""

from __future__ import annotations

import io
import sys
import wave
from pathlib import Path

import pytest

from voicecli import cli
from voicecli.text import decoding

pytestmark = pytest.mark.needs_posix

WORK = '[use]\nimage = "work"\n[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
WORK += "".join(f'{verb}_model = "m"\n' for verb in ("chat", "transcribe", "speak", "embed", "image"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("speak", "-i", "/dev/zero", "-o", "z.wav"), "/dev/zero: holds more than 1.0 kB"),
        (("chat", "-a", "/dev/zero", "hi"), "/dev/zero: is a device, and has no end"),
        (("chat", "hi"), "stdin: holds more than 1.0 kB"),
        (("embed",), "stdin: holds more than 1.0 kB"),
        (("transcribe", "--files-from", "/dev/zero"), "/dev/zero: holds more than 1.0 kB"),
        (("transcribe", "/dev/zero"), "/dev/zero: is a device, and has no end"),
        (("transcribe", "/dev/null"), "/dev/null: is empty"),
    ],
)
def test_it_is_refused_and_not_held_in_memory(
    words: tuple[str, ...],
    told: str,
    home: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "voice.toml").write_text(WORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(decoding, "LARGEST", 1000)
    with Path("/dev/zero" if told.startswith("stdin") else "/dev/null").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert cli.run([*words, "-b", "work", "--config", "voice.toml"], home | {"WORK_KEY": "k"}) == 2
    assert told in capfd.readouterr().err
    assert not (tmp_path / "z.wav").exists()


LONG = "x" * 300 + ".wav"
LINES = """
speak -i NAME -o b.wav
speak hi -o NAME
chat -a NAME hi
transcribe NAME
transcribe a.wav -o NAME
transcribe --files-from NAME
config show --config NAME
image make pig -o NAME
image describe NAME
talk --input NAME --output b.wav
talk --input a.wav --output NAME
talk --save NAME/x
"""


@pytest.mark.parametrize("name", [LONG, "loop.wav"])
@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_a_name_that_leads_nowhere_is_no_bug(
    line: str,
    name: str,
    home: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "voice.toml").write_text(WORK)
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "a.wav").write_bytes(recording())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    env = home | {"WORK_KEY": "k", "VOICE_CONFIG": "voice.toml"}
    code = cli.run([each.replace("NAME", name) for each in line.split()], env)
    shown = capfd.readouterr().err
    assert code == 2 and "error: " in shown and " bug " not in shown


def recording() -> bytes:
    """A tenth of a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\1\2" * 1600)
    return out.getvalue()
