"""`voice talk`: a spoken conversation. Thin: flags in, wiring_talk opens, an audience is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands.common import (
    Input,
    Language,
    Model,
    Output,
    Session,
    System,
    VoiceName,
    run,
    session,
    voice_name,
)
from voicecli.errors import UsageError

if TYPE_CHECKING:
    from voicecli.audience import Audience
    from voicecli.dialogue.events import Event
    from voicecli.wiring_talk import Talk, TalkRequest


def talk(
    ctx: typer.Context,
    input: Input = None,
    output: Output = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="With files at both ends: as fast as the stages take it.")
    ] = False,
    ptt: Annotated[bool, typer.Option("--ptt", help="Push to talk: a key says when you speak (Ctrl-T).")] = False,
    system: System = None,
    model: Model = None,
    voice: VoiceName = None,
    language: Language = None,
    microphone: Annotated[
        str | None,
        typer.Option("--microphone", metavar="NAME", help="The microphone: a part of its name, or a number."),
    ] = None,
    speaker: Annotated[
        str | None, typer.Option("--speaker", metavar="NAME", help="The loudspeaker: a part of its name, or a number.")
    ] = None,
    headphones: Annotated[
        bool, typer.Option("--headphones", help="You wear headphones: talk over the assistant whenever you like.")
    ] = False,
    barge_in: Annotated[
        str | None, typer.Option("--barge-in", metavar="on|off|auto", help="Whether speech interrupts the assistant.")
    ] = None,
    draft: Annotated[
        str | None,
        typer.Option(
            "--draft", metavar="off|asr|chat|speak|auto", help="How far an answer may be prepared in a pause."
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FOLDER", help="Keep the transcript and the sound of both sides.")
    ] = None,
) -> None:
    """Hold a spoken conversation.

    Examples:
      voice talk
      voice talk -s "Answer in one sentence." --voice alloy
      voice talk --input questions.wav --output answers.wav --json
    """
    from voicecli.wiring_talk import TalkRequest

    here = session(ctx)
    if here.json and output == "-":
        raise UsageError("--json and --output - both want stdout", cure="Write the sound to a file: --output reply.wav")
    flags = {
        "chat.system": system,
        "audio.input": _device(microphone),
        "audio.output": _device(speaker),
        "talk.headphones": headphones or None,
        "talk.barge_in": barge_in,
        "talk.draft": draft,
    }
    request = TalkRequest(
        backend=here.backend,
        input=input,
        output=output,
        fast=fast,
        push_to_talk=ptt,
        save=save,
        model=model,
        voice=voice_name(voice),
        language=language,
    )
    cfg = here.config({key: value for key, value in flags.items() if value is not None})
    run(lambda: _converse(here, cfg, request))


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


async def _converse(here: Session, cfg: Any, request: TalkRequest) -> None:
    """Opens everything, talks, and leaves with the code that design says."""
    from dataclasses import replace

    from voicecli.audience import Outlet
    from voicecli.wiring_talk import open_talk

    told: list[Audience] = []
    early: list[tuple[Event, int]] = []
    leaving = _Leaving()

    def emit(event: Event, turn: int) -> None:
        if told:
            told[0].emit(event, turn)
        else:
            early.append((event, turn))

    if request.output == "-":
        sound = Outlet(here.console.write_bytes, leaving.from_thread)
        request = replace(request, write_output=sound.put)
    with leaving:
        async with open_talk(cfg, request, here.env, here.console, emit) as talk:
            leaving.leave = talk.conversation.end
            told.append(_audience(here, request, talk, leaving.from_thread))
            for event, turn in early:
                emit(event, turn)
            try:
                await talk.run()
            finally:
                told[0].close()
                if request.output == "-":
                    sound.close()
    if talk.conversation.losses and not talk.conversation.answered:
        raise typer.Exit(talk.conversation.losses[-1].exit_code)


def _audience(here: Session, request: TalkRequest, talk: Talk, closed: Callable[[], None]) -> Audience:
    from voicecli.audience import JsonAudience, LineAudience

    if here.json:
        return JsonAudience(here.console, talk.clock, closed)
    return LineAudience(here.console, stdout_taken=request.output == "-", closed=closed)


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
