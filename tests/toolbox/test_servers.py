"""Servers of tools, written with the official package: what is offered, asked, told, and that they end."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.server import FakeServer, Reply
from tests.waiting import eventually, until
from voicecli.config.model import McpServer
from voicecli.errors import InputError
from voicecli.terminal.console import Console
from voicecli.toolbox.servers.listed import LONGEST_RESULT, ServerTools, text_of, tools_of
from voicecli.toolbox.servers.running import Surroundings, open_servers, start_s
from voicecli.types import ToolCall, ToolResult

pytestmark = pytest.mark.anyio

SERVER = str(Path(__file__).parent / "notes_server.py")


def notes(*arguments: str, **settings: Any) -> McpServer:
    return McpServer("notes", (sys.executable, SERVER, *arguments), **settings)


class Never:
    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        raise AssertionError(f"nobody calls {name} here")


def offered(server: McpServer, tools: Any) -> ServerTools:
    return ServerTools(server, Never(), tools)


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("1", name, json.dumps(arguments))


class Told(Console):
    """Somebody who is told, and remembers it."""

    def __init__(self) -> None:
        super().__init__({}, io.StringIO(), io.StringIO())

    @property
    def lines(self) -> list[str]:
        assert isinstance(self.err, io.StringIO)
        return self.err.getvalue().splitlines()


@asynccontextmanager
async def opened(
    *servers: McpServer, told: Told | None = None, env: Mapping[str, str] = os.environ, state: Path = Path(os.devnull)
) -> AsyncIterator[dict[str, ServerTools]]:
    async with open_servers(servers, Surroundings(env, state, told or Told())) as found:
        yield found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_real_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All of it in one conversation: starting a server takes a second."""
    mark = tmp_path / "pid"
    env = {"NOTES_OWNER": "Ada"}
    async with opened(notes("--pid", str(mark), env=env, trust=True)) as found:
        box = found["notes"]
        specs = {each.name: each for each in box.specs}
        assert list(specs) == ["notes_search", "notes_add", "notes_odd_name_", "notes_slow"]
        assert specs["notes_search"].meaning == "Find notes with a word."
        assert specs["notes_search"].parameters["required"] == ["word"]

        assert await box.use(call("notes_search", word="pigs")) == ToolResult("pigs are pink", "pigs are pink")
        assert (await box.use(call("notes_search", word="cows"))).text == "nothing"
        assert (await box.use(call("notes_add", note="cows moo"))).text == "3 notes; Ada"
        assert (await box.use(call("notes_search", word="cows"))).text == "cows moo"

        wrong = await box.use(call("notes_search", wort="pigs"))
        assert not wrong.ok and "word" in wrong.text, "the server judges arguments"
        broken = await box.use(call("notes_odd_name_"))
        assert not broken.ok and "odd name!" in broken.text
        assert not (await box.use(ToolCall("1", "notes_add", "no JSON"))).ok

        assert box.question(call("notes_search", word="pigs"), chinese=False) == "", (
            "a trusted server says it only reads"
        )
        assert box.question(call("notes_add", note="a\nb"), chinese=False) == 'May I use add of notes: note "a b"?'
        assert box.question(call("notes_add", note="猪"), chinese=True) == '可以使用 notes 的 add 吗：note "猪"？'
        assert not box.quick(call("notes_search", word="x"))
        pid = int(mark.read_text())
        assert alive(pid)
    assert not alive(pid)
    assert capfd.readouterr() == ("", ""), "what a server says on stderr is not for our screen"


