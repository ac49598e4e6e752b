"""The order of a session, and each of its endings, without a socket and on a clock that the test holds."""

from __future__ import annotations

import contextlib
import gzip
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicecli.backends.qiniu.frames import Frame, FrameKind, decode, encode
from voicecli.backends.qiniu.recognition import BIG_PIECE, PIECE, Recognition, config
from voicecli.errors import DroppedError, ProtocolError, RefusedError, ServiceError, UnreachableError, VoiceError
from voicecli.types import Transcript

MS = 32
"""Bytes of a millisecond."""


def session() -> Recognition:
    return Recognition(config("test"))


def read(data: bytes) -> Frame:
    frame = decode(data)
    assert frame is not None
    return frame


def answer(text: str | None = None, *, last: bool = False, **more: Any) -> bytes:
    data = more if text is None else {"result": {"text": text}} | more
    return encode(Frame(FrameKind.RESULT, json.dumps(data).encode(), 1, last), compress=False)


def refusal(code: int, words: str = "because") -> bytes:
    return encode(Frame(FrameKind.ERROR, json.dumps({"error": words}).encode(), code=code), compress=False)


def started(*, sound_ms: int = 0, finished: bool = False) -> Recognition:
    """A session that was answered at 1 s, has heard some sound, and may have sent its last frame at 2 s."""
    it = session()
    it.start(0.0)
    it.receive(answer(""), 1.0)
    it.feed(bytes(sound_ms * MS))
    if finished:
        it.finish(2.0)
    return it


# What is sent.


def test_the_config_comes_first_and_names_both_rates() -> None:
    frame = read(session().start(0.0))
    assert (frame.kind, frame.sequence, frame.last) == (FrameKind.CONFIG, 1, False)
    assert json.loads(frame.payload) == {
        "user": {"uid": "test"},
        "audio": {"format": "pcm", "sample_rate": 16000, "rate": 16000, "bits": 16, "channel": 1, "codec": "raw"},
        "request": {"model_name": "asr", "enable_punc": True, "show_utterances": True},
    }


def test_extra_settings_are_laid_over_the_config() -> None:
    laid = config("test", "other", {"request": {"enable_punc": False, "enable_itn": True}, "corpus": {"id": 7}})
    assert laid["request"] == {"model_name": "other", "enable_punc": False, "show_utterances": True, "enable_itn": True}
    assert laid["corpus"] == {"id": 7} and laid["audio"] == config("test")["audio"]


def test_nothing_is_sent_before_there_is_more_than_a_piece() -> None:
    it = started()
    assert it.feed(bytes(PIECE)) == []
    (data,) = it.feed(bytes(2))
    assert read(data) == Frame(FrameKind.AUDIO, bytes(PIECE), 2)
    assert read(it.finish(2.0)) == Frame(FrameKind.AUDIO, bytes(2), -3, last=True)


def test_a_session_without_sound_ends_with_gzip_of_nothing() -> None:
    data = started().finish(2.0)
    assert data[:8] == bytes.fromhex("11230100fffffffe")
    assert gzip.decompress(data[12:]) == b"" and len(data) > 12


def test_half_a_sample_at_the_end_is_dropped() -> None:
    it = started()
    it.feed(b"\1\2\3")
    assert read(it.finish(2.0)).payload == b"\1\2"


SOUND = st.binary(max_size=200) | st.integers(0, 3 * BIG_PIECE).map(lambda n: bytes(i % 251 for i in range(n)))


