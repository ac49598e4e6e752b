"""Which recordings are meant, and where the text of each goes.

Belongs here: files, folders, patterns, lists, addresses, stdin; the names of result files, and refusing those
that would write over something. Does not belong here: reading sound, requests, what a result looks like.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voicecli.errors import InputError, UsageError, unreadable
from voicecli.storage.atomic import real
from voicecli.text.clean import one_line
from voicecli.text.decoding import encoding_of
from voicecli.usecases.inputs import STD, one_of

FORMATS = {
    "text": "txt",
    "json": "json",
    "verbose_json": "json",
    "srt": "srt",
    "vtt": "vtt",
    "tsv": "tsv",
    "lrc": "lrc",
}
"""What -f knows, and the extension of its files."""

PLAIN = ("text", "md", "log")
"""Other extensions of plain text."""

TOGETHER = frozenset({"text", "json", "verbose_json"})
"""Formats of which several may follow one another on stdout."""

SOUNDS = frozenset(
    "wav flac mp3 ogg oga opus m4a m4b mp4 mpeg mpga webm aac aiff aif caf au amr mka mkv mov avi wma wv "
    "ts mts m2ts mpg vob ac3 eac3 ape tta dts 3gp 3g2 flv w64 mp2 spx wmv asf ra rm dsf mpc mxf".split()
)
"""The files that are taken from a folder, by their extension."""

NAMED = SOUNDS | {"json", "raw", "pcm", "s16le", "s16"}
"""What is an extension: of `v1.2 talk` nothing is."""

SHARED = {"ts": b"G"}
"""Extensions that other files have too, and how a recording begins: .ts is a film, or a program."""

LONGEST_NAME = 120
"""Characters of a name that an address gives."""


def formats_of(given: Sequence[str] | None, output: str | None, usual: str) -> tuple[str, ...]:
    """What -f says, else what -o's name says, else the usual one. Raises UsageError."""
    named = [name for each in given or () for name in each.split(",")]
    if named:
        return tuple(dict.fromkeys(one_of(name, tuple(FORMATS), "--format") for name in named))
    suffix = Path(output).suffix[1:].lower() if output else ""
    known = {extension: kind for kind, extension in reversed(FORMATS.items())}
    if suffix.isalpha() and suffix not in (*known, *PLAIN) and not (output or "").endswith("/"):
        cure = f"It knows: {', '.join(FORMATS)}. With -f text the name may be any."
        raise UsageError(f"-o {output}: there is no format {suffix}", cure=cure)
    return (known.get(suffix, usual),)


@dataclass(frozen=True, slots=True)
class Source:
    """One recording: a file, an address, or stdin; `below` is its folder within the one that was given."""

    name: str
    url: str = ""
    below: Path = Path()

    @property
    def shown(self) -> str:
        return "stdin" if self.name == STD else self.name

    @property
    def path(self) -> Path | None:
        """The file that was named; None for stdin and addresses."""
        return None if self.name == STD or self.url else Path(self.name)

    @property
    def saved(self) -> bool:
        """Whether it is no recording but a transcript that was saved."""
        return self.path is not None and self.path.suffix.lower() == ".json"

    @property
    def stem(self) -> str:
        """What its texts are called, without their extension."""
        if self.url:
            return _harmless(_stem(unquote(urlsplit(self.url).path))) or urlsplit(self.url).hostname or "recording"
        return "stdin" if self.name == STD else _stem(self.name)


def _stem(name: str) -> str:
    """A name without the folders before it and the extension of a recording behind it."""
    name = Path(name.replace("\0", "")).name
    stem, dot, extension = name.rpartition(".")
    return stem if stem and dot and extension.lower() in NAMED else name


def _harmless(name: str) -> str:
    """A file name that somebody else chose: printable, no longer than a disk takes, no hidden file."""
    kept = "".join(each if each.isprintable() and each not in '/\\:*?"<>|' else " " for each in name)
    return " ".join(kept.split()).lstrip(".")[:LONGEST_NAME].strip()


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and the file for each format of its text; None is stdout."""

    source: Source
    targets: dict[str, Path | None] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether every file is there already."""
        return all(target is not None and target.exists() for target in self.targets.values())


# -- which recordings ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inputs:
    """The recordings in order; `many` tells that they came from a folder, a pattern or a list, even if it is one."""

    sources: tuple[Source, ...]
    many: bool


def inputs_of(arguments: Sequence[str], listed: Sequence[str], recursive: bool) -> Inputs:
    """What the arguments and a list of files stand for. Raises InputError for what is not there."""
    found: list[Source] = []
    many = bool(listed)
    for each in [*arguments, *listed]:
        sources, several = _expanded(each, recursive)
        found += sources
        many = many or several
    if [each.name for each in found].count(STD) > 1:
        raise UsageError("stdin can be read once", cure="Give - once.")
    if not found:
        raise UsageError("there is nothing to transcribe", cure="Name a recording, or pipe one in.")
    return Inputs(tuple(dict.fromkeys(found)), many or len(found) > 1)


