"""The frame codec: golden frames in both directions, every field wrong once, and whatever else may come."""

from __future__ import annotations

import contextlib
import gzip
import json
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volcengine_audio.stt import VolcengineAsrFunctionsV3 as Theirs

from voicecli.backends.qiniu.frames import PAYLOAD_BYTES, Frame, FrameKind, decode, encode
from voicecli.errors import ProtocolError

GOLDEN_RESULT = bytes.fromhex(
    "11911000000000010000006e7b22617564696f5f696e666f223a7b226475726174696f6e223a307d2c22726573756c74223a7b2261646469"
    "74696f6e73223a7b226c6f675f6964223a2232303236303430393137353935374230373935393242444344364431444546323843227d2c22"
    "74657874223a22227d7d"
)
GOLDEN_ERROR = bytes.fromhex(
    "11f0100002aea540000000857b226572726f72223a226465636f64652077732072657175657374206661696c65643a20756e61626c652074"
    "6f206465636f64652056312070726f746f636f6c206d6573736167653a206175746f41737369676e656453657175656e636520283129206d"
    "69736d617463682073657175656e636520696e207265717565737420283029227d"
)
RESULT = {
    "audio_info": {"duration": 0},
    "result": {"additions": {"log_id": "20260409175957B079592BDCD6D1DEF28C"}, "text": ""},
}
ERROR = {
    "error": "decode ws request failed: unable to decode V1 protocol message: "
    "autoAssignedSequence (1) mismatch sequence in request (0)"
}


