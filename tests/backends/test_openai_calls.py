"""Calls of tools over OpenAI's API: put together from pieces, sent back, offered, and done without.

The pure part by values; the adapter against the strict local server, and against what other servers do instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backends.test_openai import ASK, CHAT, opened, piece, sse
from tests.fakes import openai_tools
from tests.fakes.openai_schema import Bad
from tests.fakes.openai_schema import chat as allowed
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.fakes.server import Reply
from tests.serving import serving
from voicecli.backends.openai.calls import LONGEST_ARGUMENTS, MOST_CALLS, Calls, name_of
from voicecli.backends.openai.decoding import ChunkedAnswer
from voicecli.backends.openai.messages import without_tools, written
from voicecli.errors import ServiceError
from voicecli.types import (
    ChatDelta,
    ChatMessage,
    ChatOptions,
    Picture,
    ToolCall,
    ToolSpec,
    Usage,
)
from voicecli.types.jsonvalue import Json

server = serving(OpenAIServer)

PIG = '{"prompt": "a pig"}'
NOON = '{"zone": "Paris"}'


# -- put together ------------------------------------------------------------------------------------


def of(*deltas: Any, whole: bool = False) -> list[tuple[str, str, str]]:
    calls = Calls()
    for each in deltas:
        calls.add(each if isinstance(each, list) else [each], whole=whole)
    return [(each.id, each.name, each.arguments) for each in calls.whole()]


def bit(arguments: Any = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**more, "function": function}


ONE = [("a", "draw", PIG)]
TWO = [("a", "draw", PIG), ("b", "time", NOON)]
ASSEMBLED: dict[str, tuple[list[Any], list[tuple[str, str, str]]]] = {
    "as documented": ([bit("", "draw", index=0, id="a", type="function"), *(bit(c, index=0) for c in PIG)], ONE),
    "whole at once": ([bit(PIG, "draw", index=0, id="a")], ONE),
    "two, one after the other": (
        [bit(PIG[:5], "draw", index=0, id="a"), bit(PIG[5:], index=0), bit(NOON, "time", index=1, id="b")], TWO,
    ),
    "two, interleaved": (
        [
            [bit("", "draw", index=0, id="a"), bit("", "time", index=1, id="b")],
            bit(NOON[:3], index=1), bit(PIG[:9], index=0), bit(NOON[3:], index=1), bit(PIG[9:], index=0),
        ],
        TWO,
    ),
    "index of the second first": ([bit(NOON, "time", index=1, id="b"), bit(PIG, "draw", index=0, id="a")], TWO[::-1]),
    "no index": ([bit("", "draw", id="a"), bit(PIG[:4]), bit(PIG[4:]), bit("", "time", id="b"), bit(NOON)], TWO),
    "no index, ids with each piece": (
        [bit(PIG[:4], "draw", id="a"), bit(NOON, "time", id="b"), bit(PIG[4:], id="a")], TWO,
    ),
    "every index 0": ([bit(PIG, "draw", index=0, id="a"), bit(NOON, "time", index=0, id="b")], TWO),
    "index 0, no ids": (
        [bit(PIG, "draw", index=0), bit(NOON, "time", index=0)], [("", "draw", PIG), ("", "time", NOON)],
    ),
    "the same tool twice, no ids": (
        [bit(PIG, "draw", index=0), bit(PIG, "draw", index=0)], [("", "draw", PIG), ("", "draw", PIG)],
    ),
    "the name with each piece": ([bit(PIG[:5], "draw", index=0, id="a"), bit(PIG[5:], "draw", index=0, id="a")], ONE),
    "the name with each piece, no id": (
        [bit(PIG[:5], "draw", index=0), bit(PIG[5:], "draw", index=0)], [("", "draw", PIG)],
    ),
    "a name in pieces": ([bit("", "dr", index=0, id="a"), bit("", "aw", index=0), bit(PIG, index=0)], ONE),
    "the id later": ([bit("", "draw", index=0), bit(PIG, index=0, id="a")], ONE),
    "an object": ([bit({"prompt": "a pig"}, "draw", index=0, id="a")], ONE),
    "no function around it": ([{"index": 0, "id": "a", "name": "draw", "arguments": PIG}], ONE),
    "no arguments": ([bit(None, "time", index=0, id="a")], [("a", "time", "{}")]),
    "one id for two": ([bit(PIG, "draw", index=0, id="a"), bit(NOON, "time", index=1, id="a")],
                       [("a", "draw", PIG), ("", "time", NOON)]),
    "a name that is none": ([bit("{}", "tools/draw it!", index=0)], [("", "tools_draw_it_", "{}")]),
    "nothing but arguments": ([bit("{}", index=0)], [("", "nameless", "{}")]),
    "an escape sequence": ([bit('{"a": "\x1b[2J\x07"}', "draw", index=0)], [("", "draw", '{"a": ""}')]),
    "halves of a character": (
        [bit('"\ud83d', "draw", index=0), bit('\ude00"', index=0)], [("", "draw", '"😀"')],
    ),
    "nonsense": ([None, 7, "x", {}, {"function": 3}, bit(None, index="zero"), bit("", "", index=-1)], []),
}  # fmt: skip


@pytest.mark.parametrize("name", ASSEMBLED)
def test_calls_are_put_together(name: str) -> None:
    deltas, calls = ASSEMBLED[name]
    assert of(*deltas) == calls


def test_a_whole_message_holds_all_calls_however_often_it_comes() -> None:
    message = [bit(PIG, "draw", id="a"), bit(NOON, "time", id="b")]
    assert of(message, whole=True) == TWO
    assert of(message, message, whole=True) == TWO
    calls = Calls()
    calls.add([bit(PIG[:5], "draw", index=0, id="a")], whole=False)
    calls.add(message, whole=True)
    calls.add(None, whole=True)
    assert len(calls.whole()) == 2


def test_hostile_sizes_are_bounded() -> None:
    many = of(*(bit("{}", f"tool{n}", index=n, id=str(n)) for n in range(1000)))
    assert len(many) == MOST_CALLS
    ((_, name, arguments),) = of(bit("", "x" * 10_000, index=0), *(bit("y" * 10_000, index=0) for _ in range(100)))
    assert len(name) == 64 and len(arguments) == LONGEST_ARGUMENTS
    ((id, _, arguments),) = of(bit({"a": "z" * 10**6}, "draw", index=0, id="i" * 10_000))
    assert len(id) <= 200 and len(arguments) == LONGEST_ARGUMENTS


def test_an_answer_gives_its_calls_when_it_is_over_and_of_the_first_choice_only() -> None:
    answer = ChunkedAnswer()
    deltas: list[Json] = [{"content": None, "tool_calls": [bit(PIG, "draw", index=0, id="a")]}, {"content": ""}]
    assert [answer.take({"choices": [{"index": 0, "delta": each}]}) for each in deltas] == [None, None]
    answer.take({"choices": [{"index": 1, "delta": {"tool_calls": [bit(NOON, "time", index=0, id="b")]}}]})
    assert answer.said
    assert answer.calls() == (ToolCall("a", "draw", PIG),)
    old = ChunkedAnswer()
    old.take({"choices": [{"delta": {"function_call": {"name": "draw", "arguments": PIG[:3]}}}]})
    old.take({"choices": [{"delta": {"function_call": {"arguments": PIG[3:]}}}]})
    assert old.calls() == (ToolCall("", "draw", PIG),)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["index", "id", "function", "name", "arguments", "type"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(st.lists(_JSON, max_size=6), st.booleans())
def test_whatever_comes_goes_back_as_the_documents_allow(pieces: list[Any], whole: bool) -> None:
    calls = Calls()
    for each in pieces:
        calls.add(each, whole=whole)
        calls.legacy(each)
    found = [ToolCall(each.id or f"made_{at}", each.name, each.arguments) for at, each in enumerate(calls.whole())]
    if found:
        assert openai_tools.assistant(written(ChatMessage("assistant", "", tuple(found))))


def test_names_are_made_to_fit() -> None:
    assert name_of("image_make") == "image_make"
    assert name_of("画画 a.b") == "___a_b"
    assert name_of("") == "nameless"


def test_a_conversation_without_tools_keeps_what_was_said() -> None:
    call = ToolCall("a", "draw", PIG)
    talk = [
        ChatMessage("user", "Draw."),
        ChatMessage("assistant", "", (call,)),
        ChatMessage("tool", "pig.png", call_id="a"),
        ChatMessage("assistant", "Here.", (call,)),
    ]
    assert without_tools(talk) == [
        ChatMessage("user", "Draw."),
        ChatMessage("user", "(A tool's result: pig.png)"),
        ChatMessage("assistant", "Here."),
    ]


# -- the adapter ---------------------------------------------------------------------------------------

TOOLS = (
    ToolSpec("draw", "draws", {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}),
    ToolSpec("time", "tells the time", {"type": "object", "properties": {"zone": {"type": "string"}}}),
)
OFFERED = ChatOptions(tools=TOOLS)


def calling(*calls: tuple[str, str]) -> Habits:
    """A model that wants these tools used, once."""
    return Habits(calls=lambda messages: calls if messages[-1]["role"] == "user" else ())


async def asked(
    server: Any, messages: Sequence[ChatMessage] = ASK, options: ChatOptions = OFFERED, **settings: Any
) -> list[ChatDelta]:
    async with opened(server, **settings) as work, work.chat(messages, options) as answer:
        return [delta async for delta in answer]


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [True, False])
async def test_calls_come_once_and_last_and_their_results_go_back(stream: bool) -> None:
    with OpenAIServer(calling(("draw", PIG), ("time", NOON))) as server:
        settings: Any = {} if stream else {"extra": {"chat": {"stream": False}}}
        found = await asked(server, **settings)
        assert found[-1] == ChatDelta(calls=(ToolCall("call_0", "draw", PIG), ToolCall("call_1", "time", NOON)))
        assert [each.calls for each in found[:-1]] == [()] * (len(found) - 1)
        assert [each.finish_reason for each in found if each.finish_reason] == ["tool_calls"]
        talk = [
            *ASK,
            ChatMessage("assistant", "", found[-1].calls),
            *(ChatMessage("tool", f"{each.name} 7", call_id=each.id) for each in found[-1].calls),
        ]
        assert "".join(each.text for each in await asked(server, talk, **settings)) == "8."
    first, second = (entry["body"] for entry in server.log)
    assert first["tools"] == [
        {
            "type": "function",
            "function": {"name": each.name, "description": each.meaning, "parameters": each.parameters},
        }
        for each in TOOLS
    ]
    assert second["messages"][2]["content"] is None
    assert second["messages"][-1] == {"role": "tool", "tool_call_id": "call_1", "content": "time 7"}


@pytest.mark.anyio
async def test_arguments_that_were_no_object_go_back_as_something_valid(server: OpenAIServer) -> None:
    for broken in ("{", "[1]", "7", ""):
        call = ToolCall("a", "draw", broken)
        await asked(server, [*ASK, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "5", call_id="a")])
        assert server.log[-1]["body"]["messages"][2]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.anyio
async def test_stop_is_a_reason_like_another_and_an_id_is_made_where_there_is_none(server: OpenAIServer) -> None:
    delta = {"tool_calls": [bit(PIG, "draw", index=0), bit(NOON, "time", index=1)]}
    server.on(CHAT, sse({"choices": [{"index": 0, "delta": delta}]}, piece(None, "stop")))
    found = await asked(server)
    one, other = found[-1].calls
    assert one.id and other.id and one.id != other.id
    assert [each.arguments for each in (one, other)] == [PIG, NOON]


@pytest.mark.anyio
async def test_an_answer_that_breaks_off_calls_nothing(server: OpenAIServer) -> None:
    delta = {"tool_calls": [bit(PIG[:-3], "draw", index=0, id="a")]}
    got: list[ChatDelta] = []
    server.on(CHAT, sse({"choices": [{"index": 0, "delta": delta}]}))
    with pytest.raises(ServiceError, match="broke off"):
        async with opened(server) as work, work.chat(ASK, OFFERED) as answer:
            got.extend([each async for each in answer])
    assert got == []


REFUSALS = {
    "ollama": (400, "registry.ollama.ai/library/gemma:latest does not support tools"),
    "vllm": (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    "llama.cpp": (500, "tools param requires --jinja flag"),
    "router": (404, "No endpoints found that support tool use."),
    "openai": (400, "Unrecognized request argument supplied: tools"),
    "functions": (422, "function calling is not enabled for this model"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", REFUSALS)
async def test_a_service_that_takes_no_tools_is_asked_without_them_and_says_so_once(
    server: OpenAIServer, name: str
) -> None:
    status, words = REFUSALS[name]

    def answer(request: Any) -> Reply:
        body = request.json()
        if "tools" in body or any(each["role"] == "tool" for each in body["messages"]):
            return Reply.json({"error": {"message": words}}, status)
        return sse(piece("Without.", "stop"))

    call = ToolCall("a", "draw", PIG)
    after = [*ASK, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "5", call_id="a")]
    server.on(CHAT, answer)
    async with opened(server) as work:
        told = []
        for messages in (ASK, ASK, after):
            async with work.chat(messages, OFFERED) as deltas:
                found = [each async for each in deltas]
            assert "".join(each.text for each in found) == "Without."
            told += [each.news for each in found if each.news]
    assert len(server.requests) == 4
    (news,) = told
    assert (news.name, news.state) == ("", "failed") and "takes no tools" in news.text and "work" in news.text


@pytest.mark.anyio
async def test_other_refusals_are_not_taken_for_one_of_tools(server: OpenAIServer) -> None:
    server.on(CHAT, Reply.json({"error": {"message": "the tool shed burns"}}, 500))
    with pytest.raises(ServiceError, match="tool shed"):
        await asked(server, options=ChatOptions())
    server.on(CHAT, Reply.json({"error": {"message": "a function failed"}}, 500))
    with pytest.raises(ServiceError, match="a function failed"):
        await asked(server)


@pytest.mark.anyio
async def test_pictures_belong_to_the_last_words_of_the_person(server: OpenAIServer) -> None:
    bodies: list[Any] = []

    def look(request: Any) -> Reply:
        bodies.append(request.json())
        return sse(piece("Seen.", "stop"))

    call = ToolCall("a", "time", NOON)
    talk = [*ASK, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "noon", call_id="a")]
    server.on(CHAT, look)
    await asked(server, talk, ChatOptions(images=(Picture(b"png", "image/png"),), tools=TOOLS))
    roles = {each["role"]: each["content"] for each in bodies[0]["messages"]}
    assert [part["type"] for part in roles["user"]] == ["text", "image_url"]
    assert roles["tool"] == "noon"


@pytest.mark.anyio
async def test_usage_of_an_answer_with_calls_is_told() -> None:
    with OpenAIServer(calling(("draw", PIG))) as server:
        assert [each.usage for each in await asked(server) if each.usage] == [Usage(1, 1)]


# -- the strict server -----------------------------------------------------------------------------------

_USER = {"role": "user", "content": "hi"}
_CALLS = [{"id": "a", "type": "function", "function": {"name": "draw", "arguments": PIG}}]
_CALLING = {"role": "assistant", "content": None, "tool_calls": _CALLS}
_RESULT = {"role": "tool", "tool_call_id": "a", "content": "done"}


def _tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "draw", "parameters": {"type": "object"}} | function}


FORBIDDEN: dict[str, dict[str, Any]] = {
    "no result": {"messages": [_USER, _CALLING]},
    "something between": {"messages": [_USER, _CALLING, _USER, _RESULT]},
    "a result too many": {"messages": [_USER, _CALLING, _RESULT, _RESULT]},
    "a result of nothing": {"messages": [_USER, _RESULT]},
    "a foreign id": {"messages": [_USER, _CALLING, _RESULT | {"tool_call_id": "b"}]},
    "an id twice": {"messages": [_USER, _CALLING | {"tool_calls": _CALLS * 2}, _RESULT, _RESULT]},
    "an empty result": {"messages": [_USER, _CALLING, _RESULT | {"content": ""}]},
    "empty text": {"messages": [_USER, _CALLING | {"content": ""}, _RESULT]},
    "no calls": {"messages": [_USER, {"role": "assistant", "content": None}]},
    "no tools": {"tools": []},
    "a tool twice": {"tools": [_tool(), _tool()]},
    "a name with a dot": {"tools": [_tool(name="a.b")]},
    "a long name": {"tools": [_tool(name="a" * 65)]},
    "no object": {"tools": [_tool(parameters={"type": "string"})]},
    "an unknown type": {"tools": [_tool(parameters={"type": "object", "properties": {"a": {"type": "text"}}})]},
    "a field that is required and not there": {"tools": [_tool(parameters={"type": "object", "required": ["a"]})]},
    "an unknown field": {"tools": [_tool(meaning="draws")]},
}  # fmt: skip


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_strict_server_refuses(name: str) -> None:
    right = {"model": "m", "messages": [_USER, _CALLING, _RESULT], "tools": [_tool()]}
    assert allowed(right) == right
    with pytest.raises(Bad):
        allowed(right | FORBIDDEN[name])


def test_the_strict_server_streams_two_calls_interleaved() -> None:
    calls = openai_tools.calls_of({"messages": []}, [("draw", PIG), ("time", NOON)])
    pieces = [each for delta in openai_tools.deltas(calls) for each in delta.get("tool_calls", ())]
    assert [each["index"] for each in pieces[:6]] == [0, 1] * 3
    assert all(len(each["function"]["arguments"]) <= openai_tools.PIECE for each in pieces)
    assert json.loads("".join(each["function"]["arguments"] for each in pieces if each["index"] == 1)) == json.loads(
        NOON
    )
