"""Models on this machine: the catalogue of what can be had, and the folder where what was fetched lies.

Belongs here: reading the catalogue, what is installed, whether it is whole, putting a finished folder in its place.
Does not belong here: fetching (usecases.models), what a model's files mean (backends.local.kinds).
"""

from __future__ import annotations

import json
import math
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

from voicecli.errors import ConfigError, InputError, UsageError
from voicecli.storage.atomic import take_turn
from voicecli.text.figures import size

Task = Literal["transcribe", "speak", "judge"]
RECORD = "voice-model.json"
"""Beside a model's files: their sizes, hashes and times when they were found whole."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file of a model. `origin` is its path (or a pattern of its parts') in what a source carries.

    `bytes` 0 and `hash` "" are not known: then the archive's own hash has told that it is right, or nothing has to.
    """

    name: str
    origin: str
    bytes: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's files come from: one archive, packages of a registry, or addresses below `urls`."""

    archive: str = ""
    packages: tuple[str, ...] = ()
    urls: str = ""
    bytes: int = 0
    hash: str = ""
    files: tuple[WantedFile, ...] = ()

    @property
    def carrier(self) -> str:
        """What a person calls it."""
        return self.archive or self.urls or ", ".join(self.packages)


@dataclass(frozen=True, slots=True)
class Model:
    """A row of the catalogue. `languages` empty: any. `heard`: tried on real weights by this project.

    `slow`: a voice that sounds better than others, and that only a fast machine makes while it sounds. `kind`: what its
    files are told as, of a recogniser.
    """

    name: str
    title: str
    task: Task
    languages: tuple[str, ...]
    licence: str
    home: str
    heard: bool = False
    slow: bool = False
    kind: str = ""
    sources: tuple[ModelSource, ...] = ()

    @property
    def bytes(self) -> int:
        """What the first source transfers, about."""
        return self.sources[0].bytes if self.sources else 0

    def speaks(self, language: str | None) -> bool:
        """Whether it has the language (its first subtag counts); None is any."""
        return not language or not self.languages or subtag(language) in self.languages


@cache
def catalogue() -> Mapping[str, Model]:
    """Every model that can be fetched by name."""
    return {name: _model(name, table) for name, table in _tables()["model"].items()}


@cache
def sets() -> Mapping[str, tuple[str, ...]]:
    """Names that stand for several models."""
    return {name: tuple(names) for name, names in _tables()["sets"].items()}


def instead(model: Model, names: Sequence[str]) -> Model | None:
    """What comes in the place of a model that no source gives; nothing for one that was asked for by its name."""
    other = "" if model.name in names else str(_tables()["instead"].get(model.name, ""))
    return catalogue().get(other)


@cache
def _tables() -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads(files("voicecli.data").joinpath("models.toml").read_text(encoding="utf-8"))


def _model(name: str, table: dict[str, object]) -> Model:
    rest = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key != "source"}
    sources = table.get("source", [])
    assert isinstance(sources, list)
    return Model(name, **rest, sources=tuple(map(_source, sources)))  # type: ignore[arg-type]


def _source(table: dict[str, object]) -> ModelSource:
    wanted = tuple(WantedFile(each.pop("name"), each.pop("from"), **each) for each in table.pop("files", []))  # type: ignore[attr-defined]
    rest = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return ModelSource(**rest, files=wanted)  # type: ignore[arg-type]


def subtag(language: str) -> str:
    """The first part of a language's code: en for en_US; Chinese under its several names is zh."""
    first = language.lower().replace("_", "-").split("-")[0]
    return {"cmn": "zh", "chinese": "zh", "mandarin": "zh", "english": "en"}.get(first, first)


def chosen(names: Sequence[str]) -> list[Model]:
    """The models of names and sets, each once. UsageError for a name that there is not."""
    known, groups = catalogue(), sets()
    wanted = [each for name in names for each in groups.get(name, (name,))]
    for name in wanted:
        if name not in known:
            offered = [*groups, *(name for name, model in known.items() if model.task != "judge")]
            cure = f"There are: {', '.join(offered)}."
            raise UsageError(f"no model is called '{name[:60]}'", cure=cure)
    return [known[name] for name in dict.fromkeys(wanted)]


# -- the folder ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Installed:
    """A model's folder, and what was written down about its files."""

    name: str
    path: Path
    files: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(each.stat().st_size for each in self.path.rglob("*") if each.is_file())

    @property
    def task(self) -> str:
        known = catalogue().get(self.name)
        return known.task if known else str(self.files.get("", {}).get("task", ""))

    @property
    def pace(self) -> float:
        """Seconds that a voice took here for a second of sound, measured when it was installed; inf: never measured."""
        told = self.files.get("", {}).get("pace")
        return told if isinstance(told, float) else math.inf


AHEAD = 0.6
"""Seconds for a second of sound: a voice that takes more breaks off when the machine has other work."""


