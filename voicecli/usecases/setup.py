"""The first set-up as data: who may be chosen, what is asked in which order, and what is written in the end.

Pure. Belongs here: choices, steps, answers, and the changes of the file that follow from them. Does not belong here:
asking (terminal.setting_up), trying what was chosen (usecases.trying), the file (config.edit).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from voicecli.config import BASIC_VERBS
from voicecli.config.edit import FoundBackend, found_in, presets, starting_text
from voicecli.config.resolve import LOCAL
from voicecli.errors import UsageError

if TYPE_CHECKING:
    from voicecli.config import Config
    from voicecli.types import Voice

DOING = {"transcribe": "recognises", "chat": "thinks", "speak": "speaks"}
OTHER = "another address"

Step = Literal["who", "address", "key", "models", "microphone", "loudspeaker", "voice"]
Where = tuple[Step, str]
"""A step, and the backend that it is about."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may serve: `table` is its backend's (empty: it stands in the file already, or needs none)."""

    name: str
    table: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[str, ...] = BASIC_VERBS
    variable: str = ""
    about: str = ""

    @property
    def doing(self) -> str:
        """What it does, and where: `recognises, thinks · api.groq.com`."""
        fewer = ", ".join(DOING[verb] for verb in BASIC_VERBS if verb in self.uses)
        work = "all three" if set(BASIC_VERBS) <= set(self.uses) else fewer
        return " · ".join(filter(None, (work, self.about)))


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered so far; None: nothing, so that nothing is changed."""

    chosen: tuple[Candidate, ...] | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    """Typed keys by backend."""
    microphone: str | None = None
    loudspeaker: str | None = None
    voice: str | None = None

    @property
    def serving(self) -> dict[str, str]:
        """Who serves which verb: of several the first, and this machine what nobody chosen can."""
        chosen = self.chosen or ()
        return {verb: next((each.name for each in chosen if verb in each.uses), LOCAL) for verb in BASIC_VERBS}


# -- who may be chosen -----------------------------------------------------------------------------


def choices(config: Config, servers: Iterable[FoundBackend], env: Mapping[str, str]) -> list[Candidate]:
    """This machine, what stands in the file, servers found here, known services, and an address to be typed."""
    found = [Candidate(LOCAL, about="this machine, no key")]
    for name, backend in config.backends.items():
        if name != LOCAL and config.sources.get(f"backends.{name}.family", "").startswith("file"):
            found.append(Candidate(name, uses=_able(config, name), about=f"{backend.family}, in your file"))
    found += [
        Candidate(each.name, each.table, each.verbs, about=f"found here, {_host(each.table)}") for each in servers
    ]
    for preset in presets():
        service = found_in(preset, env)
        key = f"{preset.variable} is set" if env.get(preset.variable) else ""
        about = ", ".join(filter(None, (_host(service.table), key)))
        found.append(Candidate(preset.name, service.table, preset.uses, preset.variable, about))
    unlike = {each.name: each for each in reversed(found)}
    return [each for each in found if unlike[each.name] is each] + [Candidate(OTHER, about="of an OpenAI-like server")]


def _able(config: Config, name: str) -> tuple[str, ...]:
    from voicecli.wiring import able, family_of

    family = family_of(config.backends[name])
    return tuple(verb for verb in BASIC_VERBS if able(family, verb))


def _host(table: Mapping[str, str]) -> str:
    address = table.get("base_url") or next((each for key, each in table.items() if key.endswith("_url")), "")
    return urlsplit(address).netloc


def usual(found: Sequence[Candidate], config: Config, env: Mapping[str, str]) -> int | None:
    """Which choice Enter takes; None: whoever serves now goes on."""
    if config.path is not None:
        return None
    for at, each in enumerate(found):
        if each.about.startswith("found here") or (each.variable and env.get(each.variable)):
            return at
    return 0


def chosen(text: str, found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The choices that numbers or names mean, in that order: `2`, `3 4`, `groq`. Raises UsageError."""
    picked = [_one(word, found) for word in text.replace(",", " ").split()]
    if not picked:
        raise UsageError("nobody was chosen")
    return tuple({each.name: each for each in picked}.values())


def _one(word: str, found: Sequence[Candidate]) -> Candidate:
    if word.isdecimal() and 1 <= int(word) <= len(found):
        return found[int(word) - 1]
    if word.startswith(("http://", "https://")):
        return address(word)
    named = next((each for each in found if each.name == word.lower()), None)
    if named is None:
        names = ", ".join(each.name for each in found if each.name != OTHER)
        raise UsageError(f"'{word[:60]}' is nobody that could be chosen", cure=f"There are: {names}, or an address.")
    return named


def address(url: str) -> Candidate:
    """A server at an address of the person's. Raises UsageError."""
    url = url.strip()
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{url[:60]}' is no address", cure="One looks like http://192.168.1.5:8000/v1")
    whole = parts._replace(path=parts.path.rstrip("/") or "/v1").geturl()
    table = {"family": "openai", "base_url": whole}
    return Candidate(_plain(parts.hostname, port), table, about=parts.netloc)


