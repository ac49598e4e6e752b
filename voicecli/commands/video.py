"""`voice video`: what moves is marked, and frames are put between frames.

Belongs here: the two subcommands. Does not belong here: files on their way (usecases.media).
"""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Output
from voicecli.verbs import meaning

app = typer.Typer(
    help="Track what moves in videos, and make them smoother.", no_args_is_help=True, add_completion=False
)

File = Annotated[str, typer.Argument(metavar="FILE", help=meaning("video_track", "video") + " - is stdin.")]


@app.command()
def track(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Mark what moves in a video.

    Examples:
      voice video track street.mp4 -o marked.mp4
      voice video track street.mp4 -o marked.mp4 --json
    """
    from voicecli.terminal.results import converted

    converted(common.session(ctx), common.run, "video_track", file, output, "marked.mp4")


@app.command()
def smooth(ctx: typer.Context, file: File, output: Output = None) -> None:
    """Make a video smoother, by frames in between.

    Examples:
      voice video smooth street.mp4 -o smooth.mp4
    """
    from voicecli.terminal.results import converted

    converted(common.session(ctx), common.run, "video_smooth", file, output, "smooth.mp4")
