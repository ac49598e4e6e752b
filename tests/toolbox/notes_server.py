"""A server of tools, written with the official package, or by hand: see the flags at the end.

Belongs here: tools that read, write, fail and take long; a program that goes on when nobody asks any more. Does not
belong here: anything of ours.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

NOTES = ["pigs are pink", "rivers run"]


def official() -> None:
    """The official package's server; to import it takes a second."""
    from mcp.server.mcpserver import MCPServer
    from mcp.types import ToolAnnotations

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
        if "--pid" in sys.argv:
            Path(sys.argv[-1]).with_suffix(".asked").touch()
        await asyncio.sleep(seconds)
        return "done"

    if "--port" in sys.argv:
        server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[-1]))
    else:
        server.run(transport="stdio")


def pages() -> None:
    """The protocol by hand: tools without end, fifty a page."""
    for line in sys.stdin:
        asked = json.loads(line)
        at = int((asked.get("params") or {}).get("cursor") or 0)
        tools = [{"name": f"t{at + n}", "inputSchema": {"type": "object"}} for n in range(50)]
        listed = {"tools": tools, "nextCursor": str(at + 50)}
        about = {"capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
        hello = about | {"protocolVersion": (asked.get("params") or {}).get("protocolVersion")}
        if "id" in asked:
            answer = {"initialize": hello, "tools/list": listed}.get(asked["method"])
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answer}) + "\n")
            sys.stdout.flush()


def stay(how: str) -> None:
    """What programs do that forgot to end: sleep, also when they are told to end, with a child, or write and write."""
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how == "parent":
        subprocess.Popen(["sleep", "3600"])
    while how == "writing":
        os.write(1, b"x" * 4096)
    threading.Event().wait()


if __name__ == "__main__":
    sys.stderr.write("words for nobody\n")
    if "--pid" in sys.argv:
        Path(sys.argv[-1]).write_text(str(os.getpid()))
    if "--stays" in sys.argv:
        atexit.register(stay, sys.argv[sys.argv.index("--stays") + 1])
    if "--pages" in sys.argv:
        pages()
    else:
        official()
