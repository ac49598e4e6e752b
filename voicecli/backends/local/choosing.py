"""Which of the models here serves a wish: by name or folder, else by language, in the catalogue's order.

Belongs here: that choice, and the words where none fits. Does not belong here: loading, fetching, asking a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from voicecli.backends.family import own
from voicecli.backends.local.kinds import FoundModel, tell
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import ConfigError
from voicecli.storage.atomic import expand
from voicecli.storage.models import Installed, Model, ModelStore, Task, catalogue, check, rank, recorded, subtag
from voicecli.types import Backend

WHAT = {"transcribe": "recogniser", "speak": "voice"}
LANGUAGES = {"en": "English", "zh": "Chinese", "yue": "Cantonese", "ja": "Japanese", "ko": "Korean", "de": "German"}


def store(backend: Backend) -> ModelStore:
    """The folder of models of a backend's settings."""
    return ModelStore(expand(own(LocalSettings, backend).models_folder))


def here(backend: Backend, task: Task) -> list[Installed]:
    """The installed models for a task; the first one serves where nobody wishes for another."""
    return sorted((each for each in store(backend).installed() if _task(each) == task), key=rank)


def _task(model: Installed) -> str:
    if model.task:
        return model.task
    try:
        return tell(model.path).kind.task
    except ConfigError:
        return ""


def languages_of(name: str) -> tuple[str, ...]:
    """The languages of a model; empty: any language, or unknown."""
    known = catalogue().get(name)
    return known.languages if known else ()


def suits(name: str, language: str | None) -> bool:
    """Whether a model has a language, as far as is known."""
    return not language or not languages_of(name) or subtag(language) in languages_of(name)


def found(backend: Backend, task: Task, wish: str | None, language: str | None) -> FoundModel:
    """The model that serves, its files checked. Raises ConfigError where none fits or it is damaged."""
    if named := wish or _usual(backend, task):
        return _named(backend, task, named)
    language = None if subtag(language or "") in ("", "auto") else language
    suiting = [each for each in here(backend, task) if suits(each.name, language)]
    if not suiting:
        raise ConfigError(missing(backend, task, language), who="local", cure=_cure(task, language))
    check(suiting[0])
    return _told(backend, suiting[0].path)


def _usual(backend: Backend, task: Task) -> str:
    """The model that the settings name, "" for none."""
    return backend.transcribe_model if task == "transcribe" else backend.speak_model


def _named(backend: Backend, task: Task, name: str) -> FoundModel:
    """An installed model's name, or a folder of the user's."""
    if installed := store(backend).get(name):
        check(installed)
        return _told(backend, installed.path)
    folder = expand(name)
    if len(Path(name).parts) > 1 or folder.is_dir():
        return _told(backend, folder)
    if name in catalogue():
        raise ConfigError(f"the model {name} is not installed", who="local", cure=f"Fetch it: voice models pull {name}")
    have = ", ".join(each.name for each in here(backend, task))
    cure = f"Installed: {have}. `voice models` lists more." if have else "'voice models list' shows what can be had."
    raise ConfigError(f"no {WHAT[task]} is called '{name[:60]}'", who="local", cure=cure)


def _told(backend: Backend, folder: Path) -> FoundModel:
    """What was installed could be loaded then, and its files are the same; what was not has to be tried."""
    model = tell(folder)
    return model if recorded(folder).files else replace(model, trials=store(backend).folder / ".tried")


def missing(backend: Backend, task: Task, language: str | None) -> str:
    """A sentence that says which recogniser or voice is missing on this machine, and what there is instead."""
    have = [each.name for each in here(backend, task)]
    spoken = f"{LANGUAGES.get(subtag(language), language)} " if language else ""
    return f"there is no {spoken}{WHAT[task]} on this machine" + (f" (there is {', '.join(have)})" if have else "")


def fitting(task: Task, language: str | None) -> list[Model]:
    """What may be fetched for a task and a language, in the catalogue's order."""
    return [each for each in catalogue().values() if each.task == task and each.speaks(language or "en")]


def offered(task: Task, language: str | None) -> Model | None:
    """The first model that may be fetched for a task and a language; None: there is none."""
    return next(iter(fitting(task, language)), None)


def serving(backend: Backend, task: Task) -> str:
    """The model that is used without a further wish; "": there is none."""
    suiting = (each.name for each in here(backend, task) if suits(each.name, backend.language))
    return _usual(backend, task) or next(suiting, "")


def equipment(backend: Backend) -> Iterator[str]:
    """The recogniser and the voice that serve here, or the command that fetches one."""
    tasks: tuple[Task, ...] = ("transcribe", "speak")
    for task in tasks:
        if name := serving(backend, task):
            yield f"the {WHAT[task]} of this machine is {name}"
        elif model := offered(task, backend.language):
            yield f"there is no {WHAT[task]} on this machine yet: voice models pull {model.name}"


def _cure(task: Task, language: str | None) -> str:
    model = offered(task, language)
    return f"Fetch one: voice models pull {model.name}" if model else "`voice models` lists what there is."
