"""Every verb over every family, through the real command line: the table is tests/families.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import families
from tests.fakes.server import Request
from tests.families import COMMANDS, SERVED, Command, Served
from tests.nursery import Nursery, fresh
from voicecli.backends.family import Endpoint
from voicecli.backends.registry import ENDPOINTS, FAMILIES


@pytest.fixture(scope="module", params=list(FAMILIES))
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Served, Any]]:
    row = SERVED[request.param]
    with row.serve() as running:
        yield row, running


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_verb_over_every_family(
    served: tuple[Served, Any], command: Command, tmp_path: Path, home: dict[str, str], nursery: Nursery
) -> None:
    """Over one of them as a program begun anew."""
    row, running = served
    command, backend = row.own.get(command.name, command), row.backend(running)
    families.recorded(tmp_path)
    env = home | families.configured(tmp_path, backend)
    outcome = families.run(command.line, tmp_path, env, fresh if row.family == "openai" else nursery.run)
    assert families.fault(command, row, backend, outcome) == ""
    assert backend.key is None or backend.key.reveal() not in outcome.out + outcome.err


@dataclass(frozen=True)
class Way:
    """How an endpoint is reached that no command of the table asks: with these settings, by this command line."""

    line: tuple[str, ...]
    settings: Callable[[Any], dict[str, str]]


def _address(server: str, path: str) -> Callable[[Any], dict[str, str]]:
    """An address of the local servers that ends with a path: only that one is asked."""
    return lambda running: {f"{server}_url": getattr(running, server).url + path}


WAYS = {
    ("openai", "POST", "/v1/audio/transcriptions"): Way(("transcribe", "digits.wav"), lambda _: {}),
    ("openai", "POST", "/v1/audio/translations"): Way(("transcribe", "--translate", "digits.wav"), lambda _: {}),
    ("qiniu", "POST", "/v1/voice/asr"): Way(("transcribe", "https://example.org/digits.wav"), lambda _: {}),
    ("qiniu", "POST", "/v1/voice/tts"): Way(("speak", "Dial 1.", "-o", "one.wav"), lambda _: {"speech_format": "wav"}),
    ("selfhosted", "POST", "/asr"): Way(("transcribe", "digits.wav"), _address("asr", "/asr")),
    ("selfhosted", "POST", "/api/v1/asr"): Way(("transcribe", "digits.wav"), _address("asr", "/api/v1/asr")),
    ("selfhosted", "POST", "/api/chat"): Way(("chat", "After 1?"), _address("chat", "/api/chat")),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_is_asked_through_the_command_line(
    name: str, tmp_path: Path, home: dict[str, str], nursery: Nursery
) -> None:
    """One run for each, of a command that is said to use it (docs/backends.md)."""
    row = SERVED[name]
    families.recorded(tmp_path)
    with row.serve() as running:
        for each in ENDPOINTS[name]:
            if asked(running, each):
                continue
            way = WAYS.get((name, each.method, each.path), Way((), lambda _: {}))
            command = next(one for one in COMMANDS if one.verb in each.verbs)
            command = replace(command, line=way.line or command.line)
            backend = row.backend(running, **way.settings(running))
            outcome = families.run(command.line, tmp_path, home | families.configured(tmp_path, backend), nursery.run)
            assert outcome.code == 0, outcome.err
            assert asked(running, each), f"{each.method} {each.path} by {command.line}"


def asked(running: Any, endpoint: Endpoint) -> bool:
    """Whether the family's servers were asked at it."""
    server = getattr(running, endpoint.server) if endpoint.server else running
    path = re.escape(endpoint.path).replace(r"\{text\}", "[^/]+")
    return any(_method(each) == endpoint.method and re.fullmatch(path, each.path) for each in server.requests)


def _method(request: Request) -> str:
    return "WS" if request.headers.get("upgrade") else request.method


def test_the_demo_shows_what_is_right_and_what_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    from scripts import demo_services

    chat, models = (next(each for each in COMMANDS if each.name == name) for name in ("chat", "models"))
    odd = replace(chat, name="odd", wrong=lambda served, outcome: "not as it should be")
    assert demo_services.main([SERVED["gov"]], [chat, models]) == 0
    shown = capfd.readouterr()
    assert "refused" in shown.out and "2 of 2 cells are right" in shown.out
    assert demo_services.main([SERVED["gov"]], [chat, odd]) == 1
    shown = capfd.readouterr()
    assert "WRONG" in shown.out and "1 of 2 cells" in shown.out and "gov odd: not as it should be" in shown.err


def test_no_family_skips_the_table() -> None:
    assert set(SERVED) == set(FAMILIES)


def test_the_judges_see_what_is_wrong(tmp_path: Path) -> None:
    """A fault that no run could show would make the table say nothing."""
    families.recorded(tmp_path)
    for name in ("spoken.wav", "replies.wav"):
        (tmp_path / name).write_bytes((tmp_path / "digits.wav").read_bytes())
    row = SERVED["openai"]
    with row.serve() as running:
        backend = row.backend(running)
    wrong = families.Outcome(0, '["another"]', "", tmp_path)
    odd = {
        "voices": families.Outcome(0, '[{"name": "another"}]', "", tmp_path),
        "doctor": families.Outcome(0, '{"backends": [{"ok": false}]}', "", tmp_path),
        "talk": families.Outcome(0, '{"event": "user_said", "turn": 1, "text": "123"}', "", tmp_path),
    }
    for command in COMMANDS:
        outcome = odd.get(command.name, wrong)
        told = families.fault(command, row, backend, outcome)
        assert bool(told) is (command.name != "speak"), told
        assert families.refused(command, outcome)
    silence = families.Outcome(0, "\n", "", tmp_path)
    soundfile.write(tmp_path / "spoken.wav", np.zeros(16_000, np.int16), 16_000)
    mute = {"talk": odd["talk"], "models": families.Outcome(0, "[]", "", tmp_path)}
    for name, command in families.LOCAL.items():
        told = command.wrong(SERVED["local"], mute.get(name, silence))
        assert told, name
