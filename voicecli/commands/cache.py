"""`voice cache`: what was kept so that it is not paid for twice.

Belongs here: listing and clearing it. Does not belong here: keeping it (storage.cache, usecases, notes.store).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common

if TYPE_CHECKING:
    from voicecli.notes import store
    from voicecli.storage.cache import CacheContents

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""Show and clear what is kept so that nothing is paid for twice.

    Examples:
      voice cache ls
      voice cache clear --older-than 7

    A long recording is transcribed in pieces, and the text of each finished piece is kept for 30 days, so that an
    interrupted run goes on where it stopped; the recording itself is never kept. Speech is kept where
    'voice speak' was asked to (--cache). Both together take no more than [cache] max_mb: what was used longest ago
    goes first.

    The vectors of notes ('voice chat --with FOLDER') are kept with their texts, beside the history and without a bound,
    until a note changes or is gone.
    """,
)


@app.command()
def ls(ctx: typer.Context) -> None:
    """Show where the cache is and how much it holds.

    Examples:
      voice cache ls
      voice cache ls --json
    """
    from voicecli.notes import store
    from voicecli.storage.cache import MEGABYTE, contents
    from voicecli.text.figures import size

    session = common.session(ctx)
    folder, most = session.config().cache_dir, session.config().cache.max_mb * MEGABYTE
    found = {kind: _row(each) for kind, each in contents(folder).items()}
    found["notes"] = _row(store.contents(session.config().state_dir))
    if session.json:
        session.console.json_line({"folder": str(folder), "max_bytes": most, **found})
        return
    session.console.note(f"in {folder}, {size(most)} at most ([cache] max_mb)")
    rows = [[kind, *(str(each) for each in row.values())] for kind, row in found.items()]
    session.console.table(("what", "entries", "bytes", "oldest", "newest"), rows)


def _row(found: CacheContents | store.Contents) -> dict[str, object]:
    from datetime import datetime

    oldest, newest = (
        datetime.fromtimestamp(at).isoformat(" ", "seconds") if at else "" for at in (found.oldest, found.newest)
    )
    return {"entries": found.entries, "bytes": found.bytes, "oldest": oldest, "newest": newest}


@app.command("clear")
def clear_(
    ctx: typer.Context,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Only what is older than this.")
    ] = 0.0,
) -> None:
    """Remove what was kept.

    Examples:
      voice cache clear
      voice cache clear --older-than 7
    """
    from voicecli.notes import store
    from voicecli.storage.cache import clear
    from voicecli.text.figures import counted

    session = common.session(ctx)
    gone = clear(session.config().cache_dir, older_than_days=older_than)
    gone += store.clear(session.config().state_dir, older_than)
    session.done({"removed": gone}, f"removed {counted(gone, 'entry', 'entries')}")
