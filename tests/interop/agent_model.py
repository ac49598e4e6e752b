"""A model by script, in the four protocols that agents ask theirs by: chat/completions, responses, messages and
generateContent, on a port of this machine.

Belongs here: what it answers, and how each protocol writes it. Does not belong here: the agents, what is judged.

To a person's last words it answers: with `WRITE` in them it calls the agent's tool that makes files (made.txt), with
`COUNT` it counts for a long time, with `LISTEN` it calls that tool of `voice mcp`; else it says "Hello 24680." After a
tool it says that it is over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request, Step

HELLO, OVER = "Hello 24680.", "The tool is over: 8642."
COUNTED = 120
LISTENS_S = 75
"""Longer than clients wait for a tool of which they hear nothing."""


@dataclass
class Model:
    """`asked` are the bodies of the requests that it got."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        if request.method == "GET":
            return Reply.json({"object": "list", "data": [{"id": "fake-1", "object": "model"}], "models": []})
        body = json.loads(request.body or b"{}")
        self.asked.append(json.dumps(body, ensure_ascii=False))
        pieces, tool = self.reply(body)
        for part, write in _WRITERS.items():
            if part in request.path:
                if body.get("stream") or "streamGenerateContent" in request.path:
                    return Reply.sse(_events(write(pieces, tool)))
                return Reply.json(_one(part, pieces, tool))
        return Reply.json({"totalTokens": 10, "input_tokens": 10})

    def reply(self, body: dict[str, Any]) -> tuple[list[str], tuple[str, dict[str, Any]] | None]:
        """Pieces of text, and a tool that is called."""
        said, after_tool = _last(body)
        if after_tool:
            return [OVER], None
        if "WRITE" in said and (tool := self.tool(body)) is not None:
            return ["I will. "], tool
        if "LISTEN" in said and "voice_listen" in _tools(body):
            return ["I will. "], ("voice_listen", {"silence_s": LISTENS_S, "max_s": LISTENS_S + 5})
        if "COUNT" in said:
            return [f"Number {each}. " for each in range(COUNTED)], None
        return [HELLO], None

    def tool(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        path, text = str(self.folder / "made.txt"), "made\n"
        shell = f"echo made > {path}"
        given: dict[str, dict[str, Any]] = {
            "write_file": {"file_path": path, "content": text},
            "Write": {"file_path": path, "content": text},
            "write": {"filePath": path, "content": text},
            "shell": {"command": ["bash", "-lc", shell]},
            "shell_command": {"command": shell},
            "exec_command": {"cmd": shell},
        }
        names = _tools(body)
        return next(((name, args) for name, args in given.items() if name in names), None)


def _tools(body: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for each in body.get("tools") or []:
        rows = each.get("functionDeclarations") or [each.get("function") or each]
        found |= {str(row.get("name")) for row in rows}
    return found


def _last(body: dict[str, Any]) -> tuple[str, bool]:
    """The person's last words, and whether a tool has answered since."""
    rows = body.get("messages") or body.get("contents") or body.get("input") or []
    rows = [{"role": "user", "content": rows}] if isinstance(rows, str) else rows
    for each in reversed(rows):
        text = json.dumps(each)
        kinds = ("tool_result", "functionResponse", "function_call_output")
        if each.get("role") == "tool" or any(f'"{kind}"' in text for kind in kinds):
            return "", True
        if each.get("role") == "user" and "<environment_context>" not in text and "<system-reminder>" not in text[:60]:
            return text, False
    return "", False


def _events(told: Iterable[dict[str, Any] | str]) -> Iterator[Step]:
    """As server-sent events, one every 20 ms."""
    for each in told:
        name = f"event: {each['type']}\n" if isinstance(each, dict) and "type" in each else ""
        yield f"{name}data: {each if isinstance(each, str) else json.dumps(each)}\n\n".encode()
        yield 0.02


Tool = tuple[str, dict[str, Any]] | None


def _chat(pieces: list[str], tool: Tool) -> Iterator[dict[str, Any] | str]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake-1"}
    for each in pieces:
        yield head | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": each}}]}
    if tool:
        call = {"name": tool[0], "arguments": json.dumps(tool[1])}
        calls = [{"index": 0, "id": f"call_{time.time_ns()}", "type": "function", "function": call}]
        yield head | {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}
    yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if tool else "stop"}]}
    yield head | {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
    yield "[DONE]"


def _responses(pieces: list[str], tool: Tool) -> Iterator[dict[str, Any] | str]:
    yield {"type": "response.created", "response": {"id": "r"}}
    text = "".join(pieces)
    item = {"type": "message", "role": "assistant", "id": "m", "content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    for each in pieces:
        yield {
            "type": "response.output_text.delta",
            "output_index": 0,
            "content_index": 0,
            "item_id": "m",
            "delta": each,
        }
    whole = item | {"content": [{"type": "output_text", "text": text}]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": whole}
    if tool:
        call = {"type": "function_call", "id": "f", "call_id": f"call_{time.time_ns()}", "name": tool[0]}
        call["arguments"] = json.dumps(tool[1])
        yield {"type": "response.output_item.done", "output_index": 1, "item": call}
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    yield {"type": "response.completed", "response": {"id": "r", "usage": usage, "output": []}}


def _messages(pieces: list[str], tool: Tool) -> Iterator[dict[str, Any] | str]:
    usage = {"input_tokens": 10, "output_tokens": 5}
    message = {"id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": "m", "content": []}
    yield {"type": "message_start", "message": message | {"stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for each in pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
    yield {"type": "content_block_stop", "index": 0}
    if tool:
        block = {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": tool[0], "input": {}}
        yield {"type": "content_block_start", "index": 1, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(tool[1])}
        yield {"type": "content_block_delta", "index": 1, "delta": delta}
        yield {"type": "content_block_stop", "index": 1}
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use" if tool else "end_turn"}, "usage": usage}
    yield {"type": "message_stop"}


def _generate(pieces: list[str], tool: Tool) -> Iterator[dict[str, Any] | str]:
    def chunk(part: dict[str, Any], **more: str) -> dict[str, Any]:
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        content = {"role": "model", "parts": [part]}
        return {"candidates": [{"index": 0, "content": content} | more], "usageMetadata": usage}

    for each in pieces[:-1]:
        yield chunk({"text": each})
    if tool:
        yield chunk({"text": pieces[-1]})
        yield chunk({"functionCall": {"name": tool[0], "args": tool[1]}}, finishReason="STOP")
    else:
        yield chunk({"text": pieces[-1]}, finishReason="STOP")


_WRITERS = {
    "/chat/completions": _chat,
    "/responses": _responses,
    "/messages": _messages,
    "streamGenerateContent": _generate,
    ":generateContent": _generate,
}


def _one(part: str, pieces: list[str], tool: Tool) -> dict[str, Any]:
    """The same answer in one piece: for titles and the like."""
    text = "".join(pieces)
    usage = {"input_tokens": 10, "output_tokens": 5, "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    if part == "/chat/completions":
        message = {"role": "assistant", "content": text}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage} | {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]
        }
    if part == "/messages":
        content = [{"type": "text", "text": text}]
        return {"id": "m", "type": "message", "role": "assistant", "model": "m", "usage": usage} | {
            "content": content,
            "stop_reason": "end_turn",
        }
    return dict(next(each for each in _generate([text], None) if isinstance(each, dict)))


@contextmanager
def scripted(folder: Path) -> Iterator[Model]:
    model = Model(folder)
    with FakeServer(model.answer) as server:
        model.url = server.url
        yield model
