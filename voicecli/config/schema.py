"""What a value must look like, read off the annotations of the settings' dataclasses.

Belongs here: from a type annotation to the check, the conversion from text and the words that describe it.
Does not belong here: names of particular settings, files, the environment.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from voicecli.backends.registry import FAMILIES
from voicecli.config.model import NAMED, Config
from voicecli.text.clean import made_visible
from voicecli.text.nearest import nearest
from voicecli.types import Backend, Range, Url

T = TypeVar("T")

RESOLVED = frozenset({"name", "key", "key_source"})
"""Fields of named tables that are never written in a file: the table's name, and what the key lookup adds."""


class Misfit(ValueError):
    """A value does not fit; the message continues a sentence that begins with the key's name."""


@cache
def keys_of(table: type) -> dict[str, object]:
    """Each key that a table may hold, with its annotation."""
    hints = get_type_hints(table, include_extras=True)
    named = issubclass(table, tuple(NAMED.values()))
    return {name: hint for name, hint in hints.items() if not (named and name in RESOLVED)}


def named_keys(section: str) -> dict[str, object]:
    """Each key that some table of a section of named tables may hold: those of every family, for [backends.NAME]."""
    tables = [NAMED[section], *(family.settings for family in FAMILIES.values() if section == "backends")]
    return {name: hint for table in tables for name, hint in keys_of(table).items()}


def settings_of(family: str) -> type[Backend] | None:
    """The table of a backend of the family; None for a family that there is not."""
    return FAMILIES[family].settings if family in FAMILIES else None


@cache
def sections() -> dict[str, type]:
    """The file's sections that are one table each: [use], [chat] …"""
    hints: dict[str, Any] = get_type_hints(Config)
    return {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}


def default_of(table: Any, name: str) -> object:
    """The default of a key; MISSING when it has none and must be given."""
    each = next(each for each in fields(table) if each.name == name)
    return each.default_factory() if each.default_factory is not MISSING else each.default


def entries_of(hint: object) -> object | None:
    """The annotation of a free table's entries (headers, extra); None when the hint is no table."""
    return get_args(hint)[1] if get_origin(hint) is Mapping else None


def fit(value: object, hint: Any, *, text: bool = False) -> object:
    """`value` as the annotation wants it; with `text` it is a string to be read (a variable, an argument).

    Raises Misfit. Numbers are finite, whole numbers serve as numbers, true and false are not numbers.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        try:
            return _marked(fit(value, base, text=text), marks)
        except WrongKind:
            raise _wrong(value, hint, text) from None
    if origin in (types.UnionType, Union):
        return _any_of(value, hint, text)
    if origin is Literal:
        return _choice(value, get_args(hint))
    if origin is tuple:
        return _list(value, hint, text)
    return _PLAIN[hint](_read(str(value), hint) if text else value)


def _marked(value: object, marks: list[object]) -> object:
    for mark in marks:
        value = _MARKS[type(mark)](value, mark)
    return value


def _within(value: float, allowed: Range) -> float:
    if not allowed.least <= value <= allowed.most:
        raise Misfit(f"is {value}; it must be {_span(allowed)}")
    return value


def _any_of(value: object, hint: object, text: bool) -> object:
    """The first alternative of the right kind decides: a number that is out of range is not taken for a name."""
    alternatives = [each for each in get_args(hint) if each is not type(None)]
    for each in sorted(alternatives, key=lambda each: each is str):  # all text is text: asked last
        try:
            return fit(value, each, text=text)
        except WrongKind:
            continue
    raise _wrong(value, hint, text)


class WrongKind(Misfit):
    """The value is of another kind altogether (text for a number)."""


def _wrong(value: object, hint: object, text: bool) -> WrongKind:
    return WrongKind(f"must be {describe(hint)}, not {brief(value) if text else kind(value)}")


def _choice(value: object, choices: tuple[str, ...]) -> object:
    if not isinstance(value, str):
        raise WrongKind(f"must be {_or(choices)}, not {kind(value)}")
    if value in choices:
        return value
    near = nearest(value, choices)
    hint = f'; did you mean "{near}"?' if near else ""
    raise Misfit(f"is {brief(value)}; it must be {_or(choices)}{hint}")


def _list(value: object, hint: object, text: bool) -> tuple[object, ...]:
    if text and isinstance(value, str):
        value = _read_list(value)
    if not isinstance(value, (list, tuple)):
        raise _wrong(value, hint, text=False)
    return tuple(fit(each, get_args(hint)[0]) for each in value)


def _read_list(text: str) -> list[object]:
    """A TOML list. Commas without brackets are no list: a command may hold commas."""
    if not text.lstrip().startswith("["):
        raise WrongKind(f'must be a list in brackets, as in ["a", "b"], not {brief(text)}')
    try:
        import tomllib

        value: list[Any] = tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        raise Misfit(f"is no list that can be read: {brief(text)}") from None
    return value


def _read(text: str, hint: object) -> object:
    """The text of a variable or an argument as the plain type that is wanted."""
    try:
        return _READERS[hint](text.strip() if hint is not str else text)
    except (ValueError, KeyError):
        raise WrongKind(f"must be {describe(hint)}, not {brief(text)}") from None


def _read_any(text: str) -> object:
    """For settings that are passed on untouched: a TOML value where it is one, else the text itself."""
    try:
        import tomllib

        return tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        return text


_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_READERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    bool: lambda text: _WORDS[text.lower()],
    int: int,
    float: float,
    Any: _read_any,
}


def _is(wanted: type[T]) -> Callable[[object], T]:
    def check(value: object) -> T:
        if not isinstance(value, wanted) or type(value) is not wanted:
            raise WrongKind(f"must be {describe(wanted)}, not {kind(value)}")
        return value

    return check


def _whole(value: object) -> int:
    number = _is(int)(value)
    if abs(number) >= 2**63:
        raise Misfit("is too large a number")
    return number


def _number(value: object) -> float:
    number = float(_whole(value) if type(value) is int else _is(float)(value))
    if not math.isfinite(number):
        raise Misfit("must be a finite number")
    return number


def _encodable(value: object) -> str:
    text = _is(str)(value)
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise Misfit("holds a character that cannot be sent or stored")
    return text


def _passed_on(value: object, depth: int = 0) -> object:
    """What a service may be sent as JSON: no dates, no infinities, no endless nesting."""
    if depth > DEEPEST:
        raise Misfit("is nested too deeply")
    if isinstance(value, list):
        return [_passed_on(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {_encodable(name): _passed_on(each, depth + 1) for name, each in value.items()}
    if type(value) not in _PASSED_ON:
        raise WrongKind(f"must be {describe(Any)}, not {kind(value)}")
    return _PASSED_ON[type(value)](value)


DEEPEST = 32
"""How deep tables and lists may be nested in settings that are passed on untouched."""

_PASSED_ON: dict[Any, Callable[[Any], Any]] = {str: _encodable, bool: bool, int: _whole, float: _number}

_PLAIN: dict[Any, Callable[[Any], Any]] = {
    str: _encodable,
    bool: _is(bool),
    int: _whole,
    float: _number,
    Any: _passed_on,
}


def _address(value: str, allowed: Url) -> str:
    """A service's address, without trailing slashes; "" stays unset. Messages never repeat the address."""
    from urllib.parse import urlsplit

    text = _without_doubled_scheme(value.strip()).rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Misfit("is no address: its host or port cannot be read") from None
    if parts.scheme.lower() not in allowed.schemes or "://" not in text:
        raise Misfit(f"must begin with {_or([f'{each}://' for each in allowed.schemes], quote='')}")
    if not host or any(each.isspace() or not each.isprintable() for each in text):
        raise Misfit("is no address: the host is missing, or there are blanks in it")
    if "@" in parts.netloc and not allowed.password:
        raise Misfit("must not hold a user or a password; use api_key_env, api_key_cmd or voice keys set NAME")
    if (parts.query or parts.fragment or text.endswith(("?", "#"))) and not allowed.query:
        raise Misfit("must end with the path: nothing after ? or # belongs in it")
    return text


