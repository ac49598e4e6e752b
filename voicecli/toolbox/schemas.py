"""The JSON schema of what an ability takes, as a model is told it.

Pure. Belongs here: from a row of verbs to a schema. Does not belong here: what a model calls it with (arguments).
"""

from __future__ import annotations

from typing import TypedDict

from voicecli.verbs import Ability


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
