"""The house rules, read off the source with ast: who may import whom, where foreign packages live, what is done where.

A rule that is broken is shown as "module: what". Adding a module needs no change here, unless it is a
new room: then LAYERS says on which floor it is.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "voicecli"

PURE = {
    "skills",
    "audio.pcm",
    "audio.endpointer",
    "audio.pace",
    "audio.playout",
    "audio.seams",
    "audio.splitter",
    "text",
    "dialogue.events",
    "dialogue.history",
    "dialogue.reading",
    "dialogue.drafting",
    "dialogue.heard",
    "dialogue.manners",
    "dialogue.nonspeech",
    "dialogue.states",
    "dialogue.toolwords",
    "dialogue.courtesy",
    "backends.transport.shapes",
    "backends.transport.sse",
    "backends.transport.mixed",
    "backends.transport.ndjson",
    "backends.transport.wording",
    "backends.openai.calls",
    "backends.openai.lessons",
    "backends.openai.schemas",
    "backends.sensevoice",
    "backends.qiniu.frames",
    "backends.qiniu.recognition",
    "backends.qiniu.recognised",
    "agents.protocol",
    "agents.updates",
    "server.guard",
    "server.realtime.book",
    "server.pictures",
    "server.realtime.client",
    "server.realtime.settings",
    "notes.cutting",
    "notes.choosing",
}
"""Rooms that decide: values in, values out."""

BASIC = {f"text.{name}" for name in ("characters", "clean", "figures", "join", "language", "nearest", "width")}
"""What every room may need to know of texts."""

LAYERS = {
    0: {"", "data", "types", "verbs", "errors", "storage.atomic", *BASIC},
    1: {"resampling", "silero", "ports", "storage", "notes.store"},
    2: PURE,
    3: {"audio", "backends", "dialogue", "notes"},
    4: {"agents", "config", "wiring", "toolbox"},
    5: {"usecases"},
    6: {"commands", "terminal", "server"},
    7: {"cli", "__main__"},
}

TOGETHER = (
    {"types", "verbs"},
    {"commands", "terminal", "server"},
    {"cli", "__main__"},
    {"storage", "notes.store"},
    {"agents", "config", "wiring", "toolbox"},
)
"""Modules of one floor that may import each other. Within a package all may."""

HOMES = {
    "typer": {"cli", "commands", "terminal.completing", "terminal.manual"},
    "rich": {"terminal"},
    "pygments": {"terminal.markdown"},
    "markdown_it": {"terminal.markdown"},
    "prompt_toolkit": {"terminal"},
    "httpx": {"backends"},
    "websockets": {"backends"},
    "sounddevice": {"audio.capture", "audio.playback", "audio.devices"},
    "webrtcvad": {"audio.vad"},
    "soundfile": {"audio.files", "audio.encoder"},
    "soxr": {"audio.pcm"},
    "livekit": {"audio.echo"},
    "numpy": {"audio", "resampling", "silero", "backends.local", "notes.nearest"},
    "sherpa_onnx": {"backends.local"},
    "pypinyin": {"backends.local"},
    "filelock": {"storage"},
    "espeakng_loader": {"backends.espeak"},
    "platformdirs": {"config"},
    "tomlkit": {"config"},
    "wcwidth": {"text"},
    "av": {"audio.foreign"},
    "mcp": {"toolbox.servers", "server.tools"},
    "mcp_types": {"toolbox.servers"},
    "anyio": {"toolbox.servers.program", "toolbox.servers.sifted"},
    "httpx2": {"toolbox.servers.address"},
    "fastapi": {"server"},
    "starlette": {"server"},
    "pydantic": {"server"},
    "uvicorn": {"server"},
    "uvloop": {"server.listening"},
    "prometheus_client": {"server"},
    "wyoming": {"server.wyoming"},
    "ray": {"backends.local.replicas"},
}

IMPURE = {"asyncio", "time", "socket", "os", "random", "subprocess", "pathlib", "select", "signal", "io"}

LONGEST = 60


def modules() -> dict[str, Path]:
    """Every module by its name below voicecli; the package itself is ""."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def inside(name: str, room: str) -> bool:
    return name == room or (bool(room) and name.startswith(room + "."))


