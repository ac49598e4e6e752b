"""`voice mcp` as programs see it: the package's own client, in process and over pipes; ears and voice are local."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client
from mcp_types import ElicitResult

from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.test_talk_devices import settings
from tests.test_talk_files import RATE, heard, write
from tests.usecases.here import Listener
from tests.waiting import eventually
from voicecli.config import load
from voicecli.server.tools import VoiceCalls, server_of
from voicecli.usecases.parley import Parley
from voicecli.wiring.devices import Ends
from voicecli.wiring.services import Services

pytestmark = [pytest.mark.anyio]
LONGEST_LIST = 5000
"""Bytes: an agent reads all of it in every conversation."""
SILENT = {"silence_s": 1.0}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Habits()) as it:
        yield it


class Here:
    """A machine, and what is said into its microphone after a second."""

    def __init__(self, server: OpenAIServer, folder: Path) -> None:
        self.folder, self.path, self.said = folder, folder / "config.toml", folder / "said.wav"
        self.path.write_text(settings(server))
        self.ends = Ends(self.microphone("24680"), str(self.said))

    def microphone(self, digits: str) -> str:
        quiet = np.zeros(RATE, np.int16)
        words = [quiet, says(digits, RATE)] if digits else []
        return write(self.folder / f"{digits}.wav", np.concatenate([*words, np.zeros(40 * RATE, np.int16)]))

    def taken(self) -> bool:
        """Whether somebody has the floor, or had it."""
        return (self.folder / "state" / "floor.name").exists()

    def calls(self, digits: str | None = None, audio_input: str = "") -> VoiceCalls:
        config = load({"VOICE_AUDIO_INPUT": audio_input} if audio_input else {}, path=self.path)
        ends = self.ends if digits is None else replace(self.ends, input=self.microphone(digits))
        ends = Ends(None, str(self.said)) if audio_input else ends
        return VoiceCalls(Parley(Services(config, {}, Listener()), ends), self.folder / "state")


@pytest.fixture
def here(server: OpenAIServer, tmp_path: Path) -> Here:
    return Here(server, tmp_path)


def told(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content
    return dict(json.loads(result.content[0].text))


async def test_the_tools_are_four_and_told_briefly(here: Here) -> None:
    async with Client(server_of(here.calls())) as client:
        listed = await client.list_tools()
    assert [each.name for each in listed.tools] == ["converse", "speak", "listen", "ask"]
    assert len(listed.model_dump_json(exclude_none=True, by_alias=True)) <= LONGEST_LIST
    assert all("voice" in (each.description or "") for each in listed.tools)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_converse_says_and_hears(here: Here, mode: str) -> None:
    async with Client(server_of(here.calls()), mode=mode) as client:
        found = told(await client.call_tool("converse", {"text": "13579"}))
    assert (found["status"], found["told"]) == ("heard", "13579")
    assert "24680" in found["text"] and "13579" in "".join(heard(here.said)[0])


async def test_speak_says_and_listen_hears_nothing_in_silence_or_tells_that_it_goes_on(here: Here) -> None:
    async with Client(server_of(here.calls(""))) as client:
        assert told(await client.call_tool("speak", {"text": "1357"})) == {"status": "spoken"}
        assert "1357" in "".join(heard(here.said)[0])
        steps: list[str | None] = []

        async def step(_done: float, _total: float | None, message: str | None) -> None:
            steps.append(message)

        assert told(await client.call_tool("listen", SILENT, progress_callback=step)) == {"status": "silence"}
        assert steps == ["listening"]
        assert told(await client.call_tool("listen", {"max_s": 1})) == {"status": "pending"}


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("speak", {"text": "x" * 10_000_000}),
        ("ask", {"question": "Which?", "options": ["o"] * 100_000}),
        ("ask", {"question": "Which?", "options": ["o" * 100_000]}),
    ],
)
async def test_what_is_too_long_to_be_said_is_refused(here: Here, tool: str, given: dict[str, Any]) -> None:
    async with Client(server_of(here.calls())) as client:
        refused = await client.call_tool(tool, given)
    assert refused.is_error and "should have at most" in str(refused.content)


@pytest.mark.parametrize(("options", "answer"), [(["red", "24680", "blue"], "24680"), ([], "24680")])
async def test_ask_gives_the_option_that_was_meant(here: Here, options: list[str], answer: str) -> None:
    async with Client(server_of(here.calls())) as client:
        found = told(await client.call_tool("ask", {"question": "Which", "options": options}))
    assert (found["status"], found["answer"].replace(" ", "").strip(".")) == ("heard", answer)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_where_nobody_is_heard_ask_is_a_form_or_says_so(here: Here, mode: str) -> None:
    asked: list[str] = []

    async def fill(_context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"answer": "green"})

    calls = here.calls(audio_input="no such microphone")
    async with Client(server_of(calls), mode=mode, elicitation_callback=fill) as client:
        found = told(await client.call_tool("ask", {"question": "Which?", "options": ["red", "green"]}))
    assert (found, asked) == ({"status": "written", "answer": "green"}, ["Which? / red / green"])
    async with Client(server_of(calls), mode=mode) as client:
        refused = await client.call_tool("ask", {"question": "Which?"})
        assert refused.is_error and "microphone" in str(refused.content)


async def test_twenty_calls_that_are_given_up_leave_the_microphone_free(here: Here) -> None:
    calls = here.calls()
    async with Client(server_of(calls)) as client:
        for _ in range(20):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.call_tool("listen", {})
        assert "24680" in told(await client.call_tool("listen", {}))["text"]


async def test_the_newest_call_takes_the_place_of_those_before(here: Here) -> None:
    async with Client(server_of(here.calls(""))) as client, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(client.call_tool("listen", {}))]
        await eventually(here.taken)
        calls += [tasks.create_task(client.call_tool("listen", SILENT)) for _ in range(2)]
    assert [told(each.result())["status"] for each in calls] == ["replaced", "replaced", "silence"]


async def test_who_waits_is_told_who_has_the_floor(here: Here) -> None:
    steps: list[str | None] = []

    async def step(_done: float, _total: float | None, message: str | None) -> None:
        steps.append(message)

    async with (
        Client(server_of(here.calls(""))) as one,
        Client(server_of(here.calls())) as other,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(one.call_tool("listen", {"silence_s": 2}))
        await eventually(here.taken)
        found = await other.call_tool("listen", {}, progress_callback=step)
    assert "24680" in told(found)["text"]
    assert steps[0] is not None and steps[0].startswith("waiting: mcp in ") and "has the floor" in steps[0]


HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "0"}}


@pytest.mark.needs_posix
def test_nothing_but_the_protocol_is_on_stdout_and_the_end_of_input_ends_it(
    here: Here, home: dict[str, str], tmp_path: Path
) -> None:
    """In the middle of a call."""
    env = os.environ | home | {"VOICE_CONFIG": str(here.path)}
    ends = ["-i", here.microphone(""), "-o", str(here.said)]
    program = subprocess.Popen(
        [sys.executable, "-m", "voicecli", "-v", "mcp", *ends], env=env, stdin=-1, stdout=-1, stderr=-1
    )
    assert program.stdin is not None and program.stdout is not None
    call = {"name": "listen", "arguments": {}, "_meta": {"progressToken": 1}}
    lines: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": call},
    ]
    program.stdin.write(b"".join(json.dumps({"jsonrpc": "2.0", **each}).encode() + b"\n" for each in lines))
    program.stdin.flush()
    assert json.loads(program.stdout.readline())["id"] == 1
    assert json.loads(program.stdout.readline())["method"] == "notifications/progress"
    begun = time.monotonic()
    rest, _ = program.communicate(timeout=60)
    assert program.returncode == 0 and time.monotonic() - begun < 3
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
