"""`voice talk`: a spoken conversation. Thin: flags in, wiring.talk opens, an audience is told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands.flags import Continue, NoTools, Private, SessionName, Tool, With, Yes
from voicecli.commands.session import Language, Model, Session, System, VoiceName, run, session, voice_name
from voicecli.errors import UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.dialogue.brevity import Aloud
    from voicecli.dialogue.events import TurnMetrics
    from voicecli.types import Verb
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.services import Services


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
_Aloud = Annotated[
    str | None,
    typer.Option(
        "--speak",
        metavar="all|short|last|none",
        help="How much of an answer is spoken; the screen has all of it. An agent's is short, a model's all.",
        autocompletion=completing.words("all", "short", "last", "none"),
    ),
]
_Report = Annotated[
    bool, typer.Option("--report", help="At the end, tell the medians and 95th percentiles of every stage.")
]


_Timeline = Annotated[
    Path | None,
    typer.Option("--timeline", metavar="FILE", help="--report, and a page (HTML) with a bar for each turn."),
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
    timeline: _Timeline = None,
    continued: Continue = False,
    named: SessionName = None,
    private: Private = False,
    tool: Tool = None,
    no_tools: NoTools = False,
    yes: Yes = False,
    notes: With = None,
    agent: _Agent = None,
    speak: _Aloud = None,
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
    from voicecli.usecases.writing import refuse_target
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.agents import AgentWish
    from voicecli.wiring.devices import Ends

    here = session(ctx)
    _refuse_contradictions(here, output, private=private, save=save)
    if timeline is not None:
        refuse_target(timeline, input, output, flag="--timeline")
    beside: dict[str, object] = {
        "--tool": tool,
        "--with": notes,
        "--model": model,
        "--session": named,
    }
    _refuse_beside_agent(beside if agent is not None else {})
    ours = continued and agent is None
    keeper = Keeper(here.services(), "talk", here.console.masked, continued=ours, name=named, private=private)
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
    wish = None if agent is None else AgentWish(agent, continued, private)
    asked |= {"agent": wish, "aloud": _aloud(speak)}
    request = TalkRequest(here.backend, ends, ptt, save, **asked, messages=keeper.earlier, private=private)
    cfg = here.config({key: value for key, value in flags.items() if value is not None})
    wanted = _Wanted(tuple(tool or ()), none=no_tools, yes=yes, notes=tuple(notes or ()))
    run(lambda: _converse(here, cfg, request, keeper, wanted, report=report, timeline=timeline))


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


def _aloud(wish: str | None) -> Aloud | None:
    from voicecli.dialogue.brevity import ALOUD

    found = next((each for each in ALOUD if each == wish), None)
    if wish is not None and found is None:
        raise UsageError(f"--speak {wish} is none of {', '.join(ALOUD)}")
    return found


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


async def _converse(
    here: Session,
    cfg: Any,
    request: TalkRequest,
    keeper: Keeper,
    wanted: _Wanted,
    *,
    report: bool,
    timeline: Path | None,
) -> None:
    """Opens everything, talks, and leaves with the code that design says."""
    from dataclasses import replace

    from voicecli.terminal.audience import Outlet, Report
    from voicecli.terminal.hosting import EarlyReporter, Everybody, Leaving, farewell, run_talk
    from voicecli.terminal.keeping import KeptTalk
    from voicecli.wiring.direct import hears_and_speaks
    from voicecli.wiring.services import Services
    from voicecli.wiring.talk import open_talk

    direct = request.agent is None and hears_and_speaks(cfg, request.backend)
    if not direct:
        cfg = await _settled(here, cfg, request)
    told = Everybody()
    services = Services(cfg, here.env, here.console, request.backend)
    tools = (
        nullcontext()
        if request.agent
        else _tools(services, wanted, direct=direct).opened(EarlyReporter(here.console, told))
    )
    leaving = Leaving()
    if request.ends.output == "-":
        sound = Outlet(here.console.write_bytes, leaving.from_thread)
        request = replace(request, ends=replace(request.ends, write_output=sound.put))
        told.closing.append(sound.close)
    noting = await _noting(services, wanted, private=request.private)
    if noting is not None:
        request = replace(request, notes=noting.over)
    began = monotonic()
    with noting or nullcontext(), leaving:
        async with (
            tools as toolbox,
            open_talk(cfg, request, here.env, here.console, told.emit, toolbox) as talk,
        ):
            leaving.leave = talk.conversation.keys.end
            told.add(KeptTalk(keeper, talk.conversation.history, told.from_thread))
            try:
                told_at_the_end = Report(here.console.usage) if report or timeline is not None else None
                await run_talk(here.console, request, talk, told, leaving.from_thread, told_at_the_end)
            finally:
                told.close()
        if timeline is not None and told_at_the_end is not None:
            _draw(timeline, told_at_the_end.turns, here)
    turns = talk.conversation.turns
    farewell(here.console, turns.answered, monotonic() - began, keeper.number, talk.saved)
    if turns.losses and not turns.answered:
        raise typer.Exit(turns.losses[-1].exit_code)


def _draw(timeline: Path, turns: Sequence[TurnMetrics], here: Session) -> None:
    """The page of `--timeline`."""
    from voicecli.terminal.timeline import page
    from voicecli.usecases.writing import output

    with output(timeline, here.console) as out:
        out.file.write(page(turns).encode())


HEARS: Verb = "transcribe_live"
SPEAKS: Verb = "speak"


async def _settled(here: Session, cfg: Any, request: TalkRequest) -> Any:
    """The configuration with every backend that nobody named found out, and the models of this machine at hand."""
    from voicecli.usecases.nearby import offered
    from voicecli.wiring import settle

    verbs: tuple[Verb, ...] = ("transcribe", "speak") if request.agent else ("transcribe", "chat", "speak")
    cfg = await settle(cfg, verbs, here.env, here.console)
    cfg = await offered(cfg, here.ask if request.backend is None and not request.agent else None)
    await _provided(here, cfg, request)
    return cfg


async def _provided(here: Session, cfg: Any, request: TalkRequest) -> None:
    """The models of this machine that the conversation needs, before anything is opened. Raises ConfigError."""
    from voicecli.usecases.models import provide
    from voicecli.wiring import choose

    ears, mouth = (choose(verb, cfg, request.backend)[1] for verb in (HEARS, SPEAKS))
    await provide(cfg, [(HEARS, ears), (SPEAKS, mouth)], request.language, here.console, here.ask)


def _tools(services: Services, wanted: _Wanted, *, direct: bool) -> Tools:
    """What the model may use while somebody listens for timers. Raises UsageError and ConfigError."""
    from voicecli.usecases.chatting.tools import Tools

    can, _ = services.choose("converse" if direct else "chat")
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
