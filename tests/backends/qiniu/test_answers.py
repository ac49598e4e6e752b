"""What Qiniu's JSON means, in every shape it is known to come in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.backends.qiniu.recognised import complaint_error, error_for, result_in, seconds, transcript_of
from voicecli.backends.transport.wording import json_in
from voicecli.errors import ProtocolError, RateLimitedError, RefusedError, ServiceError, VoiceError
from voicecli.types import Segment, Transcript, Word

RESULT = {"text": "你好"}


@pytest.mark.parametrize(
    "data",
    [
        {"result": RESULT},
        {"result": [RESULT, {"text": "second guess"}]},
        {"payload_msg": {"result": RESULT}},
        {"data": {"result": RESULT, "audio_info": {"duration": 1}}},
        {"result": [None, RESULT]},
        {"result": None, "data": {"result": RESULT}},
    ],
)
def test_the_result_is_found_wherever_it_stands(data: Any) -> None:
    assert result_in(data) == RESULT


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "text", 7, {}, {"result": None}, {"result": "text"}, {"result": []}, {"payload_msg": "text"}),
        *({"prefetch": True, "result": RESULT}, {"result": {"prefetch": True, "text": "ahead"}}),
    ],
)
def test_no_result_is_none(data: Any) -> None:
    assert result_in(data) is None


def test_utterances_become_segments_and_words_in_seconds() -> None:
    result = {
        "text": "one two three",
        "utterances": [
            {"text": "one two", "start_time": 120, "end_time": 900, "definite": True, "words": WORDS},
            {"text": "three", "start_time": 1000, "end_time": 1400, "definite": False},
        ],
    }
    data = {"audio_info": {"duration": 1500}, "result": result}
    words = (Word("one", 0.12, 0.4), Word("two", 0.5, 0.9))
    settled = Segment("one two", 0.12, 0.9, words)
    interim = transcript_of(data, result, final=False)
    assert interim == Transcript("one two three", False, duration=1.5, segments=(settled,), words=words)
    last = transcript_of(data, result, final=True)
    assert last.final and last.segments == (settled, Segment("three", 1.0, 1.4))


WORDS = [{"text": "one", "start_time": 120, "end_time": 400}, {"text": "two", "start_time": 500, "end_time": 900}]


def test_times_that_are_missing_or_absurd_follow_what_came_before() -> None:
    words = [
        {"text": "a", "start_time": -1, "end_time": -1},
        {"text": "b", "start_time": 700, "end_time": 300},
        {"text": "c"},
        {"text": 4},
        "d",
    ]
    result = {"text": "x", "utterances": [{"text": "a b c", "start_time": 500, "end_time": "900", "words": words}]}
    (segment,) = transcript_of({}, result, final=True).segments
    assert (segment.start, segment.end) == (0.5, 0.9)
    assert segment.words == (Word("a", 0.5, 0.5), Word("b", 0.7, 0.7), Word("c", 0.7, 0.7))


def test_a_missing_text_is_put_together_from_the_utterances() -> None:
    assert transcript_of({}, {"utterances": [{"text": "one"}, {"text": "two"}]}, final=True).text == "one two"


def test_text_loses_its_control_characters() -> None:
    assert transcript_of({}, {"text": "a\x1b[31mb\x07\u202ec\n d"}, final=True).text == "abc d"


def test_the_duration_may_stand_in_three_places() -> None:
    result = {"text": "", "additions": {"duration": "9336"}}
    assert transcript_of({}, result, final=True).duration == 9.336
    assert transcript_of({"data": {"audio_info": {"duration": 5000}}}, result, final=True).duration == 5.0
    assert transcript_of({"audio_info": {"duration": None}}, {"text": ""}, final=True).duration is None


@pytest.mark.parametrize(("ms", "wanted"), [(0, 0.0), (1500, 1.5), ("9336", 9.336), (1.5, 0.0015)])
def test_milliseconds_become_seconds(ms: Any, wanted: float) -> None:
    assert seconds(ms) == wanted


@pytest.mark.parametrize(
    "ms",
    [-1, None, True, "-5", "1e9", "", "٣", float("nan"), float("inf"), 10**400, [], {}],
    ids=lambda ms: repr(ms)[:9],
)
def test_what_is_no_time_is_none(ms: Any) -> None:
    assert seconds(ms) is None


CODES = [
    (45000000, ServiceError),
    (45000001, ServiceError),
    (45000002, ServiceError),
    (45000010, RefusedError),
    (45000030, RefusedError),
    (45000081, ServiceError),
    (45000151, ServiceError),
    (55000000, ServiceError),
    (55000031, RateLimitedError),
    (12345, ServiceError),
    (0xFFFFFFFF, ServiceError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_every_code_is_an_error_of_ours_with_the_services_words(code: int, kind: type[VoiceError]) -> None:
    error = error_for(code, b'{"error":"their own \\u001b[2Jwords"}')
    assert type(error) is kind
    assert "their own words" in str(error) and str(code) in str(error) and str(error).isprintable()


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        ({"error": "no such voice"}, ServiceError, "no such voice"),
        ({"error": {"message": "bad key", "code": "invalid_api_key"}}, RefusedError, "bad key"),
        ({"error": {"message": "bad key", "code": 401}}, RefusedError, "bad key"),
        ({"error": {"message": "bad key", "code": "401"}}, RefusedError, "bad key"),
        ({"error": {"message": "money", "type": "insufficient_quota", "code": "429"}}, RefusedError, "money"),
        ({"error": {"message": "money", "code": "insufficient_quota"}}, RefusedError, "money"),
        ({"error": {"message": "slow", "type": "rate_limit_error"}}, RateLimitedError, "slow"),
        ({"code": 3050, "message": "voice not found"}, ServiceError, "voice not found"),
        ({"code": 3003, "message": "concurrency"}, RateLimitedError, "concurrency"),
        ({"reqid": "x", "code": 3031, "message": "init engine failed"}, ServiceError, "init engine failed"),
        ({"code": "45000010", "message": "key"}, RefusedError, "key"),
        ({"error": {}, "code": 55000031}, RateLimitedError, "busy"),
    ],
)
def test_an_error_is_known_in_every_shape(data: Any, kind: type[VoiceError], words: str) -> None:
    error = complaint_error(data)
    assert type(error) is kind and words in str(error)


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "error", {}, {"error": None}, {"error": ""}, {"code": 0}, {"code": 20000000, "message": "ok"}),
        *({"code": 1000, "message": "Success"}, {"code": 3000}, {"code": True}, {"code": "ok"}, {"result": RESULT}),
    ],
)
def test_what_reports_no_error_is_none(data: Any) -> None:
    assert complaint_error(data) is None


@pytest.mark.parametrize("text", [b"", b"oops", b"\xff\xfe", "[" * 100_000, b"9" * 10_000])
def test_what_is_no_json_is_quoted(text: bytes | str) -> None:
    with pytest.raises(ProtocolError, match="not JSON") as caught:
        json_in(text)
    assert len(str(caught.value)) < 200


NAMES = (
    *("result", "text", "utterances", "words", "start_time", "end_time", "definite", "audio_info", "duration"),
    *("code", "error", "message", "data", "payload_msg", "prefetch", "additions"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_no_json_is_more_than_we_can_bear(data: Any) -> None:
    complaint_error(data)
    result = result_in(data)
    if result is not None:
        for final in (False, True):
            found = transcript_of(data, result, final=final)
            assert found.text.isprintable() or not found.text
            spans = [(each.start, each.end) for each in found.segments]
            spans += [(each.start, each.end) for each in found.words]
            assert all(0 <= start <= end for start, end in spans)
            json.dumps([found.duration, found.text])