def with_models(choice: Candidate, models: Mapping[str, str]) -> Candidate:
    """A server without models named gets those that it lists for each verb, and serves these verbs."""
    if not models or any(key.endswith("_model") for key in choice.table):
        return choice
    table = {**choice.table, **{f"{verb}_model": name for verb, name in models.items()}}
    return replace(choice, table=table, uses=tuple(verb for verb in BASIC_VERBS if verb in models))


def _plain(host: str, port: int | None) -> str:
    """A name for a backend from its host: the part that tells it from others."""
    labels = host.split(".")
    word = labels[-2] if len(labels) > 1 and not labels[-1].isdigit() else "server"
    return f"{word if word.isidentifier() else 'server'}{port or ''}"


# -- what is asked ---------------------------------------------------------------------------------


def steps(answers: Answers, env: Mapping[str, str], stored: Iterable[str], given: Answers) -> list[Where]:
    """The steps in their order, as far as the answers tell by now. What flags gave is not asked."""
    found: list[Where] = [] if given.chosen else [("who", "")]
    for each in answers.chosen or ():
        if each.name == OTHER:
            found.append(("address", OTHER))
        elif each.variable and not env.get(each.variable) and each.name not in {*stored}:
            found.append(("key", each.name))
    found.append(("models", ""))
    found += [("microphone", "")] if given.microphone is None else []
    found += [("loudspeaker", "")] if given.loudspeaker is None else []
    return [*found, ("voice", "")] if given.voice is None else found


@dataclass(slots=True)
class Walk:
    """Through the steps, which the answers may change, and back: going back undoes what the step before answered."""

    answers: Answers
    done: tuple[Where, ...] = ()
    before: list[tuple[tuple[Where, ...], Answers]] = field(default_factory=list)

    def next(self, found: Iterable[Where]) -> Where | None:
        """The first of the steps that is not done."""
        return next((each for each in found if each not in self.done), None)

    def on(self, step: Where, answers: Answers, *, asked: bool = True) -> None:
        """The step is done. One that asked nothing is passed over on the way back."""
        if asked:
            self.before.append((self.done, self.answers))
        self.answers, self.done = answers, (*self.done, step)

    def back(self) -> None:
        """To the last step that asked."""
        if self.before:
            self.done, self.answers = self.before.pop()


def keyed_by(answers: Answers, variable: str) -> Answers:
    """The first service chosen gets its key from `variable`."""
    first, *rest = answers.chosen or ()
    table = {**first.table, "api_key_env": variable}
    return replace(answers, chosen=(replace(first, table=table, variable=variable), *rest))


def three(voices: Sequence[Voice], language: str, current: str) -> list[str]:
    """The present voice first, then others of the person's language, or of none in particular."""
    fits = [each.name for each in voices if each.language.lower().startswith(language)] if language else []
    loose = [each.name for each in voices if not each.language]
    names = dict.fromkeys([*([current] if current else []), *(fits or loose or [each.name for each in voices])])
    return [*names][:3]


# -- what is written -------------------------------------------------------------------------------


def changes(answers: Answers, config: Config) -> dict[tuple[str, ...], str]:
    """The settings that differ from those that hold, by where they stand in the file."""
    found: dict[tuple[str, ...], str] = {}
    if answers.chosen is not None:
        for each in answers.chosen:
            found |= {("backends", each.name, key): value for key, value in each.table.items()}
        found |= {("use", verb): name for verb, name in answers.serving.items()}
    for key, value, now in (
        ("input", answers.microphone, config.audio.input),
        ("output", answers.loudspeaker, config.audio.output),
    ):
        if value is not None and value != str(now):
            found["audio", key] = value
    if answers.voice is not None:
        speaker = answers.serving["speak"] if answers.chosen is not None else config.use.speak
        found["backends", speaker, "voice"] = answers.voice
    return found


def start(answers: Answers) -> str:
    """How a new file begins: as 'voice config init' would make it of who was chosen."""
    return starting_text({}, [FoundBackend(each.name, each.table, each.uses) for each in answers.chosen or ()])


def with_keys(config: Config, env: Mapping[str, str], keys: Mapping[str, str]) -> tuple[Config, dict[str, str]]:
    """A configuration and an environment in which typed keys are found that are not stored yet."""
    backends = {name: replace(each, api_key_env=f"typed {name}") for name, each in config.backends.items()}
    known = {name: backends[name] for name in keys if name in backends}
    found = {f"typed {name}": key for name, key in keys.items()}
    return replace(config, backends={**config.backends, **known}), {**env, **found}


def is_first_run(config_there: bool, declined: bool, env: Mapping[str, str]) -> bool:
    """Whether set-up is offered: no file, no key in the environment, and nobody said no to it."""
    keys = any(env.get(each.variable) for each in presets())
    return not (config_there or declined or keys or env.get("VOICE_CONFIG"))
