"""`voice talk`: a spoken conversation. Thin: flags in, wiring.talk opens, an audience is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands.flags import Continue, NoTools, Private, SessionName, Tool, With, Yes
from voicecli.commands.session import Language, Model, Session, System, VoiceName, run, session, voice_name
from voicecli.errors import UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.dialogue.events import Event
    from voicecli.terminal.audience import Audience
    from voicecli.types import Verb
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.services import Services
    from voicecli.wiring.talk import Talk


_Input = Annotated[
    str | None,
    typer.Option(
        "-i", "--input", metavar="FILE", help="Hear FILE in place of the microphone; - is s16le 16 kHz on stdin."
    ),
]
_Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Write the replies to FILE (WAV), not the loudspeaker; - is stdout."
    ),
]
_Fast = Annotated[bool, typer.Option("--fast", help="With files at both ends: as fast as the stages take it.")]
_Ptt = Annotated[bool, typer.Option("--ptt", help="Push to talk: a key says when you speak (Ctrl-T).")]
_Microphone = Annotated[
    str | None,
    typer.Option(
        "--microphone",
        metavar="NAME",
        help="The microphone: a part of its name, or a number.",
        autocompletion=completing.microphones,
    ),
]
_Speaker = Annotated[
    str | None,
    typer.Option(
        "--speaker",
        metavar="NAME",
        help="The loudspeaker: a part of its name, or a number.",
        autocompletion=completing.loudspeakers,
    ),
]
_Headphones = Annotated[
    bool, typer.Option("--headphones", help="You wear headphones: talk over the assistant whenever you like.")
]
_BargeIn = Annotated[
    str | None,
    typer.Option(
        "--barge-in",
        metavar="on|off|auto",
        help="Whether speech interrupts the assistant.",
        autocompletion=completing.words("on", "off", "auto"),
    ),
]
_Draft = Annotated[
    str | None,
    typer.Option(
        "--draft",
        metavar="off|asr|chat|speak|auto",
        help="How far an answer may be prepared in a pause.",
        autocompletion=completing.words("off", "asr", "chat", "speak", "auto"),
    ),
]
_Save = Annotated[
    Path | None, typer.Option("--save", metavar="FOLDER", help="Keep the transcript and the sound of both sides.")
]
_Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        metavar="CMD",
        help="An agent answers (Agent Client Protocol): a command, or the NAME of an [agents.NAME].",
    ),
]
_Report = Annotated[
    bool, typer.Option("--report", help="At the end, tell the medians and 95th percentiles of every stage.")
]


def talk(
    ctx: typer.Context,
    input: _Input = None,
    output: _Output = None,
    fast: _Fast = False,
    ptt: _Ptt = False,
    system: System = None,
    model: Model = None,
    voice: VoiceName = None,
    language: Language = None,
    microphone: _Microphone = None,
    speaker: _Speaker = None,
    headphones: _Headphones = False,
    barge_in: _BargeIn = None,
    draft: _Draft = None,
    save: _Save = None,
    report: _Report = False,
    continued: Continue = False,
    named: SessionName = None,
    private: Private = False,
    tool: Tool = None,
    no_tools: NoTools = False,
    yes: Yes = False,
    notes: With = None,
    agent: _Agent = None,
) -> None:
    """Hold a spoken conversation.

    Examples:
      voice talk
      voice talk -s "Answer in one sentence." --voice alloy
      voice talk --session trip
      voice talk --tool timer --tool image_make --yes
      voice talk --with ~/notes
      voice talk --agent "gemini --acp"
      voice talk --input questions.wav --output answers.wav --json
    """
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.devices import Ends

    here = session(ctx)
    _refuse_contradictions(here, output, private=private, save=save)
    if agent is not None:
        _refuse_beside_agent(
            {"--tool": tool, "--with": notes, "--model": model, "--continue": continued, "--session": named}
        )
    keeper = Keeper(here.services(), "talk", here.console.masked, continued=continued, name=named, private=private)
    flags = {
        "chat.system": keeper.settle(system, here.config().chat.system, model),
        "audio.input": _device(microphone),
        "audio.output": _device(speaker),
        "talk.headphones": headphones or None,
        "talk.barge_in": barge_in,
        "talk.draft": draft,
    }
    ends = Ends(input, output, fast)
    asked: dict[str, Any] = {"model": model, "voice": voice_name(voice), "language": language}
    request = TalkRequest(here.backend, ends, ptt, save, **asked, messages=keeper.earlier, private=private, agent=agent)
    cfg = here.config({key: value for key, value in flags.items() if value is not None})
    wanted = _Wanted(tuple(tool or ()), none=no_tools, yes=yes, notes=tuple(notes or ()))
    run(lambda: _converse(here, cfg, request, keeper, wanted, report=report))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the flags say of tools and notes."""

    only: tuple[str, ...]
    none: bool
    yes: bool
    notes: tuple[Path, ...] = ()


