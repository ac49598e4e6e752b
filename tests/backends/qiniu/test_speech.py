"""Qiniu's voice against a strict local server: over the WebSocket, over HTTP, and what goes wrong."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.backends.qiniu.conftest import Serve
from tests.fakes.qiniu_server import KEY, SPEECH_RATE, Manner, QiniuServer
from voicecli.backends.qiniu import family as qiniu
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.qiniu.speech import PCM, Order, sound_in
from voicecli.backends.transport.wording import json_in
from voicecli.errors import (
    ConfigError,
    InputError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    VoiceError,
)
from voicecli.types import AudioChunk, Backend, PcmFormat, Secret, SpeechRequest

pytestmark = pytest.mark.anyio

TEXT = SpeechRequest("Say 40719, please.")


def backend(*bases: str, **more: Any) -> Backend:
    return QiniuSettings("work", "qiniu", base_urls=bases, **{"key": Secret(KEY)} | more)


async def say(server: QiniuServer, request: SpeechRequest = TEXT, **more: Any) -> list[AudioChunk]:
    async with qiniu.mouth(backend(server.base, **more)) as mouth, mouth.speak(request) as chunks:
        return [each async for each in chunks]


def heard(chunks: list[AudioChunk]) -> str:
    """The digits in what came."""
    (encoding,) = {each.encoding for each in chunks}
    data = b"".join(each.data for each in chunks)
    if isinstance(encoding, PcmFormat):
        return dtmf.decode(np.frombuffer(data, "<i2"), encoding.rate)
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    return dtmf.decode(samples, rate)


# The way it should be.


async def test_mp3_is_streamed_by_default(serve: Serve) -> None:
    server = serve()
    chunks = await say(server)
    assert heard(chunks) == "40719" and chunks[0].encoding == "mp3" and len(chunks) > 1
    assert server.spoken == [
        {
            "audio": {"voice_type": "qiniu_zh_female_tmjxxy", "encoding": "mp3", "speed_ratio": 1.0},
            "request": {"text": "Say 40719, please."},
        }
    ]
    assert [request.method for request in server.requests] == ["GET"]


async def test_pcm_is_24_khz(serve: Serve) -> None:
    chunks = await say(serve(), SpeechRequest("8 and 3", format="pcm"))
    assert chunks[0].encoding == PCM == PcmFormat(SPEECH_RATE, 1) and heard(chunks) == "83"
    assert any(len(each.data) % 2 for each in chunks), "the server cuts inside of samples"


async def test_wav_comes_whole_over_http(serve: Serve) -> None:
    server = serve()
    (chunk,) = await say(server, SpeechRequest("6", format="wav"))
    assert heard([chunk]) == "6" and chunk.encoding == "wav"
    assert [request.method for request in server.requests] == ["POST"]


async def test_voice_speed_and_extra_settings_reach_the_service(serve: Serve) -> None:
    server = serve()
    extra = {"speak": {"audio": {"speed_ratio": 0.5}}}
    await say(server, SpeechRequest("6", voice="qiniu_en_male_digits", speed=1.5))
    await say(server, SpeechRequest("6"), voice="qiniu_en_male_digits", speed=1.25, speech_format="pcm")
    await say(server, SpeechRequest("6"), extra=extra)
    asked = [each["audio"] for each in server.spoken]
    assert [each["speed_ratio"] for each in asked] == [1.5, 1.25, 0.5]
    assert [each["voice_type"].split("_")[-1] for each in asked] == ["digits", "digits", "tmjxxy"]
    assert [each["encoding"] for each in asked] == ["mp3", "pcm", "mp3"]


async def test_a_format_that_it_lacks_is_a_wish_that_is_not_granted(serve: Serve) -> None:
    assert (await say(serve(), SpeechRequest("6", format="flac")))[0].encoding == "mp3"


@pytest.mark.parametrize("speech", ["empty first", "no last", "one", "unnumbered"])
async def test_what_servers_do_is_put_up_with(serve: Serve, speech: Any) -> None:
    assert heard(await say(serve(Manner(speech=speech)))) == "40719"


async def test_text_messages_are_read_as_binary_ones(serve: Serve) -> None:
    assert heard(await say(serve(Manner(speech="text")))) == "40719"


async def test_where_there_is_no_such_socket_http_speaks(serve: Serve) -> None:
    server = serve(Manner(speech_sockets=False))
    assert heard(await say(server)) == "40719"
    assert [request.method for request in server.requests] == ["GET", "POST"]


# Failures.

ERRORS: list[tuple[Any, type[VoiceError], str]] = [
    ({"error": {"message": "no credit", "code": "insufficient_quota"}}, RefusedError, "no credit"),
    ({"error": "went \x1b]0;wrong"}, ServiceError, "went"),
    ({"reqid": "r", "code": 3003, "message": "too many"}, RateLimitedError, "too many"),
    ({"code": 3050, "message": "no such voice"}, ServiceError, "voice voices"),
]


@pytest.mark.parametrize("speech", ["error", "error later"])
@pytest.mark.parametrize(("data", "kind", "words"), ERRORS)
@pytest.mark.parametrize("format", ["mp3", "wav"])
async def test_an_error_is_known_wherever_it_comes(
    serve: Serve, speech: Any, data: Any, kind: type[VoiceError], words: str, format: str
) -> None:
    server = serve(Manner(speech=speech, speech_error=data))
    with pytest.raises(kind, match=words) as caught:
        await say(server, SpeechRequest("40719", format=format))
    assert str(caught.value).startswith("work (127.0.0.1") and str(caught.value).isprintable()


async def test_sound_before_an_error_is_given_first(serve: Serve) -> None:
    server, came = serve(Manner(speech="error later", speech_error={"error": "broke"})), []
    with pytest.raises(ServiceError, match="broke"):
        async with qiniu.mouth(backend(server.base)) as mouth, mouth.speak(TEXT) as chunks:
            async for each in chunks:
                came.append(each)
    assert len(came) == 2


@pytest.mark.parametrize("speech", ["garbled", "garbled last", "garbled and unnumbered"])
async def test_a_garbled_piece_is_no_shorter_speech(serve: Serve, speech: Any) -> None:
    with pytest.raises(ProtocolError, match=r"sent something that is not JSON") as caught:
        await say(serve(Manner(speech=speech)))
    assert caught.value.who.startswith("work (127.0.0.1")


NEXT = [
    (["?", 1, 2, -3], True),
    (["?", 0, 1, -2], True),
    ([1, "?", "?", 2, "?", -3], True),
    (["?", 2], False),
    (["?", -1], False),
    ([1, "?", 3], False),
    ([1, "?", -1], False),
    ([1, "?", None], False),
    ([None, "?", 1], False),
    ([1, "?"], False),
    ([1, 5, 3, -9], True),
]


@pytest.mark.parametrize(("came", "well"), NEXT)
def test_what_is_skipped_must_be_shown_to_be_no_piece(came: list[Any], well: bool) -> None:
    """ "?" is something that is not JSON; the rest are the answers' numbers."""
    order, failed = Order(), False
    try:
        for each in came:
            if each == "?":
                order.skip(ProtocolError("no JSON"))
            else:
                order.follow(sound_in({"data": "AAAA", "sequence": each}))
        order.end()
    except ProtocolError:
        failed = True
    assert failed is not well


