"""`voice talk`: a spoken conversation. Thin: flags in, wiring.talk opens, an audience is told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands.flags import ConversationFlags, Language, Model, System, VoiceName, choice, taking, wished
from voicecli.commands.session import Session, run, session, voice_name
from voicecli.errors import UsageError
from voicecli.terminal import completing
from voicecli.terminal.atonce import starting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from voicecli.config import Config
    from voicecli.dialogue.brevity import Aloud
    from voicecli.ports import Toolbox
    from voicecli.terminal.audience import Report
    from voicecli.terminal.hosting import Everybody
    from voicecli.types import Verb
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.noting import Noting
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.services import Services


@dataclass(frozen=True, slots=True)
class TalkFlags(ConversationFlags):
    """The flags of `voice talk`."""

    input: Annotated[
        str | None,
        typer.Option(
            "-i", "--input", metavar="FILE", help="Hear FILE in place of the microphone; - is s16le 16 kHz on stdin."
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the replies to FILE (WAV), not the loudspeaker; - is stdout."
        ),
    ] = None
    fast: Annotated[bool, typer.Option("--fast", help="With files at both ends: as fast as the stages take it.")] = (
        False
    )
    ptt: Annotated[bool, typer.Option("--ptt", help="Push to talk: a key says when you speak (Ctrl-T).")] = False
    wake: Annotated[
        str | None, typer.Option("--wake", metavar="PHRASE", help='Sleep until somebody says it: "hey computer".')
    ] = None
    system: System = None
    model: Model = None
    voice: VoiceName = None
    language: Language = None
    microphone: Annotated[
        str | None,
        typer.Option(
            "--microphone",
            metavar="NAME",
            help="The microphone: a part of its name, or a number.",
            autocompletion=completing.microphones,
        ),
    ] = None
    speaker: Annotated[
        str | None,
        typer.Option(
            "--speaker",
            metavar="NAME",
            help="The loudspeaker: a part of its name, or a number.",
            autocompletion=completing.loudspeakers,
        ),
    ] = None
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="URL", help="Microphone and loudspeaker of a voice serve --device there."),
    ] = None
    headphones: Annotated[
        bool, typer.Option("--headphones", help="You wear headphones: talk over the assistant whenever you like.")
    ] = False
    barge_in: Annotated[str | None, choice("--barge-in", "on|off|auto", "Whether speech interrupts the assistant.")] = (
        None
    )
    draft: Annotated[
        str | None, choice("--draft", "off|asr|chat|speak|auto", "How far an answer may be prepared in a pause.")
    ] = None
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FOLDER", help="Keep the transcript and the sound of both sides.")
    ] = None
    attach: Annotated[
        list[Path] | None,
        typer.Option("-a", "--attach", metavar="FILE", help="Show a picture with what you say first; repeatable."),
    ] = None
    report: Annotated[
        bool, typer.Option("--report", help="At the end, tell the medians and 95th percentiles of every stage.")
    ] = False
    timeline: Annotated[
        Path | None,
        typer.Option("--timeline", metavar="FILE", help="--report, and a page (HTML) with a bar for each turn."),
    ] = None
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="CMD",
            help="An agent answers (Agent Client Protocol): a command, or the NAME of an [agents.NAME].",
        ),
    ] = None
    speak: Annotated[
        str | None,
        choice(
            "--speak",
            "all|short|last|none",
            "How much of an answer is spoken; the screen has all of it. An agent's is short, a model's all.",
        ),
    ] = None


@taking(TalkFlags)
def talk(ctx: typer.Context, flags: TalkFlags) -> None:
    """Hold a spoken conversation.

    Examples:
      voice talk
      voice talk -s "Answer in one sentence." --voice alloy
      voice talk --session trip
      voice talk --tool timer --tool image_make --yes
      voice talk --with ~/notes
      voice talk --attach screen.png
      voice talk --agent "gemini --acp"
      voice talk --input questions.wav --output answers.wav --json
    """
    here = session(ctx)
    starting(here.console)
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.writing import refuse_target
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.agents import AgentWish
    from voicecli.wiring.devices import Ends

    _refuse_contradictions(here, flags)
    if flags.timeline is not None:
        refuse_target(flags.timeline, flags.input, flags.output, flag="--timeline")
    ours, private = flags.continued and flags.agent is None, flags.private
    keeper = Keeper(here.services(), "talk", here.console.masked, continued=ours, name=flags.named, private=private)
    settings = {
        "chat.system": keeper.settle(flags.system, here.config().chat.system, flags.model),
        "audio.input": _device(flags.microphone),
        "audio.output": _device(flags.speaker),
        "audio.device": flags.device,
        "talk.headphones": flags.headphones or None,
        "talk.barge_in": flags.barge_in,
        "talk.draft": flags.draft,
        "talk.wake": flags.wake,
    }
    also = {
        "backend": here.backend,
        "ends": Ends(flags.input, flags.output, flags.fast),
        "push_to_talk": flags.ptt,
        "voice": voice_name(flags.voice),
        "messages": keeper.earlier,
        "notes": None,
        "agent": None if flags.agent is None else AgentWish(flags.agent, flags.continued, private),
        "aloud": _aloud(flags.speak),
    }
    cfg = here.config({key: value for key, value in settings.items() if value is not None})
    run(lambda: _converse(here, cfg, wished(TalkRequest, flags, **also), keeper, flags))


def _refuse_contradictions(here: Session, flags: TalkFlags) -> None:
    if here.json and flags.output == "-":
        raise UsageError("--json and --output - both want stdout", cure="Write the sound to a file: --output reply.wav")
    if flags.device and (flags.input or flags.output):
        raise UsageError("--device is both ends of a talk, and so is a file", cure="Leave one of them out.")
    if flags.private and flags.save:
        raise UsageError("--private keeps nothing and --save everything", cure="Leave one of them out.")
    beside = {"--tool": flags.tool, "--with": flags.notes, "--model": flags.model, "--session": flags.named}
    for flag, value in beside.items():
        if value and flags.agent is not None:
            raise UsageError(f"{flag} is for a model of ours: an agent has its own tools, model and memory")


def _aloud(wish: str | None) -> Aloud | None:
    from voicecli.dialogue.brevity import ALOUD

    found = next((each for each in ALOUD if each == wish), None)
    if wish is not None and found is None:
        raise UsageError(f"--speak {wish} is none of {', '.join(ALOUD)}")
    return found


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


async def _converse(here: Session, cfg: Config, request: TalkRequest, keeper: Keeper, flags: TalkFlags) -> None:
    """Opens everything and talks. Exits with the code of the last lost turn where no turn was answered."""
    from voicecli.terminal.audience import Outlet, Report
    from voicecli.terminal.hosting import Everybody, KeptTalk, Leaving, farewell, run_talk
    from voicecli.usecases.attaching import picture
    from voicecli.wiring.direct import hears_and_speaks
    from voicecli.wiring.services import Services
    from voicecli.wiring.talk import open_talk

    pictures = [picture(each) for each in flags.attach or ()]
    direct = request.agent is None and hears_and_speaks(cfg, request.backend)
    if not direct:
        cfg = await _settled(here, cfg, request)
    services, told, leaving = Services(cfg, here.env, here.console, request.backend), Everybody(), Leaving()
    tools, notes, price = _beside(here, services, flags, told, direct=direct)
    if request.ends.output == "-":
        sound = Outlet(here.console.write_bytes, leaving.from_thread)
        request = replace(request, ends=replace(request.ends, write_output=sound.put))
        told.closing.append(sound.close)
    report = Report(here.console.usage, price) if flags.report or flags.timeline else None
    began = monotonic()
    with notes as noting:
        if noting is not None:
            await noting.refresh()
            request = replace(request, notes=noting.over)
        with leaving:
            async with tools as toolbox, open_talk(cfg, request, here.env, here.console, told.emit, toolbox) as talk:
                for each in pictures:
                    talk.show(each)
                leaving.leave = talk.conversation.keys.end
                told.add(KeptTalk(keeper, talk.conversation.history, told.from_thread))
                try:
                    await run_talk(here.console, request, talk, told, leaving.from_thread, report)
                finally:
                    told.close()
    if flags.timeline is not None and report is not None:
        _draw(report, flags.timeline, here)
    turns = talk.conversation.turns
    farewell(here.console, turns.answered, monotonic() - began, keeper.number, talk.saved)
    if turns.losses and not turns.answered:
        raise typer.Exit(turns.losses[-1].exit_code)


def _beside(
    here: Session, services: Services, flags: TalkFlags, told: Everybody, *, direct: bool
) -> tuple[AbstractAsyncContextManager[Toolbox | None], AbstractContextManager[Noting | None], Mapping[str, float]]:
    """What a model of ours has beside it: its tools, the notes of --with, and what a million of its tokens cost.

    Nothing where an agent answers. Raises UsageError and ConfigError for tools and notes that it cannot have.
    """
    from voicecli.terminal.hosting import EarlyReporter
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting

    if flags.agent is not None:
        return nullcontext(), nullcontext(), {}
    can, backend = services.choose("converse" if direct else "chat")
    tools = Tools(services, can, tuple(flags.tool or ()), none=flags.no_tools, yes=flags.yes, rings=True)
    notes = Noting(services, can, flags.notes, private=flags.private, cited="spoken") if flags.notes else nullcontext()
    return tools.opened(EarlyReporter(here.console, told)), notes, backend.price


def _draw(report: Report, timeline: Path, here: Session) -> None:
    """Writes the page of `--timeline`."""
    from voicecli.terminal.timeline import page
    from voicecli.usecases.writing import output

    with output(timeline, here.console) as file:
        file.file.write(page(report.turns, report.price).encode())


async def _settled(here: Session, cfg: Config, request: TalkRequest) -> Config:
    """The configuration with a backend for each verb; the models of this machine that it needs are fetched.

    Raises ConfigError where a model stays missing.
    """
    from voicecli.usecases.models import provide
    from voicecli.usecases.nearby import offered
    from voicecli.wiring import choose, settle

    verbs: tuple[Verb, ...] = ("transcribe", "speak") if request.agent else ("transcribe", "chat", "speak")
    cfg = await settle(cfg, verbs, here.env, here.console)
    cfg = await offered(cfg, here.ask if request.backend is None and not request.agent else None)
    local: tuple[Verb, ...] = ("transcribe_live", "speak")
    wanted = [(verb, choose(verb, cfg, request.backend)[1]) for verb in local]
    await provide(cfg, wanted, request.language, here.console, here.ask)
    return cfg