@pytest.fixture
def address() -> Iterator[str]:
    """Where the server is that somebody else has started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, SERVER, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: listening(port))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def listening(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


async def test_a_server_at_an_address(address: str) -> None:
    async with opened(McpServer("notes", url=address, api_key_env="PATH")) as found:
        assert (await found["notes"].use(call("notes_search", word="rivers"))).text == "rivers run"


async def test_servers_that_do_not_start_cost_only_their_tools() -> None:
    told = Told()
    began = time.monotonic()
    missing = McpServer("gone", ("/no/such/program",))
    neither, both = McpServer("neither"), McpServer("both", ("x",), url="http://127.0.0.1:1/mcp")
    keyless = McpServer("keyless", url="http://127.0.0.1:1/mcp", api_key_env="NO_SUCH_KEY_HERE")
    fails = McpServer("fails", (sys.executable, "-c", "import sys; sys.exit(3)"))
    async with opened(missing, neither, both, keyless, fails, told=told) as found:
        assert found == {}
    assert told.lines[:4] == [
        "no tools of gone: [mcp.gone]: there is no program /no/such/program",
        "no tools of neither: [mcp.neither]: it needs a command or a url, and not both",
        "no tools of both: [mcp.both]: it needs a command or a url, and not both",
        "no tools of keyless: [mcp.keyless]: the variable NO_SUCH_KEY_HERE is not set",
    ]
    assert told.lines[4:] == ["no tools of fails: [mcp.fails]: it ended before it told its tools"]
    assert time.monotonic() - began < 5


class Session:
    """What a server's session may do to us."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        if self.failure is not None:
            raise self.failure
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("session", "told"),
    [
        (Session(), "notes did not answer within 0.1 s."),
        (Session(RuntimeError("Connection\x1b[31m closed")), "notes failed: Connection closed"),
        (Session(ValueError()), "notes failed: ValueError"),
    ],
)
async def test_a_call_that_fails_is_a_result(session: Session, told: str) -> None:
    tools = ServerTools(notes(timeout_s=0.1), session, tools_of("notes", [{"name": "slow"}]))
    assert await tools.use(call("notes_slow")) == ToolResult(told, told, ok=False)


async def test_without_trust_everything_is_asked() -> None:
    tools = tools_of("notes", [{"name": "search", "annotations": {"readOnlyHint": True}}])
    assert tools[0].reads
    asked = call("notes_search", word="x" * 1000)
    question = offered(notes(), tools).question(asked, chinese=False)
    assert question == f'May I use search of notes: word "{"x" * 160}" + 840 characters?'
    assert offered(notes(trust=True), tools).question(asked, chinese=False) == ""
    assert offered(notes(), tools).question(ToolCall("1", "notes_search", "[]"), chinese=False) == ""


async def test_no_argument_hides_behind_another() -> None:
    tools = tools_of("files", [{"name": "write"}])
    note = "please " * 25 + 'by", path "ok'
    asked = ToolCall("1", "files_write", json.dumps({"note": note, "path": "~/.ssh/authorized_keys", 'a": "b': 1}))
    question = offered(notes(), tools).question(asked, chinese=False)
    assert question.endswith(' + 28 characters, path "~/.ssh/authorized_keys", "a\\": \\"b" "1"?')
    many = ToolCall("1", "files_write", json.dumps({f"n{at}": at for at in range(500)}))
    assert offered(notes(), tools).question(many, chinese=False).endswith('n11 "11", + 488 arguments?')


async def test_cancelled_in_the_middle_of_a_call_the_server_still_ends(tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    async def main() -> None:
        async with opened(notes("--pid", str(mark))) as found:
            await found["notes"].use(call("notes_slow", seconds=60))

    task = asyncio.create_task(main())
    await eventually(mark.with_suffix(".asked").exists)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 10
    assert not alive(int(mark.read_text()))


def group_alive(group: int) -> bool:
    """Whether a process of the group runs; one that nobody has buried does not."""
    found = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()]
    return any(int(each[0]) == group and each[1][0] != "Z" for each in rows)


STAYS = ["asleep", "deaf", "parent", "writing"]


@pytest.mark.needs_posix
@pytest.mark.parametrize("how", STAYS)
async def test_a_program_that_does_not_end_is_ended_with_all_it_started(tmp_path: Path, how: str) -> None:
    mark = tmp_path / "pid"
    async with opened(notes("--pages", "--stays", how, "--pid", str(mark))) as found:
        assert found
        began = time.monotonic()
    assert time.monotonic() - began < 10
    await eventually(lambda: not group_alive(int(mark.read_text())), 3)  # who is killed dies a moment later


@pytest.mark.needs_posix
@pytest.mark.parametrize("how", ["deaf", "writing"])
async def test_who_does_not_want_to_wait_for_its_end_need_not(tmp_path: Path, how: str) -> None:
    mark = tmp_path / "pid"
    leaving = asyncio.Event()

    async def main() -> None:
        async with opened(notes("--pages", "--stays", how, "--pid", str(mark))):
            leaving.set()

    task = asyncio.create_task(main())
    await leaving.wait()
    await asyncio.sleep(0)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 5
    await eventually(lambda: not group_alive(int(mark.read_text())), 3)  # who is killed dies a moment later


