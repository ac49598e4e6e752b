"""`voice image`: pictures made, described, enhanced, animated.

Belongs here: the four subcommands and their flags. Does not belong here: files on their way (usecases.media).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Model, Output
from voicecli.verbs import meaning

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
    from voicecli.terminal import given, results
    from voicecli.types import PictureOptions

    session = common.session(ctx)
    maker = results.making(session, "image_make", output, None, "picture.png")
    text, options = given.words(session.console, prompt), PictureOptions(model, size)
    session.check("image_make", options)
    results.tell(session.console, maker, common.run(lambda: maker.picture(text, options)))


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
    from voicecli.terminal import results
    from voicecli.types import DescribeOptions
    from voicecli.usecases import media
    from voicecli.usecases.writing import output as writing
    from voicecli.usecases.writing import refuse_target

    session = common.session(ctx)
    refuse_target(output, file)
    refuse_target(segments, file, flag="--segments")
    options = DescribeOptions(model, question, segments is not None)
    session.check("image_describe", options)
    with media.opened(file, "picture", session.console.piped_bytes) as source:
        found = common.run(lambda: media.described(session.services(), source, options))
    if segments is not None and found.segments is not None:
        with writing(segments, session.console) as parts:
            parts.file.write(found.segments.data)
    told = {"text": found.text, "labels": list(found.labels), "segments": str(segments) if segments else None}
    results.give(session.console, found.text, output, told)
    if found.labels and not session.json:
        session.console.note(f"kinds of things: {', '.join(found.labels)}")


@app.command()
def enhance(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Make a picture sharper.

    Examples:
      voice image enhance photo.jpg -o sharp.jpg
      voice image enhance - -o - < photo.jpg > sharp.png
    """
    from voicecli.terminal.results import converted

    converted(common.session(ctx), common.run, "image_enhance", file, output, "sharp.png")


@app.command()
def animate(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Make a short video of a picture.

    Examples:
      voice image animate photo.jpg -o clip.mp4
    """
    from voicecli.terminal.results import converted

    converted(common.session(ctx), common.run, "image_animate", file, output, "clip.mp4")
