"""Inputs without an end: a device, or a program that writes for ever, named where a text or a recording is wanted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from voicecli import cli
from voicecli.text import decoding

pytestmark = pytest.mark.needs_posix

WORK = '[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
WORK += "".join(f'{verb}_model = "m"\n' for verb in ("chat", "transcribe", "speak", "embed"))


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
