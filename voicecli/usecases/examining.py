"""What `voice doctor` looks at: the installation, the configuration, every backend, the sound devices.

Belongs here: finding the facts. Does not belong here: what they mean and how they are told (checkup), flags.
"""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module, metadata, util
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from voicecli import __version__, wiring
from voicecli.backends.registry import FAMILIES
from voicecli.config import BASIC_VERBS
from voicecli.errors import ConfigError, DeviceError, UnreachableError, VoiceError, ours
from voicecli.toolbox import offer
from voicecli.toolbox.servers import running
from voicecli.types import ALL_VERBS
from voicecli.usecases import checkup

if TYPE_CHECKING:
    from importlib.metadata import PackagePath

    from voicecli.audio.devices import Device, Kind
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.types import Backend
    from voicecli.wiring.services import Services

OFFERED = tuple(verb for verb in ALL_VERBS if verb != "health")
CONNECT_S, ANSWER_S, PATIENCE_S = 3.0, 6.0, 10.0
"""How long a backend may take to be connected to, to send the next bytes, and altogether."""
SOUND_S = 5.0


async def examine(
    path: str, there: bool, env: Mapping[str, str], opened: Callable[[], Services], masked: Callable[[str], str]
) -> checkup.CheckupReport:
    """Everything that is to be looked at; one backend alone where the `opened` services name it.

    `opened` loads the configuration at `path`, if it is `there`: its ConfigError is a part of the report. What is wrong
    with a service is told `masked`. Raises ConfigError only where no backend has the name that is asked for.
    """
    program = checkup.program(__version__, platform.python_version(), platform.platform(terse=True))
    packages = _installed()
    try:
        services = opened()
    except ConfigError as exc:
        broken = checkup.configuration(path, there, "", {}, [exc])
        return checkup.CheckupReport(program, packages, broken, sound=await _sound(env, "", ""))
    cfg = services.config
    only = wiring.backend_named(cfg, services.backend) if services.backend else None
    use: dict[str, str] = {} if only else {verb: wiring.used_for(verb, cfg) for verb in BASIC_VERBS}
    tools, problems = _tools(services)
    settings = checkup.configuration(path, there, cfg.profile, use, [*_unserved(cfg, use), *problems], tools)
    async with asyncio.TaskGroup() as tasks:
        visits = tasks.create_task(_visits(services, masked, [only] if only else _configured(cfg, use)))
        sound = None if only else tasks.create_task(_sound(env, cfg.audio.input, cfg.audio.output))
    backends = tuple(map(checkup.reached, visits.result()))
    return checkup.CheckupReport(program, packages, settings, backends, sound.result() if sound else ())


# -- the installation and the configuration --------------------------------------------------------


def _installed() -> checkup.Finding:
    names = _packages()
    broken = {name: why for name in names if (why := fault_of(name))}
    return checkup.packages({name: _version(name) for name in names}, broken)


def _packages() -> list[str]:
    """What voice needs besides Python."""
    try:
        needed = metadata.requires("voicecli") or []
    except metadata.PackageNotFoundError:  # run from a source tree that nobody installed
        needed = []
    return [re.split(r"[^\w.-]", each)[0] for each in needed if "extra ==" not in each]


def _module(package: str, files: Sequence[PackagePath]) -> str:
    """The module to load for a package: the one of its own name, else the first it brings that is no private one."""
    own = re.sub(r"[-_.]+", "_", package).lower()
    if util.find_spec(own):
        return own
    brought = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}
    return min((each for each in brought if each.isidentifier() and not each.startswith("_")), default=own)


NATIVE = frozenset({".so", ".pyd", ".dylib", ".dll"})


def fault_of(package: str) -> str:
    """Why a package is of no use, "" when it is: a file is gone, or its machine code can't be loaded.

    Loading those of Python alone would tell no more, and takes half a second (pypinyin's words, prompt_toolkit).
    PortAudio, which sounddevice needs, is looked at by itself.
    """
    try:
        files = metadata.files(package) or []
        if gone := next((each for each in files if _counts(each) and not Path(each.locate()).exists()), None):
            return f"{gone} is missing"
        if not files or any(each.suffix in NATIVE for each in files):
            import_module(_module(package, files))
    except Exception as exc:  # a foreign package: whatever is wrong with it is what is to be told
        return f"{type(exc).__name__}: {exc}"
    return ""


def _counts(file: PackagePath) -> bool:
    """Whether a package needs the file: its programs, its tests and compiled code (.pyc) may be missing."""
    return file.suffix != ".pyc" and not {"..", "tests"} & set(file.parts)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _unserved(cfg: Config, use: Mapping[str, str]) -> list[VoiceError]:
    """What `[use]` asks of a backend that can't do it. An unknown family is told of with the backend."""
    found: list[VoiceError] = []
    for verb in BASIC_VERBS:
        try:
            if verb in use and cfg.backends[use[verb]].family in FAMILIES:
                wiring.choose(verb, cfg)
        except ConfigError as exc:
            found.append(exc)
    return found


