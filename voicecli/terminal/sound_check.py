"""The questions of a set-up that are answered by ear: the microphone, the loudspeaker, the voice.

Belongs here: what a person sees, says and hears of them. Does not belong here: the other questions (setting_up), what
is done with a device (usecases.trying).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicecli.errors import VoiceError, ours
from voicecli.terminal.asking import Prompter
from voicecli.terminal.language import code_of
from voicecli.terminal.picking import Picker, keys
from voicecli.types import SpeechRequest
from voicecli.usecases import setup, trying
from voicecli.usecases.setup import Answers, Where

if TYPE_CHECKING:
    from voicecli.audio.devices import Device, Kind
    from voicecli.wiring.services import Services

Draft = Callable[[Answers], "Services"]
"""The services as they would be after these answers."""
SAY = "Say something …"
WHAT = {"input": "microphone", "output": "loudspeaker"}


@dataclass(frozen=True, slots=True)
class SoundCheck:
    """Every question returns the answers with its own, and None where there is nothing to ask."""

    prompter: Prompter
    draft: Draft
    env: Mapping[str, str]

    async def microphone(self, answers: Answers, _step: Where) -> Answers | None:
        found = self._devices("input")
        if not found:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.level(name(at), moved))

        def name(at: int) -> str:
            return "" if at == 0 else found[at].name

        names, now = [each.name for each in found], self.draft(answers).config.audio.input
        at = await Picker(self.prompter.console, "Which microphone? Speak: the bar moves.", names, show).pick(now)
        self.prompter.console.note(f"microphone: {found[at].name}")
        answers = replace(answers, microphone=name(at))
        await self._hear(answers)
        return answers

    async def _hear(self, answers: Answers) -> None:
        """One sentence heard by the recogniser that was chosen, where it can work."""
        stop = asyncio.Event()
        self.prompter.say(SAY)
        try:
            with keys() as pressed:
                async with asyncio.TaskGroup() as tasks:
                    going = tasks.create_task(any_key(pressed, stop))
                    text = await trying.heard(self.draft(answers), stop)
                    going.cancel()
        except (VoiceError, ExceptionGroup) as exc:
            self.prompter.tell(ours(exc))
        else:
            self.prompter.console.note(f"I heard: {text}" if text else "I heard nothing.")

    async def loudspeaker(self, answers: Answers, _step: Where) -> Answers | None:
        found = self._devices("output")
        if not found:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.chime("" if at == 0 else found[at].name)) or "♪"

        names, now = [each.name for each in found], self.draft(answers).config.audio.output
        at = await Picker(self.prompter.console, "Which loudspeaker? Two notes sound; space again.", names, show).pick(
            now
        )
        self.prompter.console.note(f"loudspeaker: {found[at].name}")
        return replace(answers, loudspeaker="" if at == 0 else found[at].name)

    async def voice(self, answers: Answers, _step: Where) -> Answers | None:
        services = self.draft(answers)
        language = code_of(self.env)
        try:
            _, backend = services.choose("speak")
            names = setup.three(await trying.voices(services), language, backend.voice)
        except (VoiceError, TimeoutError):
            return None
        silent = trying.has_sound("output")
        if len(names) < 2 or silent:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.sample(services, SpeechRequest("", voice=names[at]), language)) or "♪"

        at = await Picker(self.prompter.console, "Which voice? Each says a sentence.", names, show).pick()
        self.prompter.console.note(f"voice: {names[at]}")
        return answers if names[at] == backend.voice else replace(answers, voice=names[at])

    def _devices(self, kind: Kind) -> list[Device]:
        """Those that there are; a line says that there are none."""
        try:
            return trying.devices(kind)
        except VoiceError as exc:
            self.prompter.console.note(f"The {WHAT[kind]} is left out: {exc.what}.")
            return []

    async def _shown(self, work: Awaitable[None]) -> str:
        """What is wrong with a device or a voice, in its row."""
        try:
            await work
        except (VoiceError, ExceptionGroup) as exc:
            return self.prompter.console.masked(ours(exc).what)
        return ""


async def any_key(pressed: asyncio.Queue[bytes], stop: asyncio.Event) -> None:
    """Sets `stop` when a key is pressed."""
    await pressed.get()
    stop.set()
