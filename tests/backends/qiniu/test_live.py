"""Qiniu's ears against a strict local server that decodes what it is sent: every way on, every way out."""

from __future__ import annotations

import asyncio
import io
import socket as sockets
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import pytest

from tests import dtmf
from tests.backends.qiniu.conftest import Serve
from tests.fakes.qiniu_server import KEY, Ending, Manner, QiniuServer
from voicecli.backends.qiniu import family as qiniu
from voicecli.backends.qiniu.adapters import QiniuEars
from voicecli.backends.qiniu.failover import Addresses
from voicecli.backends.qiniu.recognition import Recognition
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.errors import (
    DroppedError,
    InputError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UsageError,
    VoiceError,
)
from voicecli.types import AudioClip, AudioFrame, Backend, PcmFormat, Secret, TranscribeOptions, Transcript

pytestmark = pytest.mark.anyio

DIGITS = "4071993825"
OPTIONS = TranscribeOptions()


def backend(*bases: str, **more: Any) -> Backend:
    return QiniuSettings("work", "qiniu", base_urls=bases, **{"key": Secret(KEY)} | more)


def sound(digits: str = DIGITS) -> bytes:
    return bytes(dtmf.encode(digits, 16_000).astype("<i2").tobytes())


async def microphone(pcm: bytes, *, ms: int = 20, pace_s: float = 0.0) -> AsyncIterator[AudioFrame]:
    size = 32 * ms
    for at in range(0, len(pcm), size):
        await asyncio.sleep(pace_s)
        yield AudioFrame(pcm[at : at + size])


async def endless(first: bytes = b"") -> AsyncIterator[AudioFrame]:
    yield AudioFrame(first)
    while True:
        yield AudioFrame(bytes(640))
        await asyncio.sleep(0.01)


@asynccontextmanager
async def ears(*bases: str, quiet_s: float = 10.0, **more: Any) -> AsyncIterator[QiniuEars]:
    """Ears that wait for a busy machine, but not as long as for a service."""
    async with Addresses(backend(*bases, **more)) as addresses:
        yield QiniuEars(addresses, partial(Recognition, config_s=5.0, quiet_s=quiet_s))


async def hear(server: QiniuServer, pcm: bytes | None = None, **more: Any) -> list[Transcript]:
    async with (
        ears(server.base, **more) as recogniser,
        recogniser.transcribe_live(microphone(sound() if pcm is None else pcm), OPTIONS) as transcripts,
    ):
        return [each async for each in transcripts]


