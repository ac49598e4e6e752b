"""Models on this machine as a person wants them: fetched, listed, verified, removed, taken in from files.

Belongs here: which sources are tried in which order, what is told meanwhile, what is missing for a verb. Does not
belong here: carrying and unpacking (backends.local.carriers), the folder (storage.models), flags, the console.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError, InputError, ServiceError, UnreachableError, UsageError, VoiceError
from voicecli.ports import Reporter
from voicecli.storage.models import (
    Installed,
    Model,
    ModelSource,
    ModelStore,
    Task,
    WantedFile,
    catalogue,
    chosen,
    damages,
    instead,
    rank,
    room_for,
)
from voicecli.text.figures import size
from voicecli.text.language import is_chinese_code
from voicecli.types import Backend, Verb
from voicecli.usecases.leave import Ask, agreed

if TYPE_CHECKING:
    from voicecli.config import Config

TASKS: dict[Verb, Task] = {
    "transcribe": "transcribe",
    "transcribe_live": "transcribe",
    "speak": "speak",
}
"""What a model is for that serves a verb."""
SPARE = 50_000_000
"""Bytes of the disk that are left alone."""


def store(config: Config) -> ModelStore:
    """The folder of models."""
    return ModelStore(config.models_dir)


# -- fetching --------------------------------------------------------------------------------------


async def pull(config: Config, names: Sequence[str], report: Reporter) -> list[Installed]:
    """The models of those names, those that were missing or damaged fetched. Raises UsageError, UnreachableError."""
    folder = store(config)
    wanted = chosen(names)
    lacking = [each for each in wanted if not _whole(folder, each.name)]
    needed = SPARE + sum(4 * each.bytes for each in lacking[:1]) + sum(2 * each.bytes for each in lacking[1:])
    with folder.alone():
        room_for(folder.folder, needed)
        for model in lacking:
            try:
                await _pull(config, folder, model, report)
            except UnreachableError as exc:
                if (other := instead(model, names)) is None:
                    raise
                report.warn(str(exc))
                wanted[wanted.index(model)] = other
                if not _whole(folder, other.name):
                    await _pull(config, folder, other, report)
    return [found for each in wanted if (found := folder.get(each.name)) is not None]


def _whole(folder: ModelStore, name: str) -> bool:
    found = folder.get(name)
    return found is not None and not any(damages(found))


async def _pull(config: Config, folder: ModelStore, model: Model, report: Reporter) -> None:
    """One model from the first source that gives it."""
    from voicecli.backends.local.carriers import fetch, spent
    from voicecli.backends.local.kinds import prepare, tell

    tried = []
    for source in model.sources:
        report.note(f"{model.name}: {size(source.bytes)}, licence {model.licence}, from {source.carrier}")
        staged = folder.staging(model.name)
        try:
            with report.progress(model.name, source.bytes or None) as done:
                await fetch(source, folder.downloads(), staged, config.models.mirrors, lambda at, _: done(at))
            prepare(staged)
            if model.task != "judge":
                tell(staged)
        except VoiceError as exc:
            tried.append(f"{source.carrier}: {exc.what}")
            report.note(f"{model.name}: {exc.what}")
            shutil.rmtree(staged, ignore_errors=True)
            continue
        except BaseException:  # an OSError too: no source can help it; what is here already is gone on with
            shutil.rmtree(staged, ignore_errors=True)
            raise
        _keep_licence(staged, model)
        pace = await _pace(staged, model)
        await asyncio.to_thread(folder.install, model.name, staged, model.task, pace)
        spent(source, folder.downloads())
        return
    raise UnreachableError(
        f"no source gives {model.name}: {'; '.join(tried)}",
        who="models",
        cure=f"Fetch {_by_hand(model)} elsewhere, then: voice models import FILE --name {model.name}",
    )


async def _pace(staged: Path, model: Model) -> float:
    """How quick a voice is here, where that decides whether it is the usual one."""
    if not model.slow:
        return math.inf
    from voicecli.backends.local.kinds import tell
    from voicecli.backends.local.mouth import pace_of

    return await asyncio.to_thread(pace_of, tell(staged))


def _by_hand(model: Model) -> str:
    return next((each.archive or each.urls for each in model.sources if not each.packages), model.home)


def _keep_licence(staged: Path, model: Model) -> None:
    """A licence stays with its model, also where the carrier has none in it."""
    if not any(staged.glob("LICENSE*")):
        (staged / "LICENSE").write_text(f"{model.name}: {model.licence}. See {model.home}\n", encoding="utf-8")


def take_in(config: Config, path: Path, name: str) -> Installed:
    """A model out of an archive or a folder of the person's. Raises InputError, ConfigError (no known kind)."""
    from voicecli.backends.local.building import wrong_with
    from voicecli.backends.local.carriers import compare
    from voicecli.backends.local.kinds import prepare, tell

    if not path.exists():
        raise InputError("there is no such file or folder", who=str(path))
    name = name or path.name.removesuffix(".tar.bz2").removesuffix(".tar.gz").removesuffix(".tgz")
    if not name or name[0] == "." or Path(name).name != name:
        raise UsageError(f"a model can't be called '{name[:60]}'", cure="Choose a --name.")
    folder = store(config)
    with folder.alone():
        staged = folder.staging(name)
        try:
            if path.is_dir():
                for each in sorted(path.iterdir()):
                    if each.is_file():
                        shutil.copyfile(each, staged / each.name)
            else:
                _unpacked(path, staged)
            for wanted in _known_files(name):
                if wanted.hash and (staged / wanted.name).exists():
                    compare(staged / wanted.name, wanted)
            prepare(staged)
            model = tell(staged)
            if why := wrong_with(model):
                raise InputError(why, who=path.name)
            return folder.install(name, staged, model.kind.task)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _unpacked(path: Path, into: Path) -> None:
    from voicecli.backends.local.carriers import unpack

    try:
        unpack(path, into, ModelSource(bytes=path.stat().st_size))
    except ServiceError as exc:  # nobody's service: it is the person's file
        raise InputError(exc.what, who=path.name) from None