def room_of(name: str) -> tuple[int, str]:
    """The floor and the room of a module: the longest entry of LAYERS that holds it."""
    rooms = [(len(room), floor, room) for floor, each in LAYERS.items() for room in each if inside(name, room)]
    assert rooms, f"voicecli.{name} is on no floor: add it to LAYERS"
    _, floor, room = max(rooms)
    return floor, room


def typing_only(node: ast.Module) -> set[ast.AST]:
    """What stands below `if TYPE_CHECKING:`."""
    tests = [each for each in ast.walk(node) if isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test)]
    return {below for test in tests for statement in test.body for below in ast.walk(statement)}


def imported(name: str) -> Iterator[str]:
    """Full dotted names of everything that a module imports, in functions too, for typing too."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = ["voicecli", *package.split(".")][: len(package.split(".")) + 2 - node.level]
                base = ".".join([*above, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def ours(name: str) -> Iterator[str]:
    """The modules of ours that a module imports, without the names taken from them."""
    for full in imported(name):
        top, _, rest = full.partition(".")
        if top != "voicecli":
            continue
        while rest not in MODULES:
            rest = rest.rpartition(".")[0]
        yield rest


def foreign(name: str) -> set[str]:
    return {full.partition(".")[0] for full in imported(name)} - set(sys.stdlib_module_names) - {"voicecli"}


def may_import(name: str, other: str) -> bool:
    (floor, room), (other_floor, other_room) = room_of(name), room_of(other)
    if other_floor < floor or room == other_room:
        return True
    near = name.split(".")[0] == other.split(".")[0]
    together = any(room in group and other_room in group for group in TOGETHER)
    return other_floor == floor and (near or together)


def worlds_apart(name: str, other: str) -> bool:
    """Sound, network and dialogue do not see each other's edges; dialogue may use sound's pure rooms."""
    return room_of(other)[1] not in ("audio", "backends", "dialogue") or name.split(".")[0] == other.split(".")[0]


def broken(rule: Callable[[str], Iterator[str]]) -> list[str]:
    return [f"voicecli.{name}: {what}" for name in MODULES for what in rule(name)]


def calls(name: str) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def test_imports_point_down() -> None:
    def rule(name: str) -> Iterator[str]:
        return (f"imports voicecli.{other}" for other in ours(name) if not may_import(name, other))

    assert broken(rule) == []


def circle_through(name: str) -> list[str]:
    """The modules on the way from a module back to itself, by imports of any kind; none where there is no way."""
    before: dict[str, str] = {}
    todo = [name]
    while todo:
        at = todo.pop()
        for other in graph()[at]:
            if other == name:
                way = [at]
                while way[-1] != name:
                    way.append(before[way[-1]])
                return way[::-1]
            if other not in before:
                before[other] = at
                todo.append(other)
    return []


@cache
def graph() -> dict[str, set[str]]:
    """What each module imports, in functions and for typing too."""
    return {name: {other for other in ours(name) if other != name} for name in MODULES}


def test_no_circles_of_any_kind() -> None:
    """What cannot be understood one by one is one module."""
    circles = [way for name in MODULES if (way := circle_through(name))]
    assert circles == []


def test_commands_import_no_commands() -> None:
    shared = {"commands", "commands.flags", "commands.session"}

    def rule(name: str) -> Iterator[str]:
        if name.startswith("commands.") and name not in shared:
            yield from (f"imports {each}" for each in graph()[name] if inside(each, "commands") and each not in shared)

    assert broken(rule) == []


def test_the_three_worlds_do_not_see_each_other() -> None:
    def rule(name: str) -> Iterator[str]:
        if room_of(name)[0] <= 3:
            yield from (f"imports voicecli.{other}" for other in ours(name) if not worlds_apart(name, other))

    assert broken(rule) == []


def test_backends_and_sound_share_only_types() -> None:
    def rule(name: str) -> Iterator[str]:
        world = name.split(".")[0]
        strangers = {"backends": ("audio", "dialogue"), "audio": ("backends", "dialogue"), "dialogue": ("backends",)}
        for other in ours(name):
            if other.split(".")[0] in strangers.get(world, ()):
                yield f"imports voicecli.{other}"

    assert broken(rule) == []


def test_third_party_packages_stay_at_home() -> None:
    def rule(name: str) -> Iterator[str]:
        for package in foreign(name):
            if not any(inside(name, home) for home in HOMES.get(package, ())):
                yield f"imports {package}"

    assert broken(rule) == []


def test_every_home_is_lived_in() -> None:
    """A home that no longer exists would make the rule above say nothing."""
    assert {home for homes in HOMES.values() for home in homes} - set(MODULES) <= set()


def impurities(name: str) -> Iterator[str]:
    """What a module does that a pure one must not: touch a world, or wait for one."""
    below = typing_only(tree(name))
    tops = {full.partition(".")[0] for full in imported(name)}
    yield from (f"imports {each}" for each in sorted(tops & IMPURE))
    asynchronous = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    if any(isinstance(each, asynchronous) for each in ast.walk(tree(name)) if each not in below):
        yield "is asynchronous"


def claims_to_be_pure(name: str) -> bool:
    return bool(re.search(r"\bPure\.", ast.get_docstring(tree(name)) or ""))


def test_pure_rooms_touch_no_world() -> None:
    """Those of the table, and whoever says `Pure.` in its docstring."""

    def rule(name: str) -> Iterator[str]:
        if claims_to_be_pure(name) or any(inside(name, room) for room in PURE):
            yield from impurities(name)

    assert broken(rule) == []


def test_only_console_and_cli_print_and_leave() -> None:
    leaving = {"print", "exit", "quit", "sys.exit", "os._exit", "typer.echo", "sys.stdout.write", "sys.stderr.write"}

    def rule(name: str) -> Iterator[str]:
        if name not in ("terminal.console", "terminal.screen", "terminal.completing", "cli", "__main__"):
            yield from (
                f"calls {function} in line {node.lineno}" for node, function in calls(name) if function in leaving
            )

    assert broken(rule) == []


def test_the_environment_is_read_once_in_main() -> None:
    def rule(name: str) -> Iterator[str]:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb"):
                yield f"{ast.unparse(node)} in line {node.lineno}"

    # The first is what ffmpeg needs to start, the third what ssl and httpx would read by themselves (certificates and
    # proxies). The second is what Ray is told by, the last an entry too.
    readers = [where.partition(" in line")[0] for where in broken(rule)]
    assert sorted(set(readers)) == [
        "voicecli.audio.foreign: os.environ",
        "voicecli.backends.local.replicas: os.environ",
        "voicecli.backends.transport.surroundings: os.environ",
        "voicecli.cli: os.environ",
        "voicecli.server.app: os.environ",
    ]


def test_no_task_without_a_group() -> None:
    def rule(name: str) -> Iterator[str]:
        for node, function in calls(name):
            owner, _, method = function.rpartition(".")
            bare = method == "create_task" and (not owner or owner == "asyncio" or "loop" in owner)
            if bare or method == "ensure_future":
                yield f"{function} in line {node.lineno}"

    assert broken(rule) == []


def test_every_file_says_what_belongs_in_it() -> None:
    def rule(name: str) -> Iterator[str]:
        if not ast.get_docstring(tree(name)):
            yield "has no docstring"

    assert broken(rule) == []


def test_functions_fit_on_a_screen() -> None:
    def rule(name: str) -> Iterator[str]:
        for node in ast.walk(tree(name)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.body[0].lineno + 1
                if lines > LONGEST:
                    yield f"{node.name} has {lines} lines"

    assert broken(rule) == []


def test_tests_use_no_mocks() -> None:
    mocks = re.compile(r"^\s*(import|from) (unittest\.)?mock\b|^\s*from unittest import .*\bmock\b", re.MULTILINE)
    tests = (ROOT / "tests").rglob("*.py")
    assert [path.name for path in tests if mocks.search(path.read_text(encoding="utf-8"))] == []


# -- the rules themselves see what they should -----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "other", "allowed"),
    [
        ("cli", "terminal.console", True),
        ("commands.chat", "wiring", True),
        ("wiring", "terminal.console", False),
        ("backends.transport.http", "config", False),
        ("config.resolve", "config.keys", True),
        ("types", "ports", False),
        ("dialogue.turn", "audio.playout", True),
        ("dialogue.events", "audio.pcm", False),
        ("audio.pcm", "audio.files", False),
        ("storage.atomic", "ports", False),
    ],
)
def test_the_floors_are_as_drawn(name: str, other: str, allowed: bool) -> None:
    assert may_import(name, other) is allowed
