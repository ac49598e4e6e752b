"""JSON-RPC as agents speak it, without a pipe: bytes in, messages out, and the bytes that are to be written. Pure.

Belongs here: lines and their bounds, numbers of requests, what is refused unseen. Does not belong here: what a method
means (agents.updates), the pipe (agents.process), time.

A line is an agent's own: what is no message, too long, or of an unknown kind is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from voicecli.types.jsonvalue import Json

VERSION = 1
"""The protocol's."""
LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of one message; of a longer one the rest is passed over."""
UNKNOWN_METHOD = -32601
SIGN_IN = -32000
ANSWERED = frozenset({"session/request_permission", "elicitation/create"})
"""Requests that somebody decides. We advertise nothing else: all others are refused at once."""

Table = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class RpcAnswer:
    """To our request `id`: its result, or with `code` what went wrong."""

    id: int
    result: Table = field(default_factory=dict)
    code: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """A request of the agent, which waits for an answer to `id`."""

    id: Json
    method: str
    params: Table


@dataclass(frozen=True, slots=True)
class AgentNotification:
    """A message of the agent that wants no answer."""

    method: str
    params: Table


Message = RpcAnswer | AgentRequest | AgentNotification


def table(value: object) -> Table:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Table]:
    """The objects of `value` where it is a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """`value` where it is a text, else ""."""
    return value if isinstance(value, str) else ""


class Wire:
    """One connection. `out` collects what is to be written; whoever owns the pipe takes it from there."""

    def __init__(self) -> None:
        self.out = bytearray()
        self._line = bytearray()
        self._skipping = False
        self._last = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in their order."""
        found: list[Message] = []
        head, *others = data.split(b"\n")
        self._add(head)
        for each in others:
            if (message := self._message(bytes(self._line))) is not None:
                found.append(message)
            self._line.clear()
            self._skipping = False
            self._add(each)
        return found

    def request(self, method: str, params: Table) -> int:
        """Asks the agent; its answer will bear the number that is returned."""
        self._last += 1
        self._write({"id": self._last, "method": method, "params": dict(params)})
        return self._last

    def tell(self, method: str, params: Table) -> None:
        self._write({"method": method, "params": dict(params)})

    def answer(self, id: Json, result: Table) -> None:
        """The result of the agent's request `id`."""
        self._write({"id": id, "result": dict(result)})

    def _write(self, message: dict[str, Json]) -> None:
        line = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        self.out += line.encode("utf-8", "replace") + b"\n"

    def _add(self, part: bytes) -> None:
        if self._skipping:
            return
        self._line += part
        if len(self._line) > LONGEST_LINE:
            self._line.clear()
            self._skipping = True

    def _message(self, line: bytes) -> Message | None:
        if not line.strip():
            return None
        try:
            found = table(json.loads(line))
        except (ValueError, RecursionError):
            found = {}
        return self._read(found)

    def _read(self, found: Table) -> Message | None:
        method, params, id = found.get("method"), table(found.get("params")), found.get("id")
        if isinstance(method, str):
            return AgentNotification(method, params) if id is None else self._asked(id, method, params)
        if type(id) is not int:
            return None
        error = found.get("error")
        if error is None:
            return RpcAnswer(id, table(found.get("result")))
        code = table(error).get("code")
        return RpcAnswer(id, {}, (code if isinstance(code, int) else 0) or -1, text(table(error).get("message")))

    def _asked(self, id: Json, method: str, params: Table) -> Message | None:
        if method in ANSWERED and isinstance(id, int | str):
            return AgentRequest(id, method, params)
        self._write({"id": id, "error": {"code": UNKNOWN_METHOD, "message": f"{method[:100]} is not offered"}})
        return None
