"""Qiniu's voices, health, models and chat, over HTTP with two addresses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backends.qiniu.conftest import Serve
from tests.fakes.qiniu_server import KEY, VOICES
from tests.fakes.server import FakeServer, Reply
from voicecli.backends.qiniu import family as qiniu
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.errors import ProtocolError, RateLimitedError, RefusedError, ServiceError, VoiceError
from voicecli.types import Backend, ChatMessage, ChatOptions, HealthReport, Secret, Voice

pytestmark = pytest.mark.anyio

HELLO = [ChatMessage("user", "4071 之后呢？")]


def backend(*bases: str, **more: Any) -> Backend:
    return QiniuSettings("work", "qiniu", base_urls=bases, chat_model="deepseek-v3", **{"key": Secret(KEY)} | more)


def test_the_addresses_are_the_configured_ones_or_the_services_own() -> None:
    assert QiniuSettings("w", "qiniu").bases == ("https://openai.qiniu.com/v1", "https://api.qnaigc.com/v1")
    assert QiniuSettings("w", "qiniu", base_url="http://a/v1/").bases == ("http://a/v1",)
    both = QiniuSettings("w", "qiniu", base_url="http://a/v1", base_urls=("http://b/v1", "http://a/v1"))
    assert both.bases == ("http://a/v1", "http://b/v1")


async def test_voices_come_with_samples_and_categories(serve: Serve) -> None:
    async with qiniu.catalog(backend(serve().base)) as catalog:
        voices = await catalog.voices()
        assert await catalog.check() == HealthReport("2 voices")
    assert voices == [
        Voice(VOICES[0]["voice_type"], "甜美教学小源", "zh", "传统音色", VOICES[0]["url"]),
        Voice("qiniu_en_male_digits", "Digits", "en", "tests", ""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        [{"voice_type": "a"}, {"voice_type": ""}, {"voice_type": 7}, "b", None, {"voice_name": "c"}],
        {"data": [{"voice_type": "a"}]},
        {"voices": [{"voice_type": "a\x1b[1m", "url": "javascript:alert(1)", "category": None}]},
    ],
)
async def test_a_list_may_hold_anything(body: Any) -> None:
    with FakeServer(lambda request: Reply.json(body)) as server:
        async with qiniu.catalog(backend(server.url + "/v1")) as catalog:
            assert await catalog.voices() == [Voice("a")]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply.json({"voices": 7}), ProtocolError),
        (Reply.json("voices"), ProtocolError),
        (Reply.text("<html>busy</html>"), ProtocolError),
        (Reply.json({"error": {"message": "their words"}}), ServiceError),
        (Reply.json({"error": {"message": "their words"}}, 401), RefusedError),
        (Reply.json({"error": {"message": "their words"}}, 429), RateLimitedError),
        (Reply.json({"error": {"message": "their words"}}, 404), ServiceError),
    ],
)
async def test_health_tells_what_is_wrong(reply: Reply, kind: type[VoiceError]) -> None:
    with FakeServer(lambda request: reply) as server:
        async with qiniu.catalog(backend(server.url + "/v1")) as catalog:
            with pytest.raises(kind) as caught:
                await catalog.check()
    assert type(caught.value) is kind
    if b"their words" in bytes(reply.body):  # type: ignore[arg-type]
        assert "their words" in str(caught.value)


async def test_a_wrong_key_is_refused_and_no_other_address_is_asked(serve: Serve) -> None:
    first, second = serve(), serve()
    async with qiniu.catalog(backend(first.base, second.base, key=Secret("wrong"))) as catalog:
        with pytest.raises(RefusedError, match="invalid api key"):
            await catalog.voices()
    assert second.requests == []


async def test_chat_is_openais_at_the_address_that_works(serve: Serve) -> None:
    server = serve()
    async with (
        qiniu.thinker(backend("http://127.0.0.1:9/v1", server.base)) as thinker,
        thinker.chat(HELLO, ChatOptions()) as deltas,
    ):
        assert "".join([each.text async for each in deltas]) == "5182。"
    assert len(server.to("/v1/chat/completions")) == 1


async def test_a_refused_chat_does_not_move_on(serve: Serve) -> None:
    first, second = serve(), serve()
    async with qiniu.thinker(backend(first.base, second.base)) as thinker:
        with pytest.raises(ServiceError, match="invalid request"):
            async with thinker.chat(HELLO, ChatOptions(model="another")):
                pass
    assert second.requests == []


async def test_models_are_listed(serve: Serve) -> None:
    async with qiniu.thinker(backend("http://127.0.0.1:9/v1", serve().base)) as thinker:
        assert list(await thinker.models()) == ["deepseek-v3"]
