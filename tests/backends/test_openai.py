"""The OpenAI family against the strict local server, and against everything that other servers do instead."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import tracemalloc
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import dtmf
from tests.fakes.openai_server import Habits, OpenAIServer, echo
from tests.fakes.server import CUT, RESET, STALL, Reply, Step
from tests.serving import serving
from voicecli.backends.openai.adapter import open_openai
from voicecli.backends.openai.transcriptions import TRANSLATOR
from voicecli.errors import (
    ConfigError,
    DroppedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    UsageError,
    VoiceError,
)
from voicecli.types import (
    MIC,
    AudioClip,
    AudioFrame,
    Backend,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    PcmFormat,
    Secret,
    SpeechRequest,
    TranscribeOptions,
    Transcript,
    Usage,
)

pytestmark = pytest.mark.anyio

server = serving(OpenAIServer)

CHAT, HEAR, SPEAK = "/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/speech"
PLAIN, AS_IS = ChatOptions(), TranscribeOptions()
ASK = [ChatMessage("system", "Be brief."), ChatMessage("user", "What follows 1 8 9?")]


def backend(server: OpenAIServer, **settings: Any) -> Backend:
    return replace(
        Backend(
            name="work",
            family="openai",
            base_url=server.base_url,
            key=Secret("sk-test-0123456789"),
            chat_model="digits-chat",
            transcribe_model="digits-hear",
            speak_model="digits-speak",
            voice="alloy",
            live_url=server.live_url,
            timeout_s=2.0,
            connect_timeout_s=2.0,
        ),
        **settings,
    )


def opened(server: OpenAIServer, **settings: Any) -> Any:
    return open_openai(backend(server, **settings))


async def deltas(server: OpenAIServer, options: ChatOptions = PLAIN, **settings: Any) -> list[ChatDelta]:
    async with opened(server, **settings) as work, work.chat(ASK, options) as answer:
        return [delta async for delta in answer]


async def said(server: OpenAIServer, options: ChatOptions = PLAIN, **settings: Any) -> str:
    return "".join(delta.text for delta in await deltas(server, options, **settings))


def wav(digits: str, rate: int = 16_000) -> AudioClip:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(dtmf.encode(digits, rate).tobytes())
    return AudioClip(out.getvalue(), "wav", name="secret-name")


async def heard(
    server: OpenAIServer, digits: str = "1234", options: TranscribeOptions = AS_IS, **settings: Any
) -> list[Transcript]:
    async with opened(server, **settings) as work, work.transcribe(wav(digits), options) as transcripts:
        return [each async for each in transcripts]


async def spoken(server: OpenAIServer, request: SpeechRequest, **settings: Any) -> tuple[bytes, PcmFormat | str]:
    async with opened(server, **settings) as work, work.speak(request) as chunks:
        found = [chunk async for chunk in chunks]
    (encoding,) = {chunk.encoding for chunk in found}
    return b"".join(chunk.data for chunk in found), encoding


async def drained(stream: Any) -> list[Any]:
    async with stream as items:
        return [item async for item in items]


def digits_in(pcm: bytes, rate: int = 24_000) -> str:
    return dtmf.decode(np.frombuffer(pcm, "<i2"), rate)


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def sse(*data: Any, end: bytes = b"data: [DONE]\n\n") -> Reply:
    return Reply.sse([*map(event, data), end])


def body(data: bytes, kind: str) -> Reply:
    return Reply(data, 200, {"content-type": kind})


def piece(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}


# -- chat ------------------------------------------------------------------------------------------


async def test_chat_streams_what_the_documents_say(server: OpenAIServer) -> None:
    found = await deltas(server)
    assert "".join(delta.text for delta in found) == "290."
    assert [delta.finish_reason for delta in found if delta.finish_reason] == ["stop"]
    assert found[-1].usage == Usage(len(ASK[-1].content), 2)
    (entry,) = server.log
    assert entry["body"] == {
        "model": "digits-chat",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What follows 1 8 9?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_chat_options_reach_the_service_and_flags_beat_what_is_passed_through(server: OpenAIServer) -> None:
    options = ChatOptions(model="other", temperature=0.0, max_tokens=1, top_p=0.5, n=2, seed=7, stop=("x",))
    text = await said(server, options, extra={"user": "me", "chat": {"temperature": 1.5}, "speak": {"speed": 2}})
    sent = server.log[0]["body"]
    expected = {"temperature": 0.0, "max_tokens": 1, "top_p": 0.5, "n": 2, "seed": 7, "stop": ["x"], "user": "me"}
    assert {name: sent.get(name) for name in expected} == expected
    assert sent["model"] == "other" and "speed" not in sent
    assert text == "290\n\n290"


async def test_finished_answers_keep_the_connection(server: OpenAIServer) -> None:
    async with opened(server) as work:
        await work.warm()
        for _ in range(3):
            async with work.chat(ASK, ChatOptions()) as answer:
                async for _ in answer:
                    pass
    assert server.connections == 1


WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}]}
_LAST = event(piece("a", "stop"))
_TWO_LINES = b'data: {"choices":[{"delta":\ndata: {"content":"a"},"finish_reason":"stop"}]}\n\n'
_HEARTBEATS = (b": keep-alive\r\n\r\n", b'data:{"choices":[]}\r\n\r\n', b"data: \n\n", b"event: ping\ndata: {}\n\n")
_NDJSON = b"".join(json.dumps(each).encode() + b"\n" for each in (piece("a"), piece("b", "stop")))
TOLERATED: dict[str, tuple[Reply, str]] = {
    "no end mark": (sse(piece("a"), piece("b", "stop"), end=b""), "ab"),
    "usage alone": (sse(piece("a"), piece(None, "stop"), {"choices": [], "usage": {"prompt_tokens": 1}}), "a"),
    "heartbeats": (Reply.sse([*_HEARTBEATS, _LAST.rstrip()]), "a"),
    "data over two lines": (Reply.sse([_TWO_LINES]), "a"),
    "objects in one event": (Reply.sse([event(piece("b")).rstrip() + b"\n" + _LAST + b"data: [DONE]\n\n"]), "ba"),
    "json instead": (Reply.json(WHOLE), "whole"),
    "json twice": (body(json.dumps(WHOLE).encode() * 2, "application/json"), "whole"),
    "json, pretty": (body(json.dumps(WHOLE, indent=2).encode(), "application/json; charset=utf-8"), "whole"),
    "stream called json": (body(_LAST, "application/json"), "a"),
    "stream called text": (body(_LAST, "text/plain"), "a"),
    "json without type": (Reply(json.dumps(WHOLE).encode()), "whole"),
    "broken after the end": (Reply.sse([_LAST, RESET]), "a"),
    "no reason, an end mark": (sse(piece("a"), piece("b")), "ab"),
    "json, pretty, called text": (body(json.dumps(WHOLE, indent=2).encode(), "text/plain"), "whole"),
    "json, pretty, called a stream": (body(json.dumps(WHOLE, indent=2).encode(), "text/event-stream"), "whole"),
    "json, pretty, called a page": (body(json.dumps(WHOLE, indent=2).encode(), "text/html"), "whole"),
    "lines of json": (body(_NDJSON, "application/x-ndjson"), "ab"),
    "lines of json called text": (body(_NDJSON + b"[DONE]\n", "text/plain"), "ab"),
    "lines of json behind data": (body(_NDJSON.replace(b'{"ch', b'data: {"ch'), "application/json"), "ab"),
    "a list of chunks": (Reply.json([piece("a"), piece("b", "stop")]), "ab"),
}


@pytest.mark.parametrize("name", TOLERATED)
async def test_chat_tolerates(server: OpenAIServer, name: str) -> None:
    reply, text = TOLERATED[name]
    server.on(CHAT, reply)
    assert await said(server) == text


async def test_silence_after_the_end_costs_two_seconds_at_most(server: OpenAIServer) -> None:
    server.on(CHAT, Reply.sse([event(piece("a")), event(piece(None, "stop")), STALL]))
    began = time.monotonic()
    assert await said(server, timeout_s=30) == "a"
    assert time.monotonic() - began < 3


async def _in_every_chunk(reason: str, pause_s: float = 2.4) -> AsyncIterator[Step]:
    yield event(piece("", reason))
    for word in ("One ", "two ", "three."):
        yield event(piece(word, reason))
        yield pause_s if word == "two " else 0.01
    yield b"data: [DONE]\n\n"


@pytest.mark.parametrize("reason", ["stop", "null"])
async def test_a_reason_in_every_chunk_ends_nothing(server: OpenAIServer, reason: str) -> None:
    server.on(CHAT, Reply.sse(lambda: _in_every_chunk(reason)))
    assert await said(server, timeout_s=30) == "One two three."


async def test_what_the_address_asks_goes_with_every_request(server: OpenAIServer) -> None:
    base = f"{server.url}/openai/deployments/d?api-version=2025-01-01"
    server.on("/openai/deployments/d/chat/completions", sse(piece("a", "stop")))
    assert await said(server, base_url=base) == "a"
    assert server.requests[-1].query == {"api-version": ["2025-01-01"]}


async def test_a_service_that_never_finishes_ends_with_its_mark_until_it_finished_once(server: OpenAIServer) -> None:
    unfinished, finished = sse(piece("a"), piece("b")), sse(piece("c", "stop"))
    server.on(CHAT, unfinished, unfinished, finished, unfinished)
    async with opened(server) as work:
        for expected in ("ab", "ab", "c"):
            found = await drained(work.chat(ASK, PLAIN))
            assert "".join(each.text for each in found) == expected
            assert [each.finish_reason for each in found if each.finish_reason] == ["stop"]
        with pytest.raises(ServiceError, match="broke off"):
            await drained(work.chat(ASK, PLAIN))


ERROR = {"error": {"message": "the model fell over", "code": 500}}
_A = piece("a")
LOST: dict[str, tuple[Reply, type[VoiceError], str, str]] = {
    "lines without a reason": (body(json.dumps(_A).encode(), "application/x-ndjson"), ServiceError, "broke off", "a"),
    "json that is cut": (body(json.dumps(WHOLE, indent=2).encode()[:60], "text/plain"), ProtocolError, "not JSON", ""),
    "a plain excuse": (body(b"upstream fell over", "text/plain"), ProtocolError, "upstream fell over", ""),
    "object error": (sse(_A, {"object": "error", "message": "too long", "code": 400}), ServiceError, "too long", "a"),
    "code and message": (sse(_A, {"code": 1301, "message": "unsafe"}), ServiceError, "unsafe", "a"),
    "code of a key": (sse({"code": "401", "msg": "bad token"}), RefusedError, "bad token", ""),
    "detail": (sse(_A, {"detail": "fell over"}), ServiceError, "fell over", "a"),
    "details": (sse({"detail": [{"loc": ["body", "x"], "msg": "missing"}]}), ServiceError, "body.x: missing", ""),
    "base_resp": (
        sse({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "no"}}),
        ServiceError,
        "no",
        "",
    ),
    "header": (sse(_A, {"header": {"code": 10013, "message": "unsafe"}}), ServiceError, "unsafe", "a"),
    "Response": (sse(_A, {"Response": {"Error": {"Code": "X", "Message": "unsafe"}}}), ServiceError, "unsafe", "a"),
    "words alone": (sse(_A, {"message": "out of memory"}), ServiceError, "out of memory", "a"),
    "failed": (Reply.json({"success": False, "msg": "busy"}), ServiceError, "busy", ""),
    "error in a choice": (
        sse({"choices": [{"error": {"message": "gone", "code": 502}, "finish_reason": "error"}]}),
        ServiceError,
        "gone",
        "",
    ),
    "an excuse without an end": (sse(_A, {"message": "out of memory"}, end=b""), ServiceError, "out of memory", "a"),
    "no end at all": (sse(_A, end=b""), ServiceError, "broke off", "a"),
    "cut": (Reply.sse([event(_A), CUT]), ServiceError, "broke in the middle", "a"),
    "error as data": (sse(_A, ERROR), ServiceError, "the model fell over", "a"),
    "error event": (sse(_A, end=b'event: error\ndata: {"message":"it fell over"}\n\n'), ServiceError, "fell over", "a"),
    "bare error": (sse(_A, end=b'error: {"message":"it fell over"}\n\n'), ServiceError, "fell over", "a"),
    "bare json error": (sse(_A, end=json.dumps(ERROR).encode() + b"\n\n"), ServiceError, "fell over", "a"),
    "quota": (sse(_A, {"error": {"message": "m", "code": "insufficient_quota"}}), RefusedError, "m", "a"),
    "rate": (sse(_A, {"error": {"message": "m", "code": 429}}), RateLimitedError, "m", "a"),
    "garbage": (sse(_A, end=b"data: {oops\n\n"), ProtocolError, "not JSON", "a"),
    "reason error": (sse(piece("a", "error")), ServiceError, "broke off", "a"),
    "empty": (Reply.sse([]), ServiceError, "answered nothing", ""),
    "only an end mark": (sse(), ServiceError, "answered nothing", ""),
    "error in json": (Reply.json(ERROR), ServiceError, "the model fell over", ""),
    "error in a list": (Reply.json([ERROR]), ServiceError, "the model fell over", ""),
    "no choices": (Reply.json({"id": "x"}), ProtocolError, "no answer", ""),
    "empty choice": (Reply.json({"choices": [{"message": {"content": None}}]}), ServiceError, "answered nothing", ""),
    "a page": (body(b"<html><title>Log in</title></html>", "text/html"), ProtocolError, "Log in", ""),
    "stall": (Reply.sse([event(_A), STALL]), UnreachableError, "0.3 s", "a"),
}


@pytest.mark.parametrize("name", LOST)
async def test_lost_answers_keep_what_arrived(server: OpenAIServer, name: str) -> None:
    reply, kind, words, kept = LOST[name]
    got = ""
    server.on(CHAT, reply)
    with pytest.raises(VoiceError, match=words) as caught:
        async with opened(server, timeout_s=0.3) as work, work.chat(ASK, ChatOptions()) as answer:
            async for delta in answer:
                got += delta.text
    assert type(caught.value) is kind and caught.value.who
    assert got == kept


async def test_fields_that_a_service_refuses_are_sent_another_way_and_remembered(server: OpenAIServer) -> None:
    def strict(request: Any) -> Reply:
        body = request.json()
        for word in ("stream_options", "max_tokens"):
            if word in body:
                hint = (
                    f"Unsupported parameter: '{word}'. Use 'max_completion_tokens' instead."
                    if word == "max_tokens"
                    else f"Unknown {word}"
                )
                return Reply.json({"error": {"message": hint}}, 400)
        return sse(piece(str(body.get("max_completion_tokens")), "stop"))

    server.on(CHAT, strict)
    async with opened(server) as work:
        for _ in range(2):
            async with work.chat(ASK, ChatOptions(max_tokens=9)) as answer:
                assert [delta.text async for delta in answer] == ["9"]
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("verb", "setting"), [("chat", "chat_model"), ("transcribe", "transcribe_model"), ("speak", "speak_model")]
)
async def test_missing_model_is_named_before_anything_is_sent(server: OpenAIServer, verb: str, setting: str) -> None:
    arguments: dict[str, Any] = {
        "chat": (ASK, ChatOptions()),
        "transcribe": (wav("1"), TranscribeOptions()),
        "speak": (SpeechRequest("1"),),
    }
    async with opened(server, **{setting: ""}) as work:
        with pytest.raises(ConfigError, match=rf"{setting} in \[backends\.work\]"):
            await getattr(work, verb)(*arguments[verb]).__aenter__()
        assert server.requests == []
    async with opened(server, **{setting: "", "extra": {verb: {"model": "from-extra"}}}) as work:
        await drained(getattr(work, verb)(*arguments[verb]))
    assert "from-extra" in str(server.log)


# -- transcriptions --------------------------------------------------------------------------------


async def test_transcribe_sends_as_little_as_it_can(server: OpenAIServer) -> None:
    assert await heard(server, "0123456789") == [Transcript("0123456789")]
    (entry,) = server.log
    assert entry["form"] == {"model": "digits-hear"} and entry["file"] == "audio.wav"
    assert b"secret-name" not in server.requests[0].body


async def test_transcribe_options_reach_the_service(server: OpenAIServer) -> None:
    options = TranscribeOptions(language="en", model="other", prompt="digits", temperature=0.0)
    await heard(server, "12", options, extra={"transcribe": {"chunking_strategy": "auto"}})
    assert server.log[0]["form"] == {
        "model": "other", "language": "en", "prompt": "digits", "temperature": "0.0", "chunking_strategy": "auto",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "configured", "sent"),
    [
        ("zh-CN", "", "zh"),
        ("EN_us", "", "en"),
        (None, "de-AT", "de"),
        ("fr", "de", "fr"),
        ("auto", "", None),
        (None, "", None),
    ],
)
async def test_language_is_sent_as_its_code(
    server: OpenAIServer, asked: str | None, configured: str, sent: str | None
) -> None:
    await heard(server, "12", TranscribeOptions(language=asked), language=configured)
    async with opened(server, language=configured) as work:
        await drained(work.transcribe_live(frames("12"), TranscribeOptions(language=asked)))
    live = next(entry for entry in server.log if entry["verb"] == "realtime")
    assert server.log[0]["form"].get("language") == sent
    assert live["session"]["audio"]["input"]["transcription"].get("language") == sent


async def test_a_translation_sends_no_language_and_asks_for_no_word_times(server: OpenAIServer) -> None:
    options = TranscribeOptions(translate=True, prompt="digits", temperature=0.0, words=True)
    (found,) = await heard(server, "42", options, language="zh")
    (entry,) = server.log
    assert (entry["verb"], found.text, found.segments[0].text) == ("translate", "four two", "four two")
    expected = {"model": "digits-hear", "prompt": "digits", "temperature": "0.0", "response_format": "verbose_json"}
    assert entry["form"] == expected


@pytest.mark.parametrize(
    ("configured", "asked", "sent"),
    [("gpt-4o-mini-transcribe", None, TRANSLATOR), ("large-v3", None, "large-v3"), ("m", "other", "other")],
)
async def test_who_only_transcribes_is_not_asked_to_translate(
    server: OpenAIServer, configured: str, asked: str | None, sent: str
) -> None:
    await heard(server, "42", TranscribeOptions(translate=True, model=asked), transcribe_model=configured)
    assert server.log[0]["form"]["model"] == sent


async def test_a_service_that_does_not_translate_is_told_of_with_the_cure(server: OpenAIServer) -> None:
    server.on("/v1/audio/translations", Reply.json({"detail": "Not Found"}, 404))
    with pytest.raises(ServiceError, match=r"Not Found.*Check that it translates.*-m whisper-1"):
        await heard(server, "42", TranscribeOptions(translate=True))


async def test_words_are_asked_for_with_times(server: OpenAIServer) -> None:
    (found,) = await heard(server, "159", TranscribeOptions(words=True))
    assert [word.text for word in found.words] == ["1", "5", "9"]
    assert abs(found.words[1].start - 0.14) < 0.01
    assert (found.language, found.segments[0].text) == ("en", "159")
    assert found.duration is not None and abs(found.duration - 0.42) < 0.01


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("gpt-4o-transcribe", {"model": "gpt-4o-transcribe"}),
        ("SenseVoiceSmall", {"model": "SenseVoiceSmall", "response_format": "verbose_json"}),
    ],
)
async def test_models_that_know_no_word_times_are_not_asked_for_them(
    server: OpenAIServer, model: str, form: dict[str, str]
) -> None:
    (*_, found) = await heard(server, "159", TranscribeOptions(words=True, model=model))
    assert found.text == "159" and server.log[0]["form"] == form


async def test_a_server_that_fails_on_word_times_is_asked_more_simply(server: OpenAIServer) -> None:
    def picky(request: Any) -> Reply:
        for word in (b"timestamp_granularities", b"verbose_json"):
            if word in request.body:
                return Reply.json({"detail": f"{word.decode()} is not supported"}, 500)
        return Reply.json({"text": "12"})

    server.on(HEAR, picky)
    async with opened(server) as work:
        for _ in range(2):
            async with work.transcribe(wav("12"), TranscribeOptions(words=True)) as found:
                assert [each async for each in found] == [Transcript("12")]
    server.on(HEAR, Reply.json({"detail": "out of memory"}, 500))
    with pytest.raises(ServiceError, match="out of memory"):
        await heard(server, "12", TranscribeOptions(words=True))
    assert len(server.requests) == 3 + 1 + 3


async def test_streamed_transcripts_grow(server: OpenAIServer) -> None:
    found = await heard(server, "12345", TranscribeOptions(model="gpt-4o-mini-transcribe"))
    partial = [Transcript(text, final=False) for text in ("12", "1234", "12345")]
    assert found == [*partial, Transcript("12345")]


def vllm(*texts: str, finish: bool = True) -> list[Any]:
    chunks = [{"object": "transcription.chunk", "choices": [{"delta": {"content": text}}]} for text in texts]
    return [
        *chunks,
        {"object": "transcription.chunk", "choices": [{"delta": {"content": ""}, "finish_reason": "stop"}]},
    ][: None if finish else -1]


_NULLS = {"text": "hello", "language": None, "segments": None, "words": None, "duration": None}
_NAMED = b'event: transcript.text.delta\ndata: {"delta":"hel"}\n\nevent: transcript.text.done\ndata: {}\n\n'
HEARD: dict[str, tuple[Reply, str]] = {
    "html text": (body(b"  \n hello\nworld\n", "text/html"), "hello world"),
    "plain text": (Reply.text("hello"), "hello"),
    "nulls": (Reply.json(_NULLS), "hello"),
    "tags": (Reply.json({"text": "<|en|><|HAPPY|><|Speech|><|withitn|>hello <b> there"}), "hello <b> there"),
    "emoji": (Reply.json({"text": "🎼hello😊"}), "hello"),
    "controls": (Reply.json({"text": "hel\u0000lo\u001b[31m"}), "hello"),
    "tags as text": (Reply.text("<|en|>hello"), "hello"),
    "vllm": (sse(*vllm("hel", "lo")), "hello"),
    "vllm without end": (sse(*vllm("hel", "lo"), end=b""), "hello"),
    "stream without type": (Reply(event({"type": "transcript.text.done", "text": "hello"})), "hello"),
    "named events": (Reply.sse([_NAMED]), "hel"),
    "string": (Reply.json("hello"), "hello"),
    "nothing said": (Reply.json({"text": ""}), ""),
}


@pytest.mark.parametrize("name", HEARD)
async def test_transcribe_tolerates(server: OpenAIServer, name: str) -> None:
    reply, text = HEARD[name]
    server.on(HEAR, reply)
    found = await heard(server)
    assert (found[-1].text, found[-1].final) == (text, True)
    assert not any(each.final for each in found[:-1])


UNHEARD: dict[str, tuple[Reply, type[VoiceError], str]] = {
    "no text": (Reply.json({"ok": True}), ProtocolError, "no transcript"),
    "a page": (body(b"<!doctype html><title>Log in</title>", "text/html"), ProtocolError, "Log in"),
    "broken json": (body(b'{"text": "he', "application/json"), ProtocolError, "not JSON"),
    "stream breaks off": (sse({"type": "transcript.text.delta", "delta": "he"}), ServiceError, "broke off"),
    "vllm breaks off": (sse(*vllm("he", finish=False)), ServiceError, "broke off"),
    "error in stream": (sse({"type": "error", "message": "m"}), ServiceError, "m"),
}


@pytest.mark.parametrize("name", UNHEARD)
async def test_transcribe_fails_well(server: OpenAIServer, name: str) -> None:
    reply, kind, words = UNHEARD[name]
    server.on(HEAR, reply)
    with pytest.raises(VoiceError, match=words) as caught:
        await heard(server)
    assert type(caught.value) is kind


async def test_speakers_are_told_apart_where_the_model_can(server: OpenAIServer) -> None:
    (found,) = await heard(server, "12", TranscribeOptions(model="gpt-4o-transcribe-diarize", diarize=True))
    assert found.segments[0].speaker == "A"
    assert server.log[0]["form"]["chunking_strategy"] == "auto"


# -- speech ----------------------------------------------------------------------------------------


async def test_speech_is_asked_for_as_samples(server: OpenAIServer) -> None:
    pcm, encoding = await spoken(server, SpeechRequest("Dial 0 1 2 3 4."))
    assert encoding == PcmFormat(24_000, 1) and digits_in(pcm) == "01234"
    assert server.log[0]["body"] == {
        "model": "digits-speak", "input": "Dial 0 1 2 3 4.", "voice": "alloy", "response_format": "pcm",
    }  # fmt: skip


async def test_speech_options_reach_the_service(server: OpenAIServer) -> None:
    request = SpeechRequest("1", voice="nova", model="other", speed=1.5, format="ogg", instructions="softly")
    _, encoding = await spoken(server, request, speed=2.0, speech_format="mp3")
    _, ours = await spoken(server, SpeechRequest("1"), speed=2.0, speech_format="mp3", voice="")
    assert server.log[0]["body"] == {
        "model": "other",
        "input": "1",
        "voice": "nova",
        "response_format": "opus",
        "speed": 1.5,
        "instructions": "softly",
    }
    assert encoding == "ogg" and ours == "mp3"
    assert server.log[1]["body"]["voice"] == "" and server.log[1]["body"]["speed"] == 2.0


async def test_extra_table_named_kwargs_is_sent_as_a_json_string(server: OpenAIServer) -> None:
    server.on(SPEAK, Reply(b"\x00\x01" * 100))
    await spoken(server, SpeechRequest("1"), extra={"speak": {"kwargs": {"seed": 3}, "language": "zh"}})
    body = server.requests[0].json()
    assert body["kwargs"] == '{"seed": 3}' and body["language"] == "zh"


async def test_reference_recording_makes_the_request_multipart(server: OpenAIServer) -> None:
    server.on(SPEAK, Reply(b"\x00\x01" * 100))
    await spoken(server, SpeechRequest("1", reference=wav("7")))
    request = server.requests[0]
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert b'name="prompt_speech"; filename="reference.wav"' in request.body and wav("7").data in request.body


async def test_sse_speech_is_decoded(server: OpenAIServer) -> None:
    pcm, encoding = await spoken(server, SpeechRequest("987"), extra={"speak": {"stream_format": "sse"}})
    assert encoding == PcmFormat(24_000, 1) and digits_in(pcm) == "987"


def delta(audio: str) -> dict[str, str]:
    return {"type": "speech.audio.delta", "audio": audio}


MUTE: dict[str, tuple[Reply, type[VoiceError], str]] = {
    "words": (Reply.text("no such voice"), ProtocolError, "no such voice"),
    "json of no use": (Reply.json({"ok": 1}), ProtocolError, "words, not sound"),
    "sse without end": (sse(delta("AAAA"), end=b""), ServiceError, "broke off"),
    "sse error": (sse(delta("AAAA"), {"type": "error", "error": {"message": "m"}}), ServiceError, "m"),
    "sse empty": (sse({"type": "speech.audio.done"}), ServiceError, "no sound"),
}


@pytest.mark.parametrize("name", MUTE)
async def test_speech_fails_well(server: OpenAIServer, name: str) -> None:
    reply, kind, words = MUTE[name]
    server.on(SPEAK, reply)
    with pytest.raises(VoiceError, match=words) as caught:
        await spoken(server, SpeechRequest("1"))
    assert type(caught.value) is kind


async def test_short_and_odd_sound_is_passed_on_whole(server: OpenAIServer) -> None:
    server.on(SPEAK, Reply([b"\x01", b"\x02\x03"]))
    assert (await spoken(server, SpeechRequest("1")))[0] == b"\x01\x02\x03"
    sound = [base64.b64encode(bytes([n])).decode() for n in range(40)]
    server.on(
        SPEAK,
        sse(*({"type": "speech.audio.delta", "audio": each} for each in sound), {"type": "speech.audio.done"}),
    )
    assert (await spoken(server, SpeechRequest("1")))[0] == bytes(range(40))


async def test_40_mb_of_speech_pass_in_constant_memory(server: OpenAIServer) -> None:
    block = bytes(1 << 20)

    async def much() -> AsyncIterator[Step]:
        for _ in range(40):
            yield block

    size = 0
    server.on(SPEAK, Reply(much, headers={"content-type": "audio/pcm"}))
    async with opened(server) as work, work.speak(SpeechRequest("1")) as chunks:
        await anext(chunks)
        tracemalloc.start()
        async for chunk in chunks:
            size += len(chunk.data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert size > 39 << 20
    # The server's own buffers are counted too: it lives in this process.
    assert peak < 12 << 20, peak


# -- realtime --------------------------------------------------------------------------------------


async def frames(digits: str, pause_s: float = 0.0, size_ms: float = 20) -> AsyncIterator[AudioFrame]:
    sound = dtmf.encode(digits).tobytes()
    size = MIC.bytes_for(size_ms)
    for at in range(0, len(sound), size):
        yield AudioFrame(sound[at : at + size])
        await asyncio.sleep(pause_s)


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
async def test_live_digits_are_heard_while_they_are_spoken(dialect: str) -> None:
    digits = "".join(str(n * 7 % 10) for n in range(30))
    with OpenAIServer(Habits(realtime=dialect)) as server:
        async with opened(server) as work:
            found = await drained(work.transcribe_live(frames(digits, 0.0005), TranscribeOptions(language="en")))
    assert found[-1] == Transcript(digits) and len(found) > 5
    assert all(not each.final and digits.startswith(each.text) for each in found[:-1])
    assert [entry["heard"] for entry in server.log if entry["verb"] == "heard"] == [digits]


async def test_live_without_sound_is_an_empty_transcript(server: OpenAIServer) -> None:
    async with opened(server) as work, work.transcribe_live(frames(""), TranscribeOptions()) as transcripts:
        assert [each async for each in transcripts] == [Transcript("")]


async def live_error(server: OpenAIServer, **settings: Any) -> VoiceError:
    with pytest.raises(VoiceError) as caught:
        async with opened(server, **settings) as work:
            await drained(work.transcribe_live(frames("1234", 0.001), TranscribeOptions()))
    return caught.value


CREATED = {"type": "session.created", "session": {}}
FAILED = "conversation.item.input_audio_transcription.failed"


@pytest.mark.parametrize(
    ("told", "ends", "kind", "words"),
    [
        (
            [{"type": "error", "error": {"message": "no credit", "code": "insufficient_quota"}}],
            "",
            RefusedError,
            "no credit",
        ),
        ([CREATED, {"type": FAILED, "error": {"message": "bad sound"}}], "", ServiceError, "bad sound"),
        ([CREATED], "reset", DroppedError, "broke off"),
        ([CREATED], "close", DroppedError, "before the transcript was complete"),
        ([CREATED], "", UnreachableError, "sent nothing for 0.4 s"),
    ],
)
async def test_live_failures_have_names_and_words(
    server: OpenAIServer, told: list[dict[str, Any]], ends: str, kind: type[VoiceError], words: str
) -> None:
    async def talk(socket: Any) -> None:
        for at, message in enumerate(told):
            if at:
                await socket.receive()
            await socket.send(json.dumps(message))
        await socket.receive()
        if ends == "reset":
            socket.reset()
            return
        if ends == "close":
            await socket.close()
        async for _ in socket:
            pass

    server.on_socket("/v1/realtime", talk)
    error = await live_error(server, timeout_s=0.4)
    assert type(error) is kind and words in str(error), error
    assert error.who == "work (127.0.0.1)" or error.who == f"work (127.0.0.1:{server.port})"


async def test_live_needs_an_address_and_the_microphones_format(server: OpenAIServer) -> None:
    error = await live_error(server, live_url="")
    assert isinstance(error, ConfigError) and "live_url" in error.cure

    async def wrong() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(960), PcmFormat(48_000))

    async with opened(server) as work:
        with pytest.raises(UsageError, match="16000"):
            await drained(work.transcribe_live(wrong(), TranscribeOptions()))


# -- lists and health ------------------------------------------------------------------------------


async def test_models_and_health(server: OpenAIServer) -> None:
    async with opened(server) as work:
        assert list(await work.models()) == ["digits-chat", "digits-hear", "digits-speak"]
        assert (await work.check()).models == ("digits-chat", "digits-hear", "digits-speak")
        server.on("/v1/models", Reply.text("Not here", 404))
        assert "no models" in (await work.check()).detail
        server.on("/v1/models", Reply.json({"data": []}))
        assert list(await work.models()) == []
        server.on("/v1/models", Reply.json({"hello": 1}))
        with pytest.raises(ProtocolError, match="no list of models"):
            await work.models()
        server.on("/v1/models", Reply.json(ERROR))
        with pytest.raises(ServiceError, match="fell over"):
            await work.check()


async def test_voices_are_the_services_or_the_published_ones(server: OpenAIServer) -> None:
    async with opened(server) as work:
        usual = await work.voices()
        assert "alloy" in [voice.name for voice in usual] and not any(voice.listed for voice in usual)
        server.on("/v1/audio/voices", Reply.json({"voices": ["af_bella", {"id": "zm_yun"}]}))
        assert [voice.name for voice in await work.voices()] == ["af_bella", "zm_yun"]
        server.on("/v1/audio/voices", Reply.json({}, 401))
        with pytest.raises(RefusedError):
            await work.voices()


async def test_address_is_taken_as_people_write_it() -> None:
    with OpenAIServer(Habits(answer=echo)) as server:
        for url in (server.url, f"{server.url}/", f"http://{server.base_url}", f"{server.base_url}/chat/completions"):
            assert await said(server, base_url=url) == ASK[-1].content