MUTE = "import threading; threading.Event().wait()"
ENDLESS = "import os\nwhile True: os.write(1, b'x' * 4096)"


@pytest.mark.parametrize(
    ("code", "why"),
    [(MUTE, r"it did not answer within [\d.]+ s"), (ENDLESS, "it ended before it told its tools")],
    ids=["mute", "endless"],
)
async def test_a_program_that_tells_no_tools_costs_five_seconds_and_is_told_of(code: str, why: str) -> None:
    told = Told()
    began = time.monotonic()
    async with opened(McpServer("dead", (sys.executable, "-c", code)), told=told) as found:
        assert found == {}
    assert time.monotonic() - began < 4 + start_s() * 1.5
    assert re.fullmatch(rf"no tools of dead: \[mcp.dead\]: {why}", told.lines[-1])
    assert code == ENDLESS or told.lines[0] == "waiting for the tools of dead …"


async def test_a_list_without_end_is_read_to_its_bound(tmp_path: Path) -> None:
    told = Told()
    async with opened(McpServer("many", (sys.executable, SERVER, "--pages")), told=told) as found:
        assert len(found["many"].specs) == 64
    assert told.lines[-1] == "many lists more than 64 tools; the rest is left out."


LISTS = """
import json, sys
SCHEMA = {"type": "object"}
TOOLS = [{"name": "good", "inputSchema": SCHEMA}, {"name": 5, "inputSchema": SCHEMA}, "junk", {"inputSchema": SCHEMA},
         {"name": "loose", "inputSchema": {}, "description": 7}, {"name": "last", "inputSchema": SCHEMA}]
for line in sys.stdin:
    asked = json.loads(line)
    hello = {"capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
    hello["protocolVersion"] = (asked.get("params") or {}).get("protocolVersion")
    if "id" in asked:
        result = {"initialize": hello, "tools/list": {"tools": TOOLS}}[asked["method"]]
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


async def test_a_tool_that_is_none_costs_no_other() -> None:
    told = Told()
    async with opened(McpServer("odd", (sys.executable, "-c", LISTS)), told=told) as found:
        assert [each.name for each in found["odd"].specs] == ["odd_good", "odd_loose", "odd_last"]
    named = [line.rpartition(": ")[2] for line in told.lines if "left out" in line]
    assert named == ["5", "junk", "None"]


# -- addresses that are hostile --------------------------------------------------------------------

KEY = "mcpsecret-abc123-def456"


@pytest.fixture
def web() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def at(server: FakeServer, **settings: Any) -> McpServer:
    return McpServer("far", url=f"{server.url}/mcp", api_key_env="FAR_KEY", **settings)


async def refused(server: FakeServer, *replies: Reply, **env: str) -> str:
    """What is said of a server that answers so when it is greeted."""
    told = Told()
    server.on("/mcp", *replies)
    async with opened(at(server), told=told, env={"FAR_KEY": KEY} | env) as found:
        assert found == {}
    (line,) = told.lines
    return line


async def test_its_key_is_never_repeated(web: FakeServer) -> None:
    line = await refused(web, Reply.json({"error": {"message": f"no such key {KEY}"}}, 401))
    assert "far (127.0.0.1" in line and "****" in line and KEY not in line
    assert web.requests[0].headers["authorization"] == f"Bearer {KEY}"
    broken = await refused(web, FAR_KEY="mcpsecret-abc123\ndef456-tail")
    assert broken.endswith(
        "the key from FAR_KEY is not a key: it is too long, or holds blanks or characters that no header can carry"
    )
    assert "mcpsecret" not in broken


async def test_a_result_with_the_key_in_it_is_told_without() -> None:
    class Repeats:
        async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
            from mcp.types import CallToolResult, TextContent

            return CallToolResult(
                content=[TextContent(type="text", text=f"your key is {KEY}, key-performance-figures")]
            )

    tools = ServerTools(notes(), Repeats(), tools_of("notes", [{"name": "slow"}]), [KEY])
    assert (await tools.use(call("notes_slow"))).text == "your key is ****, key-performance-figures"


async def test_this_machine_is_not_asked_for_through_a_proxy_of_the_environment(
    web: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await refused(web, Reply.text("gone", 500))
        assert web.requests and not proxy.requests


def bomb() -> bytes:
    """200 MB, packed without ever being there."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(each) for each in (b'{"a": "', *[b"x" * 1_000_000] * 200)) + packer.flush()


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (bomb, {"content-type": "application/json", "content-encoding": "gzip"}),
        (lambda: b'{"a": "' + b"x" * 8_000_000, {"content-type": "application/json"}),
        (lambda: b"data: " + b"x" * 8_000_000, {"content-type": "text/event-stream"}),
    ],
    ids=["bomb", "body", "event"],
)
async def test_an_answer_without_measure_is_refused(
    web: FakeServer, body: Callable[[], bytes], head: dict[str, str]
) -> None:
    reply = Reply([body()], 200, head)
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "no tools of far: [mcp.far]: " in await refused(web, reply)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 100_000, "kB"