def _tools(services: Services) -> tuple[tuple[str, ...], list[VoiceError]]:
    """What a spoken conversation is offered, and what is wrong with it. Servers are not started for this."""
    names: tuple[str, ...] = ()
    found: list[VoiceError] = []
    cfg = services.config
    with suppress(ConfigError):  # who answers is told of elsewhere
        family, _ = services.choose("chat")
        try:
            names = offer.chosen(cfg, family, offer.ToolWish(rings=True, answering=services.backend))
        except ConfigError as exc:
            found.append(exc)
    for each in cfg.mcp.values():
        try:
            running.check(each, services.env)
        except ConfigError as exc:
            found.append(exc)
    return names, found


# -- the backends ----------------------------------------------------------------------------------


def _configured(cfg: Config, use: Mapping[str, str]) -> list[Backend]:
    """Those that `[use]` names, then the rest; one that is merely built in and not used is left alone."""
    built_in = {name for name in cfg.backends if cfg.sources.get(f"backends.{name}.family") == "default"}
    names = [*dict.fromkeys(use.values()), *(name for name in cfg.backends if name not in built_in)]
    return [cfg.backends[name] for name in dict.fromkeys(names)]


async def _visits(services: Services, masked: Callable[[str], str], backends: list[Backend]) -> list[checkup.Visit]:
    """Services all at once, then what runs on this machine: its start would be counted as their delay."""

    def is_local(backend: Backend) -> bool:
        return backend.family in FAMILIES and FAMILIES[backend.family].of(backend).offline

    found: dict[str, checkup.Visit] = {}

    async def one(backend: Backend) -> None:
        found[backend.name] = await _visit(services, masked, backend)

    for local in (False, True):
        async with asyncio.TaskGroup() as tasks:
            for backend in backends:
                if is_local(backend) is local:
                    tasks.create_task(one(backend))
    return [found[backend.name] for backend in backends]


async def _visit(services: Services, masked: Callable[[str], str], backend: Backend) -> checkup.Visit:
    """Reaches one backend; whatever fails is its problem."""
    cfg = services.config
    known = checkup.Visit(backend, used_for=tuple(v for v in BASIC_VERBS if wiring.used_for(v, cfg) == backend.name))
    try:
        family = wiring.family_of(backend)
        hosts = tuple(dict.fromkeys(host for verb in OFFERED for host in wiring.hosts(verb, backend)))
        can = tuple(verb for verb in OFFERED if wiring.able(family, verb))
        known = replace(known, hosts=hosts, can=can)
        opened = await asyncio.to_thread(wiring.with_key, backend, cfg, services.env, services.report)
        known = replace(known, backend=opened)
        async with asyncio.timeout(PATIENCE_S):
            return await _asked(known, family)
    except TimeoutError:
        problem: VoiceError = UnreachableError(
            f"did not answer within {PATIENCE_S:.0f} s", who=backend.name, cure="Is it running, and at this address?"
        )
    except Exception as exc:
        problem = ours(exc)
    problem.what = masked(problem.what)
    return replace(known, problem=problem)


async def _asked(known: checkup.Visit, family: Capabilities) -> checkup.Visit:
    """How the service is, and how much it lists."""
    hurried = replace(
        known.backend,
        timeout_s=min(known.backend.timeout_s, ANSWER_S),
        connect_timeout_s=min(known.backend.connect_timeout_s, CONNECT_S),
    )
    if family.health is not None:
        async with family.health(hurried) as adapter:
            began = perf_counter()
            report = await adapter.check()
            known = replace(known, detail=report.detail, latency_ms=1000 * (perf_counter() - began))
        known = replace(known, models=len(report.models) or None)
    if family.models is not None and known.models is None:
        known = replace(known, models=await _count(family.models(hurried), lambda it: it.models()))
    if family.voices is not None:
        known = replace(known, voices=await _count(family.voices(hurried), lambda it: it.voices()))
    return known


async def _count(opening: Any, ask: Callable[[Any], Awaitable[Any]]) -> int | None:
    """How many a service lists, None when it lists none: that is no problem."""
    try:
        async with opening as adapter:
            found = [each for each in await ask(adapter) if getattr(each, "listed", True)]
    except VoiceError:
        return None
    return len(found) or None


# -- the sound devices -----------------------------------------------------------------------------


async def _sound(env: Mapping[str, str], microphone: int | str, loudspeaker: int | str) -> tuple[checkup.Finding, ...]:
    from voicecli.audio import devices
    from voicecli.audio.soundserver import sound_server
    from voicecli.audio.threads import on_thread

    def look() -> tuple[checkup.Finding, ...]:
        ends = checkup.sound(devices.version(), _device("input", microphone), _device("output", loudspeaker))
        server = sound_server(env)
        silent = any(each.problems for each in ends)
        return (*ends, *checkup.sound_server(server if server is not None and (silent or server.answers) else None))

    try:
        return await on_thread(look, within=SOUND_S)
    except TimeoutError:
        hangs = f"the sound system did not answer within {SOUND_S:.0f} s"
        return (_silent(DeviceError(hangs, who="audio", cure="Restart the sound server.")),)
    except DeviceError as exc:
        return (_silent(exc),)


def _silent(problem: DeviceError) -> checkup.Finding:
    return checkup.Finding("sound", facts={"library": None, "device": None}, problems=(problem,))


def _device(kind: Kind, wanted: int | str) -> Device | VoiceError:
    from voicecli.audio import devices

    try:
        return devices.find(kind, wanted)
    except DeviceError as exc:
        return exc
