"""What can be done with pictures, videos, documents and texts: one definition each, for whoever offers it.

A command takes its words from here; a tool's schema is made from it (`schema_of`), and a grammar can be.

Belongs here: names, meanings, what goes in and comes out, what it costs a person. Does not belong here: doing it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from voicecli.types import Verb

Kind = Literal["text", "texts", "picture", "video", "document"]
Result = Literal["text", "number", "vectors", "ranking", "picture", "video", "nothing"]
Cost = Literal["asks", "uploads", "writes", "spends"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that goes in. A picture, a video and a document are a file by its path; `options` is a field of
    the verb's options."""

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    option: bool = False


@dataclass(frozen=True, slots=True)
class Ability:
    """`command` are the words after `voice`. `costs`: what happens besides a question to a service.

    uploads: a file leaves the machine. writes: a file is written here, or a knowledge base is changed there.
    spends: it is dear, or takes long.
    """

    verb: Verb
    command: tuple[str, ...]
    meaning: str
    takes: tuple[Parameter, ...]
    gives: Result
    costs: frozenset[Cost] = frozenset({"asks"})


_PICTURE = Parameter("picture", "picture", "The picture: PNG, JPEG, WebP …")
_VIDEO = Parameter("video", "video", "The video: MP4, MOV, WebM …")
_MAKES: frozenset[Cost] = frozenset({"asks", "spends", "writes"})
_WORKS: frozenset[Cost] = frozenset({"asks", "uploads", "spends", "writes"})

_ALL = (
    Ability(
        "image_make",
        ("image", "make"),
        "Make a picture after a text.",
        (
            Parameter("prompt", "text", "What the picture shows."),
            Parameter("size", "text", "How large, as the service writes it: 1024x1024.", False, True),
        ),
        "picture",
        _MAKES,
    ),
    Ability(
        "image_describe",
        ("image", "describe"),
        "Say what is to be seen in a picture.",
        (_PICTURE, Parameter("question", "text", "What to look for, or to answer.", False, True)),
        "text",
        frozenset({"asks", "uploads"}),
    ),
    Ability("image_enhance", ("image", "enhance"), "Make a picture sharper.", (_PICTURE,), "picture", _WORKS),
    Ability("image_animate", ("image", "animate"), "Make a short video of a picture.", (_PICTURE,), "video", _WORKS),
    Ability("video_track", ("video", "track"), "Mark what moves in a video.", (_VIDEO,), "video", _WORKS),
    Ability(
        "video_smooth", ("video", "smooth"), "Make a video smoother, by frames in between.", (_VIDEO,), "video", _WORKS
    ),
    Ability(
        "learn",
        ("learn",),
        "Teach documents to a knowledge base.",
        (
            Parameter("document", "document", "The document: text, PDF or Word."),
            Parameter("category", "text", "The knowledge base.", False, True),
        ),
        "nothing",
        frozenset({"asks", "uploads", "writes"}),
    ),
    Ability("embed", ("embed",), "Turn texts into vectors.", (Parameter("texts", "texts", "The texts."),), "vectors"),
    Ability(
        "similar",
        ("similar",),
        "Tell how near two texts are in meaning.",
        (Parameter("a", "text", "One text."), Parameter("b", "text", "The other text.")),
        "number",
    ),
    Ability(
        "rerank",
        ("rerank",),
        "Put texts in the order in which they fit a question.",
        (
            Parameter("query", "text", "The question."),
            Parameter("candidates", "texts", "The texts to be put in order."),
        ),
        "ranking",
    ),
)

ABILITIES: Mapping[Verb, Ability] = {each.verb: each for each in _ALL}
"""Each by its verb; `command` and `verb` are unique."""


def meaning(verb: Verb, parameter: str = "") -> str:
    """What a verb does, or what one of its parameters is."""
    ability = ABILITIES[verb]
    return next((each.meaning for each in ability.takes if each.name == parameter), ability.meaning)


def schema_of(ability: Ability) -> dict[str, Any]:
    """The JSON schema of what goes in; files are told by their paths."""
    text: dict[str, Any] = {"type": "string"}
    forms: dict[str, dict[str, Any]] = {"texts": {"type": "array", "items": text}}
    properties = {each.name: {**forms.get(each.kind, text), "description": each.meaning} for each in ability.takes}
    required = [each.name for each in ability.takes if each.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
