"""The questions of a set-up at the terminal, step by step, with a way back from each.

Belongs here: what a person sees of a step and types. Does not belong here: which steps there are and what follows from
an answer (usecases.setup), trying (usecases.trying), the file.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError, UsageError, VoiceError, culprit
from voicecli.terminal.asking import ask
from voicecli.terminal.picking import BackError, Picker, SkipError, keys
from voicecli.text.clean import clean
from voicecli.text.width import wrapped
from voicecli.usecases import setup, trying
from voicecli.usecases.setup import OTHER, Answers, Candidate, Walk, Where

if TYPE_CHECKING:
    from voicecli.audio.devices import Device, Kind
    from voicecli.terminal.console import Console
    from voicecli.verbs import Verb
    from voicecli.wiring.services import Services

Draft = Callable[[Answers], "Services"]
"""The services as they would be after these answers."""
SAY = "Say something …"


@dataclass(slots=True)
class Interview:
    """Asks what flags did not give. `now` tells who serves now, where Enter changes nothing."""

    console: Console
    draft: Draft
    choices: Sequence[Candidate]
    usual: int | None
    env: Mapping[str, str]
    stored: Sequence[str]
    given: Answers

    async def run(self) -> Answers:
        """The answers, of which nothing is written yet. Raises KeyboardInterrupt: the person left."""
        self.console.note("Enter takes what is offered, s skips a question, b goes back, Ctrl-C leaves all as it was.")
        walk = Walk(self.given)
        while walk.at < len(found := setup.steps(walk.answers, self.env, self.stored, self.given)):
            try:
                answers = await self._doing(found[walk.at])(walk.answers, found[walk.at])
            except BackError:
                walk.back()
            except SkipError:
                walk.on(self._skipped(walk.answers, found[walk.at]))
            else:
                walk.on(answers or walk.answers, asked=answers is not None)
        return walk.answers

    def _doing(self, step: Where) -> Callable[[Answers, Where], Awaitable[Answers | None]]:
        """What asks a step: it returns None where there was nothing to ask."""
        return {
            "who": self._who,
            "address": self._address,
            "key": self._key,
            "models": self._models,
            "microphone": self._microphone,
            "loudspeaker": self._loudspeaker,
            "voice": self._voice,
        }[step[0]]

    def _skipped(self, answers: Answers, step: Where) -> Answers:
        """Who has no address is not chosen; every other step that is skipped changes nothing."""
        if step[0] != "address":
            return answers
        left = tuple(each for each in answers.chosen or () if each.name != OTHER)
        return replace(answers, chosen=left or None)

    async def _line(self, question: str) -> str:
        """A typed line. Raises BackError, SkipError."""
        answer = await ask(self.console, question)
        if answer.lower() in ("b", "back"):
            raise BackError
        if answer.lower() in ("s", "skip"):
            raise SkipError
        return answer

    # -- who serves --------------------------------------------------------------------------------

    async def _who(self, answers: Answers, step: Where) -> Answers:
        width = max(len(each.name) for each in self.choices)
        self._say("", "Who shall recognise, think and speak? (several: 3 5)")
        for at, each in enumerate(self.choices, 1):
            self._say(f"{'›' if at - 1 == self.usual else ' '} {at:>2}  {each.name:<{width}}  {each.doing}")
        enter = self._now() if self.usual is None else str(self.usual + 1)
        while True:
            text = await self._line(f"Number or name [{enter}]:")
            try:
                if text or self.usual is not None:
                    return replace(answers, chosen=setup.chosen(text or enter, self.choices))
                return answers
            except UsageError as exc:
                self._tell(exc)

    def _now(self) -> str:
        """Who serves now."""
        use = self.draft(Answers()).config.use
        return f"as it is: {', '.join(dict.fromkeys((use.transcribe, use.chat, use.speak)))}"

    async def _address(self, answers: Answers, step: Where) -> Answers:
        while True:
            url = await self._line("Address, as in http://192.168.1.5:8000/v1:")
            key = ""
            try:
                choice, key = await self._asked_at(setup.address(url))
            except VoiceError as exc:
                self._tell(exc)
                continue
            chosen = tuple(choice if each.name == OTHER else each for each in answers.chosen or ())
            keyring = {**answers.keys, choice.name: key} if key else answers.keys
            return replace(answers, chosen=chosen, keys=keyring)

    async def _asked_at(self, choice: Candidate) -> tuple[Candidate, str]:
        """The server with what it lists, and the key that it wants, if it wants one."""
        from voicecli.errors import RefusedError

        key = ""
        while True:
            try:
                names = await self._tried(choice, key)
            except RefusedError as exc:
                self._tell(exc)
                if not (key := await self._secret(choice.name)):
                    raise
                continue
            return setup.with_models(choice, trying.fitting(names)), key

    async def _key(self, answers: Answers, step: Where) -> Answers:
        choice = next(each for each in answers.chosen or () if each.name == step[1])
        while key := await self._secret(choice.name):
            try:
                await self._tried(choice, key)
            except VoiceError as exc:
                self._tell(exc)
                continue
            return replace(answers, keys={**answers.keys, choice.name: key})
        self.console.note(f"Without a key for now. Later: voice keys set {choice.name}")
        return answers

    async def _tried(self, choice: Candidate, key: str) -> Sequence[str]:
        """Asks the service for its models, with this key, and tells what came of it."""
        from voicecli.wiring import with_key

        answers = Answers(chosen=(choice,), keys={choice.name: key} if key else {})
        services = self.draft(answers)
        backend = with_key(services.config.backends[choice.name], services.config, services.env, self.console)
        with self.console.progress(f"asking {choice.about or choice.name}"):
            words, names = await trying.service(backend)
        self.console.note(f"{choice.name} {words}")
        return names

    async def _secret(self, name: str) -> str:
        """A key, typed unseen."""
        with unseen():
            key = await self._line(f"Key for {name} (it is not shown; Enter: later):")
        if key:
            self.console.hide(key)
        return key

    # -- what is missing here, and how it sounds -----------------------------------------------------

    async def _models(self, answers: Answers, step: Where) -> Answers | None:
        from voicecli.usecases.models import lacking, provide

        services = self.draft(answers)
        verbs: tuple[Verb, ...] = ("transcribe", "speak")
        wanted = [(verb, services.choose(verb)[1]) for verb in verbs]
        if not any(lacking(backend, verb, None) for verb, backend in wanted if backend.family == "local"):
            return None
        for each in wanted:
            try:
                await provide(services.config, [each], None, self.console, self._line)
            except ConfigError as exc:
                self.console.note(f"Without it for now. {exc.cure}")
            except VoiceError as exc:
                self._tell(exc)
        return answers

    async def _microphone(self, answers: Answers, step: Where) -> Answers | None:
        found = self._devices("input")
        if not found:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.level(name(at), moved))

        def name(at: int) -> str:
            return "" if at == 0 else found[at].name

        names, now = [each.name for each in found], self.draft(answers).config.audio.input
        at = await Picker(self.console, "Which microphone? Speak: the bar moves.", names, show).pick(now)
        self.console.note(f"microphone: {found[at].name}")
        answers = replace(answers, microphone=name(at))
        await self._hear(answers)
        return answers

    async def _hear(self, answers: Answers) -> None:
        """One sentence heard by the recogniser that was chosen, where it can work."""
        stop = asyncio.Event()
        self._say(SAY)
        try:
            with keys() as pressed:
                async with asyncio.TaskGroup() as tasks:
                    going = tasks.create_task(any_key(pressed, stop))
                    text = await trying.heard(self.draft(answers), stop)
                    going.cancel()
        except (VoiceError, ExceptionGroup) as exc:
            self._tell(ours(exc))
        else:
            self.console.note(f"I heard: {text}" if text else "I heard nothing.")

    async def _loudspeaker(self, answers: Answers, step: Where) -> Answers | None:
        found = self._devices("output")
        if not found:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.chime("" if at == 0 else found[at].name)) or "♪"

        names, now = [each.name for each in found], self.draft(answers).config.audio.output
        at = await Picker(self.console, "Which loudspeaker? Two notes sound; space again.", names, show).pick(now)
        self.console.note(f"loudspeaker: {found[at].name}")
        return replace(answers, loudspeaker="" if at == 0 else found[at].name)

    async def _voice(self, answers: Answers, step: Where) -> Answers | None:
        services = self.draft(answers)
        language = setup.language_of(self.env)
        try:
            _, backend = services.choose("speak")
            names = setup.three(await trying.voices(services), language, backend.voice)
        except (VoiceError, TimeoutError):
            return None
        silent = trying.has_sound("output")
        if len(names) < 2 or silent:
            return None

        async def show(at: int, moved: Callable[[float], None]) -> str:
            return await self._shown(trying.sample(services, names[at], language)) or "♪"

        at = await Picker(self.console, "Which voice? Each says a sentence.", names, show).pick()
        self.console.note(f"voice: {names[at]}")
        return answers if names[at] == backend.voice else replace(answers, voice=names[at])

    def _devices(self, kind: Kind) -> list[Device]:
        """Those that there are; a line says that there are none."""
        what = {"input": "microphone", "output": "loudspeaker"}[kind]
        try:
            return trying.devices(kind)
        except VoiceError as exc:
            self.console.note(f"The {what} is left out: {exc.what}.")
            return []

    async def _shown(self, work: Awaitable[None]) -> str:
        """What is wrong with a device or a voice, in its row."""
        try:
            await work
        except (VoiceError, ExceptionGroup) as exc:
            return self.console.masked(ours(exc).what)
        return ""

    # -- words -----------------------------------------------------------------------------------------

    def _say(self, *lines: str) -> None:
        """Lines of a question, wrapped behind the marks of a list."""
        if self.console.err is not None:
            width = self.console.size()[0] - 1
            text = "".join(wrapped(clean(line), width, "      ") + "\n" for line in lines)
            self.console.rows.write(self.console.err, text)

    def _tell(self, exc: VoiceError) -> None:
        self.console.warn(f"{exc.who}: {exc.what}" if exc.who else exc.what)
        if exc.cure:
            self.console.note(f"  → {exc.cure}")


async def any_key(pressed: asyncio.Queue[bytes], stop: asyncio.Event) -> None:
    """Sets `stop` when a key is pressed."""
    await pressed.get()
    stop.set()


def ours(exc: Exception) -> VoiceError:
    """What went wrong, for a person; a bug is raised again."""
    found = culprit(exc)
    if not isinstance(found, VoiceError):
        raise exc
    return found


@contextmanager
def unseen() -> Iterator[None]:
    """What is typed is not shown."""
    try:
        import termios
    except ImportError:  # Windows shows it
        yield
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    hidden = [*before]
    hidden[3] = before[3] & ~termios.ECHO | termios.ECHONL  # the Enter is shown: a row ends there
    termios.tcsetattr(number, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(number, termios.TCSADRAIN, before)
