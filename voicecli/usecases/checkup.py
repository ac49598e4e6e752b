"""What `voice doctor` makes of the facts: the report, its problems, the exit code, the lines and the JSON.

Pure. Belongs here: functions from facts to what is said. Does not belong here: finding the facts (examining).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicecli.errors import DeviceError, VoiceError
from voicecli.text.width import cells

if TYPE_CHECKING:
    from voicecli.audio.devices import Device
    from voicecli.audio.soundserver import SoundServer
    from voicecli.types import Backend


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the report: what was looked at, the facts in words and for scripts, and what is wrong."""

    name: str
    words: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[VoiceError, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of reaching one backend. `models` and `voices` are counts, None where none are listed."""

    backend: Backend
    hosts: tuple[str, ...] = ()
    used_for: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    detail: str = ""
    latency_ms: float | None = None
    models: int | None = None
    voices: int | None = None
    problem: VoiceError | None = None

    @property
    def key(self) -> str:
        """Where the key comes from, "" for none."""
        return self.backend.key_source if self.backend.key else ""


@dataclass(frozen=True, slots=True)
class CheckupReport:
    """Everything that was looked at, in the order in which it is told."""

    program: Finding
    packages: Finding
    configuration: Finding
    backends: tuple[Finding, ...] = ()
    sound: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.program, self.packages, self.configuration, *self.backends, *self.sound)

    @property
    def problems(self) -> tuple[VoiceError, ...]:
        return tuple(each for finding in self.findings for each in finding.problems)

    @property
    def exit_code(self) -> int:
        """That of the first problem; 0 when there is none."""
        return next((each.exit_code for each in self.problems), 0)


# -- from facts to findings ------------------------------------------------------------------------


def program(version: str, python: str, system: str) -> Finding:
    """What runs, and on what."""
    facts = {"voice": version, "python": python, "system": system}
    return Finding("program", f"voice {version}, Python {python}, {system}", facts)


def packages(versions: Mapping[str, str], broken: Mapping[str, str]) -> Finding:
    """`versions` by name; `broken` says why a package does not work."""
    cure = "Install voicecli anew, in an environment of its own."
    problems = tuple(InstallationError(f"does not work: {why}", who=name, cure=cure) for name, why in broken.items())
    words = f"all {len(versions)} work" if not broken else f"{len(versions) - len(broken)} of {len(versions)} work"
    return Finding("packages", words, versions, problems)


def configuration(
    path: str,
    there: bool,
    profile: str,
    use: Mapping[str, str],
    problems: Sequence[VoiceError],
    tools: Sequence[str] = (),
) -> Finding:
    """`use` is which backend serves which verb; `tools` are those that a conversation is offered."""
    words = [path if there else f"no file ({path} would be it)"]
    words += [f"profile {profile}"] if profile else []
    words += [", ".join(f"{verb}: {name}" for verb, name in use.items())] if use else []
    words += [f"tools: {', '.join(tools)}"] if tools else []
    facts = {"path": path, "exists": there, "profile": profile or None, "use": dict(use), "tools": list(tools)}
    return Finding("configuration", "; ".join(words), facts, tuple(problems))


def reached(visit: Visit) -> Finding:
    """A backend and what came of reaching it. Of a key it is said where it comes from, never what it is."""
    facts = {
        "name": visit.backend.name,
        "family": visit.backend.family,
        "hosts": list(visit.hosts),
        "used_for": list(visit.used_for),
        "key": visit.key or None,
        "latency_ms": None if visit.latency_ms is None else round(visit.latency_ms, 1),
        "detail": visit.detail,
        "can": list(visit.can),
        "voices": visit.voices,
        "models": visit.models,
    }
    problems = (visit.problem,) if visit.problem else ()
    return Finding(visit.backend.name, "; ".join(_words(visit)), facts, problems)


def _words(visit: Visit) -> Iterator[str]:
    family = visit.backend.family
    yield f"{family} ({', '.join(visit.hosts)})" if visit.hosts else family
    yield f"used to {', '.join(visit.used_for)}" if visit.used_for else "not used"
    if visit.hosts:
        yield f"key from {visit.key}" if visit.key else "no key"
    if visit.latency_ms is not None:
        yield f"answered in {visit.latency_ms:.0f} ms: {visit.detail}"
    if visit.can:
        yield f"able to {', '.join(each.replace('_', ' ') for each in visit.can)}"
    if visit.voices is not None:
        yield f"voices listed: {visit.voices}"
    if visit.models is not None:
        yield f"models listed: {visit.models}"


def sound(library: str, microphone: Device | VoiceError, loudspeaker: Device | VoiceError) -> tuple[Finding, ...]:
    """The two ends of a conversation; `library` is PortAudio's own name."""
    return _end("microphone", library, microphone), _end("loudspeaker", library, loudspeaker)


def sound_server(found: SoundServer | None) -> tuple[Finding, ...]:
    """Where sound comes from another machine."""
    if found is None:
        return ()
    facts = {"socket": found.socket, "answers": found.answers, "where": found.where}
    words = f"{found.socket} answers" + (f", over {found.where}" if found.where == "SSH" else "")
    what = f"{found.socket} does not answer" if found.socket else "there is none here, and none of another machine"
    missing = DeviceError(what, who="sound server", cure=found.cure)
    return (Finding("sound server", words if found.answers else "", facts, () if found.answers else (missing,)),)


def _end(name: str, library: str, found: Device | VoiceError) -> Finding:
    if isinstance(found, VoiceError):
        return Finding(name, facts={"library": library or None, "device": None}, problems=(found,))
    return Finding(name, f"{found.name} ({found.host}, {library})", {"library": library, "device": found.name})


class InstallationError(VoiceError):
    """A broken installation: as a wrong configuration, nothing that another try would mend."""

    exit_code = 2


# -- from findings to words ------------------------------------------------------------------------

Say = Callable[[str], str]
WELL, DOUBTFUL, WRONG = "✓", "!", "✗"


def lines(report: CheckupReport, say: Say = str) -> list[str]:
    """What is wrong comes first, each with its cure below it; then one line for each part; then one sentence."""
    wrong = [line for finding in report.findings for line in _problems(finding, say)]
    width = max(cells(say(each.name)) for each in report.findings)
    parts = [_part(each, width, say) for each in report.findings if each.words]
    return [*wrong, *([""] if wrong else []), *parts, "", say(closing(report))]


def _problems(finding: Finding, say: Say) -> Iterator[str]:
    for problem in finding.problems:
        named = finding.name in problem.who
        who = say(problem.who) if named else ": ".join(filter(None, (say(finding.name), problem.who)))
        yield f"{_mark(finding)} {who}: {say(problem.what)}"
        if problem.cure:
            yield f"  {say(problem.cure)}"


def _part(finding: Finding, width: int, say: Say) -> str:
    name, words = say(finding.name), "; ".join(map(say, finding.words.split("; ")))
    return f"{_mark(finding)} {name}{' ' * (width - cells(name))}  {words}"


def _mark(finding: Finding) -> str:
    """A backend that nothing uses, and that fails, is no more than doubtful."""
    if not finding.problems:
        return WELL
    return DOUBTFUL if finding.facts.get("used_for") == [] else WRONG


def closing(report: CheckupReport) -> str:
    """The whole in one sentence."""
    count = len(report.problems)
    if not count:
        return "Everything works."
    problems = "One problem" if count == 1 else f"{count} problems"
    return f"{problems} found; 'voice help doctor' tells what the exit code means."


def document(report: CheckupReport) -> dict[str, Any]:
    """The report for scripts, version 1."""
    return {
        "v": 1,
        "code": report.exit_code,
        "program": report.program.facts,
        "packages": report.packages.facts,
        "configuration": report.configuration.facts,
        "backends": [{**each.facts, "ok": not each.problems} for each in report.backends],
        "sound": {each.name: each.facts for each in report.sound},
        "problems": [
            {"part": finding.name, "who": each.who, "what": each.what, "cure": each.cure, "code": each.exit_code}
            for finding in report.findings
            for each in finding.problems
        ],
    }
