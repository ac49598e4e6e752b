"""The schema of an answer, as services want it, and the answer as the schema wants it. Pure.

Belongs here: fitting a schema to the strict rules (every object closed, every property required, what was optional may
be null), taking the answer back out of them, and out of a fence. Does not belong here: whether a service knows schemas
(lessons), requests (completions), checking an answer against a schema.
Source: https://platform.openai.com/docs/guides/structured-outputs (supported schemas)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

DEEPEST = 40

_UNFIT: Final = frozenset(
    "oneOf allOf not if then else dependentRequired dependentSchemas patternProperties propertyNames unevaluatedItems "
    "unevaluatedProperties prefixItems contains minContains maxContains uniqueItems minProperties maxProperties".split()
)
"""Keywords that the strict rules do not know."""
_DROPPED: Final = frozenset({"default", "examples", "$schema", "$id", "$comment", "title", "deprecated", "readOnly"})
"""Keywords that allow nothing and forbid nothing."""
_NAMED: Final = ("properties", "$defs", "definitions")
_FENCED = re.compile(r"\s*```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)


class _CannotBeStrict(Exception):
    """A schema says what the strict rules cannot."""


def strict(schema: Mapping[str, object]) -> dict[str, object] | None:
    """`schema` under the strict rules; None where they cannot say the same."""
    try:
        found = _fitted(schema, DEEPEST)
    except _CannotBeStrict:
        return None
    return found if found.get("type") == "object" and "anyOf" not in found else None


def _fitted(schema: Mapping[str, object], depth: int) -> dict[str, object]:
    if depth == 0 or not schema or _UNFIT & schema.keys():
        raise _CannotBeStrict
    found = {name: _below(name, value, depth) for name, value in schema.items() if name not in _DROPPED}
    if _is_object(schema):
        return _closed(found, schema)
    if schema.get("type") == "array" and not isinstance(schema.get("items"), Mapping):
        raise _CannotBeStrict
    return found


def _below(name: str, value: object, depth: int) -> object:
    """What stands under a keyword, fitted where it is a schema, or holds some."""
    if name in _NAMED and isinstance(value, Mapping):
        return {key: _fitted(_schema(each), depth - 1) for key, each in value.items()}
    if name == "anyOf" and isinstance(value, list):
        return [_fitted(_schema(each), depth - 1) for each in value]
    return _fitted(_schema(value), depth - 1) if name == "items" else value


def _schema(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _CannotBeStrict
    return value


def _is_object(schema: Mapping[str, object]) -> bool:
    kind = schema.get("type")
    return (
        kind == "object" or (isinstance(kind, list) and "object" in kind) or (kind is None and "properties" in schema)
    )


def _closed(found: dict[str, object], schema: Mapping[str, object]) -> dict[str, object]:
    """An object with its own properties only, all of them required; those that were not may be null."""
    properties, required = found.get("properties"), schema.get("required") or []
    if schema.get("additionalProperties") or not isinstance(properties, Mapping) or not isinstance(required, list):
        raise _CannotBeStrict
    if not properties or set(map(str, required)) - properties.keys():
        raise _CannotBeStrict
    fitted = {name: each if name in required else _nullable(each) for name, each in properties.items()}
    closing: dict[str, object] = {"properties": fitted, "required": list(fitted), "additionalProperties": False}
    return {"type": "object", **found, **closing}


def _nullable(schema: object) -> object:
    if not isinstance(schema, Mapping) or _allows_null(schema):
        return schema
    kind = schema.get("type")
    if not isinstance(kind, str | list) or "const" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    wider: dict[str, object] = {**schema, "type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    allowed = schema.get("enum")
    return {**wider, "enum": [*allowed, None]} if isinstance(allowed, list) else wider


def _allows_null(schema: object) -> bool:
    if not isinstance(schema, Mapping):
        return False
    kind, several = schema.get("type"), schema.get("anyOf")
    if isinstance(several, list):
        return any(map(_allows_null, several))
    return kind == "null" or (isinstance(kind, list) and "null" in kind)


# -- the answer ------------------------------------------------------------------------------------


def unfenced(text: str) -> str:
    """`text` out of the fence in which some models put JSON, or as it is."""
    if (fence := _FENCED.fullmatch(text)) is not None:
        return fence[1]
    return text


def unfitted(text: str, schema: Mapping[str, object]) -> str:
    """The JSON in `text` without the nulls that only the strict rules asked for; `text` itself where there are none."""
    try:
        found: object = json.loads(text)
        bare = _without_nulls(found, schema, schema, DEEPEST)
        return text if bare == found else json.dumps(bare, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _without_nulls(value: object, schema: object, root: Mapping[str, object], depth: int) -> object:
    schema = _resolved(schema, root)
    if depth == 0 or not isinstance(schema, Mapping):
        return value
    if isinstance(value, list):
        return [_without_nulls(each, schema.get("items"), root, depth - 1) for each in value]
    properties, required = schema.get("properties"), schema.get("required") or []
    if not isinstance(value, Mapping) or not isinstance(properties, Mapping) or not isinstance(required, list):
        return value
    own = {name: _resolved(each, root) for name, each in properties.items()}
    ours = {name for name, each in own.items() if name not in required and not _allows_null(each)}
    kept = {name: each for name, each in value.items() if each is not None or name not in ours}
    return {name: _without_nulls(each, own.get(name), root, depth - 1) for name, each in kept.items()}


def _resolved(schema: object, root: Mapping[str, object]) -> object:
    """What a reference into `root` refers to; `schema` itself where it is none."""
    place = schema.get("$ref") if isinstance(schema, Mapping) else None
    if not isinstance(place, str) or not place.startswith("#/"):
        return schema
    found: object = root
    for part in place[2:].split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def wording(schema: Mapping[str, object]) -> str:
    """How a model is told of the schema that the service does not take."""
    return (
        "Answer with JSON alone, without a fence or a word around it. It has to fit this JSON schema:\n"
        + json.dumps(schema, ensure_ascii=False)
    )
