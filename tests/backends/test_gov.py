"""The government cloud service over real sockets, against a server that accepts only what is documented."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.forms import heard, spoken
from tests.fakes.gov_server import Gov
from tests.fakes.server import RESET, Reply
from tests.serving import serving
from voicecli.backends import gov
from voicecli.backends.gov_settings import GovSettings
from voicecli.backends.transport.http import HttpAdapter
from voicecli.errors import ConfigError, ProtocolError, RefusedError, ServiceError, VoiceError
from voicecli.types import (
    AudioClip,
    Backend,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    SpeechRequest,
    TranscribeOptions,
    Transcript,
    Usage,
)

pytestmark = pytest.mark.anyio

ASKED = [ChatMessage("user", "查看大数据中心上云的单位数量。")]
OPTIONS = ChatOptions(temperature=0.8, max_tokens=500)


server = serving(Gov)


def clip(digits: str = "1234567890") -> AudioClip:
    return AudioClip(spoken(digits, "wav", 16_000), "wav")


async def hear(backend: Backend) -> list[Transcript]:
    async with (
        gov.opened(backend, gov.GovTranscriber) as adapter,
        adapter.transcribe(clip(), TranscribeOptions()) as found,
    ):
        return [each async for each in found]


async def say(backend: Backend, messages: list[ChatMessage] = ASKED, options: ChatOptions = OPTIONS) -> list[ChatDelta]:
    async with gov.opened(backend, gov.GovChat) as adapter, adapter.chat(messages, options) as found:
        return [each async for each in found]


async def speak(backend: Backend, text: str) -> bytes:
    async with gov.opened(backend, gov.GovSpeaker) as adapter, adapter.speak(SpeechRequest(text)) as found:
        chunks = [each async for each in found]
    assert {chunk.encoding for chunk in chunks} == {"mp3"}
    return b"".join(chunk.data for chunk in chunks)


# -- ears ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_bytes_are_heard_whether_the_address_ends_with_v1_or_not(server: Gov, ending: str) -> None:
    assert await hear(server.backend(base_url=server.url + ending)) == [Transcript("1234567890")]
    (request,) = server.requests
    assert request.body == clip().data
    assert request.headers["content-type"] == "application/octet-stream"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply.json({"result": "采样率不支持", "status": 40000004}), ServiceError, "采样率不支持.*40000004"),
        (Reply.json({"status": 50000000, "message": "server busy"}), ServiceError, "server busy.*50000000"),
        (Reply.json({"status": 40000001}), ServiceError, "40000001"),
        (Reply(b'{"result": "half \\ud83d", "status": 40000004}'), ServiceError, "half.*40000004"),
        (Reply.json({"error": {"message": "no key", "code": "invalid_api_key"}}), RefusedError, "no key"),
        (Reply.json({"result": "text without a status"}), ServiceError, "text without"),
        (Reply.json({"result": None, "status": 20000000}), ProtocolError, "without a result"),
        (Reply.json([1]), ServiceError, r"\[1\]|gave no reason"),
        (Reply.text("busy"), ProtocolError, "busy"),
    ],
)
async def test_any_status_but_success_fails_with_the_services_words(
    server: Gov, reply: Reply, kind: type[VoiceError], words: str
) -> None:
    server.on("/v1/asr", reply)
    with pytest.raises(kind, match=words) as caught:
        await hear(server.backend())
    assert caught.value.who.startswith("city (127.0.0.1:")


async def test_a_status_written_as_text_is_a_status(server: Gov) -> None:
    server.on("/v1/asr", Reply.json({"result": "万一\x07出现\n", "status": "20000000"}))
    assert await hear(server.backend()) == [Transcript("万一出现")]


# -- chat ------------------------------------------------------------------------------------------


async def test_a_question_to_the_knowledge_base(server: Gov) -> None:
    assert await say(server.backend()) == [ChatDelta("您的问题：查看大数据中心上云的单位数量。", finish_reason="stop")]
    assert server.requests[0].json() == {
        "temperature": 0.8,
        "max_tokens": 500,
        "category": "bj_gov",
        "messages": [{"role": "user", "content": "查看大数据中心上云的单位数量。"}],
    }


async def test_options_beat_settings_and_settings_pass_through(server: Gov) -> None:
    backend = server.backend(chat_model="m", extra={"chat": {"temperature": 0.1, "max_tokens": 7, "category": "x"}})
    await say(backend, options=ChatOptions())
    await say(backend, options=ChatOptions(model="n", temperature=0.0, max_tokens=9, category="y"))
    first, second = (request.json() for request in server.requests)
    assert [first[name] for name in ("model", "temperature", "max_tokens", "category")] == ["m", 0.1, 7, "bj_gov"]
    assert [second[name] for name in ("model", "temperature", "max_tokens", "category")] == ["n", 0.0, 9, "y"]


async def test_a_missing_category_is_named_before_anything_is_sent(server: Gov) -> None:
    with pytest.raises(ConfigError, match=r"category in \[backends.city\]"):
        await say(server.backend(category=""), options=OPTIONS)
    assert server.requests == []


async def test_what_the_service_requires_and_nobody_set_is_its_documents_example(server: Gov) -> None:
    for options in (ChatOptions(), ChatOptions(temperature=0.1), ChatOptions(max_tokens=9)):
        await say(server.backend(), options=options)
    sent = [(each["temperature"], each["max_tokens"]) for each in (request.json() for request in server.requests)]
    assert sent == [(0.8, 500), (0.1, 500), (0.8, 9)]


def u(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def a(text: str) -> ChatMessage:
    return ChatMessage("assistant", text)


def s(text: str) -> ChatMessage:
    return ChatMessage("system", text)


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([s("Be brief."), u("Hi")], [u("Be brief.\n\nHi")]),
        ([s("A"), s("B"), u("Hi"), a("Ho"), u("Bye")], [u("A\n\nB\n\nHi"), a("Ho"), u("Bye")]),
        ([s("A"), a("Ho"), u("Hi")], [a("Ho"), u("A\n\nHi")]),
        ([u("Hi"), a("Ho"), s("A"), u("Bye")], [u("Hi"), a("Ho"), u("A\n\nBye")]),
        ([s("A")], [u("A")]),
        ([u("Hi"), s("A")], [u("Hi"), u("A")]),
    ],
)
async def test_a_system_prompt_opens_the_first_user_message(
    server: Gov, messages: list[ChatMessage], sent: list[ChatMessage]
) -> None:
    await say(server.backend(), messages)
    assert server.requests[0].json()["messages"] == [{"role": each.role, "content": each.content} for each in sent]


async def test_usage_is_told_only_when_the_service_counts(server: Gov) -> None:
    choice = {"message": {"content": "\n hi \n"}, "finish_reason": "length"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    server.on("/v1/chat/completions", Reply.json({"choices": [choice], "usage": usage}))
    assert await say(server.backend()) == [ChatDelta("hi \n", finish_reason="length", usage=Usage(3, 4))]


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply.json({"choices": []}), ServiceError, "choices"),
        (Reply.json({"choices": [{"message": {"content": "  "}}]}), ServiceError, "empty answer"),
        (Reply.json({"choices": [{"message": None}]}), ServiceError, "empty answer"),
        (Reply.json("nothing"), ServiceError, "nothing"),
        (Reply.text("oops"), ProtocolError, "oops"),
    ],
)
async def test_what_chat_says_when_it_fails(server: Gov, reply: Reply, kind: type[VoiceError], words: str) -> None:
    server.on("/v1/chat/completions", reply)
    with pytest.raises(kind, match=words):
        await say(server.backend())


# -- voice -----------------------------------------------------------------------------------------


async def test_text_in_the_address_comes_back_as_mp3(server: Gov) -> None:
    text = "号码是 4 2 & 7 #? +%20"
    assert heard(await speak(server.backend(), text)) == "42720"
    assert server.requests[0].query == {"text": [text]}


async def test_the_longest_piece_of_a_text_fits_into_the_address(server: Gov) -> None:
    from voicecli.backends.registry import FAMILIES

    limits = FAMILIES["gov"].at_best.limits
    assert limits.speech_characters
    assert limits.speech_bytes
    han = "好" * min(limits.speech_characters, limits.speech_bytes // 3)
    emoji = "😊" * min(limits.speech_characters, limits.speech_bytes // 4)
    for text in (han, emoji):
        assert await speak(server.backend(), text)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b""), "gave no reason"),
        (Reply("待合成的文本为空".encode()), "待合成的文本为空"),
        (Reply.json({"error": "text too long"}), "text too long"),
        (Reply.json({"result": "文本过长", "status": 40000003}), "文本过长"),
        (Reply.json({"odd": "shape"}), "odd"),
        (Reply.text("<title>Login</title>", kind="text/html"), "Login"),
        (Reply(b"", 200, {"content-type": "audio/mpeg"}), "without any sound"),
        (Reply([b"\xff\xfb", 0.05, RESET], 200, {"content-type": "audio/mpeg"}), "broke"),
    ],
)
async def test_another_type_than_sound_fails_with_the_bodys_words(server: Gov, reply: Reply, words: str) -> None:
    server.on("/v1/tts", reply)
    with pytest.raises(ServiceError, match=words):
        await speak(server.backend(), "1")


async def test_settings_for_the_service_go_into_the_address(server: Gov) -> None:
    server.on("/v1/tts", Reply(b"\xff\xfb", 200, {"content-type": "audio/mpeg"}))
    await speak(server.backend(extra={"speak": {"vcn": "x", "text": "not this"}}), "hello")
    assert server.requests[0].query == {"text": ["hello"], "vcn": ["x"]}


# -- health, keys, addresses -----------------------------------------------------------------------


async def test_health_speaks_one_character(server: Gov) -> None:
    async with gov.opened(server.backend(), gov.GovHealth) as adapter:
        assert (await adapter.check()).detail == "speech ok"
    assert [request.path for request in server.requests] == ["/v1/tts"]


@pytest.mark.parametrize("adapter", [gov.GovTranscriber, gov.GovChat, gov.GovSpeaker, gov.GovHealth])
async def test_a_missing_address_is_named(adapter: type[HttpAdapter]) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        async with gov.opened(GovSettings("city", "gov"), adapter):
            pass


# -- the server itself -----------------------------------------------------------------------------


async def test_the_local_server_refuses_what_is_not_documented(server: Gov) -> None:
    import httpx

    good = {"temperature": 0.8, "max_tokens": 5, "category": "x", "messages": [{"role": "user", "content": "hi"}]}
    wrong: list[tuple[int, str, str, dict[str, Any]]] = [
        (404, "GET", "/v1/models", {}),
        (405, "POST", "/v1/tts", {}),
        (414, "GET", "/v1/tts", {"params": {"text": "好" * 250}}),
        (415, "POST", "/v1/chat/completions", {"content": "{}"}),
        (400, "POST", "/v1/chat/completions", {"json": good | {"stream": True}}),
        (400, "POST", "/v1/chat/completions", {"json": {k: v for k, v in good.items() if k != "max_tokens"}}),
        (400, "POST", "/v1/chat/completions", {"json": good | {"max_tokens": "5"}}),
        (400, "POST", "/v1/chat/completions", {"json": good | {"messages": [{"role": "system", "content": "x"}]}}),
    ]
    async with httpx.AsyncClient(trust_env=False, base_url=server.url) as client:
        for status, method, path, body in wrong:
            answer = await client.request(method, path, **body)
            assert answer.status_code == status, (path, body, answer.text)
        assert (await client.post("/v1/asr", content=clip().data)).json()["status"] != gov.SUCCESS
        plain = await client.get("/v1/tts", params={"text": " "})
        assert "content-type" not in plain.headers
        assert "content-type" in (await client.get("/v1/tts", params={"text": "x", "voice": "y"})).headers