@settings(deadline=None)
@example([bytes(PIECE + 1)])
@example([bytes(BIG_PIECE), b"\0"])
@given(st.lists(SOUND, max_size=8))
def test_any_split_of_the_sound_arrives_whole_in_order_and_once(pieces: list[bytes]) -> None:
    it = started()
    sent = [read(data) for piece in pieces for data in it.feed(piece)]
    last = read(it.finish(2.0))
    sound = b"".join(pieces)
    assert b"".join(frame.payload for frame in (*sent, last)) == sound[: len(sound) // 2 * 2]
    assert [frame.sequence for frame in sent] == list(range(2, len(sent) + 2))
    assert (last.sequence, last.last) == (-len(sent) - 2, True)
    assert all(len(frame.payload) in (PIECE, BIG_PIECE) and not frame.last for frame in sent)
    assert last.payload or len(sound) < 2


def test_live_sound_leaves_with_the_frame_that_follows_its_piece() -> None:
    it, sent = started(), []
    for at in range(0, 1000, 20):
        sent += [(at, frame) for frame in it.feed(bytes(20 * MS))]
    assert [at for at, _ in sent] == list(range(100, 1000, 100))


# What comes back.


def test_the_text_so_far_is_told_when_it_changes() -> None:
    it = started(sound_ms=300)
    heard = [it.receive(answer(text), 1.5) for text in ("", "one", "one", "one tow", "one two")]
    assert heard == [None, *(t and Transcript(t, final=False) for t in ("one", None, "one tow", "one two"))]
    assert it.final is None


def test_a_response_without_a_result_changes_nothing() -> None:
    it = started(sound_ms=300, finished=True)
    assert it.receive(answer("one"), 2.1)
    for data in (answer(), answer(reqid="x"), answer(prefetch=True, result={"text": "guess"})):
        assert it.receive(data, 2.1) is None
    it.receive(answer(last=True), 2.2)
    assert it.final == Transcript("one")


def test_unknown_kinds_and_acks_are_no_answers_but_life() -> None:
    it = started(sound_ms=300)
    assert it.receive(b"\x11\xd1\x10\0anything", 1.5) is None
    assert it.receive(b"\x11\xb1\x10\0", 1.5) is None


def over() -> Recognition:
    return started(sound_ms=300, finished=True)


BADLY: list[tuple[Callable[[], object], type[VoiceError], str]] = [
    (lambda: started().receive(refusal(45000010), 1.5), RefusedError, "because"),
    (lambda: started().receive(refusal(45000002), 1.5), ServiceError, "heard no sound"),
    (lambda: started(sound_ms=500).receive(refusal(45000081), 9.0), ServiceError, "waited too long"),
    (lambda: started().receive('{"error":{"message":"no key","code":"401"}}', 1.5), RefusedError, "no key"),
    (lambda: started().receive(encode(Frame(FrameKind.RESULT, b"<html>", 1)), 1.5), ProtocolError, "not JSON"),
    (lambda: started(sound_ms=500).receive(answer("one", last=True), 1.5), ServiceError, "before the speech did"),
    (lambda: over().quiet(), UnreachableError, "did not answer within 5 s"),
    (lambda: over().closed(), ServiceError, "closed the connection before its result"),
    (lambda: over().receive(refusal(45000030), 2.5), RefusedError, "because"),
]
"""Errors before the last frame, and after it where nothing is known."""


@pytest.mark.parametrize(("ends", "kind", "words"), BADLY)
def test_what_ends_a_session_badly_is_told(ends: Callable[[], object], kind: type[VoiceError], words: str) -> None:
    with pytest.raises(kind, match=words):
        ends()


def test_an_error_that_says_ok_is_none() -> None:
    assert started().receive(refusal(20000000), 1.5) is None


def test_a_text_frame_may_hold_a_result() -> None:
    assert started().receive('{"result":{"text":"one"}}', 1.5) == Transcript("one", final=False)


def test_plain_words_are_kept_for_the_error_that_may_follow() -> None:
    it = started(finished=True)
    assert it.receive("upstream \x1b[1mwent away", 1.5) is None
    with pytest.raises(ServiceError, match="upstream went away"):
        it.closed()


# The endings.


def test_the_last_answer_settles_every_utterance() -> None:
    it = started(sound_ms=300, finished=True)
    spoken = [{"text": "one", "start_time": 0, "end_time": 300, "definite": False}]
    heard = it.receive(answer(result={"text": "one", "utterances": spoken}), 2.1)
    assert heard and heard.segments == ()
    it.receive(refusal(55000000), 2.2)
    assert it.final and [each.text for each in it.final.segments] == ["one"]


def test_after_the_last_frame_quiet_ends_it_with_what_is_known() -> None:
    it = started(sound_ms=300)
    it.receive(answer("one"), 1.5)
    assert it.deadline is None
    it.finish(2.0)
    assert it.deadline == 7.0
    it.receive(answer("one two"), 4.0)
    assert it.deadline == 9.0
    it.quiet()
    assert it.final == Transcript("one two")


def test_a_server_that_never_comes_to_an_end_is_left_all_the_same() -> None:
    it = started(sound_ms=3000, finished=True)
    for second in range(3, 200):
        it.receive(answer(f"still at {second}"), float(second))
        assert it.deadline == min(second + 5.0, 2.0 + 3.0 + 120.0)
    it.quiet()
    assert it.final == Transcript("still at 199")


# What the service counts.


def counted(text: str, ms: int) -> bytes:
    return answer(text, audio_info={"duration": ms})


ENDS: dict[str, tuple[Callable[[Recognition], object], type[VoiceError], str]] = {
    "quiet": (lambda it: it.quiet(), DroppedError, "did not answer within 5 s"),
    "close": (lambda it: it.closed(), DroppedError, "closed the connection before its result"),
    "break": (lambda it: it.closed(DroppedError("broke off")), DroppedError, "broke off"),
    "error": (lambda it: it.receive(refusal(55000000), 2.6), ServiceError, "because"),
    "nonsense": (lambda it: it.receive(encode(Frame(FrameKind.RESULT, b"<html>", 1)), 2.6), ProtocolError, "not JSON"),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_before_all_sound_was_heard_is_told(name: str) -> None:
    end, kind, words = ENDS[name]
    it = started(sound_ms=3000, finished=True)
    assert it.receive(counted("one", 1200), 2.5)
    with pytest.raises(VoiceError, match=rf"{words}.*heard 1\.2 of 3\.0 s") as caught:
        end(it)
    assert type(caught.value) is kind and it.final is None


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("ms", [2900, 3000, 9000])
def test_an_end_after_all_sound_was_heard_gives_what_is_known(name: str, ms: int) -> None:
    it = started(sound_ms=3000, finished=True)
    it.receive(counted("one two", ms), 2.5)
    ENDS[name][0](it)
    assert it.final and it.final.text == "one two"


KNOWN: dict[str, tuple[int, list[bytes | VoiceError | None], str]] = {
    **{
        f"error {code}": (300, [answer("one"), refusal(code)], "one")
        for code in (45000000, 45000010, 45000081, 55000031, 55000000)
    },
    "close": (300, [answer("one"), None], "one"),
    "break": (300, [answer("one"), ServiceError("broke off")], "one"),
    "the most that was counted": (3000, [counted("one", 3000), counted("one two", 100), None], "one two"),
    "words of what is not counted": (3000, [counted("one two", 0), None], "one two"),
    "the service's own end": (3000, [answer("one", last=True, audio_info={"duration": 100})], "one"),
    "empty audio": (0, [refusal(45000002)], ""),
    "a result without words": (300, [answer(""), None], ""),
}
"""Milliseconds of sound, what came after the last frame (an error or None: the end of the connection), the text."""


@pytest.mark.parametrize("name", KNOWN)
def test_after_the_last_frame_what_is_known_is_the_result(name: str) -> None:
    sound_ms, came, text = KNOWN[name]
    it = started(sound_ms=sound_ms, finished=True)
    for each in came:
        if isinstance(each, bytes):
            it.receive(each, 2.5)
        else:
            it.closed(each)
    assert it.final and it.final.text == text and it.deadline is None


def test_who_has_no_words_and_counts_nothing_has_heard_nothing() -> None:
    it = started(sound_ms=3000, finished=True)
    it.receive(counted("", 0), 2.5)
    with pytest.raises(DroppedError, match=r"heard 0\.0 of 3\.0 s"):
        it.closed()


def test_the_config_must_be_answered_within_ten_seconds() -> None:
    it = session()
    it.start(3.0)
    assert it.deadline == 13.0
    it.feed(bytes(500 * MS))
    it.finish(4.0)
    assert it.deadline == 13.0
    with pytest.raises(UnreachableError, match="did not answer within 10 s"):
        it.quiet()


def test_a_close_in_the_middle_is_a_failure_even_with_words_known() -> None:
    it = started(sound_ms=300)
    it.receive(answer("one"), 1.5)
    with pytest.raises(ServiceError, match="closed the connection"):
        it.closed()


# A whole session with a peer that follows the documents.


class Peer:
    """The server's side, written from the documents and without our codec: it recognises lengths."""

    def __init__(self) -> None:
        self.sequence, self.heard, self.over = 0, 0, False

    def take(self, data: bytes) -> bytes:
        assert data[0] == 0x11 and data[3] == 0 and data[2] & 0x0F == 1
        kind, flags = data[1] >> 4, data[1] & 0x0F
        number, size = struct.unpack(">iI", data[4:12])
        assert size == len(data) - 12
        payload = gzip.decompress(data[12:])
        self.sequence += 1
        assert not self.over and kind == (1 if self.sequence == 1 else 2)
        self.over = flags == 3
        assert number == (-self.sequence if self.over else self.sequence) and flags in (1, 3)
        if self.sequence > 1:
            self.heard += len(payload)
        text = json.dumps({"result": {"text": f"{self.heard} bytes" if self.heard else ""}}).encode()
        return bytes((0x11, 0x90 | flags, 0x10, 0)) + struct.pack(">iI", number, len(text)) + text


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=20))
def test_a_whole_session_with_a_scripted_peer(milliseconds: list[int]) -> None:
    it, peer = session(), Peer()
    assert it.receive(peer.take(it.start(0.0)), 0.1) is None
    for each in milliseconds:
        for data in it.feed(bytes(each * MS)):
            heard = it.receive(peer.take(data), 1.0)
            assert heard == Transcript(f"{peer.heard} bytes", final=False)
    it.receive(peer.take(it.finish(2.0)), 2.1)
    total = sum(milliseconds) * MS
    assert it.final == Transcript(f"{total} bytes" if total else "")


MESSAGE = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40),
    st.builds(lambda flags, data: b"\x11" + bytes((0x90 | flags, 0x10, 0)) + data, st.integers(0, 15), st.binary()),
    st.builds(lambda text, last: answer(text, last=last), st.text(max_size=9), st.booleans()),
    st.builds(refusal, st.integers(0, 2**32 - 1), st.text(max_size=9)),
)


@settings(deadline=None)
@given(st.lists(st.one_of(MESSAGE, st.sampled_from(["finish", "quiet", "close"])), max_size=30))
def test_garbage_is_only_ever_our_error(events: list[bytes | str]) -> None:
    it, finished = session(), False
    it.start(0.0)
    with contextlib.suppress(VoiceError):
        for event in events:
            if it.final is not None:
                break
            if event == "finish" and not finished:
                finished = bool(it.finish(1.0))
            elif event in ("quiet", "close"):
                (it.quiet if event == "quiet" else it.closed)()
            else:
                heard = it.receive(event, 2.0)
                assert heard is None or not heard.final
    assert it.final is None or (finished and it.final.final)