def _expanded(argument: str, recursive: bool) -> tuple[list[Source], bool]:
    if argument == STD:
        return [Source(STD)], False
    if argument.lower().startswith(("http://", "https://")):
        return [Source(_address(argument), url=argument)], False
    path = Path(argument)
    try:
        is_folder = path.is_dir()
    except OSError as exc:  # a name that is too long, for one
        raise unreadable(argument, exc) from exc
    if is_folder:
        if not recursive:
            raise InputError("is a folder", who=argument, cure="Take the recordings in it with -r.")
        return _in_folder(path), True
    if any(mark in argument for mark in "*?[") and not path.exists():
        return _matching(argument), True
    return [Source(argument)], False


def _address(url: str) -> str:
    """An address that can be read as one. Raises InputError."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise InputError("is no address", who=one_line(url, 100), cure="Check it.")
    return url


def _in_folder(folder: Path) -> list[Source]:
    """The recordings in a folder and those below it. Raises InputError where there are none."""
    found = recordings_in(folder)
    if not found:
        raise InputError("holds no recordings", who=str(folder), cure=f"Known are: {', '.join(sorted(SOUNDS))}.")
    return found


def recordings_in(folder: Path) -> list[Source]:
    """The recordings in a folder and those below it, in order; hidden ones are left alone."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower()[1:] in SOUNDS)
    within = [(path, path.relative_to(folder)) for path in paths]
    return [
        Source(str(path), below=below.parent)
        for path, below in within
        if path.is_file() and not any(part.startswith(".") for part in below.parts) and _is_sound(path)
    ]


def _is_sound(path: Path) -> bool:
    begins = SHARED.get(path.suffix.lower()[1:], b"")
    try:
        with path.open("rb") as file:
            return file.read(len(begins)) == begins
    except OSError:
        return True  # it is told of when it is read


def _matching(pattern: str) -> list[Source]:
    from glob import glob

    names = sorted(glob(pattern, recursive=True))  # noqa: PTH207  (Path.glob takes no absolute pattern)
    found = [Source(name) for name in names if Path(name).is_file()]
    if not found:
        raise InputError("there is no such file", who=pattern, cure="Check the pattern.")
    return found


def names_in(data: bytes) -> list[str]:
    """The names in a list: one a line, or with a NUL behind each (`find -print0`); Windows writes UTF-16 and marks,
    and old Macs ended lines with \\r alone.
    """
    encoding = encoding_of(data)
    text = data.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
    ends = next((end for end in "\0\n" if end in text), "\r")
    names = (each.removesuffix("\r") for each in text.split(ends))
    return [name for name in names if name.strip()]


# -- where the texts go ----------------------------------------------------------------------------


def plan(inputs: Inputs, output: str | None, formats: Sequence[str]) -> list[Job]:
    """Where each text goes. Raises UsageError for what would overwrite a recording or another text."""
    results = len(inputs.sources) * len(formats)
    if output == STD or (results == 1 and output is None and not inputs.many):
        return _to_stdout(inputs.sources, formats, results)
    folder = Path(output) if output else None
    slash = (output or "").endswith(("/", "\\"))
    if results == 1 and folder and not slash and not folder.is_dir() and not inputs.many:
        return _safe([Job(inputs.sources[0], {formats[0]: folder})])
    if folder and folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {output} is a file, and there are {results} texts to write", cure="Name a folder.")
    homes = Counter(_home(each, folder) for each in inputs.sources)
    return _safe([Job(each, dict(_targets(each, folder, formats, homes))) for each in inputs.sources])


def _to_stdout(sources: Iterable[Source], formats: Sequence[str], results: int) -> list[Job]:
    apart = [each for each in formats if each not in TOGETHER]
    if results > 1 and apart:
        raise UsageError(f"{results} texts as {', '.join(apart)} can't share stdout", cure="Give a folder with -o.")
    return [Job(source, dict.fromkeys(formats)) for source in sources]


def _home(source: Source, folder: Path | None) -> Path:
    """Where a recording's texts go, without their extensions."""
    beside = source.path.parent if source.path else Path()
    return (folder / source.below if folder else beside) / source.stem


def _targets(
    source: Source, folder: Path | None, formats: Sequence[str], homes: Counter[Path]
) -> Iterator[tuple[str, Path]]:
    """film.srt of film.mp4; but film.mp4.srt where there is a film.wav too."""
    home = _home(source, folder)
    name = Path(source.name).name if homes[home] > 1 and source.path else home.name
    for kind in formats:
        full = kind == "verbose_json" and "json" in formats
        yield kind, home.with_name(f"{name}{'.verbose' if full else ''}.{FORMATS[kind]}")


def _safe(jobs: list[Job]) -> list[Job]:
    """The jobs, none of which writes over an input or over another's text."""
    sources = {real(job.source.path) for job in jobs if job.source.path}
    files = {found for path in sources if (found := _file(path))}
    seen: set[Path] = set()
    for target in (target for job in jobs for target in job.targets.values() if target):
        if real(target) in sources or _file(target) in files:
            raise UsageError(f"{target} would be overwritten, and it is a recording", cure="Choose another -o.")
        if real(target) in seen:
            raise UsageError(f"two recordings would be written to {target}", cure="Transcribe them one by one.")
        seen.add(real(target))
    return jobs


def _file(path: Path) -> tuple[int, int] | None:
    """What file a name leads to, through links of either kind and letters' case; None for none yet, or a device."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) and found.st_ino else None