def lonely() -> bool:
    """Whether no task is left but the test's own and its runner's."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return all("anyio" in repr(each) for each in others)


def dead_port() -> int:
    with closing(sockets.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# The way it should be.


async def test_every_digit_is_heard_and_the_sound_is_sent_once(serve: Serve) -> None:
    server = serve()
    digits = (DIGITS + "6158302947") * 7 + DIGITS[:9]
    heard = await hear(server, sound(digits))
    (session,) = server.sessions
    assert heard[-1].final and heard[-1].text == digits
    assert session.pcm == sound(digits) and session.complaint == ""
    assert session.config["request"]["show_utterances"] is True


async def test_the_text_grows_while_it_is_spoken(serve: Serve) -> None:
    heard = await hear(serve())
    assert [each.final for each in heard] == [False] * (len(heard) - 1) + [True]
    assert list(dict.fromkeys(each.text for each in heard)) == [DIGITS[: n + 1] for n in range(len(DIGITS))]


async def test_utterances_come_as_segments_and_words_with_their_times(serve: Serve) -> None:
    final = (await hear(serve(), sound("12") + bytes(32 * 500) + sound("34")))[-1]
    assert "".join(each.text for each in final.segments) == "1234"
    assert "".join(each.text for each in final.words) == "1234"
    assert [w.start for w in final.words] == sorted(w.start for w in final.words)
    assert final.words[1].end <= 0.4 and final.words[2].start >= 0.7 and final.duration == pytest.approx(1.06)


@pytest.mark.parametrize("ms", [0, 1000])
async def test_silence_is_an_empty_transcript(serve: Serve, ms: int) -> None:
    (final,) = await hear(serve(), bytes(32 * ms))
    assert final.final and final.text == ""


async def test_models_and_extra_settings_reach_the_service(serve: Serve) -> None:
    server = serve()
    extra = {"transcribe": {"request": {"enable_itn": True}}, "corpus": {"id": 1}}
    await hear(server, extra=extra, transcribe_model="asr")
    config = server.sessions[0].config
    assert config["request"] == {
        "model_name": "asr",
        "enable_punc": True,
        "show_utterances": True,
        "enable_itn": True,
    }
    assert config["corpus"] == {"id": 1}


# Every ending.

ENDINGS: tuple[Ending, ...] = ("flag", "bare flag", "quiet", "close", "bad close", "error", "text error", "break")


@pytest.mark.parametrize("ending", ENDINGS)
async def test_every_ending_gives_the_final_text_and_a_closed_connection(serve: Serve, ending: Ending) -> None:
    server = serve(Manner(ending=ending))
    heard = await hear(server, quiet_s=1.5 if ending == "quiet" else 10.0)
    assert heard[-1].final and heard[-1].text == DIGITS
    assert [each.final for each in heard].count(True) == 1
    await server.eventually(lambda: server.open_connections == 0)
    assert server.sessions[0].complaint == "" and lonely()


# Ends before all of the sound was heard.

BROKEN: tuple[Ending, ...] = ("break", "close", "quiet")


@pytest.mark.parametrize("ending", BROKEN)
@pytest.mark.parametrize("way", ["live", "recording"])
async def test_what_was_not_heard_when_it_broke_is_sent_again(serve: Serve, ending: Ending, way: str) -> None:
    """All had been sent, and a text was known: it lacked the words of what the service never came to.

    A connection that breaks may take the last answer with it: then it is sent once more.
    """
    server = serve(Manner(ending=ending, forgetful=1))
    async with ears(server.base, quiet_s=1.5 if ending == "quiet" else 10.0) as it:
        clip = AudioClip(sound(), "pcm")
        stream = (
            it.transcribe(clip, OPTIONS) if way == "recording" else it.transcribe_live(microphone(sound()), OPTIONS)
        )
        async with stream as transcripts:
            heard = [each async for each in transcripts]
    assert heard[-1].final and heard[-1].text == DIGITS and [each.final for each in heard].count(True) == 1
    sent = [session.pcm for session in server.sessions]
    assert sent in ([sound()] * 2, [sound()] * 3) if ending == "break" else sent == [sound()] * 2
    assert server.sessions[0].text != DIGITS and lonely()


async def test_what_breaks_again_and_again_is_told_with_what_was_heard(serve: Serve) -> None:
    server = serve(Manner(ending="break", forgetful=9))
    with pytest.raises(
        DroppedError, match=r"work \(127.*broke off; until then it had heard 0\.\d of 1\.4 s.*Try again"
    ):
        await hear(server)
    assert len(server.sessions) == 3 and lonely()


@pytest.mark.parametrize("ending", ["error", "bad close"])
async def test_a_complaint_is_told_with_what_was_heard_and_nothing_is_sent_again(serve: Serve, ending: Ending) -> None:
    server = serve(Manner(ending=ending, forgetful=9))
    with pytest.raises(ServiceError, match=r"internal error.*heard 0\.\d of 1\.4 s"):
        await hear(server)
    assert len(server.sessions) == 1


async def test_who_does_not_count_is_believed(serve: Serve) -> None:
    server = serve(Manner(ending="break", forgetful=1, counts=False))
    heard = await hear(server)
    assert heard[-1].final and heard[-1].text and len(server.sessions) == 1


# What a server may do.

DEVIATIONS: dict[str, Manner] = {
    "late": Manner(delay_s=0.005),
    "gzip": Manner(zipped=True),
    "gzip that says it is none": Manner(zipped=True, coding=0x10),
    "plain that says it is gzip": Manner(coding=0x11),
    "json that says it is raw": Manner(coding=0x00),
    "header extensions": Manner(header_words=3),
    "bytes after the payload": Manner(tail=b"tail"),
    "twice": Manner(answers="twice"),
    "as text": Manner(as_text=True),
    "strange frames between": Manner(strangers=True),
    "no answer to the pieces": Manner(answers="none"),
    **{f"result as {shape}": Manner(shape=shape) for shape in ("list", "payload_msg", "data")},
}


@pytest.mark.parametrize("name", DEVIATIONS)
async def test_what_servers_do_is_put_up_with(serve: Serve, name: str) -> None:
    server = serve(DEVIATIONS[name])
    heard = await hear(server)
    assert heard[-1] == replace(heard[-1], text=DIGITS, final=True)
    assert server.sessions[0].complaint == ""
    texts = [each.text for each in heard[:-1]]
    assert len(texts) == len(set(texts)), "an unchanged text was told again"


async def test_a_missing_answer_to_the_config_holds_up_no_more_than_a_second(serve: Serve) -> None:
    begun = time.monotonic()
    heard = await hear(serve(Manner(config_answer=False)))
    assert heard[-1].text == DIGITS and 0.9 < time.monotonic() - begun < 4.5


async def test_no_sound_is_sent_before_the_config_is_answered(serve: Serve) -> None:
    server = serve(Manner(delay_s=0.15))
    await hear(server, sound("1"))
    came = server.sessions[0].came
    assert came[1] - came[0] >= 0.15


async def test_results_without_a_result_are_an_empty_transcript(serve: Serve) -> None:
    (final,) = await hear(serve(Manner(shape="missing")))
    assert (final.text, final.final) == ("", True)


# Failures.


@pytest.mark.parametrize(("code", "kind"), [(45000010, RefusedError), (55000031, RateLimitedError)])
async def test_an_error_in_the_middle_is_ours_in_the_services_words(
    serve: Serve, code: int, kind: type[VoiceError]
) -> None:
    server = serve(Manner(error=(code, f"no \x1b[31mmore, says {KEY}")))
    with pytest.raises(kind) as caught:
        await hear(server, sound() * 3)
    message = str(caught.value)
    assert type(caught.value) is kind and message.startswith("work (127.0.0.1")
    assert "no more, says ****" in message and str(code) in message and KEY not in repr(caught.value)
    assert lonely()


async def test_a_microphone_that_rests_too_long_is_told(serve: Serve) -> None:
    async def resting() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(sound("12"))
        await asyncio.Event().wait()

    with pytest.raises(ServiceError, match=r"waited too long for sound: Timeout waiting.*45000081"):
        async with (
            ears(serve(Manner(patience_s=0.2)).base) as recogniser,
            recogniser.transcribe_live(resting(), OPTIONS) as transcripts,
        ):
            async for _ in transcripts:
                pass
    assert lonely()


async def test_other_sound_than_16_khz_mono_is_refused(serve: Serve) -> None:
    async def wide() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(bytes(96), PcmFormat(48_000))

    with pytest.raises(UsageError, match="16000 Hz mono only, not 48000"):
        async with ears(serve().base) as recogniser, recogniser.transcribe_live(wide(), OPTIONS) as transcripts:
            async for _ in transcripts:
                pass


# Two addresses.


async def test_no_connection_moves_on_too(serve: Serve) -> None:
    server = serve()
    async with (
        ears(f"http://127.0.0.1:{dead_port()}/v1", server.base) as recogniser,
        recogniser.transcribe_live(microphone(sound("12")), OPTIONS) as transcripts,
    ):
        assert [each async for each in transcripts][-1].text == "12"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429])
async def test_no_4xx_moves_on(serve: Serve, status: int) -> None:
    first, second = serve(Manner(handshake=(status, "no"))), serve()
    with pytest.raises(VoiceError):
        async with ears(first.base, second.base) as it, it.transcribe_live(endless(), OPTIONS):
            pass
    assert len(first.requests) == (3 if status in (408, 429) else 1) and second.requests == []


async def test_a_live_address_of_its_own_is_used(serve: Serve) -> None:
    server = serve()
    live = server.ws_url + "/v1/voice/asr"
    async with (
        ears(f"http://127.0.0.1:{dead_port()}/v1", live_url=live) as recogniser,
        recogniser.transcribe_live(microphone(sound("12")), OPTIONS) as transcripts,
    ):
        assert [each async for each in transcripts][-1].text == "12"


# Recordings.


def recording(pcm: bytes, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((channels, width, rate, 0, "NONE", ""))
        wav.writeframes(pcm)
    return file.getvalue()


async def transcribe(server: QiniuServer, clip: AudioClip) -> list[Transcript]:
    async with (
        qiniu.ears(backend(server.base)) as recogniser,
        recogniser.transcribe(clip, OPTIONS) as transcripts,
    ):
        return [each async for each in transcripts]


@pytest.mark.parametrize("container", ["wav", "pcm", "raw"])
async def test_a_recording_goes_through_the_socket_faster_than_it_sounds(serve: Serve, container: str) -> None:
    server, pcm = serve(), sound(DIGITS * 6)
    clip = AudioClip(recording(pcm) if container == "wav" else pcm, container)
    begun = time.monotonic()
    heard = await transcribe(server, clip)
    assert heard[-1].final and heard[-1].text == DIGITS * 6
    assert time.monotonic() - begun < len(pcm) / 32_000
    assert server.sessions[0].pcm == pcm


async def test_a_streamed_wav_without_a_length_is_read(serve: Serve) -> None:
    data = bytearray(recording(sound("12345")))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert (await transcribe(serve(), AudioClip(bytes(data), "wav")))[-1].text == "12345"


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (AudioClip(recording(bytes(400), rate=44_100), "wav"), "44100 Hz"),
        (AudioClip(b"ID3", "mp3"), "no WAV"),
        (AudioClip(b"", "m4a", url="https://x.invalid/a.m4a"), "does not fetch m4a"),
    ],
)
async def test_what_cannot_be_sent_is_said_before_anything_is(serve: Serve, clip: AudioClip, words: str) -> None:
    server = serve()
    with pytest.raises(InputError, match=words):
        await transcribe(server, clip)
    assert server.requests == []


async def test_a_recording_at_an_address_is_passed_on(serve: Serve) -> None:
    server = serve()
    clip = AudioClip(b"", "oga", url="https://example.invalid/talk.oga")
    assert await transcribe(server, clip) == [Transcript("heard talk.oga", duration=9.336)]
    (request,) = server.to("/v1/voice/asr")
    assert request.json() == {"model": "asr", "audio": {"format": "ogg", "url": "https://example.invalid/talk.oga"}}


# The bar: every digit at once.


async def at_pace(pcm: bytes, spoken: list[float], pace: float) -> AsyncIterator[AudioFrame]:
    """20 ms frames at `pace` times a microphone's; notes when each was there."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    for number, at in enumerate(range(0, len(pcm), 640), 1):
        await asyncio.sleep(max(0.0, begun + number * 0.020 / pace - clock()))
        spoken.append(clock())
        yield AudioFrame(pcm[at : at + 640])


