"""What a turn of `voice chat` costs us on a terminal, from Enter to the request: the first one, and those that follow.

    .venv/bin/python benchmarks/chat.py [TURNS]

A local service speaks TLS. The first turn imports, reads the list of whom to trust, and connects; the later ones
should do none of it. Exits with 1 when the conversation took more than one connection.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fakes import tls
from tests.fakes.server import FakeServer, Reply, Request
from tests.person import at_terminal
from tests.test_cli_chat import STOP, event

PATH = "/v1/chat/completions"


def talk(server: FakeServer, folder: Path, turns: int) -> list[float]:
    """Milliseconds from Enter to the request, turn by turn."""
    came: list[float] = []

    def answer(request: Request) -> Reply:
        came.append(time.monotonic())
        return Reply.sse([event(f"answer{len(came)}"), STOP])

    server.on(PATH, answer)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    env = kept | {"HOME": str(folder), "VOICE_CONFIG": str(folder / "voice.toml"), "TERM": "xterm"}
    env["SSL_CERT_FILE"] = str(folder / "cert.pem")
    pressed = []
    with at_terminal("chat", "--private", env=env, folder=Path.cwd()) as person:
        person.prompted()
        for number in range(1, turns + 1):
            pressed.append(time.monotonic())
            person.says(f"question {number}", f"answer{number}")
        person.leaves("\x04")
    return [1000 * (then - at) for at, then in zip(pressed, came, strict=True)]


def main() -> int:
    """Prints the figures."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name, FakeServer(tls=tls.server_context()) as server:
        folder = Path(name)
        (folder / "cert.pem").write_text(tls.PEM)
        (folder / "voice.toml").write_text(
            f'[use]\nchat = "w"\n[backends.w]\nfamily = "openai"\nbase_url = "{server.url}/v1"\nchat_model = "m"\n'
        )
        first, *later = talk(server, folder, turns)
        connections = server.connections
    median = statistics.median(later)
    print(f"from Enter to the request: {first:.0f} ms for the first turn, a median of {median:.1f} ms later")
    print(f"{connections} connection{'s' if connections > 1 else ''}")
    return int(connections != 1)


if __name__ == "__main__":
    sys.exit(main())
