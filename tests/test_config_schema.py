"""The schema: every setting takes what its annotation says, in a file and as text, and says so in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.config.resolve import parse, resolve
from voicecli.config.schema import Misfit, default_of, describe, entries_of, fit, keys_of, sections
from voicecli.types import Backend, LiveUrl, ProxyUrl, Range, ServiceUrl, Url

SETTINGS = [(name, key, hint) for name, table in sections().items() for key, hint in keys_of(table).items()]
SETTINGS += [("backends.work", key, hint) for key, hint in keys_of(Backend).items()]

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
free = st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | words
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: words,
    bool: st.booleans(),
    int: st.integers(-99, 99),
    float: st.floats(-99, 99),
    Any: free | st.lists(free, max_size=2),
}


def fitting(hint: Any) -> st.SearchStrategy[Any]:
    """Values as a TOML file may hold them for a setting of this annotation."""
    if get_origin(hint) is Annotated:
        base, *marks = get_args(hint)
        return marked(fitting(base), base, marks[-1])
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        return st.lists(fitting(get_args(hint)[0]), max_size=3)
    if get_origin(hint) is Mapping:
        return st.dictionaries(st.sampled_from(["a", "X-B"]), fitting(get_args(hint)[1]), max_size=2)
    if hint in PLAIN:
        return PLAIN[hint]
    return st.one_of(*(fitting(each) for each in get_args(hint) if each is not type(None)))


def marked(values: st.SearchStrategy[Any], base: Any, mark: Any) -> st.SearchStrategy[Any]:
    if isinstance(mark, Url):
        return st.sampled_from([f"{scheme}://host:1/p" for scheme in mark.schemes] + [""])
    assert isinstance(mark, Range)
    whole = st.integers(int(mark.least) + 1, int(mark.most))
    return whole if base is int else st.floats(mark.least, mark.most) | whole


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f") if not isinstance(value, str) else quoted(value)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(each):08x}" for each in text) + '"'


@given(st.data(), st.sampled_from(SETTINGS))
def test_a_value_that_fits_comes_out_of_the_file_as_it_went_in(
    data: st.DataObject, setting: tuple[str, str, Any]
) -> None:
    table, key, hint = setting
    if (table, key) in {("talk", "end_ms"), ("talk", "end_ms_min"), ("talk", "end_ms_max")} or table == "use":
        return  # these are also held against others; test_config has them
    value = data.draw(fitting(hint))
    family = "" if key == "family" else 'backends.work.family = "openai"\n'
    config = resolve({}, parse(f"{family}{table}.{key} = {as_toml(value)}\n", Path("f.toml")))
    found = getattr(config.backends["work"] if table == "backends.work" else getattr(config, table), key)
    assert found == (tuple(value) if isinstance(found, tuple) else value)
    if entries_of(hint) is None:
        assert config.sources[f"{table}.{key}"] == "file f.toml"


@pytest.mark.parametrize(("table", "key", "hint"), SETTINGS)
def test_every_default_fits_its_own_annotation_and_every_annotation_has_words(table: str, key: str, hint: Any) -> None:
    default = default_of(sections().get(table, Backend), key)
    if default is not None and default is not MISSING and entries_of(hint) is None:
        assert fit(default, hint) == default
    assert describe(hint).isprintable() and "<" not in describe(hint)


@given(st.sampled_from([hint for *_, hint in SETTINGS if entries_of(hint) is None]), st.text())
def test_any_text_is_read_or_refused(hint: Any, text: str) -> None:
    try:
        value = fit(text, hint, text=True)
    except Misfit:
        return
    assert fit(value, hint) == value, "what was read from text would be taken from a file as well"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.example/v1/", "https://a.example/v1"),
        (" https://a.example\n", "https://a.example"),
        ("http://http://127.0.0.1:9997/v1", "http://127.0.0.1:9997/v1"),
        ("http://https://a.example/v1", "https://a.example/v1"),
        ("HTTP://a.example//", "HTTP://a.example"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://例え.example/v1", "http://例え.example/v1"),
        ("", ""),
    ],
)
def test_addresses_are_put_in_order(given: str, kept: str) -> None:
    assert fit(given, ServiceUrl) == kept


@pytest.mark.parametrize(
    "given",
    [
        "a.example/v1",
        "localhost:8000",
        "ftp://a.example",
        "ws://a.example",
        "http://",
        "http:///v1",
        "http:a.example",
        "http://a b/v1",
        "http://a.exa\tmple",
        "http://[::1/v1",
        "http://a:99999/",
        "http://u:p@a.example",
        "http://u@a.example",
        "http://a.example?x",
        "http://a.example#x",
        "http://http://x y",
    ],
)
def test_what_is_no_address_of_a_service_is_refused(given: str) -> None:
    with pytest.raises(Misfit):
        fit(given, ServiceUrl)


def test_other_addresses_may_carry_what_they_need() -> None:
    assert str(fit("wss://a.example/realtime?intent=transcription", LiveUrl)).endswith("?intent=transcription")
    assert fit("socks5://u:p@127.0.0.1:1080", ProxyUrl) == "socks5://u:p@127.0.0.1:1080"
    with pytest.raises(Misfit, match="must not hold a user or a password"):
        fit("wss://u:p@a.example", LiveUrl)
