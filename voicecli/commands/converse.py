"""`voice chat` on a terminal without a question: a conversation, and its commands.

Belongs here: what each command does. Does not belong here: the line that is typed into (repl), asking (turns).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.commands import session as common
from voicecli.commands.attach import Attached, attached
from voicecli.errors import UsageError, VoiceError

if TYPE_CHECKING:
    from voicecli.commands.keeping import Keeper
    from voicecli.commands.turns import Turns

COMMANDS = {
    "/help": "show this list",
    "/system TEXT": "set the system prompt; without a text, show it",
    "/model NAME": "ask another model from now on; without a name, show it",
    "/voice NAME": "read aloud with this voice",
    "/speak on|off": "read answers aloud, or don't",
    "/attach FILE": "send a text, picture or recording with the next question",
    "/tools": "list what the assistant can do besides answering",
    "/retry": "ask the last question again",
    "/save FILE": "write the conversation as Markdown",
    "/clear": "begin a new conversation",
    "/exit": "leave (or Ctrl-D)",
}

FILES = ("/attach", "/save")
"""Behind these Tab completes the name of a file."""


class Converse:
    """The conversation and what the person set. `fresh` makes a keeper for a new conversation."""

    def __init__(self, turns: Turns, fresh: Callable[[], Keeper], *, private: bool, attached: Attached) -> None:
        self._turns, self._fresh, self._private = turns, fresh, private
        self._attached = attached
        self._over = False
        self._does: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/system": self._system,
            "/model": self._model,
            "/voice": self._voice,
            "/speak": self._speak,
            "/attach": self._attach,
            "/tools": self._tools,
            "/retry": self._retry,
            "/save": self._save,
            "/clear": self._clear,
            "/exit": self._exit,
        }

    def run(self) -> None:
        """Until the person leaves."""
        from voicecli.storage.typed import NAME
        from voicecli.terminal.prompt import Prompt

        config = self._turns.session.config()
        keeps = config.history.enabled and not self._private
        typed = config.state_dir / NAME if keeps else None
        prompt = Prompt(list(self._does), typed, FILES, self._turns.session.console.masked)
        self._turns.session.console.note("/help lists commands, Alt-Enter begins a new line, Ctrl-D leaves.")
        self._turns.running = running = common.Running()
        if self._turns.aloud is not None:
            self._turns.aloud.running = running
        try:
            while not self._over and (line := prompt.ask()) is not None:
                self._guarded(line.strip())
        finally:
            running.close()
            self._turns.keeper.close()

    def _guarded(self, line: str) -> None:
        """What goes wrong costs the turn, not the conversation; Ctrl-C stops an answer."""
        try:
            self.take(line)
        except VoiceError as exc:
            self._turns.session.console.error(str(exc))
        except KeyboardInterrupt:
            self._turns.session.console.note("stopped.")

    def take(self, line: str) -> None:
        """One line: a command, or a question."""
        name, _, rest = line.partition(" ")
        if name in self._does:
            self._does[name](rest.strip())
        elif line.startswith("/") and "/" not in name[1:] and "\n" not in line:
            raise UsageError(f"there is no command {name}", cure="/help lists them; a space before it asks it.")
        elif line:
            self._ask(line)

    def _ask(self, question: str) -> None:
        extra, self._attached = self._attached, Attached()
        if self._turns.tools:
            self._turns.tools.give(extra.paths)
        self._turns.ask(extra.with_question(question), extra.images)

    # -- commands ----------------------------------------------------------------------------------

    def _help(self, rest: str) -> None:
        width = max(map(len, COMMANDS))
        for name, meaning in COMMANDS.items():
            self._say(f"{name:<{width}}  {meaning}")

    def _system(self, rest: str) -> None:
        if rest:
            self._turns.system = rest
            self._turns.keeper.settle(rest, "", self._turns.options.model)
        self._say(f"system prompt: {self._turns.system or '(none)'}")

    def _model(self, rest: str) -> None:
        if rest:
            self._turns.options = replace(self._turns.options, model=rest)
            self._turns.keeper.settle(self._turns.system, "", rest)
        _, backend = self._turns.session.choose("chat")
        self._say(f"model: {self._turns.options.model or backend.chat_model or '(the service has its own)'}")

    def _voice(self, rest: str) -> None:
        if not rest:
            raise UsageError("/voice needs a name", cure="'voice voices' lists them.")
        self._speak("on")
        assert self._turns.aloud is not None
        self._turns.aloud.voice = common.voice_name(rest)

    def _speak(self, rest: str) -> None:
        from voicecli.usecases.speaking.aloud import Aloud

        if common.one_of(rest or "on", ("on", "off"), "/speak") == "off":
            self._turns.aloud = None
        elif self._turns.aloud is None:
            self._turns.aloud = Aloud(self._turns.session.services(), running=self._turns.running)
        self._say(f"answers are {'' if self._turns.aloud else 'not '}read aloud.")

    def _attach(self, rest: str) -> None:
        from voicecli import wiring

        if not rest:
            raise UsageError("/attach needs a file", cure="/attach notes.txt")
        session = self._turns.session
        found = attached(session, [Path(rest).expanduser()], private=self._private)
        family, _ = session.choose("chat")
        wiring.check_options(family, "chat", replace(self._turns.options, images=found.images))
        self._attached += found
        self._say(f"{rest} goes with the next question.")

    def _tools(self, rest: str) -> None:
        from voicecli.toolbox.offer import known

        names = self._turns.tools.names if self._turns.tools else ()
        meanings = known()
        for name in names:
            self._say(f"{name}: {meanings.get(name, 'of a server in [mcp]')}")
        if not names:
            self._say("none: the service's chat calls no functions, or the settings or --no-tools say so.")

    def _retry(self, rest: str) -> None:
        talk = self._turns.talk
        asked = [at for at, each in enumerate(talk) if each.role == "user"]
        if not asked:
            raise UsageError("nothing was asked yet", cure="Ask something.")
        question = talk[asked[-1]].content
        self._turns.talk = talk[: asked[-1]]
        try:
            self._turns.ask(question)
        except BaseException:
            if len(self._turns.talk) <= asked[-1]:
                self._turns.talk = talk  # no answer came: the old one stays
            raise

    def _save(self, rest: str) -> None:
        from voicecli.audio import files

        if not rest:
            raise UsageError("/save needs a file", cure="/save talk.md")
        text = "".join(f"**{each.role}**\n\n{each.content.strip()}\n\n" for each in self._turns.talk)
        path = Path(rest).expanduser()
        with files.atomic(path) as file:
            file.write(text.encode("utf-8", "replace"))
        self._say(f"written: {path}")

    def _clear(self, rest: str) -> None:
        self._turns.keeper.close()
        self._turns.talk, self._turns.user = [], None
        self._turns.keeper = self._fresh()
        self._turns.keeper.settle(self._turns.system, "", self._turns.options.model)
        self._say("a new conversation.")

    def _exit(self, rest: str) -> None:
        self._over = True

    def _say(self, text: str) -> None:
        """What was asked for is told in --quiet too."""
        self._turns.session.console.usage(text)
