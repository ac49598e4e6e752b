"""`voice learn`: documents for a knowledge base, which `voice chat --category` then answers out of.

Belongs here: which documents, their flags, what became of each. Does not belong here: how a service is spoken to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from voicecli.commands import media_work
from voicecli.commands import session as common
from voicecli.commands.session import Session
from voicecli.errors import ConfigError, InputError, SomeFailedError, UsageError, VoiceError
from voicecli.types import filekinds as media
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import LearnOptions

KINDS = {extension: kind for kind, extension in media.EXTENSIONS.items()}


def learn(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=meaning("learn", "document"))],
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help=meaning("learn", "category"))
    ] = None,
) -> None:
    """Teach documents to a knowledge base.

    Examples:
      voice learn handbook.pdf --category bj_gov
      voice learn notes/*.txt letter.docx --category hr --json
      voice chat "How many days of leave do I have?" --category hr

    The service keeps each document under its name. Of several, the exit code is 9 when some failed.
    """
    from voicecli.types import LearnOptions

    session = common.session(ctx)
    family, _ = session.choose("learn")
    options = LearnOptions(category)
    session.check(family, "learn", options)
    for path in files:
        _check_name(path, family.limits.documents)
    outcomes = common.run(lambda: _all(session, files, options))
    _judge(outcomes)


def _check_name(path: str, taken: frozenset[str]) -> None:
    """Raises UsageError for a document that the service does not take, before any is sent."""
    if taken and media.extension_of(path) not in taken:
        raise UsageError(
            "is no document that the service takes", who=path, cure=f"It takes: {', '.join(sorted(taken))}."
        )


async def _all(session: Session, paths: list[str], options: LearnOptions) -> list[VoiceError | None]:
    """One after the other, over one connection. A failure costs its document only."""
    outcomes: list[VoiceError | None] = []
    async with session.open("learn") as learner:
        for path in paths:
            outcomes.append(await _one(session, learner, path, options, alone=len(paths) == 1))
    return outcomes


async def _one(session: Session, learner: Any, path: str, options: LearnOptions, *, alone: bool) -> VoiceError | None:
    try:
        with media_work.readable(path) as file:
            source = media_work.source_of(path, file, _kind(path, file))
            with media_work.progress(session, source):
                await learner.learn(source.upload(Path(path).name), options)
    except VoiceError as exc:
        if alone or isinstance(exc, ConfigError):  # which no other document would change
            raise
        session.console.error(str(exc) if str(exc).startswith(path) else f"{path}: {exc}")
        return exc
    if session.json:
        session.console.json_line({"file": path, "learnt": True})
    else:
        session.console.note(f"{path} was learnt.")
    return None


def _kind(path: str, file: BinaryIO) -> str:
    """The media type that the name says. Raises InputError where the content is another."""
    head = file.read(4096)
    wanted = KINDS.get(media.extension_of(path), "application/octet-stream")
    found = media.kind_of(head) or ("text/plain" if b"\0" not in head else "")
    if wanted in media.EXTENSIONS and found != wanted:
        raise InputError(f"is no {media.extension_of(path)}, whatever its name says", who=path)
    return wanted


def _judge(outcomes: list[VoiceError | None]) -> None:
    """Nothing failed: fine. All failed alike: that error's code. Some, or differently: 9."""
    failed = [each for each in outcomes if each is not None]
    if not failed:
        return
    what = f"{len(failed)} of {len(outcomes)} documents failed"
    if len(failed) == len(outcomes) and len({each.exit_code for each in failed}) == 1:
        raise type(failed[0])(what)
    raise SomeFailedError(what)