def _refuse_contradictions(here: Session, output: str | None, *, private: bool, save: Path | None) -> None:
    if here.json and output == "-":
        raise UsageError("--json and --output - both want stdout", cure="Write the sound to a file: --output reply.wav")
    if private and save:
        raise UsageError("--private keeps nothing and --save everything", cure="Leave one of them out.")


def _refuse_beside_agent(given: dict[str, object]) -> None:
    for flag, value in given.items():
        if value:
            raise UsageError(f"{flag} is for a model of ours: an agent has its own tools, model and memory")


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


async def _converse(
    here: Session, cfg: Any, request: TalkRequest, keeper: Keeper, wanted: _Wanted, *, report: bool
) -> None:
    """Opens everything, talks, and leaves with the code that design says."""
    from dataclasses import replace

    from voicecli.terminal.audience import Outlet, Report
    from voicecli.terminal.keeping import KeptTalk
    from voicecli.usecases.nearby import offered
    from voicecli.wiring import settle
    from voicecli.wiring.services import Services
    from voicecli.wiring.talk import open_talk

    verbs: tuple[Verb, ...] = ("transcribe", "speak") if request.agent else ("transcribe", "chat", "speak")
    cfg = await settle(cfg, verbs, here.env, here.console)
    cfg = await offered(cfg, here.ask if request.backend is None and not request.agent else None)
    await _provided(here, cfg, request)
    told = _Told()
    services = Services(cfg, here.env, here.console, request.backend)
    tools = nullcontext() if request.agent else _tools(services, wanted).opened(_Reporter(here.console, told))
    leaving = _Leaving()
    if request.ends.output == "-":
        sound = Outlet(here.console.write_bytes, leaving.from_thread)
        request = replace(request, ends=replace(request.ends, write_output=sound.put))
        told.closing.append(sound.close)
    noting = await _noting(services, wanted, private=request.private)
    if noting is not None:
        request = replace(request, notes=noting.over)
    with noting or nullcontext(), leaving:
        async with (
            tools as toolbox,
            open_talk(cfg, request, here.env, here.console, told.emit, toolbox) as talk,
        ):
            leaving.leave = talk.conversation.keys.end
            told.add(KeptTalk(keeper, talk.conversation.history, told.from_thread))
            try:
                await _run(
                    here, request, talk, told, leaving.from_thread, Report(here.console.usage) if report else None
                )
            finally:
                told.close()
    turns = talk.conversation.turns
    if turns.losses and not turns.answered:
        raise typer.Exit(turns.losses[-1].exit_code)


HEARS: Verb = "transcribe_live"
SPEAKS: Verb = "speak"


async def _provided(here: Session, cfg: Any, request: TalkRequest) -> None:
    """The models of this machine that the conversation needs, before anything is opened. Raises ConfigError."""
    from voicecli.usecases.models import provide
    from voicecli.wiring import choose

    ears, mouth = (choose(verb, cfg, request.backend)[1] for verb in (HEARS, SPEAKS))
    await provide(cfg, [(HEARS, ears), (SPEAKS, mouth)], request.language, here.console, here.ask)


def _tools(services: Services, wanted: _Wanted) -> Tools:
    """What the model may use while somebody listens for timers. Raises UsageError and ConfigError."""
    from voicecli.usecases.chatting.tools import Tools

    can, _ = services.choose("chat")
    return Tools(services, can, wanted.only, none=wanted.none, yes=wanted.yes, rings=True)