async def test_what_leaves_the_machine_is_said_once(web: FakeServer, tmp_path: Path) -> None:
    web.on("/mcp", Reply.text("gone", 500))
    far = McpServer("far", url=web.url.replace("127.0.0.1", "0x7f.1") + "/mcp", api_key_env="FAR_KEY")
    told = Told()
    for _ in range(2):
        async with opened(far, told=told, env={"FAR_KEY": KEY}, state=tmp_path):
            pass
    assert [line for line in told.lines if "said once" in line] == [
        "what tools are given goes to 0x7f.1 (tools far; said once).",
        "the key goes unencrypted to 0x7f.1 (tools far; said once). Whoever is on the way can read it: use https.",
    ]


async def test_what_goes_wrong_meanwhile_is_raised_as_itself() -> None:
    with pytest.raises(InputError, match="no such thing"):
        async with opened(McpServer("gone", ("/no/such/program",))):
            raise InputError("no such thing")


# -- what a server says, without one ---------------------------------------------------------------


async def test_what_is_listed_is_bounded_and_harmless() -> None:
    listed = [
        {"name": "a b!", "description": "x" * 5000, "inputSchema": {"type": "object", "properties": {"q": {}}}},
        {"name": "a b?", "description": "the same once it is harmless"},
        {"name": "a b!", "description": "the same name again"},
        {"name": "y" * 200, "inputSchema": {"type": "array"}},
        {"name": ""},
        {"name": 7},
        "no tool",
        {"name": "big", "inputSchema": {"type": "object", "properties": {"q": {"description": "x" * 50_000}}}},
        {"name": "odd", "inputSchema": {"type": "object", "properties": [1]}},
        {"name": "bare", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": "yes"}},
    ]
    tools = tools_of("s", listed)
    assert [each.spec.name for each in tools] == ["s_a_b_", "s_a_b__2", "s_" + "y" * 62, "s_big", "s_odd", "s_bare"]
    assert (tools[0].own, len(tools[0].spec.meaning)) == ("a b!", 1000)
    assert tools[0].spec.parameters == {"type": "object", "properties": {"q": {}}}
    nothing = {"type": "object", "properties": {}}
    assert [each.spec.parameters for each in tools[1:]] == [nothing] * 5
    assert not any(each.reads for each in tools)
    assert len(tools_of("s", [{"name": f"n{at}"} for at in range(500)])) == 64


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"content": [{"type": "text", "text": "a\x1b]0;x\x07b"}, {"type": "text", "text": "c"}]}, "ab\nc"),
        ({"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}]}, "(image: not shown)"),
        ({"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]}, "inside"),
        ({"content": [{"type": "resource_link", "uri": "file:///a"}]}, "(resource_link file:///a: not shown)"),
        ({"content": [], "structuredContent": {"n": 1}}, '{"n": 1}'),
        ({"content": [{"type": "text", "text": "x" * 50_000}]}, "x" * LONGEST_RESULT + "\n… (cut off)"),
        ({}, ""),
    ],
)
async def test_results_become_text(result: dict[str, Any], text: str) -> None:
    assert text_of(result) == text
