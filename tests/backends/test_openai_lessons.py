"""What services refuse of a request for a chat, and what is asked instead: the tables, and against a local server."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.backends.test_openai import ASK, CHAT, PLAIN, SPEAK, drained, opened, piece, sse
from tests.fakes.openai_server import OpenAIServer, encoded
from tests.fakes.server import Reply
from tests.serving import serving
from voicecli.backends.openai import schemas
from voicecli.backends.openai.lessons import OPTIONS, Refusal, lesson_in
from voicecli.backends.openai.synthesis import format_after, formats_tried
from voicecli.errors import ServiceError
from voicecli.types import ChatMessage, ChatOptions, SpeechRequest, ToolCall, ToolSpec

server = serving(OpenAIServer)

FULL: dict[str, Any] = {
    "messages": [{"role": "system", "content": "s"}],
    "response_format": {"type": "json_schema", "json_schema": {"strict": True}},
    **dict.fromkeys([*OPTIONS, "max_tokens", "stream_options", "tools"], 1),
}
TAUGHT = [
    (400, "Unsupported value: 'temperature' does not support 0.3 with this model.", "", "temperature"),
    (400, "invalid temperature: only 1 is allowed for this model", "", "temperature"),
    (400, "`temperature` and `top_p` cannot both be specified for this model.", "", "temperature"),
    (400, "temperature is deprecated for this model.", "", "temperature"),
    (422, "body.top_p: Extra inputs are not permitted", "", "top_p"),
    (400, "Unsupported parameter.", "stop", "stop"),
    (400, "property 'seed' is unsupported", "", "seed"),
    (400, "Unrecognized request argument supplied: n", "", "n"),
    (400, "Unknown field.", "n", "n"),
    (400, "temperature must be between 0 and 2", "temperature", None),
    (400, "Invalid value for 'temperature': 3", "temperature", None),
    (400, "Please stop sending so many requests", "", None),
    (404, "temperature is not supported", "", None),
    (400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "", "max_completion_tokens"),
    (400, "Unknown parameter: 'max_tokens'", "max_tokens", "max_completion_tokens"),
    (400, "max_tokens is too large: 9999999. This model supports at most 4096.", "max_tokens", None),
    (400, "System role not supported", "", "system"),
    (400, "Developer instruction is not enabled for models/gemma-3", "", "system"),
    (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "", "system"),
    (500, "Conversation roles must alternate user/assistant/user/assistant/...", "", "system"),
    (400, "Invalid schema for response_format 'answer'", "response_format", "strict"),
    (404, "No endpoints found that support tool use.", "", "tools"),
    (400, "the knee hurts", "", None),
]


@pytest.mark.parametrize(("status", "words", "param", "lesson"), TAUGHT)
def test_what_a_refusal_teaches(status: int, words: str, param: str, lesson: str | None) -> None:
    assert lesson_in(Refusal(status, words, param), FULL) == lesson


def refusing(*conditions: tuple[Callable[[Any], bool], str], text: str = "ok") -> Callable[[Any], Reply]:
    """Answers with `text`, unless a condition on the body holds: then with status 400 and its words."""

    def reply(request: Any) -> Reply:
        sent = request.json()
        for holds, words in conditions:
            if holds(sent):
                return Reply.json({"error": {"message": words}}, 400)
        return sse(piece(text, "stop"))

    return reply


NO_TEMPERATURE = (lambda sent: "temperature" in sent, "Unsupported parameter: 'temperature'")
NO_SYSTEM = (lambda sent: sent["messages"][0]["role"] == "system", "System role not supported")


async def ask(work: Any, options: ChatOptions = PLAIN, messages: Any = ASK) -> tuple[str, list[str]]:
    found = await drained(work.chat(messages, options))
    return "".join(each.text for each in found), [each.news.text for each in found if each.news]


@pytest.mark.anyio
async def test_what_is_learnt_is_learnt_of_one_model_and_told_once(server: OpenAIServer) -> None:
    server.on(CHAT, refusing(NO_TEMPERATURE, NO_SYSTEM))
    async with opened(server) as work:
        options = ChatOptions(temperature=0.3)
        text, news = await ask(work, options)
        assert text == "ok" and len(news) == 1 and "does not take temperature" in news[0]
        assert await ask(work, options) == ("ok", [])
        assert len(server.requests) == 4
        await ask(work, ChatOptions(model="other", temperature=0.3))
    sent = [request.json() for request in server.requests]
    assert "temperature" in sent[4] and sent[-1]["messages"] == sent[2]["messages"]
    assert sent[2]["messages"] == [{"role": "user", "content": f"{ASK[0].content}\n\n{ASK[1].content}"}]


# -- what goes back with calls -----------------------------------------------------------------------

SIGNED = {"google": {"thought_signature": "c2ln"}}
CALLED = [
    piece(None) | {"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "A \ud83d"}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "\ude00.", "reasoning_details": [{"text": "x"}]}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_details": [{"signature": "s"}], "tool_calls": [
        {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}", "thought_signature": "t"},
         "extra_content": SIGNED}]}}]},
    piece(None, "tool_calls"),
]  # fmt: skip
TOOL = ChatOptions(tools=(ToolSpec("f", "does it", {"type": "object"}),))


def after(calls: tuple[ToolCall, ...]) -> list[ChatMessage]:
    return [*ASK, ChatMessage("assistant", "", calls), ChatMessage("tool", "done", call_id="c")]


@pytest.mark.anyio
async def test_unknown_fields_of_a_call_and_its_message_go_back_as_they_came(server: OpenAIServer) -> None:
    server.on(CHAT, sse(*CALLED), sse(piece("ok", "stop")))
    async with opened(server) as work:
        found = await drained(work.chat(ASK, TOOL))
        await ask(work, TOOL, after(found[-1].calls))
    back = server.requests[-1].json()["messages"][2]
    assert (back["reasoning_content"], back["reasoning_details"]) == ("A 😀.", [{"text": "x"}, {"signature": "s"}])
    (call,) = back["tool_calls"]
    assert call == {
        "id": "c", "type": "function", "extra_content": SIGNED,
        "function": {"name": "f", "arguments": "{}", "thought_signature": "t"},
    }  # fmt: skip


@pytest.mark.anyio
async def test_a_service_that_refuses_its_own_fields_gets_them_once(server: OpenAIServer) -> None:
    calls = (ToolCall("c", "f", "{}", {}, {"reasoning": "hm"}),)
    server.on(CHAT, refusing((lambda sent: "reasoning" in sent["messages"][2], "property 'reasoning' is unsupported")))
    async with opened(server) as work:
        for _ in range(2):
            assert (await ask(work, TOOL, after(calls)))[0] == "ok"
    assert len(server.requests) == 3


# -- reasoning in the text ---------------------------------------------------------------------------


async def both(work: Any) -> tuple[str, str]:
    found = await drained(work.chat(ASK, PLAIN))
    return "".join(each.text for each in found), "".join(each.reasoning for each in found)


@pytest.mark.anyio
async def test_reasoning_in_the_text_is_told_apart_however_it_is_cut() -> None:
    whole = "<think>a plan</think>\n\nIt is <think> that opens it."
    for pieces in (list(whole), [whole], ["<th", "ink>a plan</thi", "nk>\n", "\nIt is <think> that opens it."]):
        with OpenAIServer() as server:
            server.on(CHAT, sse(*map(piece, pieces), piece(None, "stop")))
            async with opened(server) as work:
                assert await both(work) == ("It is <think> that opens it.", "a plan")


@pytest.mark.anyio
async def test_reasoning_that_no_tag_opens_is_known_the_second_time(server: OpenAIServer) -> None:
    server.on(CHAT, *[sse(piece("a plan\n</thi"), piece("nk>\nIt is.", "stop"))] * 2, sse(piece("Plain.", "stop")))
    async with opened(server) as work:
        assert await both(work) == ("a plan\n</think>\nIt is.", "")
        assert await both(work) == ("It is.", "a plan\n")
        assert await both(work) == ("Plain.", "Plain.")


@pytest.mark.anyio
async def test_reasoning_in_an_answer_is_not_sent_again(server: OpenAIServer) -> None:
    async with opened(server) as work:
        for said in ("<think>a plan</think>\nYes.", "a plan\n</think>\nYes."):
            await ask(work, PLAIN, [ChatMessage("user", "a"), ChatMessage("assistant", said), ASK[1]])
            assert server.requests[-1].json()["messages"][1] == {"role": "assistant", "content": "Yes."}


# -- schemas -----------------------------------------------------------------------------------------

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "default": 3},
        "kind": {"enum": ["a", "b"], "type": "string"},
        "home": {"$ref": "#/$defs/home"},
        "pets": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "null"}}}},
    },
    "required": ["name"],
    "$defs": {"home": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


def test_a_schema_under_the_strict_rules() -> None:
    fitted = schemas.strict(PERSON)
    assert fitted is not None and fitted["additionalProperties"] is False
    assert fitted["required"] == list(PERSON["properties"])
    properties: Any = fitted["properties"]
    assert properties["name"] == {"type": "string"} and properties["age"] == {"type": ["integer", "null"]}
    assert properties["kind"] == {"enum": ["a", "b", None], "type": ["string", "null"]}
    assert properties["home"] == {"anyOf": [{"$ref": "#/$defs/home"}, {"type": "null"}]}
    assert properties["pets"]["items"]["additionalProperties"] is False
    assert fitted["$defs"]["home"]["additionalProperties"] is False  # type: ignore[index, call-overload]


UNFIT: list[Any] = [
    {},
    {"type": "object"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "properties": {"a": {}}},
    {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
    {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}},
    {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}]}}},
    {"type": "object", "properties": {"a": {"type": "array"}}},
    {"type": "object", "properties": {"a": 7}},
    {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}]},
]


@pytest.mark.parametrize("schema", UNFIT)
def test_what_the_strict_rules_cannot_say_is_not_said_strictly(schema: Any) -> None:
    assert schemas.strict(schema) is None


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ('{"name": "A", "age": null, "home": null}', {"name": "A"}),
        ('{"name": null, "home": {"city": null}}', {"name": None, "home": {"city": None}}),
        ('{"name": "A", "pets": [{"x": null}], "more": null}', {"name": "A", "pets": [{"x": None}], "more": None}),
        ('```json\n{"name": "A"}\n```', {"name": "A"}),
        (' ```\n{"name": "A"}\n``` \n', {"name": "A"}),
    ],
)
def test_the_answer_is_taken_out_of_the_strict_rules_and_its_fence(said: str, taken: Any) -> None:
    assert json.loads(schemas.unfitted(schemas.unfenced(said), PERSON)) == taken


def test_an_answer_that_fits_stays_as_it_was_written() -> None:
    for text in ('{ "name":"A",\n"age":1e2 }', "no JSON", "[" * 100_000):
        assert schemas.unfitted(schemas.unfenced(text), PERSON) == text


def _format(sent: Any) -> Any:
    return sent.get("response_format") or {}


CHAIN = (
    (lambda sent: _format(sent).get("json_schema", {}).get("strict"), "Invalid schema for response_format"),
    (lambda sent: _format(sent).get("type") == "json_schema", "This response_format type is unavailable now"),
    (lambda sent: _format(sent).get("type") == "json_object", "response_format is not supported"),
)


@pytest.mark.anyio
@pytest.mark.parametrize("refused", range(4))
async def test_a_schema_is_asked_for_in_the_strictest_way_that_is_taken(server: OpenAIServer, refused: int) -> None:
    server.on(CHAT, refusing(*CHAIN[:refused], text='```json\n{"name": "A"}\n```'))
    async with opened(server) as work:
        for _ in range(2):
            assert json.loads((await ask(work, ChatOptions(schema=PERSON)))[0]) == {"name": "A"}
    assert len(server.requests) == refused + 2
    last = server.requests[-1].json()
    assert ("JSON schema" in last["messages"][0]["content"]) == (refused > 1)


@pytest.mark.anyio
async def test_an_answer_to_a_schema_that_breaks_off_keeps_what_arrived(server: OpenAIServer) -> None:
    got = ""
    server.on(CHAT, sse(piece('{"na'), end=b""))
    with pytest.raises(ServiceError, match="broke off"):
        async with opened(server) as work, work.chat(ASK, ChatOptions(schema=PERSON)) as answer:
            async for delta in answer:
                got += delta.text
    assert got == '{"na'


# -- formats of speech -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tried", "words", "expected"),
    [
        (["pcm"], "response_format must be one of [wav]", "wav"),
        (["pcm"], "only mp3, opus and flac", "mp3"),
        (["pcm"], "pcm is not supported", "wav"),
        (["pcm", "wav"], "wav is not supported", "mp3"),
        (["pcm", "wav", "mp3"], "use flac", "flac"),
        (["pcm", "wav", "mp3"], "unknown format", None),
    ],
)
def test_the_next_format(tried: list[str], words: str, expected: str | None) -> None:
    assert format_after(tried, words) == expected
    assert formats_tried(frozenset(f"{a} > {b}" for a, b in pairwise(tried))) == tried


@pytest.mark.anyio
@pytest.mark.parametrize("only", ["wav", "mp3", "flac"])
async def test_a_voice_that_makes_one_format_only(server: OpenAIServer, only: str) -> None:
    """It is remembered; whoever asked for a format by name is told instead."""
    import numpy as np

    def strict(request: Any) -> Reply:
        if request.json()["response_format"] != only:
            return Reply.json({"error": {"message": f"response_format must be one of [{only}]"}}, 400)
        return Reply(encoded(np.zeros(2400, np.int16), only), 200, {"content-type": f"audio/{only}"})

    server.on(SPEAK, strict)
    async with opened(server) as work:
        for _ in range(2):
            chunks = await drained(work.speak(SpeechRequest("12")))
            assert {chunk.encoding for chunk in chunks} == {only}
        assert len(server.requests) == 3
        with pytest.raises(ServiceError, match="response_format"):
            await drained(work.speak(SpeechRequest("12", format="pcm")))
