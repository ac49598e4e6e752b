"""The questions of a set-up at the terminal, step by step, with a way back from each.

Belongs here: what a person sees of a step and types. Does not belong here: which steps there are and what follows from
an answer (usecases.setup), trying (usecases.trying), what is answered by ear (sound_check), how a line is asked
(asking), the file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError, UsageError, VoiceError
from voicecli.terminal.asking import Prompter
from voicecli.terminal.picking import BackError, SkipError
from voicecli.terminal.sound_check import Draft, SoundCheck
from voicecli.text.width import cells
from voicecli.usecases import setup, trying
from voicecli.usecases.setup import OTHER, Answers, Candidate, Walk, Where

if TYPE_CHECKING:
    from voicecli.terminal.console import Console
    from voicecli.verbs import Verb


@dataclass(slots=True)
class Interview:
    """Asks what flags did not give. Without a `usual` choice Enter changes nothing."""

    console: Console
    draft: Draft
    choices: Sequence[Candidate]
    usual: int | None
    env: Mapping[str, str]
    stored: Sequence[str]
    given: Answers
    _prompter: Prompter = field(init=False)
    _sound: SoundCheck = field(init=False)

    def __post_init__(self) -> None:
        self._prompter = Prompter(self.console)
        self._sound = SoundCheck(self._prompter, self.draft, self.env)

    async def run(self) -> Answers:
        """The answers, of which nothing is written yet. Raises KeyboardInterrupt: the person left."""
        self.console.note("Enter takes what is offered, s skips a question, b goes back, Ctrl-C leaves all as it was.")
        walk = Walk(self.given)
        while step := walk.next(setup.steps(walk.answers, self.env, self.stored, self.given)):
            try:
                answers = await self._doing(step)(walk.answers, step)
            except BackError:
                walk.back()
            except SkipError:
                walk.on(step, self._skipped(walk.answers, step))
            else:
                walk.on(step, answers or walk.answers, asked=answers is not None)
        return walk.answers

    def _doing(self, step: Where) -> Callable[[Answers, Where], Awaitable[Answers | None]]:
        """What asks a step: it returns None where there was nothing to ask."""
        return {
            "who": self._who,
            "address": self._address,
            "key": self._key,
            "models": self._models,
            "microphone": self._sound.microphone,
            "loudspeaker": self._sound.loudspeaker,
            "voice": self._sound.voice,
        }[step[0]]

    def _skipped(self, answers: Answers, step: Where) -> Answers:
        """Who has no address is not chosen; every other step that is skipped changes nothing."""
        if step[0] != "address":
            return answers
        left = tuple(each for each in answers.chosen or () if each.name != OTHER)
        return replace(answers, chosen=left or None)

    # -- who serves --------------------------------------------------------------------------------

    async def _who(self, answers: Answers, step: Where) -> Answers:
        names = [self.console.say(each.name) for each in self.choices]
        width = max(map(cells, names))
        self._prompter.say("", "Who shall recognise, think and speak? (several: 3 5)")
        for at, (name, each) in enumerate(zip(names, self.choices, strict=True), 1):
            mark, gap = "›" if at - 1 == self.usual else " ", " " * (width - cells(name))
            self._prompter.say(f"{mark} {at:>2}  {name}{gap}  {self._doing_of(each)}")
        enter = self._now() if self.usual is None else str(self.usual + 1)
        while True:
            text = await self._prompter.line(f"Number or name [{enter}]:")
            try:
                if text or self.usual is not None:
                    return replace(answers, chosen=setup.chosen(text or enter, self.choices))
                return answers
            except UsageError as exc:
                self._prompter.tell(exc)

    def _doing_of(self, each: Candidate) -> str:
        """What it does, and where, in the person's language, part by part."""
        say = self.console.say
        return " · ".join(", ".join(map(say, say(part).split(", "))) for part in each.doing.split(" · "))

    def _now(self) -> str:
        """Who serves now."""
        use = self.draft(Answers()).config.use
        return f"as it is: {', '.join(dict.fromkeys((use.transcribe, use.chat, use.speak)))}"

    async def _address(self, answers: Answers, step: Where) -> Answers:
        while True:
            url = await self._prompter.line("Address, as in http://192.168.1.5:8000/v1:")
            key = ""
            try:
                choice, key = await self._asked_at(setup.address(url))
            except VoiceError as exc:
                self._prompter.tell(exc)
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
                self._prompter.tell(exc)
                if not (key := await self._prompter.secret(choice.name)):
                    raise
                continue
            return setup.with_models(choice, trying.fitting(names)), key

    async def _key(self, answers: Answers, step: Where) -> Answers:
        choice = next(each for each in answers.chosen or () if each.name == step[1])
        while key := await self._prompter.secret(choice.name):
            try:
                await self._tried(choice, key)
            except VoiceError as exc:
                self._prompter.tell(exc)
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

    # -- what is missing here ------------------------------------------------------------------------

    async def _models(self, answers: Answers, step: Where) -> Answers | None:
        from voicecli.usecases.models import lacking, provide

        services = self.draft(answers)
        verbs: tuple[Verb, ...] = ("transcribe", "speak")
        wanted = [(verb, services.choose(verb)[1]) for verb in verbs]
        if not any(any(lacking(backend, verb, None)) for verb, backend in wanted if backend.family == "local"):
            return None
        for each in wanted:
            try:
                await provide(services.config, [each], None, self.console, self._prompter.line)
            except ConfigError as exc:
                self.console.note(f"Without it for now. {exc.cure}")
            except VoiceError as exc:
                self._prompter.tell(exc)
        return answers
