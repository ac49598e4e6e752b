"""The schema of what a tool takes, and what a model wrote held against it; a wrong call is told the right one.

Schemas here are flat: texts and lists of texts. Pure. Belongs here: from a row of verbs to a schema, from a call to its
arguments, and to what a person is asked about them. Does not belong here: any tool, schemas that others wrote (their
servers judge).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Collection, Mapping
from typing import Any, TypedDict

from voicecli.backends.transport.wording import clean
from voicecli.text.clean import encodable, made_visible, one_line
from voicecli.types import ToolCall, ToolSpec
from voicecli.verbs import Ability

LONGEST = 200_000
"""Characters of arguments that are looked at."""
LONGEST_TEXT = 20_000
MOST_TEXTS = 200
LONGEST_NAME = 64
SHOWN = 60
ASKED = 160
"""Characters of each argument that a question repeats: one that is cut makes it too long to be asked aloud."""
MOST_ASKED = 12
"""Arguments that a question repeats."""
_NAME = re.compile(r"[\w.-]{1,40}")


class Schema(TypedDict):
    """The JSON schema of an object."""

    type: str
    properties: dict[str, dict[str, object]]
    required: list[str]
    additionalProperties: bool


def schema_of(ability: Ability) -> Schema:
    """The JSON schema of what goes in; files are told by their paths."""
    text: dict[str, object] = {"type": "string"}
    forms: dict[str, dict[str, object]] = {"texts": {"type": "array", "items": text}}
    properties = {each.name: {**forms.get(each.kind, text), "description": each.meaning} for each in ability.takes}
    required = [each.name for each in ability.takes if each.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


class WrongCallError(ValueError):
    """The arguments do not fit; the message is for the model, and says what does."""


def arguments(call: ToolCall, spec: ToolSpec) -> dict[str, Any]:
    """The arguments of `call`; what may be left out and was empty is left out. Raises WrongCallError."""
    given = decoded(call)
    known: Mapping[str, Any] = spec.parameters["properties"]
    for name in given.keys() - known.keys():
        raise _wrong(f"It takes no {brief(name)}.", spec)
    required = spec.parameters["required"]
    found: dict[str, Any] = {}
    for name, form in known.items():
        value = given.get(name)
        if value in (None, "") and name not in required:
            continue
        if value is None:
            raise _wrong(f"{name} is missing.", spec)
        found[name] = _texts(name, value, spec) if form["type"] == "array" else _text(name, value, spec)
    return found


def decoded(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object, whatever is in it. Raises WrongCallError."""
    if len(call.arguments) > LONGEST:
        raise WrongCallError(f"The arguments of {brief(call.name)} are too long.")
    try:
        given = json.loads(call.arguments.strip() or "{}")
    except (ValueError, RecursionError) as exc:
        raise WrongCallError(f"The arguments of {brief(call.name)} are no JSON ({brief(str(exc), 100)}).") from None
    if not isinstance(given, dict):
        raise WrongCallError(f"The arguments of {brief(call.name)} are no JSON object.")
    return given


def usage(spec: ToolSpec) -> str:
    """How a tool is to be called, in words."""
    required = spec.parameters["required"]
    told = [
        f"{name} ({'a list of texts' if form['type'] == 'array' else 'a text'}"
        f"{'' if name in required else ', may be left out'})"
        for name, form in spec.parameters["properties"].items()
    ]
    return f"{spec.name} takes a JSON object of: {', '.join(told)}."


def free_name(name: str, taken: Collection[str]) -> str:
    """A tool's name that is not `taken`, of as many characters as services allow; numbered where it must be."""
    for number in itertools.count(1):
        end = f"_{number}" if number > 1 else ""
        if (free := name[: LONGEST_NAME - len(end)] + end) not in taken:
            break
    return free


def brief(text: str, length: int = SHOWN) -> str:
    """One line of `text`, harmless and cut."""
    return clean(text, length)


# -- what a person is asked about ------------------------------------------------------------------


def quoted(value: object, share: int = ASKED) -> str:
    """One line of `value` in quotes that nothing in it closes; how much is cut is told behind them."""
    text = one_line(made_visible(_written(value)))
    left_out = len(text) - share
    return json.dumps(text[:share], ensure_ascii=False) + (f" + {left_out:,} characters" if left_out > 0 else "")


def listed(given: Mapping[str, object]) -> str:
    """Every argument by its name, with a share of its own: whoever orders them hides none behind another."""
    told = [f"{_named(name)} {quoted(value)}" for name, value in list(given.items())[:MOST_ASKED]]
    left_out = len(given) - MOST_ASKED
    return ", ".join([*told, *([f"+ {left_out} arguments"] if left_out > 0 else [])])


def written_out(call: ToolCall) -> list[str]:
    """All of a call's arguments in lines, for a question that cannot hold them; none where it can.

    A value's own lines stand behind a bar, so that none looks like another argument.
    """
    try:
        given = decoded(call)
    except WrongCallError:
        return []
    texts = {_named(name): made_visible(_written(value)) for name, value in given.items()}
    if len(texts) <= MOST_ASKED and all(len(each) <= ASKED and "\n" not in each for each in texts.values()):
        return []
    return [
        line for name, text in texts.items() for line in (f"  {name}:", *(f"  | {each}" for each in text.split("\n")))
    ]


def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else quoted(name, SHOWN)


def _written(value: object) -> str:
    return encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


# -- single values ---------------------------------------------------------------------------------


def _text(name: str, value: object, spec: ToolSpec) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{name} must be a text.", spec)
    if not value.strip():
        raise _wrong(f"{name} is empty.", spec)
    if len(value) > LONGEST_TEXT:
        raise _wrong(f"{name} is longer than {LONGEST_TEXT:,} characters.", spec)
    return encodable(value)


def _texts(name: str, value: object, spec: ToolSpec) -> list[str]:
    if not isinstance(value, list) or not value:
        raise _wrong(f"{name} must be a list of texts.", spec)
    if len(value) > MOST_TEXTS:
        raise _wrong(f"{name} holds more than {MOST_TEXTS} texts.", spec)
    return [_text(f"each of {name}", each, spec) for each in value]


def _wrong(what: str, spec: ToolSpec) -> WrongCallError:
    return WrongCallError(f"{what} {usage(spec)}")
