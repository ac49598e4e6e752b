"""A chat that goes well, and beside it what may fail: a server of tools (MCP), a picture that was agreed to.

Belongs here: the local servers, their configuration. Does not belong here: faults, what must come of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.pictures import png
from tests.fakes.server import FakeServer, Reply, Request
from tests.families import NAME
from tests.test_cli_chat import DONE, PATH, answering, event
from tests.test_cli_tools import DRAWN
from voicecli.types import Backend, Secret

KEY = Secret("beside-key-123456")


@dataclass
class Beside:
    """`aside` is what faults are laid over; `well` answers, and repeats what it was told of its call."""

    aside: FakeServer
    well: tuple[FakeServer]


@contextmanager
def served() -> Iterator[Beside]:
    with FakeServer() as aside, FakeServer() as chat:
        chat.on(PATH, _answer)
        aside.on(DRAWN, Reply.json({"data": [{"b64_json": base64.b64encode(png("123")).decode()}]}))
        aside.on("/mcp", _tools)
        yield Beside(aside, (chat,))


def _answer(request: Request) -> Reply:
    body = request.json()
    last = body["messages"][-1]
    if last["role"] == "tool":
        return answering(f"I was told: {last['content']}")
    if not body.get("tools"):
        return answering("There are no tools.")
    names = [each["function"]["name"] for each in body["tools"]]
    chosen = next(each for each in (f"{NAME}_draw", "image_make", *names) if each in names)
    function = {"name": chosen, "arguments": '{"prompt": "123"}'}
    piece = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
    return Reply.sse([event(delta=piece), event(finish_reason="tool_calls") + DONE])


def _tools(request: Request) -> Reply:
    """The Model Context Protocol, as far as one tool needs it."""
    if request.method != "POST":
        return Reply(b"", 405)
    asked = request.json()
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": asked.get("params", {}).get("protocolVersion", ""),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "digits", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "draw", "description": "Draw.", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "drawn"}]},
    }
    if "id" not in asked:
        return Reply(b"", 202)
    if asked["method"] not in results:
        error = {"code": -32601, "message": "Method not found"}
        return Reply.json({"jsonrpc": "2.0", "id": asked["id"], "error": error})
    return Reply.json({"jsonrpc": "2.0", "id": asked["id"], "result": results[asked["method"]]})


def backend(running: Beside, family: str, **patience: Any) -> Backend:
    """What is asked beside the chat."""
    path = "/mcp" if family == "mcp" else "/v1"
    return Backend(NAME, family, running.aside.url + path, key=KEY, key_source="SERVED_KEY", **patience)


def configured(folder: Path, beside: Backend, running: Beside) -> dict[str, str]:
    """Writes the configuration of a chat that goes well with `beside` at its side."""
    url = f"{running.well[0].url}/v1"
    table = f'[use]\nchat = "well"\n[backends.well]\nfamily = "openai"\nbase_url = "{url}"\nchat_model = "m"\n'
    settings = {"url": beside.base_url, "timeout_s": beside.timeout_s, "api_key_env": "SERVED_KEY"}
    if beside.family != "mcp":
        settings |= {"family": beside.family, "base_url": settings.pop("url"), "image_model": "draws"}
        settings |= {"connect_timeout_s": beside.connect_timeout_s}
    head = f"[mcp.{NAME}]" if beside.family == "mcp" else f"[backends.{NAME}]"
    own = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    table = table.replace("[use]\n", f'[use]\nimage = "{NAME}"\n') if beside.family != "mcp" else table
    (folder / "config.toml").write_text(f"{table}{head}\n{own}")
    return {"VOICE_CONFIG": str(folder / "config.toml"), "SERVED_KEY": KEY.reveal()}
