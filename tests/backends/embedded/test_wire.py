"""The bytes between `voice` and its recogniser process, cut anywhere."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.embedded.wire import HEADER, LARGEST, Decoder, Kind, Message, encode
from voicecli.errors import ProtocolError

messages = st.lists(
    st.builds(Message, st.sampled_from(list(Kind)), st.integers(0, 2**32 - 1), st.binary(max_size=50)), max_size=6
)


@given(messages, st.lists(st.integers(1, 40), max_size=30))
def test_messages_survive_every_cut(sent: list[Message], cuts: list[int]) -> None:
    raw = b"".join(encode(each.kind, each.utterance, each.payload) for each in sent)
    decoder, got = Decoder(), []
    for cut in [*cuts, len(raw)]:
        piece, raw = raw[:cut], raw[cut:]
        got += list(decoder.feed(piece))
    assert got == sent


def test_json_is_carried() -> None:
    (message,) = Decoder().feed(encode(Kind.BEGIN, 7, {"grammar": "几点", "whole": True}))
    assert message.utterance == 7
    assert message.data == {"grammar": "几点", "whole": True}


@pytest.mark.parametrize("header", [HEADER.pack(99, 0, 0), HEADER.pack(Kind.AUDIO, 0, LARGEST + 1)])
def test_nonsense_is_refused(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(Decoder().feed(header))


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_garbage_raises_nothing_but_a_protocol_error(pieces: list[bytes]) -> None:
    decoder = Decoder()
    with contextlib.suppress(ProtocolError):
        for piece in pieces:
            for message in decoder.feed(piece):
                assert message.kind in Kind


@given(st.binary(max_size=40))
def test_a_payload_is_json_or_refused(payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        json.dumps(Message(Kind.FINAL, 1, payload).data)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_payload_that_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        _ = Message(Kind.FINAL, 1, payload).data
