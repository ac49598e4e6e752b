"""`voice chat` on a terminal without a question: a conversation from its first line to its last, and its commands.

Belongs here: the loop, what is said where it begins, goes on and ends; one function and one row of COMMANDS a command.
Does not belong here: the line that is typed into (prompt), asking and showing (answering).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import UsageError, VoiceError
from voicecli.text.clean import one_line
from voicecli.text.width import cells, headed
from voicecli.types import ChatMessage, Picture
from voicecli.usecases.attaching import Attached

if TYPE_CHECKING:
    from voicecli.terminal.answering import Asker
    from voicecli.terminal.prompt import Prompt
    from voicecli.usecases.chatting.conversation import Chat
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.speaking.aloud import Aloud

SHOWN = 70
"""Characters of a message that a list shows."""
RECALLED = 160
"""Characters of a message that stands where a conversation goes on."""


@dataclass
class Conversing:
    """A conversation and what the person set in it.

    `extra` goes with the next question; `attach` reads files for it. `read_aloud` gives a voice by its name, and
    `fresh` a keeper for a new conversation. `tokens`: how many were asked and answered so far.
    """

    answering: Asker
    extra: Attached
    attach: Callable[[list[Path]], Attached]
    read_aloud: Callable[[str | None], Aloud]
    fresh: Callable[[], Keeper]
    prompt: Prompt
    over: bool = False
    tokens: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def chat(self) -> Chat:
        return self.answering.chat

    def ask(self, question: str) -> None:
        """Asks it, with what was attached since the last one."""
        extra, self.extra = self.extra, Attached()
        if self.chat.tools:
            self.chat.tools.give(extra.paths)
        self.put(extra.with_question(question), extra.images)

    def put(self, question: str, images: tuple[Picture, ...] = ()) -> None:
        """Asks it as it is."""
        usage = self.answering.ask(question, images).usage
        if usage is not None:
            self.tokens = [self.tokens[0] + usage.prompt_tokens, self.tokens[1] + usage.completion_tokens]

    def say(self, text: str) -> None:
        """What was asked for is told in --quiet too."""
        self.answering.console.usage(self.answering.console.say(text))

    def line(self, message: ChatMessage, longest: int) -> str:
        """What was said, in a line."""
        who = "you" if message.role == "user" else "voice"
        named = headed(self.answering.console.say(who))
        return f"{named}{' ' * (7 - cells(named))}{one_line(message.content, longest)}"


Does = Callable[[Conversing, str], None]


def _help(it: Conversing, rest: str) -> None:
    width = max(map(len, COMMANDS))
    for name, (meaning, _) in COMMANDS.items():
        it.say(f"{name:<{width}}  {it.answering.console.say(meaning)}")


def _system(it: Conversing, rest: str) -> None:
    if rest:
        it.chat.settle(system=rest)
    it.say(f"system prompt: {it.chat.system}" if it.chat.system else "there is no system prompt.")


def _model(it: Conversing, rest: str) -> None:
    if rest:
        it.chat.settle(model=rest)
    _, backend = it.chat.services.choose("chat")
    it.say(f"model: {it.chat.options.model or backend.chat_model or '(the service has its own)'}")


def _voice(it: Conversing, rest: str) -> None:
    if not rest:
        raise UsageError("/voice needs a name", cure="'voice voices' lists them.")
    it.answering.aloud = it.read_aloud(rest)
    it.say("answers are read aloud.")


def _speak(it: Conversing, rest: str) -> None:
    if rest.lower() not in ("", "on", "off"):
        raise UsageError(f"/speak does not know '{rest}'", cure="It knows: on, off.")
    if rest.lower() == "off":
        it.answering.aloud = None
    elif it.answering.aloud is None:
        it.answering.aloud = it.read_aloud(None)
    it.say("answers are read aloud." if it.answering.aloud else "answers are not read aloud.")


def _attach(it: Conversing, rest: str) -> None:
    if not rest:
        raise UsageError("/attach needs a file", cure="/attach notes.txt")
    it.extra += it.attach([Path(rest).expanduser()])
    it.say(f"{rest} goes with the next question.")


def _tools(it: Conversing, rest: str) -> None:
    from voicecli.toolbox.offer import known

    names, meanings = it.chat.tools.names if it.chat.tools else (), known()
    for name in names:
        it.say(f"{name}: {meanings.get(name, 'of a server in [mcp]')}")
    if not names:
        it.say("none: the service's chat calls no functions, or the settings or --no-tools say so.")


def _retry(it: Conversing, rest: str) -> None:
    before = it.chat.talk
    question = _undone(it)
    left = len(it.chat.talk)
    try:
        it.put(question)
    except BaseException:
        if len(it.chat.talk) <= left:
            it.chat.talk = before  # no answer came: the old one stays
        raise


def _undo(it: Conversing, rest: str) -> None:
    question = _undone(it)
    it.chat.keeper.sync(it.chat.talk)
    it.say(f"taken back: {one_line(question, SHOWN)}")


def _undone(it: Conversing) -> str:
    if not (question := it.chat.undo()):
        raise UsageError("nothing was asked yet", cure="Ask something.")
    return question


def _edit(it: Conversing, rest: str) -> None:
    if question := it.prompt.edit(rest).strip():
        it.ask(question)


FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
"""A block of code in an answer."""


def _copy(it: Conversing, rest: str) -> None:
    from voicecli.terminal.desktop import clipboard

    if rest not in ("", "code"):
        raise UsageError(
            f"/copy does not know '{rest}'", cure="/copy copies the last answer, /copy code its last code."
        )
    said = next((each.content for each in reversed(it.chat.talk) if each.role == "assistant"), "")
    blocks = [found[2] for found in FENCED.finditer(said)] if rest else [said]
    if not blocks or not blocks[-1].strip():
        raise UsageError("there is no code in the last answer" if rest else "there is no answer to copy")
    console = it.answering.console
    who = clipboard(console.env, console.out).copy(blocks[-1])
    it.say(f"{len(blocks[-1]):,} characters copied, by {who}.")


def _history(it: Conversing, rest: str) -> None:
    for each in it.chat.talk:
        it.answering.console.usage(it.line(each, SHOWN))
    if not it.chat.talk:
        it.say("nothing was said yet; 'voice history' shows earlier conversations.")


def _usage(it: Conversing, rest: str) -> None:
    asked, answered = it.tokens
    it.say(f"usage so far: {asked} tokens asked + {answered} answered = {asked + answered}")


def _save(it: Conversing, rest: str) -> None:
    from voicecli.usecases.writing import owned

    if not rest:
        raise UsageError("/save needs a file", cure="/save talk.md")
    path = Path(rest).expanduser()
    text = "".join(f"**{each.role}**\n\n{each.content.strip()}\n\n" for each in it.chat.talk)
    it.say(owned(path, text))


def _clear(it: Conversing, rest: str) -> None:
    it.chat.begin_anew(it.fresh())
    it.tokens = [0, 0]
    it.say("a new conversation.")


def _exit(it: Conversing, rest: str) -> None:
    it.over = True


COMMANDS: Mapping[str, tuple[str, Does]] = {
    "/help": ("show this list, as /? does", _help),
    "/system TEXT": ("set the system prompt; without a text, show it", _system),
    "/model NAME": ("ask another model from now on; without a name, show it", _model),
    "/voice NAME": ("read aloud with this voice", _voice),
    "/speak on|off": ("read answers aloud, or don't", _speak),
    "/attach FILE": ("send a text, picture or recording with the next question", _attach),
    "/edit TEXT": ("write the question in $EDITOR, as Ctrl-X Ctrl-E does", _edit),
    "/retry": ("ask the last question again", _retry),
    "/undo": ("take the last question and its answer back", _undo),
    "/copy [code]": ("copy the last answer, or the last code in it", _copy),
    "/history": ("show what was said so far", _history),
    "/usage": ("show how many tokens it took so far", _usage),
    "/tools": ("list what the assistant can do besides answering", _tools),
    "/save FILE": ("write the conversation as Markdown", _save),
    "/clear": ("begin a new conversation", _clear),
    "/exit": ("leave, as exit, quit, :q and Ctrl-D do", _exit),
}

DOES: Mapping[str, Does] = {name.partition(" ")[0]: does for name, (_, does) in COMMANDS.items()} | {
    "/?": _help,
    "/q": _exit,
    "/quit": _exit,
}
OFFERED: Mapping[str, str] = {name.partition(" ")[0]: meaning for name, (meaning, _) in COMMANDS.items()}
"""What is offered while a command is typed."""
LEAVING = frozenset({"exit", "quit", ":q"})
"""What people type who want to leave, and would hardly ask."""

FILES = ("/attach", "/save")
"""Behind these Tab completes the name of a file."""


def take(it: Conversing, line: str) -> None:
    """One line: a command, or a question."""
    name, _, rest = line.partition(" ")
    if line in LEAVING:
        it.over = True
    elif name in DOES:
        DOES[name](it, rest.strip())
    elif line.startswith("/") and "/" not in name[1:] and "\n" not in line:
        raise UsageError(f"there is no command {name}", cure="/help lists them; a space before it asks it.")
    elif line:
        it.ask(line)


def converse(it: Conversing) -> None:
    """Takes line after line until the person leaves."""
    note = it.answering.console.note
    note(f"{who_answers(it.chat)} · /help lists commands, Alt-Enter begins a new line, Ctrl-D leaves.")
    for each in it.chat.talk[-2:]:
        note(it.line(each, RECALLED))
    while not it.over and (line := it.prompt.ask()) is not None:
        try:
            take(it, line.strip())
        except VoiceError as exc:  # it costs the turn, not the conversation
            it.answering.console.error(exc.message, exc.cure)
        except KeyboardInterrupt:  # Ctrl-C stops an answer
            note("stopped.")
    if number := it.chat.keeper.number:
        note(f"kept as {number} · voice chat -c goes on")


def who_answers(chat: Chat) -> str:
    """The model, and the machine that it runs on."""
    from voicecli import wiring

    can, backend = chat.services.choose("chat")
    host = "" if can.offline else next(iter(wiring.hosts("chat", backend)), "")
    return f"{chat.model} at {host}" if host else f"{chat.model}, on this machine"