def compact(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def frame(first: int = 0x11, second: int = 0x91, third: int = 0x10, rest: bytes = b"") -> bytes:
    """Four header bytes, then whatever is given."""
    return bytes((first, second, third, 0)) + rest


def sized(payload: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", len(payload) if size is None else size) + payload


SEQUENCE = struct.pack(">i", 3)


# Golden frames.


def test_the_golden_frames_are_what_we_would_write() -> None:
    assert encode(Frame(FrameKind.RESULT, compact(RESULT), sequence=1), compress=False) == GOLDEN_RESULT
    assert encode(Frame(FrameKind.ERROR, compact(ERROR), code=45000000), compress=False) == GOLDEN_ERROR


@pytest.mark.parametrize("number", [1, 3, -2, -7])
def test_the_flag_tells_the_last_response_and_not_the_sign(number: int) -> None:
    assert decode(frame(second=0x92, rest=sized(b"{}"))) == Frame(FrameKind.RESULT, b"{}", last=True)
    body = struct.pack(">i", number) + sized(b"{}")
    assert decode(frame(second=0x93, rest=body)) == Frame(FrameKind.RESULT, b"{}", sequence=number, last=True)
    assert decode(frame(second=0x91, rest=body)) == Frame(FrameKind.RESULT, b"{}", sequence=number, last=False)


# What we send, byte by byte.


def test_a_config_is_json_as_gzip() -> None:
    data = encode(Frame(FrameKind.CONFIG, b'{"a":1}', sequence=1))
    assert data[:8] == bytes.fromhex("1111110000000001")
    assert struct.unpack(">I", data[8:12])[0] == len(data) - 12
    assert gzip.decompress(data[12:]) == b'{"a":1}'


def test_audio_is_raw_samples_as_gzip() -> None:
    data = encode(Frame(FrameKind.AUDIO, b"\x01\x00" * 1600, sequence=2))
    assert data[:8] == bytes.fromhex("1121010000000002")
    assert gzip.decompress(data[12:]) == b"\x01\x00" * 1600


def test_the_last_frame_has_flags_0011_and_a_negative_number() -> None:
    assert encode(Frame(FrameKind.AUDIO, b"\x01\x00", sequence=-5, last=True))[:8] == bytes.fromhex("11230100fffffffb")


def test_an_independent_reader_reads_our_frames() -> None:
    settings = {"audio": {"rate": 16000}, "request": {"model_name": "asr"}}
    assert Theirs.parse_request(encode(Frame(FrameKind.CONFIG, compact(settings), sequence=1))) == settings
    assert Theirs.parse_request(encode(Frame(FrameKind.AUDIO, b"\0\0", sequence=7))) == {"sequence": 7}
    assert Theirs.parse_request(encode(Frame(FrameKind.AUDIO, b"\0\0", sequence=-8, last=True))) == {"sequence": -8}


def test_an_independent_reader_reads_our_answers_and_we_read_its_requests() -> None:
    answer = Theirs.parse_response(encode(Frame(FrameKind.RESULT, compact(RESULT), sequence=4, last=True)))
    assert (answer["message"], answer["sequence"], answer["is_last_package"]) == (RESULT, 4, True)
    refusal = Theirs.parse_response(encode(Frame(FrameKind.ERROR, compact(ERROR), code=45000010)))
    assert (refusal["message"], refusal["code"]) == (ERROR, 45000010)
    config = decode(bytes(Theirs.generate_asr_full_client_request(1, {"a": 1}, True)))
    assert config == Frame(FrameKind.CONFIG, b'{"a":1}', sequence=1)
    audio = decode(bytes(Theirs.generate_asr_audio_only_request(-9, b"\1\0")))
    assert audio == Frame(FrameKind.AUDIO, b"\1\0", sequence=-9, last=True)


# What is tolerated.

PLAIN = Frame(FrameKind.RESULT, b"{}", sequence=3)
EVENT = struct.pack(">i", 350) + sized(b"{}")
LIKE_GZIP = Frame(FrameKind.AUDIO, b"\x1f\x8b" * 100, sequence=2)
READ: dict[str, tuple[bytes, Frame]] = {
    "golden result": (GOLDEN_RESULT, Frame(FrameKind.RESULT, compact(RESULT), sequence=1)),
    "golden error": (GOLDEN_ERROR, Frame(FrameKind.ERROR, compact(ERROR), code=45000000)),
    "sound that looks like gzip and does not say so": (encode(LIKE_GZIP, compress=False), LIKE_GZIP),
    "event after the sequence": (frame(second=0x95, rest=SEQUENCE + EVENT), replace(PLAIN, event=350)),
    "event alone": (frame(second=0x94, rest=EVENT), replace(PLAIN, sequence=None, event=350)),
    "fourth flag": (frame(second=0x99, rest=SEQUENCE + sized(b"{}")), PLAIN),
    "reserved byte": (bytes((0x11, 0x91, 0x10, 0xFF)) + SEQUENCE + sized(b"{}"), PLAIN),
    "more after the payload": (frame(rest=SEQUENCE + sized(b"{}") + b"more"), PLAIN),
    "more after the gzip": (frame(rest=SEQUENCE + sized(gzip.compress(b"{}") + b"more")), PLAIN),
    "error with a sequence": (
        frame(second=0xF1, rest=SEQUENCE + struct.pack(">I", 45000081) + sized(b"late")),
        Frame(FrameKind.ERROR, b"late", sequence=3, code=45000081),
    ),
    **{
        f"ACK of {len(rest)} bytes": (frame(second=0xB1, rest=rest), Frame(FrameKind.ACK))
        for rest in (b"", b"\0", SEQUENCE, SEQUENCE + sized(b"{}"), SEQUENCE + sized(b"", 99))
    },
}


@pytest.mark.parametrize("name", READ)
def test_a_frame_is_read(name: str) -> None:
    data, read = READ[name]
    assert decode(data) == read


def test_header_extensions_are_skipped() -> None:
    for words in range(1, 16):
        extended = frame(0x10 | words, rest=b"\xee" * 4 * (words - 1) + SEQUENCE + sized(b"{}"))
        assert decode(extended) == Frame(FrameKind.RESULT, b"{}", sequence=3)


def test_byte_two_may_lie_either_way() -> None:
    packed = gzip.compress(b'{"a":1}')
    for payload in (b'{"a":1}', packed):
        for coding in range(256):
            assert decode(frame(third=coding, rest=SEQUENCE + sized(payload))) == Frame(FrameKind.RESULT, b'{"a":1}', 3)


@pytest.mark.parametrize("kind", sorted(set(range(16)) - {int(kind) for kind in FrameKind}))
def test_unknown_kinds_are_skipped(kind: int) -> None:
    assert decode(frame(second=kind << 4 | 1, rest=SEQUENCE + sized(b"{}"))) is None
    assert decode(frame(second=kind << 4 | 1)) is None


# What is refused.

WRONG = {
    "nothing": (b"", "0 bytes"),
    "half a header": (b"\x11\x91\x10", "3 bytes"),
    "version 0": (frame(0x01, rest=SEQUENCE + sized(b"{}")), "version 0"),
    "version 2": (frame(0x21, rest=SEQUENCE + sized(b"{}")), "version 2"),
    "a header of no words": (frame(0x10, rest=SEQUENCE + sized(b"{}")), "header of 0 words"),
    "a header beyond the frame": (frame(0x1F, rest=SEQUENCE + sized(b"{}")), "header of 15 words"),
    "a sequence cut off": (frame(rest=SEQUENCE[:3]), "before its sequence"),
    "an event cut off": (frame(second=0x95, rest=SEQUENCE + b"\0"), "before its event"),
    "a code cut off": (frame(second=0xF0, rest=b"\2\xae\xa5"), "before its code"),
    "a size cut off": (frame(rest=SEQUENCE + b"\0\0\0"), "before its size"),
    "no sequence although flagged": (frame(rest=sized(b"{}")), "before its size"),
    "a size larger than the frame": (frame(rest=SEQUENCE + sized(b"{}", 3)), "2 bytes of payload that claims 3"),
    "a size of 4 GiB": (frame(rest=SEQUENCE + sized(b"{}", 2**32 - 1)), "claims 4294967295"),
    "gzip cut off": (frame(third=0x11, rest=SEQUENCE + sized(gzip.compress(b"{}" * 50)[:-9])), "gzip that is cut"),
    "gzip broken": (
        frame(third=0x11, rest=SEQUENCE + sized(b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff")),
        "gzip that is broken",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_frames_are_refused_with_the_reason(name: str) -> None:
    data, reason = WRONG[name]
    with pytest.raises(ProtocolError, match=reason):
        decode(data)


def test_the_expansion_of_gzip_is_bounded() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(200)) + packer.flush()
    assert len(bomb) < 300_000
    with pytest.raises(ProtocolError, match="more than 8 MiB"):
        decode(frame(third=0x11, rest=SEQUENCE + sized(bomb)))


def test_a_plain_payload_is_bounded_too() -> None:
    assert decode(frame(rest=SEQUENCE + sized(bytes(PAYLOAD_BYTES)))) is not None
    with pytest.raises(ProtocolError, match="more than 8 MiB"):
        decode(frame(rest=SEQUENCE + sized(bytes(PAYLOAD_BYTES + 1))))


# Properties.

NUMBER = st.none() | st.integers(-(2**31), 2**31 - 1)
FRAMES = st.builds(
    lambda kind, payload, sequence, last, code, event: Frame(
        kind, payload, sequence, last, code if kind is FrameKind.ERROR else None, event
    ),
    st.sampled_from([FrameKind.CONFIG, FrameKind.AUDIO, FrameKind.RESULT, FrameKind.ERROR]),
    st.binary(max_size=200).filter(lambda data: not data.startswith(b"\x1f\x8b")),
    NUMBER,
    st.booleans(),
    st.integers(0, 2**32 - 1),
    NUMBER,
)


@settings(deadline=None)
@given(FRAMES, st.booleans())
def test_what_is_written_is_read_again(written: Frame, compress: bool) -> None:
    assert decode(encode(written, compress=compress)) == written


@settings(deadline=None)
@given(FRAMES, st.booleans(), st.data())
def test_a_frame_cut_anywhere_is_refused(written: Frame, compress: bool, data: st.DataObject) -> None:
    whole = encode(written, compress=compress)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ProtocolError):
        decode(whole[:cut])


@settings(deadline=None)
@given(FRAMES, st.binary(max_size=20))
def test_a_frame_with_a_tail_is_read_without_it(written: Frame, tail: bytes) -> None:
    assert decode(encode(written) + tail) == written


@settings(deadline=None)
@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda data: b"\x11\x91\x11\0" + data))
def test_garbage_is_only_ever_our_error(data: bytes) -> None:
    try:
        decode(data)
    except ProtocolError as exc:
        assert len(str(exc)) < 300 and str(exc).isprintable()


@settings(deadline=None)
@given(FRAMES, st.data())
def test_a_flipped_bit_is_only_ever_our_error(written: Frame, data: st.DataObject) -> None:
    whole = bytearray(encode(written))
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[place // 8] ^= 1 << place % 8
    with contextlib.suppress(ProtocolError):
        decode(bytes(whole))
