"""Tools, as OpenAI's documents allow them: what may be sent, and how a model's calls are streamed.

Belongs here: checks on `tools` and on the order of messages, deltas of calls. Does not belong here: which tool a
model wants (the habits of openai_server), the other fields of a request (openai_schema).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

Call = tuple[str, str]
"""A tool's name and its arguments, as a model writes them."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
PIECE = 5
"""Characters of arguments that come at once."""


# -- what may be sent --------------------------------------------------------------------------------


def tools(value: Any) -> bool:
    """1 to 128 functions, each name once."""
    if not isinstance(value, list) or not 1 <= len(value) <= 128 or not all(map(_tool, value)):
        return False
    return len({each["function"]["name"] for each in value}) == len(value)


def _tool(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"type", "function"} or value["type"] != "function":
        return False
    function = value["function"]
    if not isinstance(function, dict) or function.keys() - {"name", "description", "parameters", "strict"}:
        return False
    described = isinstance(function.get("description", ""), str)
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    return _name(function.get("name")) and described and _schema(parameters) and parameters.get("type") == "object"


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _schema(value: Any) -> bool:
    """A JSON schema, as far as tools need it."""
    if not isinstance(value, dict) or value.get("type", "string") not in _TYPES:
        return False
    inside = value.get("properties", {})
    if not isinstance(inside, dict) or not all(map(_schema, inside.values())):
        return False
    required = value.get("required", [])
    known = isinstance(required, list) and set(required) <= set(inside)
    return known and ("items" not in value or _schema(value["items"])) and isinstance(value.get("description", ""), str)


def assistant(message: dict[str, Any]) -> bool:
    """An assistant's message with calls: its text may be null."""
    if message.keys() - {"role", "content", "tool_calls", "name"} or not isinstance(message["tool_calls"], list):
        return False
    said = message.get("content")
    return (said is None or (isinstance(said, str) and bool(said.strip()))) and all(map(_call, message["tool_calls"]))


def _call(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"id", "type", "function"} or value["type"] != "function":
        return False
    function = value["function"]
    if not isinstance(function, dict) or function.keys() != {"name", "arguments"} or not _name(function["name"]):
        return False
    return isinstance(value["id"], str) and bool(value["id"]) and _object(function["arguments"])


def _object(text: Any) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False


def result(message: dict[str, Any]) -> bool:
    """A tool's message."""
    filled = all(isinstance(message.get(each), str) and message[each].strip() for each in ("content", "tool_call_id"))
    return filled and message.keys() == {"role", "content", "tool_call_id"}


def misplaced(messages: Sequence[dict[str, Any]]) -> str:
    """What is wrong with the order: calls are followed by exactly their results, before anything else comes."""
    open_: list[str] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_:
                return f"messages[{at}]: 'tool' must be a response to a preceding message with 'tool_calls'."
            open_.remove(message["tool_call_id"])
        elif open_:
            return f"messages[{at}]: tool_call_ids did not have response messages: {', '.join(open_)}"
        new = [each["id"] for each in message.get("tool_calls", ())]
        if len(set(new)) < len(new):
            return f"messages[{at}]: an id stands twice in 'tool_calls'"
        open_ = [*open_, *new]
    return f"tool_call_ids did not have response messages: {', '.join(open_)}" if open_ else ""


# -- what comes back -----------------------------------------------------------------------------------


def calls_of(body: dict[str, Any], calls: Sequence[Call]) -> list[dict[str, Any]]:
    """The calls of a whole message, with ids that no earlier call has."""
    earlier = sum(len(each.get("tool_calls", ())) for each in body["messages"])
    return [
        {"id": f"call_{earlier + at}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (name, arguments) in enumerate(calls)
    ]


def deltas(calls: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The pieces of an answer that calls tools: heads first, then the arguments of all calls by turns."""
    yield {"role": "assistant", "content": None}
    for at, call in enumerate(calls):
        head = {**call, "index": at, "function": {"name": call["function"]["name"], "arguments": ""}}
        yield {"tool_calls": [head]}
    left = [call["function"]["arguments"] for call in calls]
    while any(left):
        for at, text in enumerate(left):
            if text:
                yield {"tool_calls": [{"index": at, "function": {"arguments": text[:PIECE]}}]}
        left = [text[PIECE:] for text in left]
