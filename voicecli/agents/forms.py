"""Forms that an agent wants filled in (elicitation): its fields asked one by one, options read aloud. Pure.

Belongs here: the shapes of a form, its questions in words, what an answer says of a field. Does not belong here:
asking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voicecli.agents.protocol import Table, rows, table, text
from voicecli.dialogue.courtesy import Verdict, verdict
from voicecli.text.spoken import speakable
from voicecli.types.jsonvalue import Json

MOST_OPTIONS = 9
"""Options that are read aloud, and that a person who hears them can tell by their number."""
LONGEST_OPTION, LONGEST_MESSAGE = 80, 240
"""Characters that are said of an option, and of what the form is about."""
LONGEST_FORM = 20_000
"""Characters of a form that can be asked aloud, as JSON."""
_ORDINALS = (
    "one|first|1|1st|一|第一",
    "two|second|2|2nd|二|两|第二",
    "three|third|3|3rd|三|第三",
    "four|fourth|4|4th|四|第四",
    "five|fifth|5|5th|五|第五",
    "six|sixth|6|6th|六|第六",
    "seven|seventh|7|7th|七|第七",
    "eight|eighth|8|8th|八|第八",
    "nine|ninth|9|9th|九|第九",
)
_PLACE = {word: at for at, words in enumerate(_ORDINALS) for word in words.split("|")}
_BESIDE = re.compile(r"(?<=st |nd |rd |th )one\b|[，。、个號号选項项我要请第]")
_NONE = frozenset("cancel|nevermind|forgetit|neither|noneofthem|stop|取消|算了|都不要|都不|停".split("|"))
_ASK = {"option": ("Which one?", "选哪一个？"), "boolean": ("Yes or no?", "是还是否？")}
_FIGURES = re.compile(r"(?<![\d.])-?\d{1,18}(?:\.\d{1,18})?(?!\d)")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: `kind` is the JSON schema's type, `options` (value, what is said of it) where it is a choice."""

    name: str
    title: str
    kind: str
    options: tuple[tuple[Json, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A form; `request` is the number that waits. `fields`: those that are asked, the required ones where there are."""

    request: Json
    message: str
    fields: tuple[Field, ...]


class Unclear:
    """What is no answer to a field."""


def form(request: Json, params: Table) -> Form | None:
    """A form as the agent sent it; None for what cannot be asked aloud (an address to open, a book)."""
    schema = table(params.get("requestedSchema"))
    properties = table(schema.get("properties"))
    if (
        params.get("mode", "form") != "form"
        or not properties
        or len(json.dumps(params, ensure_ascii=False)) > LONGEST_FORM
    ):
        return None
    required = schema.get("required")
    wanted = required if isinstance(required, list) else []
    names = [each for each in wanted if isinstance(each, str) and each in properties] or list(properties)
    return Form(request, text(params.get("message")), tuple(_field(name, table(properties[name])) for name in names))


def asked(form: Form, at: int, *, chinese: bool) -> str:
    """What is said to have field number `at` filled in."""
    field = form.fields[at]
    said = [_short(form.message, LONGEST_MESSAGE)] if at == 0 else []
    if at or len(form.fields) > 1 or not form.message:
        said.append(_short(field.title, LONGEST_OPTION))
    options = field.options[:MOST_OPTIONS]
    said += [f"{number}: {_short(name, LONGEST_OPTION)}" for number, (_, name) in enumerate(options, 1)]
    ask = _ASK.get("option" if options else field.kind, ("", ""))[chinese]
    return " ".join(_ended(each, chinese=chinese) for each in [*said, ask] if each)


def shown(form: Form) -> str:
    """All of the form, for the screen."""
    parts = [form.message]
    for field in form.fields:
        parts += [field.title, *(f"  {number}. {name}" for number, (_, name) in enumerate(field.options, 1))]
    return "\n".join(each for each in parts if each)


def declines(answer: str) -> bool:
    """Whether the person wants none of it."""
    return _letters(answer) in _NONE


def value(field: Field, answer: str) -> Json | Unclear:
    """The value of `field` that `answer` names; Unclear for none."""
    return _READ.get("option" if field.options else field.kind, _as_said)(field, answer)


def _option(field: Field, answer: str) -> Json | Unclear:
    """By its number, or by words of its own that no other has."""
    found = {at for word in _words(answer) if (at := _PLACE.get(word)) is not None and at < len(field.options)}
    bare = _letters(answer)
    named = {at for at, (_, name) in enumerate(field.options) if bare and bare == _letters(name)}
    within = {at for at, (_, name) in enumerate(field.options) if len(bare) > 1 and bare in _letters(name)}
    spoken = {at for at, (_, name) in enumerate(field.options) if len(_letters(name)) > 1 and _letters(name) in bare}
    for each in (named, spoken, within, found):
        if len(each) == 1:
            chosen = field.options[each.pop()][0]
            return [chosen] if field.kind == "array" else chosen
    return Unclear()


def _yes_or_no(_field: Field, answer: str) -> Json | Unclear:
    found = verdict(answer)
    return found is Verdict.YES if found is not Verdict.OTHER else Unclear()


def _number(field: Field, answer: str) -> Json | Unclear:
    found = _FIGURES.findall(answer)
    found += [str(_PLACE[word] + 1) for word in _words(answer) if not found and word in _PLACE]
    if len(found) != 1 or (field.kind == "integer" and "." in found[0]):
        return Unclear()
    return int(found[0]) if field.kind == "integer" else float(found[0])


def _as_said(_field: Field, answer: str) -> Json | Unclear:
    return answer.strip() or Unclear()


_READ: Mapping[str, Callable[[Field, str], Json | Unclear]] = {
    "option": _option,
    "boolean": _yes_or_no,
    "integer": _number,
    "number": _number,
}


def _field(name: str, found: Table) -> Field:
    kind = text(found.get("type")) or "string"
    source = table(found.get("items")) if kind == "array" else found
    titled = rows(source.get("oneOf")) or rows(source.get("anyOf"))
    options: list[tuple[Json, str]] = [(each.get("const"), text(each.get("title"))) for each in titled]
    if not options and isinstance(plain := source.get("enum"), list):
        options = [(each, str(each)) for each in plain]
    return Field(name, text(found.get("title")) or text(found.get("description")) or name, kind, tuple(options))


def _short(said: str, longest: int) -> str:
    plain = " ".join(speakable(said[: 4 * longest]).split())
    return plain if len(plain) <= longest else plain[:longest].rsplit(" ", 1)[0] + "…"


def _ended(said: str, *, chinese: bool) -> str:
    return said if said[-1:] in ".?!…。？！" else said + ("。" if chinese else ".")


def _words(answer: str) -> list[str]:
    plain = _BESIDE.sub(" ", answer.casefold())
    return re.findall(r"[^\W_]+", plain)


def _letters(found: str) -> str:
    return "".join(each for each in found.casefold() if each.isalnum())
