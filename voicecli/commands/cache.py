"""`voice cache`: what was kept of finished pieces of long recordings.

Belongs here: listing and clearing it. Does not belong here: keeping it (voicecli.cache).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import common

if TYPE_CHECKING:
    from voicecli.cache import PieceCache

app = typer.Typer(
    no_args_is_help=True,
    help="""Show and clear what was kept of long recordings.

    Examples:
      voice cache ls
      voice cache clear --older-than 7

    A long recording is transcribed in pieces, and the text of each finished piece is kept for 30 days, so that an
    interrupted run goes on where it stopped. The sound itself is never kept.
    """,
)


@app.command()
def ls(ctx: typer.Context) -> None:
    """Show where the cache is and how much it holds."""
    from datetime import datetime

    session = common.session(ctx)
    found = _cache(session).contents()
    times = [datetime.fromtimestamp(at).isoformat(" ", "seconds") if at else "" for at in (found.oldest, found.newest)]
    row: dict[str, Any] = {
        "folder": str(session.config().cache_dir),
        "pieces": found.entries,
        "bytes": found.bytes,
        "oldest": times[0],
        "newest": times[1],
    }
    if session.json:
        session.console.json_line(row)
    else:
        session.console.table(list(row), [[str(each) for each in row.values()]])


@app.command()
def clear(
    ctx: typer.Context,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only what is older than this.")
    ] = 0.0,
) -> None:
    """Remove what was kept."""
    session = common.session(ctx)
    gone = _cache(session).clear(older_than)
    if session.json:
        session.console.json_line({"removed": gone})
    else:
        session.console.note(f"removed {gone} {'piece' if gone == 1 else 'pieces'}")


def _cache(session: common.Session) -> PieceCache:
    from voicecli.cache import PieceCache

    return PieceCache(session.config().cache_dir)
