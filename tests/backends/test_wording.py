"""Services' own words: always one short printable line without secrets, from any bytes whatever."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.transport.wording import (
    SHOWN,
    clean,
    complaint_in,
    complaint_of,
    mask,
    retry_after,
)
from voicecli.types import CUT_FROM, without

hostile = st.text(
    st.one_of(st.characters(), st.sampled_from('\x1b[]0;m\x07\x9b\u202e\u200b\r\n\t<>{}"\\')), max_size=400
)


@given(hostile, st.integers(1, 400))
def test_clean_is_one_short_printable_line(text: str, limit: int) -> None:
    found = clean(text, limit)
    assert len(found) <= limit
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u200b" for c in found)
    assert clean(found, limit) == found


@given(st.binary(max_size=400), st.sampled_from(["", "text/html", "application/json", "text/plain"]))
def test_any_body_has_a_complaint(body: bytes, kind: str) -> None:
    assert len(complaint_of(body, kind).words) <= SHOWN


names = st.sampled_from(["error", "message", "detail", "loc", "msg", "code", "type", "errors"])
leaves = st.none() | st.booleans() | st.integers() | hostile
objects = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20)


@given(objects)
def test_any_object_has_a_complaint(data: Any) -> None:
    assert len(complaint_in(data).words) <= SHOWN
    complaint_of(json.dumps(data).encode(), "application/json")


@pytest.mark.parametrize(
    "body", [b"<" * 9000, b"<script" * 2000, b"\x1b[" * 9000, b"\x1b]" * 9000, b"[" * 9000, b"Bearer " * 3000]
)
def test_hostile_bodies_cost_no_time(body: bytes) -> None:
    began = time.perf_counter()
    mask(complaint_of(body, "text/html").words)
    mask(body.decode())
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key my-own-secret is wrong", "key **** is wrong"),
        ("Incorrect API key: sk-abcdefghijklmnop.", "Incorrect API key: ****."),
        ("Authorization: Bearer abc.def-123456", "Authorization: ****"),
        ("at https://me:pass@host/x?api_key=abc&y=1", "at https://****@host/x?api_key=****&y=1"),
        ("the key-value store and skis", "the key-value store and skis"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text, ["my-own-secret", "", "at"]) == masked


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2020 00:00:30 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_patience_that_a_service_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text(max_size=40))
def test_any_header_is_survived(value: str) -> None:
    found = retry_after({"retry-after": value}, NOW)
    assert found is None or found >= 0


SECRET = "sesame-open-0123456789-nobody-knows"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"no {SECRET} here", "no **** here"),
        ("no sesame-open-01234…", "no ****…"),
        ("no sesame-open-0123456789-nobody-know", "no ****"),
        ("'sesame-o', 'sesame-op'", "'****', '****'"),
        ("sesame-open-oil sesame-", "sesame-open-oil sesame-"),
        ("sesame", "sesame"),
    ],
)
def test_a_secret_that_was_cut_in_its_middle_is_masked_too(text: str, shown: str) -> None:
    """A service's words are cut before anybody looks for a key in them."""
    assert mask(text, (SECRET,)) == shown
    assert without(SECRET, text) == shown


@given(st.text(max_size=400), st.integers(0, 400), st.integers(8, 60))
def test_wherever_words_are_cut_no_long_part_of_a_secret_is_left(text: str, at: int, limit: int) -> None:
    secret = "Zq9" * 12
    cut = clean(text[:at] + " " + secret + " " + text[at:], limit)
    assert secret[:CUT_FROM] not in mask(cut, (secret,)) or secret[:CUT_FROM] in text