async def delays(server: QiniuServer, digits: str, pace: float = 1.0) -> tuple[str, list[float]]:
    """The final text, and for each digit the seconds from the frame that ends it to the text that has it."""
    spoken: list[float] = []
    shown: dict[int, float] = {}
    pcm = sound(digits)
    ends = [tone.end for tone in dtmf.find(dtmf.encode(digits))]
    async with (
        ears(server.base) as recogniser,
        recogniser.transcribe_live(at_pace(pcm, spoken, pace), OPTIONS) as transcripts,
    ):
        async for heard in transcripts:
            now = asyncio.get_running_loop().time()
            for count in range(1, len(heard.text) + 1):
                shown.setdefault(count, now)
    frames = [min(int(end / 0.020), len(spoken) - 1) for end in ends]
    return heard.text, [shown[count] - spoken[frame] for count, frame in enumerate(frames, 1)]


async def test_a_digit_is_shown_within_300_ms_at_a_microphones_pace(serve: Serve) -> None:
    """As a rule: a busy machine may be late with one."""
    text, waits = await delays(serve(), DIGITS * 2)
    assert text == DIGITS * 2
    assert median(waits) < 0.3 and max(waits) < 3, waits


async def test_a_microphone_that_breaks_is_told_as_it_is(serve: Serve) -> None:
    class Unplugged(Exception):
        pass

    async def broken() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(sound("1"))
        raise Unplugged

    with pytest.raises(Unplugged):
        async with (
            ears(serve().base) as recogniser,
            recogniser.transcribe_live(broken(), OPTIONS) as transcripts,
        ):
            async for _ in transcripts:
                pass
    assert lonely()
