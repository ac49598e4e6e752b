"""A server of tools, written with the official package: notes_server.py [--port PORT] [--pid FILE].

Belongs here: tools that read, write, fail and take long. Does not belong here: anything of ours.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

NOTES = ["pigs are pink", "rivers run"]

server = MCPServer("notes")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def search(word: str) -> str:
    """Find notes with a word.\x1b[31m"""
    return "\n".join(note for note in NOTES if word in note) or "nothing\x1b[2J"


@server.tool()
def add(note: str, times: int = 1) -> str:
    """Add a note."""
    NOTES.extend([note] * times)
    return f"{len(NOTES)} notes; {os.environ.get('NOTES_OWNER', 'nobody')}"


@server.tool(name="odd name!")
def odd() -> str:
    """It breaks."""
    raise ValueError("no ink\x1b[31m left")


@server.tool()
async def slow(seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "done"


if __name__ == "__main__":
    sys.stderr.write("words for nobody\n")
    if "--pid" in sys.argv:
        Path(sys.argv[-1]).write_text(str(os.getpid()))
    if "--port" in sys.argv:
        server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[-1]))
    else:
        server.run(transport="stdio")