async def _noting(services: Services, wanted: _Wanted, *, private: bool) -> Noting | None:
    """The notes that the model is told of, read as far as they are new, before anybody speaks."""
    if not wanted.notes:
        return None
    from voicecli.usecases.noting import Noting

    can, _ = services.choose("chat")
    found = Noting(services, can, wanted.notes, private=private, cited="spoken")
    try:
        await found.refresh()
    except BaseException:
        found.__exit__()
        raise
    return found


class _Told:
    """Everybody who is told of the conversation; what comes before they are there is kept for them."""

    def __init__(self) -> None:
        import asyncio

        self._audiences: list[Audience] = []
        self._early: list[tuple[Event, int]] = []
        self.closing: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def emit(self, event: Event, turn: int) -> None:
        if not self._audiences:
            self._early.append((event, turn))
        for audience in self._audiences:
            audience.emit(event, turn)

    def add(self, audience: Audience) -> None:
        self._audiences.append(audience)
        self.closing.append(audience.close)

    def from_thread(self, text: str) -> None:
        """A word for everybody, from another thread than the loop's."""
        from contextlib import suppress

        from voicecli.dialogue.events import Notice

        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self.emit, Notice(text), 0)

    def catch_up(self) -> None:
        early, self._early = self._early, []
        for event, turn in early:
            self.emit(event, turn)

    def close(self) -> None:
        for close in self.closing:
            close()


async def _run(
    here: Session,
    request: TalkRequest,
    talk: Talk,
    told: _Told,
    closed: Callable[[], None],
    report: Audience | None,
) -> None:
    """The conversation, beside a screen where somebody looks and keys where there is a terminal."""
    from voicecli.terminal.audience import JsonAudience, LineAudience

    console = here.console
    watched = console.animated and _has_keys()
    stages = console.verbose or report is not None
    if console.json:
        told.add(JsonAudience(console, talk.clock, closed))
    elif not watched or not console.out_is_terminal:
        taken = request.ends.output == "-"
        told.add(LineAudience(console, stdout_taken=taken, quiet_notes=watched, stages=stages, closed=closed))
    if report is not None:
        told.add(report)
    if not _has_keys():
        told.catch_up()
        await talk.run()
        return
    visible = watched and not (console.json and console.out_is_terminal)
    await _with_keys(here, request, talk, told, visible=visible, stages=stages)


async def _with_keys(
    here: Session, request: TalkRequest, talk: Talk, told: _Told, *, visible: bool, stages: bool
) -> None:
    import asyncio

    from voicecli.errors import only
    from voicecli.terminal.screen import Screen

    screen = Screen(here.console, push_to_talk=request.push_to_talk, visible=visible, stages=stages)
    told.add(screen)
    told.catch_up()
    try:
        async with asyncio.TaskGroup() as tasks:
            keys = tasks.create_task(screen.run(talk.conversation.keys))
            await talk.run()
            keys.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from None


def _has_keys() -> bool:
    """Whether there is a terminal to take keys from, whatever stdin and stdout are."""
    import sys

    return any(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


class _Reporter:
    """What tools have to say while they are opened, told to everybody: the screen is taken."""

    def __init__(self, console: Any, told: _Told) -> None:
        self.quiet, self.detail, self.hide = console.quiet, console.detail, console.hide
        self.warn, self.progress = console.warn, console.progress
        self._told = told

    def note(self, text: str) -> None:
        self._told.from_thread(text)


class _Leaving:
    """Ctrl-C (and a reader that went away) leave the conversation in an orderly way; the code is then 0.

    On Windows asyncio has no signal handlers: Ctrl-C cancels the task (not tried here).
    """

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.leave: Callable[[], object] = lambda: self._task and self._task.cancel()
        self._asked = False

    def __enter__(self) -> None:
        import signal
        from contextlib import suppress

        with suppress(NotImplementedError):
            self._loop.add_signal_handler(signal.SIGINT, self._once)

    def _once(self) -> None:
        """The first Ctrl-C asks, the second insists."""
        if self._asked and self._task is not None:
            self._task.cancel()
        self._asked = True
        self.leave()

    def from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self.leave)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: Any) -> bool:
        import asyncio
        import signal
        from contextlib import suppress

        with suppress(NotImplementedError):
            self._loop.remove_signal_handler(signal.SIGINT)
        return self._asked and kind is asyncio.CancelledError