def rank(model: Installed) -> tuple[int, int]:
    """By what serves without a wish: a slow voice that this machine keeps up with, the catalogue's order, others."""
    names, known = list(catalogue()), catalogue().get(model.name)
    if known is None:
        return 2, 0
    return ((0 if model.pace <= AHEAD else 3) if known.slow else 1), names.index(model.name)


class ModelStore:
    """The folder of models. Nothing in it is half a model: a folder gets its name once it is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def installed(self) -> list[Installed]:
        """Every model that is here, by name."""
        with suppress(OSError):
            found = sorted(each for each in self.folder.iterdir() if each.is_dir() and each.name[0] != ".")
            return [recorded(each) for each in found]
        return []

    def get(self, name: str) -> Installed | None:
        """The model of that name, if it is here."""
        path = self.folder / name
        return recorded(path) if name and path.name == name and name[0] != "." and path.is_dir() else None

    def remove(self, name: str) -> None:
        """UsageError: there is none of that name."""
        if (found := self.get(name)) is None:
            have = ", ".join(each.name for each in self.installed())
            cure = f"There are: {have}." if have else "No model is installed."
            raise UsageError(f"the model '{name[:60]}' is not installed", cure=cure)
        gone = self.folder / f".{name}.gone"
        with self.alone():
            shutil.rmtree(gone, ignore_errors=True)
            found.path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def staging(self, name: str) -> Path:
        """An empty folder in which the model is put together."""
        path = self.folder / f".{name}.part"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def downloads(self) -> Path:
        """Where what is fetched lies until it is unpacked; kept, so that it can be resumed."""
        path = self.folder / ".downloads"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def install(self, name: str, staged: Path, task: str, pace: float = math.inf) -> Installed:
        """Writes down what is in `staged`, and gives it its name, in the place of an older one."""
        record(staged, task, pace)
        target, old = self.folder / name, self.folder / f".{name}.gone"
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        staged.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return recorded(target)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time changes the folder. UsageError: another does, or nothing can be written there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if (leave := take_turn(self.folder / ".lock")) is None:
                raise UsageError("another voice is fetching models now", cure="Wait for it to end.")
            try:
                yield
            finally:
                leave()
        except OSError as exc:
            raise self._unwritable(exc) from None

    def _unwritable(self, error: OSError) -> UsageError:
        if error.filename is None:  # it is of a file that was open already
            cure = "Make room, or set [models] folder to a place on another disk."
            return UsageError(f"nothing more can be written: {error.strerror}", who=str(self.folder), cure=cure)
        return InputError(error.strerror or str(error), who=str(error.filename))


def recorded(path: Path) -> Installed:
    """The model in a folder, with what was written down about it; a folder of the user's has nothing written."""
    try:
        found = json.loads((path / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    is_ours = isinstance(found, dict) and all(isinstance(each, dict) for each in found.values())
    return Installed(path.name, path, found if is_ours else {})


def record(path: Path, task: str, pace: float) -> None:
    """Writes down size, hash and time of each file below `path`."""
    entries: dict[str, dict[str, object]] = {"": {"task": task} | ({"pace": pace} if math.isfinite(pace) else {})}
    for each in sorted(path.rglob("*")):
        if each.is_file() and each.name != RECORD:
            about = each.stat()
            entries[each.relative_to(path).as_posix()] = {
                "bytes": about.st_size,
                "hash": hash_of(each),
                "time": about.st_mtime_ns,
            }
    (path / RECORD).write_text(json.dumps(entries, indent=1), encoding="utf-8")


def damages(model: Installed, *, thorough: bool = False) -> Iterator[str]:
    """What is wrong with a model's files, in words. A file is read again where its size or time has changed, or all."""
    for name, known in model.files.items():
        if not name:
            continue
        try:
            about = (model.path / name).stat()
        except OSError:
            yield f"{name} is missing"
            continue
        if about.st_size != known.get("bytes"):
            yield f"{name} has {about.st_size:,} bytes, not {known.get('bytes') or 0:,}"
        elif (thorough or about.st_mtime_ns != known.get("time")) and (
            found := hash_of(model.path / name)
        ) != known.get("hash"):
            yield f"{name} has the sha256 {found}, not {known.get('hash')}"


def check(model: Installed) -> None:
    """ConfigError: a file is missing or damaged. Quick: see `damages`."""
    if problem := next(damages(model), ""):
        raise ConfigError(
            f"the model is damaged: {problem}", who=model.name, cure=f"Fetch it again: voice models pull {model.name}"
        )


def hash_of(path: Path) -> str:
    """The sha256 of a file. Raises OSError."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def room_for(folder: Path, needed: int) -> None:
    """UsageError: the disk has less than `needed` bytes left."""
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if (free := shutil.disk_usage(existing).free) < needed:
        raise UsageError(
            f"the disk of {folder} has {size(free)} left; {size(needed)} are needed",
            cure="Make room, or set [models] folder to a place on another disk.",
        )
