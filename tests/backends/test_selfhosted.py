"""The local servers: ears, chat and voice over real sockets, against servers that accept only what is documented."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.forms import heard, multipart, spoken
from tests.fakes.selfhosted_server import MODEL, SelfHosted, lines
from tests.fakes.server import CUT, RESET, FakeServer, Gate, Reply
from tests.serving import serving
from voicecli.backends.selfhosted import chat_server as chat
from voicecli.backends.selfhosted import checks as health
from voicecli.backends.selfhosted import cloning_voice as voice
from voicecli.backends.selfhosted import ears, vectors
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.errors import ConfigError, ProtocolError, ServiceError, UnreachableError, UsageError, VoiceError
from voicecli.types import (
    AudioChunk,
    AudioClip,
    Backend,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    Secret,
    SpeechRequest,
    TranscribeOptions,
    Transcript,
    Usage,
    Voice,
)

pytestmark = pytest.mark.anyio

PLAIN = TranscribeOptions()
ASKED = [ChatMessage("system", "你是一位数学家"), ChatMessage("user", "解释勾股定理")]


servers = serving(SelfHosted)


def clip(digits: str = "1234567890") -> AudioClip:
    return AudioClip(spoken(digits, "wav", 16_000), "wav", name="我的, recording")


async def hear(backend: Backend, asked: TranscribeOptions = PLAIN, said: str = "1234567890") -> list[Transcript]:
    async with ears.open_transcriber(backend) as adapter, adapter.transcribe(clip(said), asked) as found:
        return [each async for each in found]


async def say(backend: Backend, asked: ChatOptions = ChatOptions()) -> list[ChatDelta]:  # noqa: B008
    async with chat.open_chat(backend) as adapter, adapter.chat(ASKED, asked) as found:
        return [each async for each in found]


async def speak(backend: Backend, request: SpeechRequest) -> bytes:
    async with voice.open_speaker(backend) as adapter, adapter.speak(request) as found:
        chunks = [each async for each in found]
    assert {chunk.encoding for chunk in chunks} == {"wav"}
    return b"".join(chunk.data for chunk in chunks)


Found = list[Any]


async def until_error(opened: Any, found: Found) -> VoiceError:
    """What arrives is put into `found`, up to the error."""
    with pytest.raises(VoiceError) as caught:
        async with opened as stream:
            async for each in stream:
                found.append(each)
    return caught.value


def ndjson(*messages: dict[str, Any], end: Any = ()) -> Reply:
    return Reply([*lines(messages), *end])


# -- ears ------------------------------------------------------------------------------------------


async def test_partial_lines_replace_each_other_and_the_last_is_final(servers: SelfHosted) -> None:
    found = await hear(servers.backend(), said="123")
    assert [(each.text, each.final) for each in found] == [("1", False), ("12", False), ("123", False), ("123", True)]
    assert [request.path for request in servers.asr.requests] == ["/asr/stream"]


async def test_a_server_that_does_not_stream_is_asked_whole_and_not_asked_again(servers: SelfHosted) -> None:
    with SelfHosted(streams=False) as plain:
        async with ears.open_transcriber(plain.backend()) as adapter:
            for _ in range(2):
                async with adapter.transcribe(clip(), PLAIN) as found:
                    assert [each async for each in found] == [Transcript("1234567890")]
        assert [request.path for request in plain.asr.requests] == ["/asr/stream", "/asr", "/asr"]


@pytest.mark.parametrize(("ending", "partials"), [("/asr", 0), ("/asr/", 0), ("/asr/stream", 10), ("", 10)])
async def test_an_address_may_end_with_the_one_path_to_ask(servers: SelfHosted, ending: str, partials: int) -> None:
    found = await hear(servers.backend(asr_url=servers.asr.url + ending))
    assert found[-1] == Transcript("1234567890")
    assert len(found) == partials + 1


async def test_the_one_path_is_the_only_one_asked() -> None:
    with SelfHosted(streams=False) as plain:
        with pytest.raises(ServiceError, match="404 Not Found: The requested URL was not found"):
            await hear(plain.backend(asr_url=plain.asr.url + "/asr/stream"))
        assert len(plain.asr.requests) == 1


@pytest.mark.parametrize(
    ("asked", "sent"),
    [(PLAIN, "auto"), (TranscribeOptions(language="yue"), "yue"), (TranscribeOptions(language="zh_CN"), "zh")],
)
async def test_sensevoices_own_api_gives_tags_and_takes_a_language(
    servers: SelfHosted, asked: TranscribeOptions, sent: str
) -> None:
    found = await hear(servers.backend(asr_url=servers.asr.url + "/api/v1/asr"), asked)
    language = "zh" if sent == "auto" else sent
    tags = (language, "HAPPY", "Speech", "withitn")
    assert found == [Transcript("1234567890", language=language, tags=tags)]
    assert multipart(servers.asr.requests[0])["lang"].text == sent


async def test_a_language_that_cannot_be_sent_is_refused_before_anything_is(servers: SelfHosted) -> None:
    with pytest.raises(UsageError, match="/api/v1/asr"):
        await hear(servers.backend(), TranscribeOptions(language="zh"))
    assert servers.asr.requests == []


async def test_emoji_and_controls_never_reach_the_text(servers: SelfHosted) -> None:
    servers.asr.on("/asr/stream", ndjson({"partial_text": "🎼你\x1b[31m"}, {"partial_text": "🎼你好。\x07😊"}))
    *_, last = await hear(servers.backend())
    assert last == Transcript("你好。", tags=("BGM", "HAPPY"))


async def test_the_recording_goes_under_a_name_of_ours_with_its_extension(servers: SelfHosted) -> None:
    await hear(servers.backend())
    (request,) = servers.asr.requests
    assert multipart(request)["file"].filename == "audio.wav"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(b"<!doctype html>"), ProtocolError, "doctype"),
        (Reply(b"{}\n"), ProtocolError, "partial_text"),
        (Reply(b'{"partial_text": null}\n'), ProtocolError, "partial_text"),
        (Reply(b'{"error": "no audio"}\n'), ServiceError, "no audio"),
        (Reply(b'{"event": "error", "message": "CUDA"}\n'), ServiceError, "CUDA"),
    ],
)
async def test_what_ears_say_when_they_fail(
    servers: SelfHosted, reply: Reply, kind: type[VoiceError], words: str
) -> None:
    servers.asr.on("/asr/stream", reply)
    with pytest.raises(kind, match=words) as caught:
        await hear(servers.backend())
    assert caught.value.who.startswith("local (127.0.0.1:")


@pytest.mark.parametrize(
    ("path", "reply", "kind", "words"),
    [
        ("/asr", Reply.json({"error": "too long"}), ServiceError, "too long"),
        ("/asr", Reply.json({"texts": "x"}), ProtocolError, "without 'text'"),
        ("/asr", Reply.json(["x"]), ProtocolError, "without 'text'"),
        ("/asr", Reply.text("hello"), ProtocolError, "not JSON"),
        ("/api/v1/asr", Reply.json({"result": {}}), ProtocolError, "without a result"),
        ("/api/v1/asr", Reply.json({"result": [{"text": 1}]}), ProtocolError, "without a result"),
        ("/api/v1/asr", Reply.json({}), ProtocolError, "without a result"),
    ],
)
async def test_whole_answers_that_are_none(
    servers: SelfHosted, path: str, reply: Reply, kind: type[VoiceError], words: str
) -> None:
    servers.asr.on(path, reply)
    with pytest.raises(kind, match=words):
        await hear(servers.backend(asr_url=servers.asr.url + path))


async def test_no_speech_is_an_empty_text_not_an_error(servers: SelfHosted) -> None:
    servers.asr.on("/api/v1/asr", Reply.json({"result": []}))
    assert await hear(servers.backend(asr_url=servers.asr.url + "/api/v1/asr")) == [Transcript("")]
    servers.asr.on("/asr/stream", Reply([]))
    assert await hear(servers.backend()) == [Transcript("")]
    servers.asr.on("/asr/stream", ndjson({"partial_text": "❓"}))
    assert (await hear(servers.backend()))[-1] == Transcript("", tags=("nospeech",))


@pytest.mark.parametrize("end", [CUT, RESET])
async def test_a_broken_connection_raises_after_what_arrived(servers: SelfHosted, end: Any) -> None:
    servers.asr.on("/asr/stream", Reply([b'{"partial_text": "1"}\n', 0.05, end]))
    found: Found = []
    async with ears.open_transcriber(servers.backend()) as adapter:
        error = await until_error(adapter.transcribe(clip(), PLAIN), found)
    assert [each.text for each in found] == ["1"]
    assert "broke" in error.what


# -- chat ------------------------------------------------------------------------------------------


async def test_chat_streams_text_that_is_cut_inside_characters(servers: SelfHosted) -> None:
    found = await say(servers.backend())
    assert "".join(each.text for each in found) == "你问的是：解释勾股定理 😊"
    assert len(found) > 4
    assert found[-1] == ChatDelta(finish_reason="stop")
    (request,) = servers.chat.requests
    assert request.path == "/api/chat/stream"
    assert request.json() == {"messages": [{"role": each.role, "content": each.content} for each in ASKED]}


async def test_chat_is_asked_whole_where_it_does_not_stream() -> None:
    with SelfHosted(streams=False) as plain:
        assert await say(plain.backend()) == [
            ChatDelta("你问的是：解释勾股定理 😊", finish_reason="stop", usage=Usage(13, 34))
        ]
        assert [request.path for request in plain.chat.requests] == ["/api/chat/stream", "/api/chat"]


@pytest.mark.parametrize("ending", ["/api/chat", "/api/chat/stream"])
async def test_a_chat_address_may_end_with_the_one_path_to_ask(servers: SelfHosted, ending: str) -> None:
    found = await say(servers.backend(chat_url=servers.chat.url + ending))
    assert "".join(each.text for each in found) == "你问的是：解释勾股定理 😊"
    assert [request.path for request in servers.chat.requests] == [ending]


@pytest.mark.parametrize(
    ("settings", "asked", "sent"),
    [
        ({}, ChatOptions(), None),
        ({"chat_model": "small"}, ChatOptions(), "small"),
        ({"chat_model": "small"}, ChatOptions(model="large"), "large"),
        ({"extra": {"chat": {"model": "passed on"}}}, ChatOptions(), "passed on"),
    ],
)
async def test_the_model_is_sent_only_when_somebody_named_one(
    servers: SelfHosted, settings: dict[str, Any], asked: ChatOptions, sent: str | None
) -> None:
    await say(servers.backend(**settings), asked)
    assert servers.chat.requests[0].json().get("model") == sent


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ([], ServiceError, "cut off"),
        ([b'{"delta": "ha'], ProtocolError, "not JSON"),
        ([b'{"error": "model overloaded"}\n'], ServiceError, "model overloaded"),
        ([b'{"error": {"message": "slow down", "code": 429}}\n'], VoiceError, "slow down"),
        ([b'{"event": "error", "message": "OOM \x1b[2J"}\n'], VoiceError, "OOM|not JSON"),
        ([b'{"delta": 7}\n'], ProtocolError, "not text"),
        ([0.05, RESET], ServiceError, "broke"),
        ([0.05, CUT], ServiceError, "broke"),
    ],
)
async def test_an_answer_that_breaks_off_raises_after_what_arrived(
    servers: SelfHosted, end: Any, kind: type[VoiceError], words: str
) -> None:
    servers.chat.on("/api/chat/stream", ndjson({"delta": "Hel"}, {"delta": "lo"}, end=end))
    found: Found = []
    async with chat.open_chat(servers.backend()) as adapter:
        error = await until_error(adapter.chat(ASKED, ChatOptions()), found)
    assert "".join(each.text for each in found) == "Hello"
    assert isinstance(error, kind)
    assert "\x1b" not in str(error)
    assert re.search(words, error.what), error.what
    assert error.who.startswith("local (127.0.0.1:")


async def test_events_nobody_documented_and_empty_pieces_are_passed_over(servers: SelfHosted) -> None:
    messages: list[Any] = [{"event": "start"}, {"delta": ""}, {"delta": None}, {"delta": "a"}, {"x": 1}]
    messages += [{"event": "done"}, {"delta": "b"}]
    servers.chat.on("/api/chat/stream", ndjson(*messages))
    assert await say(servers.backend()) == [ChatDelta("a"), ChatDelta(finish_reason="stop")]


@pytest.mark.parametrize(
    ("path", "reply", "words"),
    [
        ("/api/chat/stream", Reply(b'{"event": "done"}\n'), "empty answer"),
        ("/api/chat/stream", Reply(b""), "cut off"),
        ("/api/chat", Reply.json({"content": "", "raw": {}}), "empty answer"),
        ("/api/chat", Reply.json({"content": None}), "without 'content'"),
        ("/api/chat", Reply.json({"error": "no model"}), "no model"),
    ],
)
async def test_no_answer_at_all_is_a_failure(servers: SelfHosted, path: str, reply: Reply, words: str) -> None:
    servers.chat.on(path, reply)
    with pytest.raises(ServiceError, match=words):
        await say(servers.backend(chat_url=servers.chat.url + path))


@pytest.mark.parametrize("raw", [None, [], {"choices": [None]}, {"choices": [{"message": 3}], "usage": []}])
async def test_whatever_stands_in_raw_the_content_counts(servers: SelfHosted, raw: Any) -> None:
    servers.chat.on("/api/chat", Reply.json({"content": "hi", "raw": raw}))
    assert await say(servers.backend(chat_url=servers.chat.url + "/api/chat")) == [
        ChatDelta("hi", finish_reason="stop")
    ]


async def test_the_reason_to_stop_and_the_reasoning_are_taken_from_raw(servers: SelfHosted) -> None:
    choice = {"finish_reason": "length", "message": {"content": "hi", "reasoning_content": "hm"}}
    servers.chat.on("/api/chat", Reply.json({"content": "hi", "raw": {"choices": [choice]}}))
    assert await say(servers.backend(chat_url=servers.chat.url + "/api/chat")) == [
        ChatDelta("hi", reasoning="hm", finish_reason="length")
    ]


# -- voice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "asked", "style"),
    [
        ({}, {}, "style1"),
        ({"style": "style3"}, {}, "style3"),
        ({"voice": "style2"}, {}, "style2"),
        ({"style": "style3"}, {"style": "style2"}, "style2"),
        ({"style": "style3"}, {"voice": "style2"}, "style2"),
        ({"style": "style3"}, {"voice": "style2", "style": "style2"}, "style2"),
        ({"extra": {"speak": {"style": "style3"}}}, {}, "style3"),
        ({"extra": {"speak": {"style": "style3"}}}, {"style": "style2"}, "style2"),
    ],
)
async def test_speech_in_a_style(servers: SelfHosted, settings: Any, asked: Any, style: str) -> None:
    sound = await speak(servers.backend(**settings), SpeechRequest("数字 42 和 7", **asked))
    assert heard(sound) == "427"
    form = multipart(servers.tts.requests[0])
    assert {name: part.text for name, part in form.items()} == {"text": "数字 42 和 7", "style": style}


async def test_speech_like_a_reference_with_temperature_and_top_p(servers: SelfHosted) -> None:
    request = SpeechRequest("99", reference=clip(), temperature=0.6, top_p=0.9)
    assert heard(await speak(servers.backend(style="style1"), request)) == "99"
    form = multipart(servers.tts.requests[0])
    assert sorted(form) == ["prompt_audio", "temperature", "text", "top_p"]
    assert (form["temperature"].text, form["top_p"].text) == ("0.6", "0.9")
    assert form["prompt_audio"].filename == "prompt.wav"
    assert form["prompt_audio"].data == clip().data


@pytest.mark.parametrize(
    "asked", [{"style": "a", "voice": "b"}, {"style": "a", "reference": 1}, {"voice": "a", "reference": 1}]
)
async def test_two_ways_to_choose_the_voice_are_refused_before_anything_is_sent(
    servers: SelfHosted, asked: dict[str, Any]
) -> None:
    if "reference" in asked:
        asked = asked | {"reference": clip()}
    with pytest.raises(UsageError, match="--reference"):
        await speak(servers.backend(), SpeechRequest("1", **asked))
    assert servers.tts.requests == []


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(b""), ServiceError, "without any sound"),
        (Reply(b"RI"), ServiceError, "without any sound"),
        (Reply(spoken("", "wav")[:44]), ServiceError, "without any sound"),
        (Reply.json({"error": "text too long"}), ServiceError, "text too long"),
        (Reply.text("<!doctype html><title>Oops</title>", kind="text/html"), ServiceError, "Oops"),
        (Reply([b"<", b"html>", b"<p>slow</p>"]), ServiceError, "slow"),
        (Reply(b"\xff\xfb\x90mp3"), ProtocolError, "no WAV"),
        (Reply(b"{not json"), ServiceError, "not json"),
        (Reply([b"RIFF", bytes(100), 0.05, RESET]), ServiceError, "broke"),
    ],
)
async def test_no_sound_at_all_is_a_failure(
    servers: SelfHosted, reply: Reply, kind: type[VoiceError], words: str
) -> None:
    servers.tts.on("/synthesize", reply)
    with pytest.raises(kind, match=words):
        await speak(servers.backend(), SpeechRequest("1"))


async def test_a_wav_that_arrives_in_drops_is_whole_and_passed_on_as_it_comes(servers: SelfHosted) -> None:
    gate, sound = Gate(), spoken("5", "wav")
    servers.tts.on("/synthesize", Reply([sound[:1], 0.01, sound[1:3], 0.01, sound[3:60], gate, sound[60:]]))
    async with (
        voice.open_speaker(servers.backend()) as adapter,
        adapter.speak(SpeechRequest("5")) as found,
        asyncio.timeout(20),
    ):
        first = await anext(found)
        gate.open()
        rest = [each.data async for each in found]
    assert isinstance(first, AudioChunk)
    assert b"".join([first.data, *rest]) == sound


async def test_styles_are_suggested_the_configured_one_first() -> None:
    backend = SelfhostedSettings("local", "selfhosted", tts_url="http://127.0.0.1:1", style="grandma")
    async with voice.open_voices(backend) as catalog:
        found = await catalog.voices()
    assert [each.name for each in found] == ["grandma", "style1", "style2"]
    assert found[0] == Voice("grandma", category="style", listed=False)


# -- health ----------------------------------------------------------------------------------------


async def test_health_asks_every_server_that_has_an_address(servers: SelfHosted) -> None:
    async with health.open_health(servers.backend()) as adapter:
        report = await adapter.check()
    assert (report.detail, report.models) == ("asr ok, chat ok, tts ok", (MODEL,))
    assert [each.path for each in servers.asr.requests] == ["/asr/stream"]
    assert [each.path for each in servers.tts.requests] == ["/health"]


async def test_health_of_one_server_asks_no_other(servers: SelfHosted) -> None:
    async with health.open_health(servers.backend(asr_url="", chat_url="")) as adapter:
        report = await adapter.check()
    assert (report.detail, report.models) == ("tts ok", ())
    assert servers.asr.requests == servers.chat.requests == []


async def test_a_server_that_is_not_well_says_so(servers: SelfHosted) -> None:
    servers.tts.on("/health", Reply.json({"status": "loading"}))
    async with health.open_health(servers.backend()) as adapter:
        with pytest.raises(ServiceError, match="loading") as caught:
            await adapter.check()
    assert str(servers.tts.port) in caught.value.who


async def test_the_chat_servers_model_is_the_list_of_models(servers: SelfHosted) -> None:
    async with health.open_models(servers.backend()) as catalog:
        assert await catalog.models() == [MODEL]
        servers.chat.on("/health", Reply.json({"status": "ok"}))
        assert await catalog.models() == []


# -- addresses -------------------------------------------------------------------------------------


OPENERS: list[tuple[str, Callable[[Backend], Any]]] = [
    ("asr_url", ears.open_transcriber),
    ("chat_url", chat.open_chat),
    ("tts_url", voice.open_speaker),
    ("tts_url", voice.open_voices),
    ("chat_url", health.open_models),
    ("asr_url", health.open_health),
    ("embedding_url", vectors.open_meaning),
]


@pytest.mark.parametrize(("setting", "opened"), OPENERS)
async def test_a_missing_address_is_named(setting: str, opened: Callable[[Backend], Any]) -> None:
    with pytest.raises(ConfigError, match=setting):
        async with opened(SelfhostedSettings("local", "selfhosted", base_url="http://127.0.0.1:1")):
            pass


@pytest.mark.parametrize("setting", ["asr_url", "chat_url", "tts_url"])
async def test_the_cure_for_a_server_that_is_down_names_its_setting(setting: str) -> None:
    with FakeServer() as gone:
        url = gone.url
    down = SelfhostedSettings("local", "selfhosted", connect_timeout_s=1, **dict[str, Any]({setting: url}))
    async with health.open_health(down) as adapter:
        with pytest.raises(UnreachableError) as caught:
            await adapter.check()
    assert setting in caught.value.cure


async def test_a_key_is_sent_where_one_is_configured(servers: SelfHosted) -> None:
    servers.chat.on("/api/chat/stream", ndjson({"delta": "a"}, {"event": "done"}))
    await say(servers.backend(key=Secret("of-a-proxy-in-front")))
    assert servers.chat.requests[0].headers["authorization"] == "Bearer of-a-proxy-in-front"


async def test_one_connection_serves_many_questions(servers: SelfHosted) -> None:
    async with chat.open_chat(servers.backend()) as adapter:
        for _ in range(3):
            async with adapter.chat(ASKED, ChatOptions()) as found:
                assert [each async for each in found]
    assert servers.chat.connections == 1


# -- the servers themselves ------------------------------------------------------------------------


async def test_the_local_servers_refuse_what_is_not_documented(servers: SelfHosted) -> None:
    import httpx

    wav = {"file": ("a.wav", spoken("1", "wav"))}
    message = {"role": "user", "content": "hi"}
    asr, tts, talk = servers.asr.url, servers.tts.url, servers.chat.url
    wrong: list[tuple[int, str, str, dict[str, Any]]] = [
        (404, "POST", f"{asr}/transcribe", {"files": wav}),
        (405, "GET", f"{asr}/asr", {}),
        (400, "POST", f"{asr}/asr", {"files": {"audio": ("a.wav", b"RIFF")}}),
        (400, "POST", f"{asr}/asr", {"files": {"file": ("a", spoken("1", "wav"))}}),
        (400, "POST", f"{asr}/asr", {"files": {"file": ("a.wav", b"RIFFnothing")}}),
        (400, "POST", f"{asr}/asr", {"files": wav, "data": {"language": "zh"}}),
        (400, "POST", f"{asr}/asr?x=1", {"files": wav}),
        (415, "POST", f"{asr}/asr", {"content": spoken("1", "wav")}),
        (422, "POST", f"{asr}/api/v1/asr", {"files": {"files": wav["file"]}}),
        (404, "GET", f"{asr}/health", {}),
        (400, "POST", f"{talk}/api/chat", {"json": {"messages": []}}),
        (400, "POST", f"{talk}/api/chat", {"json": {"messages": [message], "temperature": 1}}),
        (400, "POST", f"{talk}/api/chat", {"json": {"messages": [message | {"role": "tool"}]}}),
        (400, "POST", f"{talk}/api/chat", {"json": {"messages": [message | {"content": ""}]}}),
        (415, "POST", f"{talk}/api/chat", {"content": json.dumps({"messages": [message]})}),
        (400, "GET", f"{talk}/health", {"headers": {"authorization": "Bearer x"}}),
        (415, "POST", f"{tts}/synthesize", {"data": {"text": "a", "style": "style1"}}),
        *(
            (400, "POST", f"{tts}/synthesize", {"files": {name: (None, value) for name, value in form.items()}})
            for form in (
                {"text": "a"},
                {"text": "a", "style": "x"},
                {"text": "a", "style": "style1", "speed": "1"},
                {"text": "a", "style": "style1", "top_p": "2"},
            )
        ),
    ]
    async with httpx.AsyncClient(trust_env=False) as client:
        for status, method, url, body in wrong:
            answer = await client.request(method, url, **body)
            assert answer.status_code == status, (method, url, body, answer.text)
