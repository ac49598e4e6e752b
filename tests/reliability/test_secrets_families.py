"""A marked key through every command of every family that takes keys, out of each source; then every byte is searched.

The services are the families' strict local servers; where a key is documented nowhere it is taken off before the
server looks. The same again with servers that repeat whatever they are told in their refusal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests import families
from tests.fakes import qiniu_server
from tests.fakes.server import FakeServer, Reply, Request, Socket, Talk
from tests.families import COMMANDS, SERVED
from tests.faults.inject import servers_of
from tests.reliability.leaks import HEADER, MARK, Done, Inside, found_in, inside, traces
from voicecli import wiring
from voicecli.backends.registry import FAMILIES
from voicecli.config import keys, load
from voicecli.types import Backend, Secret

NETWORKED = [name for name, family in FAMILIES.items() if not family.at_best.offline]
SOURCES = ("variable", "file", "command")
FEW = ("transcribe", "chat")
"""What is run for the sources that differ in nothing but where the key is read."""


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Any]]:
    """All families' servers."""
    started: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(qiniu_server, "KEY", MARK)
        for name in NETWORKED:
            started[name] = SERVED[name].serve().__enter__()
        for server in servers_of(started["selfhosted"]):
            patched.setattr(server, "app", without_key(server))
        yield started
        for each in started.values():
            each.__exit__(None, None, None)


def without_key(server: FakeServer) -> Any:
    app: Any = server.app

    def answer(request: Request) -> Any:
        kept = {name: value for name, value in request.headers.items() if name != "authorization"}
        return app(replace(request, headers=kept))

    return answer


@pytest.fixture
def run(
    home: dict[str, str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inside]:
    with inside(home, tmp_path / "work", capfdbinary, monkeypatch) as it:
        families.recorded(tmp_path / "work")
        yield it


def given(source: str, backend: Backend, home: dict[str, str], folder: Path) -> tuple[dict[str, str], set[Path]]:
    """The key out of one source: the variables, and the files in which it or the header may stand."""
    backend = replace(backend, key=None)
    key = folder / "key.txt"
    if source == "variable":
        backend = replace(backend, key=Secret(MARK))
    if source == "command":
        key.write_text(MARK + "\n")
        backend = replace(backend, api_key_cmd=("cat", str(key)))
    env = families.configured(folder, backend)
    with Path(env["VOICE_CONFIG"]).open("a") as file:
        file.write(f'headers = {{"X-Auth-Token" = "{HEADER}"}}\n')
    if source == "file":
        place = load(home | env).config_dir
        keys.store(place, families.NAME, MARK)
        key = keys.key_file(place)
    return env, {Path(env["VOICE_CONFIG"]), key}


def told(done: Done) -> str:
    return f"{done.args}: {done.returncode}, {done.stdout.decode()}{done.stderr.decode()}"


def asked(running: Any) -> list[Request]:
    return [request for server in servers_of(running) for request in server.requests]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("family", NETWORKED)
def test_no_command_of_a_family_writes_a_key_anywhere(
    family: str, source: str, running: dict[str, Any], run: Inside, home: dict[str, str], tmp_path: Path
) -> None:
    row, before = SERVED[family], len(asked(running[family]))
    backend = row.backend(running[family])
    env, but = given(source, backend, home, tmp_path)
    able = [each for each in COMMANDS if wiring.able(FAMILIES[family].of(backend), each.verb)]
    done = None
    for command in COMMANDS if source == "variable" else [each for each in able if each.name in FEW]:
        done = run(*command.line, "-v", env=env)
        assert not found_in(done.stdout + done.stderr), told(done)
        # What a family lacks, and what an option asks of a verb that lacks it, is refused: 2.
        assert done.returncode in ((0, 2) if command not in able or "--translate" in command.line else (0,)), told(done)
    assert done and traces(tmp_path, done, *but) == []
    sent = [request.headers for request in asked(running[family])[before:]]
    assert any(headers.get("authorization") == f"Bearer {MARK}" for headers in sent), "the key was never used"
    assert any(headers.get("x-auth-token") == HEADER for headers in sent)


def repeating(status: int) -> Any:
    """Refuses with all that it was told, in the body and in a header; or, with 200, says it in place of an answer."""

    async def mangle(request: Request, reply: Reply) -> Reply:
        words = repeated(request)
        if status == 200:
            kind = reply.headers.get("content-type", "")
            return Reply.text(words[1:], 200, kind if kind.startswith(("text/", "application/")) else "text/plain")
        return Reply.json({"error": {"message": words}}, status, x_told=words)

    return mangle


def repeated(request: Request) -> str:
    """Its headers, in an order that lets none of the words that are shown end before the secrets."""
    told = {name: request.headers[name] for name in ("authorization", "x-auth-token") if name in request.headers}
    return json.dumps({**told, **request.headers, "path": request.path, "query": request.query})


def rejecting(status: int) -> Any:
    def over(right: Talk) -> Talk:
        async def talk(socket: Socket) -> None:
            words = repeated(socket.request)
            if status == 200:
                await socket.send(words[1:])
                await socket.receive()
                return
            await socket.reject(status, json.dumps({"error": {"message": words}}), {"x-told": words})

        return talk

    return over


@pytest.mark.parametrize("family", NETWORKED)
def test_no_service_brings_a_key_out_by_repeating_it(
    family: str, running: dict[str, Any], run: Inside, home: dict[str, str], tmp_path: Path
) -> None:
    """Lost turns, their recordings and what is said of them included."""
    backend = SERVED[family].backend(running[family])
    env, but = given("variable", backend, home, tmp_path)
    able = [each for each in COMMANDS if wiring.able(FAMILIES[family].of(backend), each.verb)]
    runs = [*zip(able, cycle((400, 401, 404, 429, 500))), *((each, 200) for each in able)]
    repeats, done = 0, None
    with pytest.MonkeyPatch.context() as patched:
        for command, status in runs:
            for server in servers_of(running[family]):
                patched.setattr(server, "mangle", repeating(status))
                patched.setattr(server, "mangle_talk", rejecting(status))
            done = run(*command.line, "-v", env=env)
            assert not found_in(done.stdout + done.stderr), told(done)
            assert done.returncode != 1, told(done)
            repeats += b"****" in done.stderr + done.stdout
    assert done and traces(tmp_path, done, *but) == []
    assert repeats, "no service was heard"