@pytest.mark.parametrize("format", ["mp3", "wav"])
async def test_no_sound_is_a_failure(serve: Serve, format: str) -> None:
    with pytest.raises(ServiceError, match="sent no sound"):
        await say(serve(Manner(speech="silence")), SpeechRequest("1", format=format))


@pytest.mark.parametrize("voice", ["a\r\nX-Injected: 1", "声音"])
async def test_a_voice_can_not_write_headers(serve: Serve, voice: str) -> None:
    server = serve()
    with pytest.raises(ConfigError, match="VoiceType"):
        await say(server, SpeechRequest("1", voice=voice))
    assert server.requests == []


@pytest.mark.parametrize("text", ["x" * 301, "😀" * 257])
async def test_a_text_beyond_the_limits_is_not_sent(serve: Serve, text: str) -> None:
    server = serve()
    with pytest.raises(InputError, match="longer than 300 characters or 1024 bytes"):
        await say(server, SpeechRequest(text))
    assert server.requests == []


@pytest.mark.parametrize("text", ["x" * 300, "😀" * 256])
async def test_a_text_at_the_limits_is_spoken(serve: Serve, text: str) -> None:
    assert await say(serve(), SpeechRequest(text))


# One answer.


@pytest.mark.parametrize("data", ["{}", "[]", "7", "null", '{"data":null}', '{"data":7,"sequence":"x"}'])
def test_what_holds_no_sound_is_silence(data: str) -> None:
    sound = sound_in(json_in(data))
    assert sound.data == b"" and not sound.last
