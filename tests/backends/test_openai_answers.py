"""The pure rooms of the OpenAI family: addresses, answers, sound, sessions. Values in, values out."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import dtmf
from tests.fakes.openai_server import encoded
from voicecli.backends.openai.adapter import normalised
from voicecli.backends.openai.decoding import (
    ChunkedAnswer,
    names_in,
    segments_in,
    transcript,
    usage_in,
    whole_transcript,
)
from voicecli.backends.openai.realtime import address
from voicecli.backends.openai.realtime_session import RealtimeSession
from voicecli.backends.openai.sound import PCM, WithoutPings, encoding_of
from voicecli.backends.transport.wording import Complaint
from voicecli.errors import ProtocolError, ServiceError, VoiceError
from voicecli.types import PcmFormat, Transcript, Usage
from voicecli.types.jsonvalue import Json

# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host", "https://host/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://http://10.0.0.1:23006/v1", "http://10.0.0.1:23006/v1"),
        ("http://https://host/v1", "https://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/audio/speech", "https://host/v1"),
        ("https://host/openai/v1beta", "https://host/openai/v1beta"),
        ("", ""),
        ("https://h/openai/deployments/d?api-version=1", "https://h/openai/deployments/d?api-version=1"),
        (
            "https://h/openai/deployments/d/chat/completions?api-version=1",
            "https://h/openai/deployments/d?api-version=1",
        ),
        ("nonsense", "nonsense"),
        ("http://[", "http://["),
    ],
)
def test_addresses(written: str, used: str) -> None:
    assert normalised(written) == used
    assert normalised(used) == used


def test_realtime_address_says_what_it_is_for() -> None:
    assert address("wss://h/v1/realtime") == "wss://h/v1/realtime?intent=transcription"
    assert address("wss://h/v1/realtime?model=x") == "wss://h/v1/realtime?model=x"
    assert address("wss://h/own") == "wss://h/own"


# -- chat ------------------------------------------------------------------------------------------


def chunk(finish: str | None = None, index: int = 0, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "finish_reason": finish, **choice}]}


def texts(*chunks: Any) -> tuple[str, str, str | None]:
    answer, out = ChunkedAnswer(), []
    for each in chunks:
        if delta := answer.take(each):
            out.append(delta)
    return "".join(d.text for d in out), "".join(d.reasoning for d in out), answer.finished


CHUNKS = [
    ([chunk(delta={"role": "assistant"}), chunk(delta={"content": "a"}), chunk("stop", delta={})], ("a", "", "stop")),
    ([chunk(delta={"content": None, "reasoning_content": "hm"}), chunk(delta={"content": "b"})], ("b", "hm", None)),
    ([chunk(delta={"reasoning": "hm", "content": ""})], ("", "hm", None)),
    ([chunk("", delta={"content": "x"})], ("x", "", None)),
    ([chunk(message={"content": t}) for t in ("He", "Hello", "Hello")], ("Hello", "", None)),
    ([chunk(delta={"content": "Hi"}), chunk("stop", message={"content": "Hi"})], ("Hi", "", "stop")),
    ([chunk(delta=None, text="legacy")], ("legacy", "", None)),
    ([chunk(delta={"content": [{"type": "text", "text": "part"}, {"type": "image"}, 7]})], ("part", "", None)),
    ([chunk(delta={"refusal": "No."})], ("No.", "", None)),
    ([{"choices": []}, {"choices": None}, {}, None, [], 7, {"choices": [None, 3]}], ("", "", None)),
    ([chunk(delta={"content": "\ud83d"}), chunk(delta={"content": "\ude00!"})], ("😀!", "", None)),
    ([chunk(delta={"content": "\ud83d"}), chunk(delta={"content": "x"})], ("\ufffdx", "", None)),
    ([chunk(delta={"content": "a\x1b[2Jb\x07\r\n\tc"})], ("ab\n\tc", "", None)),
    ([chunk(delta={"content": "0"}), chunk(delta={"content": "1"}, index=1)], ("0", "", None)),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), CHUNKS)
def test_chat_chunks(chunks: list[Any], expected: tuple[str, str, str | None]) -> None:
    assert texts(*chunks) == expected


def test_speakers_may_be_numbers() -> None:
    for said, shown in (
        ({"speaker": 0}, "0"),
        ({"spk": 2}, "2"),
        ({"speaker_id": "B"}, "B"),
        ({"speaker": True}, None),
    ):
        (segment,) = segments_in([{"start": 0, "end": 1, "text": "a", **said}])
        assert segment.speaker == shown


def test_other_choices_are_kept() -> None:
    answer = ChunkedAnswer()
    for index, text in ((0, "a"), (2, "c"), (1, "b"), (2, "d")):
        answer.take(chunk(delta={"content": text}, index=index))
    assert list(answer.others()) == ["b", "cd"]


def test_usage_wherever_it_stands() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert ChunkedAnswer().take({"choices": [], "usage": counts}).usage == Usage(3, 4)  # type: ignore[union-attr]
    assert ChunkedAnswer().take(chunk("stop", delta={}, usage=counts)).usage == Usage(3, 4)  # type: ignore[union-attr]
    assert usage_in({"prompt_tokens": None, "completion_tokens": -4}) == Usage(0, 0)
    assert usage_in(None) is None


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "choices index delta message content text reasoning finish_reason usage prompt_tokens segments words "
                "word start end language duration data id models probability speaker".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(json_values)
def test_nothing_a_service_sends_can_break_the_reading(data: Any) -> None:
    texts(data, data)
    whole_transcript(data)
    names_in(data, ("id", "text"))
    for segment in segments_in(data):
        assert math.isfinite(segment.start) and segment.end >= segment.start >= 0


# -- transcripts -----------------------------------------------------------------------------------


def test_transcripts_are_one_clean_line_with_tags_apart() -> None:
    found = transcript("<|zh|><|HAPPY|><|Speech|><|withitn|>大家好。\n 再见\x1b[0m😊")
    assert found.text == "大家好。 再见"
    assert found.language == "zh" and "HAPPY" in found.tags
    assert transcript("  One\n two ").text == "One two"


def test_half_a_tag_is_not_shown_in_between() -> None:
    assert transcript("hello <|HAP", final=False).text == "hello"
    assert transcript("a < b", final=False).text == "a < b"


def test_verbose_answers() -> None:
    found = whole_transcript(
        {
            "text": " one two",
            "language": "english",
            "duration": "1.5",
            "segments": [{"id": 0, "start": 0, "end": 1.4, "text": " one two", "speaker": "A"}, {"start": None}, 3],
            "words": [
                {"word": "one", "start": 0, "end": 0.5, "probability": 0.9},
                {"word": "two", "start": 0.6, "end": 0.1},
            ],
        }
    )
    assert found is not None
    assert (found.text, found.language, found.duration) == ("one two", "en", 1.5)
    assert [(s.text, s.start, s.end, s.speaker) for s in found.segments] == [("one two", 0.0, 1.4, "A")]
    assert [(w.text, w.start, w.end, w.confidence) for w in found.words] == [
        ("one", 0, 0.5, 0.9),
        ("two", 0.6, 0.6, None),
    ]


@pytest.mark.parametrize("duration", [-1, 1e306, "1e306", float("nan"), float("inf"), 10**400, True, "long", [1]])
def test_what_nobody_can_have_said_is_no_duration(duration: Any) -> None:
    found = whole_transcript({"text": "one", "duration": duration})
    assert found is not None and found.duration is None


def test_words_inside_segments_are_words_too() -> None:
    words: Json = [{"word": "hi", "start": 0, "end": 1}]
    found = whole_transcript({"text": "hi", "segments": [{"start": 0, "end": 1, "text": "hi", "words": words}]})
    assert found is not None and found.words == found.segments[0].words and found.words[0].text == "hi"


def test_answers_without_text() -> None:
    assert whole_transcript({"segments": [{"text": "a"}, {"text": "b"}]}) == Transcript("a b")
    assert whole_transcript("just words") == Transcript("just words")
    nothing: list[Any] = [{}, {"text": None}, [], 7, None]
    for data in nothing:
        assert whole_transcript(data) is None


def test_lists_of_names() -> None:
    assert names_in({"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"x": 1}]}, ("id",)) == ["a", "b"]
    assert names_in({"models": [{"name": "m"}]}, ("id", "name")) == ["m"]
    assert names_in(["v", "w\x1b[0m"], ("id",)) == ["v", "w"]
    assert names_in({"data": "no"}, ("id",)) == names_in(None, ("id",)) == []


# -- sound -----------------------------------------------------------------------------------------

SOUND = dtmf.encode("159", 24_000)


@pytest.mark.parametrize("kind", ["application/octet-stream", "", "audio/mpeg"])
@pytest.mark.parametrize(("asked", "found"), [("wav", "wav"), ("mp3", "mp3"), ("flac", "flac"), ("opus", "ogg")])
def test_sound_is_known_by_its_first_bytes(kind: str, asked: str, found: str) -> None:
    assert encoding_of(encoded(SOUND, asked), kind, "pcm") == found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/octet-stream", PCM),
        ("audio/pcm", PCM),
        ("audio/pcm;rate=16000;channels=2", PcmFormat(16_000, 2)),
        ("audio/L16; rate=44100", PcmFormat(44_100, 1)),
        ("audio/mp4", "m4a"),
        ("audio/pcm;rate=0", PCM),
        ("audio/x-wav", "wav"),
        ("AUDIO/MPEG", "mp3"),
    ],
)
def test_other_bytes_are_samples_unless_the_type_says_more(kind: str, expected: Any) -> None:
    assert encoding_of(b"\x01\x00" * 50, kind, "pcm") == expected


def test_samples_that_look_like_one_frame_header_are_samples() -> None:
    loud = b"\xff\xfb\x90\x00" + b"\x05\x00" * 2000
    assert encoding_of(loud, "application/octet-stream", "pcm") == PCM
    assert encoding_of(b"\xff\xff" * 100, "", "pcm") == PCM


@given(st.binary(max_size=60))
def test_any_bytes_have_an_encoding(head: bytes) -> None:
    assert encoding_of(head, "", "pcm")


def test_pings_are_taken_out_of_sound() -> None:
    ping = b": ping - 2026-01-01 00:00:00.000000+00:00\r\n\r\n"
    sound = bytes(range(256)) * 4
    stream = sound + ping + sound
    for cut in (len(sound), len(sound) + 6, len(sound) + 20, len(stream) - len(sound) - 1, 5):
        pings = WithoutPings()
        assert pings.feed(stream[:cut]) + pings.feed(stream[cut:]) + pings.finish() == sound + sound
    pings = WithoutPings()
    assert pings.feed(b"x: ping") + pings.finish() == b"x: ping"


# -- sessions --------------------------------------------------------------------------------------


def complain(complaint: Complaint) -> VoiceError:
    return ServiceError(f"{complaint.words} [{complaint.code}]")


def session(**more: Any) -> RealtimeSession:
    return RealtimeSession("m", complain, **more)


def kinds(messages: Any) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


OPENAI = json.dumps({"type": "session.created", "session": {}})
VLLM = json.dumps({"type": "session.created", "id": "s"})


def said(kind: str, **what: Any) -> str:
    return json.dumps({"type": kind, **what})


def committed(item: str, before: str | None = None) -> str:
    return said("input_audio_buffer.committed", item_id=item, previous_item_id=before)


def heard(item: str, text: str, kind: str = "completed") -> str:
    name = "transcript" if kind == "completed" else "delta"
    return said(f"conversation.item.input_audio_transcription.{kind}", item_id=item, **{name: text})


def test_openais_dialect() -> None:
    s = session(language="en", prompt="digits", extra={"noise_reduction": None})
    (start,) = s.start(OPENAI)
    assert json.loads(start)["session"]["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": {"model": "m", "language": "en", "prompt": "digits"},
        "turn_detection": None,
        "noise_reduction": None,
    }
    (append,) = s.feed(bytes(3202))
    assert s.receive(heard("i", "one", "delta")) == Transcript("one", final=False)
    rest, commit = s.finish()
    assert kinds([rest, commit]) == ["input_audio_buffer.append", "input_audio_buffer.commit"]
    assert sum(len(base64.b64decode(json.loads(each)["audio"])) for each in (append, rest)) == 4804
    s.receive(committed("i"))
    assert s.final is None
    assert s.receive(heard("i", "one two")) == Transcript("one two")
    assert s.final == Transcript("one two") == s.closed()


def test_a_commit_that_names_no_item_holds_nothing_up() -> None:
    s = session()
    list(s.start(OPENAI))
    list(s.feed(bytes(32_000)))
    list(s.finish())
    assert s.receive(said("input_audio_buffer.committed")) is None
    assert s.receive(heard("i", "one", "delta")) == Transcript("one", final=False)
    assert s.receive(heard("i", "one two")) == Transcript("one two") == s.final


def test_items_are_joined_in_the_order_of_the_sound() -> None:
    s = session()
    list(s.start(OPENAI))
    list(s.feed(bytes(32_000)))
    s.receive(committed("b", "a"))
    s.receive(committed("a"))
    s.receive(committed("c", "b"))
    list(s.finish())
    s.receive(said("error", error={"code": "input_audio_buffer_commit_empty", "message": "empty"}))
    s.receive(heard("c", "three"))
    s.receive(heard("a", "one"))
    assert s.final is None
    assert s.receive(heard("b", "two ")) == s.final


def test_vllms_dialect() -> None:
    s = session()
    assert kinds(s.start(VLLM)) == ["session.update", "input_audio_buffer.commit"]
    (append,) = s.feed(bytes(3200))
    assert len(base64.b64decode(json.loads(append)["audio"])) == 3200
    assert s.receive(said("transcription.delta", delta="one ")) == Transcript("one", final=False)
    s.receive(said("transcription.delta", delta="two"))
    assert [json.loads(each).get("final") for each in s.finish()] == [True]
    assert s.receive(said("transcription.done", text="one two.")) == Transcript("one two.")


def test_too_little_sound_is_filled_up_and_none_is_no_request() -> None:
    s = session()
    list(s.start(None))
    list(s.feed(bytes(320)))
    sizes = [len(base64.b64decode(json.loads(m).get("audio", ""))) for m in s.finish()]
    assert sizes[-1] == 0 and sum(sizes) >= 0.095 * 48_000 - 500
    s = session()
    list(s.start(None))
    assert list(s.finish()) == [] and s.final == Transcript("")


@pytest.mark.parametrize(
    "message",
    [
        said("error", error={"message": "no", "code": "c"}),
        said("x.failed", error={"message": "no", "type": "c"}),
        said("error", error="no"),
    ],
)
def test_failures_are_raised(message: str) -> None:
    s = session()
    list(s.start(OPENAI))
    with pytest.raises(ServiceError, match="no"):
        s.receive(message)


@pytest.mark.parametrize("message", ["", "[]", "7", "{", b"\xff"])
def test_nonsense_is_a_protocol_error(message: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        session().receive(message)


def test_what_is_sent_holds_no_image_of_the_sound_above_8_khz() -> None:
    it = session()
    list(it.start(None))
    tone = np.round(8000 * np.sin(2 * np.pi * 5000 * np.arange(16_000) / 16_000)).astype("<i2").tobytes()
    told = [json.loads(each) for each in (*it.feed(tone[:7001]), *it.feed(tone[7001:]), *it.finish())]
    sound = b"".join(base64.b64decode(each["audio"]) for each in told if "audio" in each)
    power = np.abs(np.fft.rfft(np.frombuffer(sound, "<i2").astype(float))) ** 2
    assert abs(len(sound) / 2 - 24_000) < 10
    assert power[len(power) * 8 // 12 :].sum() < 1e-4 * power.sum()


@pytest.mark.parametrize("text", [{"text": "so it was. The end"}, {}])
def test_chunks_of_hugging_face_are_segments(text: dict[str, str]) -> None:
    chunks = [{"text": " so it was.", "timestamp": [0.5, 2.0]}, {"text": " The end", "timestamp": [2.0, None]}]
    found = whole_transcript({"chunks": [*chunks, {"text": "", "timestamp": "no"}], "duration": 4} | text)
    assert found is not None and found.text == "so it was. The end"
    assert [(each.text, each.start, each.end) for each in found.segments] == [
        ("so it was.", 0.5, 2.0),
        ("The end", 2.0, 4.0),
    ]
