"""Without espeakng-loader (a GPL library is in it) its voice is missing, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from voicecli import cli
from voicecli.backends.espeak import library


@pytest.fixture(autouse=True)
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    caches = [each for each in vars(library).values() if hasattr(each, "cache_clear")]
    for each in caches:
        each.cache_clear()
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    yield
    for each in caches:
        each.cache_clear()


@pytest.mark.parametrize("line", [("voices",), ("speak", "-o", "a.wav", "hello"), ("doctor",), ("models",)])
def test_what_is_missing_is_told(
    line: tuple[str, ...], home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run([*line], home)
    told = "".join(capsys.readouterr())
    assert code != 1 and "bug in voice" not in told and "Traceback" not in told
    if line[0] in ("voices", "speak"):
        assert "espeak-ng" in told and "Install espeakng-loader" in told