def _without_doubled_scheme(text: str) -> str:
    """One of the field's own documents says http://http://; the inner one counts."""
    head, found, rest = text.partition("://")
    return rest if found and head.isalnum() and rest.partition("://")[0].lower() in ("http", "https") else text


_MARKS: dict[type, Callable[[Any, Any], Any]] = {Range: _within, Url: _address}

_NOUNS: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    Any: "text, a number, true, false, a list or a table",
}


def describe(hint: object) -> str:
    """The annotation in words: `a whole number from 50 to 10000`, `"auto", "on" or "off"`."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, *marks = get_args(hint)
        spans = [_span(each) for each in marks if isinstance(each, Range)]
        return " ".join([describe(base) if not any(isinstance(each, Url) for each in marks) else "an address", *spans])
    if origin in (types.UnionType, Union):
        return " or ".join(describe(each) for each in get_args(hint) if each is not type(None))
    if origin is Literal:
        return _or(get_args(hint))
    if origin is tuple:
        each = get_args(hint)[0]
        if words := choices_of(each):
            choices = _or(words)
            return f"a list of {choices}"
        return "a list of texts" if each is str else "a list of addresses"
    return "a table" if origin is Mapping else _NOUNS[hint]


def choices_of(hint: object) -> tuple[str, ...]:
    """The words of which a value must be one, as they are typed; none where it may be more than a few words."""
    origin = get_origin(hint)
    if origin is Annotated:
        return choices_of(get_args(hint)[0])
    if origin in (types.UnionType, Union):
        return tuple(word for each in get_args(hint) for word in choices_of(each))
    if origin is Literal:
        return get_args(hint)
    return ("true", "false") if hint is bool else ()


def kind(value: object) -> str:
    """What a wrong value is, without repeating it: it may be a key."""
    return _NOUNS.get(type(value), "a date or time")


def brief(value: object, length: int = 40) -> str:
    """A value in a message: quoted, cut, without control characters."""
    text = value if isinstance(value, str) else str(value)
    return made_visible(f'"{text[:length]}{"…" if len(text) > length else ""}"', but="")


def _span(allowed: Range) -> str:
    return f"from {allowed.least:g} to {allowed.most:.15g}"


def _or(choices: Iterable[object], quote: str = '"') -> str:
    *head, last = [f"{quote}{each}{quote}" for each in choices]
    return f"{', '.join(head)} or {last}" if head else str(last)
