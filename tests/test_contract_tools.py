"""What every chat adapter must keep that takes tools: one row per family, read off the registry.

The bodies are OpenAI's, as with all families that take tools so far; one with another form adds its own to FORMS.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contracts import CELLS, Cell
from tests.fakes import openai_tools
from tests.fakes.openai_tools import calls_of, deltas
from tests.fakes.server import CUT, Reply
from voicecli.backends.registry import FAMILIES
from voicecli.errors import VoiceError
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, ToolCall, ToolSpec

pytestmark = pytest.mark.anyio

TAKES_TOOLS = [cell for cell in CELLS if cell.verb == "chat" and "tools" in FAMILIES[cell.family].at_best.takes["chat"]]
FORMS = {"openai", "qiniu"}

PARAMETERS = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
OFFERED = ChatOptions(tools=tuple(ToolSpec(name, f"can {name}", PARAMETERS) for name in ("draw", "look")))
WANTED = [("draw", '{"what": "a pig"}'), ("look", '{"what": "猪"}')]
CALLS = tuple(ToolCall(f"call_{at}", name, given) for at, (name, given) in enumerate(WANTED))
ASK = ChatMessage("user", "Draw a pig and look at it.")


def _event(delta: Any, finish: str | None = None) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )


PIECES = [_event(each) for each in deltas(calls_of({"messages": []}, WANTED))]


async def chat(cell: Cell, running: Any, *messages: ChatMessage) -> list[ChatDelta]:
    opening: Any = FAMILIES[cell.family].at_best.chat
    async with opening(cell.backend(running)) as model, model.chat(messages, OFFERED) as answer:
        return [each async for each in answer]


def test_every_family_that_takes_tools_is_here() -> None:
    assert {cell.family for cell in TAKES_TOOLS} == FORMS


@pytest.fixture(params=TAKES_TOOLS, ids=str)
def cell(request: pytest.FixtureRequest) -> Cell:
    found: Cell = request.param
    return found


async def test_tools_are_offered_and_calls_come_once_whole_and_last(cell: Cell) -> None:
    with cell.serve() as running:
        server = cell.wire(running)
        server.on(cell.paths[0], Reply.sse([*PIECES, _event({}, "tool_calls"), b"data: [DONE]\n\n"]))
        found = await chat(cell, running, ASK)
        body = server.to(cell.paths[0])[-1].json()
    assert found[-1] == ChatDelta(calls=CALLS)
    assert not any(each.calls or each.text for each in found[:-1])
    assert openai_tools.tools(body["tools"])
    assert [each["function"]["name"] for each in body["tools"]] == ["draw", "look"]


async def test_results_go_back_behind_the_calls_that_they_answer(cell: Cell) -> None:
    results = [ChatMessage("tool", f"{each.name} is done", call_id=each.id) for each in CALLS]
    with cell.serve() as running:
        server = cell.wire(running)
        await chat(cell, running, ASK, ChatMessage("assistant", "", CALLS), *results)
        messages = server.to(cell.paths[0])[-1].json()["messages"]
    assert openai_tools.misplaced(messages) == ""
    assert openai_tools.assistant(messages[1]) and all(map(openai_tools.result, messages[2:]))


async def test_calls_are_given_where_a_service_tells_of_the_end_by_its_mark_alone(cell: Cell) -> None:
    with cell.serve() as running:
        cell.wire(running).on(cell.paths[0], Reply.sse([*PIECES, b"data: [DONE]\n\n"]))
        found = await chat(cell, running, ASK)
    assert [each for delta in found for each in delta.calls] == list(CALLS)


@pytest.mark.parametrize("ending", [[], [CUT]], ids=["nothing", "a cut"])
async def test_calls_of_an_answer_that_breaks_off_are_not_given(cell: Cell, ending: list[Any]) -> None:
    with cell.serve() as running:
        cell.wire(running).on(cell.paths[0], Reply.sse([*PIECES, *ending]))
        with pytest.raises(VoiceError) as caught:
            await chat(cell, running, ASK)
    assert caught.value.who