def _known_files(name: str) -> Sequence[WantedFile]:
    model = catalogue().get(name)
    return [] if model is None else [each for source in model.sources[:1] for each in source.files]


# -- what is here ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A line of the list. `model` is None for one that is not of the catalogue; `default`: it serves without a wish.

    `abilities`: what it does and others of its task don't.
    """

    name: str
    model: Model | None
    installed: Installed | None
    default: bool = False
    trouble: str = ""
    abilities: tuple[str, ...] = ()


def listed(config: Config) -> Iterator[ModelRow]:
    """Every model of the catalogue that serves a person, then those that are here besides."""
    here = {each.name: each for each in store(config).installed()}
    usual = sorted(here.values(), key=rank, reverse=True)
    serving = {each.task: each.name for each in usual}.values()
    for name, model in catalogue().items():
        found = here.pop(name, None)
        if model.task == "judge" and found is None:
            continue  # our own tests ask for it by its name
        trouble = next(damages(found), "") if found else ""
        yield ModelRow(name, model, found, name in serving, trouble, _abilities(model, found))
    for name, found in here.items():
        yield ModelRow(name, None, found, name in serving, abilities=_abilities(None, found))


def _abilities(model: Model | None, here: Installed | None) -> tuple[str, ...]:
    from voicecli.backends.local.kinds import KINDS, tell

    if model is None and here is not None:
        with suppress(ConfigError):
            return tell(here.path).kind.abilities
    return next((each.abilities for each in KINDS if model is not None and each.name == model.kind), ())


def verified(config: Config, names: Sequence[str]) -> Iterator[tuple[Installed, list[str]]]:
    """What is wrong with each model, every file read again, and loaded. UsageError: one is not here."""
    for found in _here(config, names):
        yield found, list(damages(found, thorough=True)) or _unloadable(found)


def _unloadable(model: Installed) -> list[str]:
    from voicecli.backends.local.building import wrong_with
    from voicecli.backends.local.kinds import tell

    try:
        why = "" if model.task == "judge" else wrong_with(tell(model.path))
    except ConfigError as exc:  # which costs the others nothing
        why = exc.what
    return [why] if why else []


def _here(config: Config, names: Sequence[str]) -> Iterator[Installed]:
    folder = store(config)
    for name in names or [each.name for each in folder.installed()]:
        if (found := folder.get(name)) is None:
            raise UsageError(f"the model '{name[:60]}' is not installed", cure=f"Fetch it: voice models pull {name}")
        yield found


def located(config: Config, name: str) -> Path:
    """The folder of a model, or of all. UsageError: it is not here."""
    if not name:
        return config.models_dir
    return next(_here(config, [name])).path


# -- what a verb lacks -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Need:
    """A model that a verb lacks. `vital`: nothing can be done without it."""

    model: Model
    vital: bool

    @property
    def offer(self) -> str:
        """What it is, in a line."""
        return f"{self.model.title} ({size(self.model.bytes)}, {self.model.licence} licence)"


def lacking(backend: Backend, verb: Verb, language: str | None) -> Iterator[Need]:
    """The models that a local backend could have for `verb`; nothing: it has one, or was told which."""
    from voicecli.backends.local import choosing

    task = TASKS.get(verb)
    if task is None or (backend.voice if task == "speak" else backend.transcribe_model):
        return
    wish = language or backend.language or None
    if not any(choosing.suits(each.name, wish) for each in choosing.here(backend, task)):
        yield from (Need(each, task == "transcribe") for each in choosing.fitting(task, wish))


async def provide(
    config: Config, verbs: Sequence[tuple[Verb, Backend]], language: str | None, report: Reporter, ask: Ask | None
) -> None:
    """What local backends lack for `verbs`, fetched where the person, or `[models] fetch`, wants it.

    Raises ConfigError where nothing can be done without it; what espeak-ng can do for the time being is said.
    """
    for verb, backend in verbs:
        needs = list(lacking(backend, verb, language)) if backend.family == "local" else []
        if needs and not await _provided(config, needs, report, ask):
            how = "Mandarin that is hard to understand" if is_chinese_code(language) else "which is rough"
            report.note(f"espeak-ng speaks, {how}. A better voice: voice models pull {needs[0].model.name}")


async def _provided(config: Config, needs: Sequence[Need], report: Reporter, ask: Ask | None) -> bool:
    """Whether one is here now. Where no source gives the first, the next is offered.

    ConfigError: nothing can be done without it.
    """
    for need in needs:
        if not await _wanted(config, need, ask):
            break
        try:
            await pull(config, [need.model.name], report)
            return True
        except UnreachableError as exc:
            if need is needs[-1]:
                raise
            report.warn(str(exc))
    if needs[0].vital:
        what = f"this needs a model that is not here: {needs[0].offer}"
        raise ConfigError(what, who="local", cure=f"Fetch it: voice models pull {needs[0].model.name}")
    return False


async def _wanted(config: Config, need: Need, ask: Ask | None) -> bool:
    """Whether a model is to be fetched now. Who once said no to a voice is not asked again."""
    no = config.state_dir / f"declined-{need.model.name}"
    if config.models.fetch != "ask":
        return config.models.fetch == "always"
    if ask is None or (not need.vital and no.exists()):
        return False
    return await agreed(ask, f"{need.offer}, kept in {config.models_dir}: fetch it now? [Y/n]", no)
