"""The entry of `voice mcp` in the configurations of programs that use tools.

Belongs here: where each keeps them, and in which shape. Does not belong here: keeping what else is in a file
(text.jsonc), writing it. No key is ever part of an entry: `voice` finds its own.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from voicecli.errors import ConfigError, UsageError
from voicecli.text import jsonc
from voicecli.types.jsonvalue import Json

NAME = "voice"
TOOL_TIMEOUT_S = 120
_TOML = re.compile(
    r"(?:\r?\n)?^\[mcp_servers\.voice(?:\.[^\]\n]*)?\][^\n]*\n"
    r"(?:(?!\[|(?:#[^\n]*\n\s*)+(?:\[|\Z))[^\n]*(?:\n|\Z))*",  # comments before the next table are its own
    re.MULTILINE,
)

Entry = Callable[[str, list[str]], Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class ToolClient:
    """A program: `places` are its files, the first that exists counts, else the first. `section` "": TOML."""

    places: tuple[Path, ...]
    section: str
    entry: Entry

    @property
    def path(self) -> Path:
        return next((each for each in self.places if each.exists()), self.places[0])

    def entered(self, text: str) -> str:
        """The file's text with our entry. Raises ConfigError where it cannot be read."""
        command, *args = own_command()
        if not self.section:
            return self._checked(_toml(self.without(text), command, args))
        return self._changed(lambda: jsonc.entered(text, self.section, NAME, self.entry(command, args)))

    def without(self, text: str) -> str:
        """The text without it."""
        if not self.section:
            return _TOML.sub("", text)
        return self._changed(lambda: jsonc.without(text, self.section, NAME))

    def _changed(self, change: Callable[[], str]) -> str:
        try:
            return change()
        except (ValueError, RecursionError) as exc:
            raise ConfigError(
                f"cannot be read: {exc}", who=str(self.path), cure="Mend it, or add it by hand."
            ) from None

    def _checked(self, text: str) -> str:
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"cannot take the entry: {exc}", who=str(self.path), cure="Add it by hand.") from None
        return text


def own_command() -> list[str]:
    """What starts `voice mcp`, wherever it is started from."""
    found = shutil.which("voice", path=str(Path(sys.executable).parent)) or shutil.which("voice")
    return [found, "mcp"] if found else [sys.executable, "-m", "voicecli", "mcp"]


def client_of(name: str, home: Path, env: Mapping[str, str]) -> ToolClient:
    """Raises UsageError for one that is unknown."""
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    code = {"darwin": home / "Library/Application Support", "win32": Path(env.get("APPDATA") or home)}
    opencode = tuple(config / "opencode" / each for each in ("opencode.jsonc", "opencode.json"))
    known = {
        "claude": ToolClient((Path(env.get("CLAUDE_CONFIG_DIR") or home) / ".claude.json",), "mcpServers", _typed),
        "codex": ToolClient((Path(env.get("CODEX_HOME") or home / ".codex") / "config.toml",), "", _plain),
        "gemini": ToolClient((home / ".gemini/settings.json",), "mcpServers", _plain),
        "qwen": ToolClient((home / ".qwen/settings.json",), "mcpServers", _plain),
        "opencode": ToolClient(opencode, "mcp", _listed),
        "cursor": ToolClient((home / ".cursor/mcp.json",), "mcpServers", _plain),
        "vscode": ToolClient((code.get(sys.platform, config) / "Code/User/mcp.json",), "servers", _typed),
    }
    if name not in known:
        raise UsageError(f"there is no client {name[:40]!r}", cure=f"There are: {', '.join(known)}.")
    return known[name]


def read(path: Path) -> str:
    """The file's text; "" where there is none. Raises ConfigError."""
    try:
        return path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot be read: {exc}", who=str(path)) from exc


def _plain(command: str, args: list[str]) -> Mapping[str, Json]:
    return {"command": command, "args": args}


def _typed(command: str, args: list[str]) -> Mapping[str, Json]:
    return {"type": "stdio", "command": command, "args": args}


def _listed(command: str, args: list[str]) -> Mapping[str, Json]:
    return {"type": "local", "command": [command, *args], "enabled": True}


def _toml(text: str, command: str, args: list[str]) -> str:
    gap = "\n" if text and text.endswith("\n") else "\n\n" if text else ""
    entry = f"[mcp_servers.{NAME}]\ncommand = {json.dumps(command)}\nargs = {json.dumps(args)}\n"
    return f"{text}{gap}{entry}tool_timeout_sec = {TOOL_TIMEOUT_S}\n"
