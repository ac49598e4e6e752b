"""`voice image`: pictures made, described, enhanced, animated.

Belongs here: the four subcommands and their flags. Does not belong here: files on their way (media_work), how a
service is spoken to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import media_work
from voicecli.commands import session as common
from voicecli.commands.session import Model, Output, Session
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import DescribeOptions, Description, PictureOptions

app = typer.Typer(help="Make, describe, enhance and animate pictures.", no_args_is_help=True, add_completion=False)

File = Annotated[str, typer.Argument(metavar="FILE", help=meaning("image_describe", "picture") + " - is stdin.")]


@app.command()
def make(
    ctx: typer.Context,
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help=meaning("image_make", "prompt"))
    ] = None,
    output: Output = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help=meaning("image_make", "size"))] = None,
    model: Model = None,
) -> None:
    """Make a picture after a text.

    Examples:
      voice image make "a pig" -o pig.png
      voice image make "a pig in the rain" -o pig.png --size 1024x1024 -m gpt-image-1
      voice chat "Describe a strange animal." | voice image make -o animal.png

    The file is written when it is whole, under the name that you give it.
    """
    from voicecli.types import PictureOptions

    session = common.session(ctx)
    goal = media_work.Goal.of(session, output, None, "picture.png")
    text = media_work.words(session, prompt, "text")
    options = PictureOptions(model, size)
    family, _ = session.choose("image_make")
    session.check(family, "image_make", options)
    kind, written = common.run(lambda: _made(session, text, options, goal))
    goal.tell(session, kind, written)


async def _made(session: Session, text: str, options: PictureOptions, goal: media_work.Goal) -> tuple[str, int]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        painter = await stack.enter_async_context(session.open("image_make"))
        with session.console.progress("drawing"):
            chunks = await stack.enter_async_context(painter.image_make(text, options))
        return await media_work.received(session, chunks, goal)


@app.command()
def describe(
    ctx: typer.Context,
    file: File,
    output: Output = None,
    question: Annotated[
        str | None, typer.Option("--question", metavar="TEXT", help=meaning("image_describe", "question"))
    ] = None,
    segments: Annotated[
        Path | None, typer.Option("--segments", metavar="FILE", help="Write the picture with its parts marked, too.")
    ] = None,
    model: Model = None,
) -> None:
    """Say what is to be seen in a picture.

    Examples:
      voice image describe photo.jpg
      voice image describe photo.jpg --question "How many bicycles are there?"
      voice image describe photo.jpg --segments parts.png --json
      curl -s https://example.org/a.png | voice image describe -
    """
    from voicecli.types import DescribeOptions

    session = common.session(ctx)
    for flag, target in (("-o", output), ("--segments", segments)):
        if target not in (None, media_work.STD):
            media_work.refuse_target(str(target), file, flag=flag)
    options = DescribeOptions(model, question, segments is not None)
    family, _ = session.choose("image_describe")
    session.check(family, "image_describe", options)
    with media_work.opened(session, file, "picture") as source:
        found = common.run(lambda: _described(session, source, options))
    if segments is not None:
        _save(segments, found)
    _tell(session, found, output, segments)


async def _described(session: Session, source: media_work.Source, options: DescribeOptions) -> Description:
    from voicecli.types import filekinds as media

    upload = source.upload(f"picture.{media.EXTENSIONS[source.kind]}")
    async with session.open("image_describe") as onlooker:
        with media_work.progress(session, source):
            found: Description = await onlooker.image_describe(upload, options)
    return found


def _save(path: Path, found: Description) -> None:
    from voicecli.audio import files

    assert found.segments is not None, "asked for, and so sent"
    with files.atomic(path) as file:
        file.write(found.segments.data)


def _tell(session: Session, found: Description, output: str | None, segments: Path | None) -> None:
    if session.json:
        from voicecli.terminal.console import dump_json

        told = {"text": found.text, "labels": list(found.labels), "segments": str(segments) if segments else None}
        media_work.give(session, dump_json(told), output)
        return
    media_work.give(session, found.text, output)
    if found.labels:
        session.console.note(f"kinds of things: {', '.join(found.labels)}")


@app.command()
def enhance(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Make a picture sharper.

    Examples:
      voice image enhance photo.jpg -o sharp.jpg
      voice image enhance - -o - < photo.jpg > sharp.png
    """
    media_work.convert(common.session(ctx), "image_enhance", "picture", file, output, "sharp.png")


@app.command()
def animate(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Make a short video of a picture.

    Examples:
      voice image animate photo.jpg -o clip.mp4
    """
    media_work.convert(common.session(ctx), "image_animate", "picture", file, output, "clip.mp4")
