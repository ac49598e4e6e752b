"""`voice learn`: documents for a knowledge base, which `voice chat --category` then answers out of.

Belongs here: the flags. Does not belong here: what becomes of each document (usecases.media).
"""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.verbs import meaning


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
    from voicecli.usecases.media import Learning

    session = common.session(ctx)
    options = LearnOptions(category)
    session.check("learn", options)

    def learnt(path: str) -> None:
        session.done({"file": path, "learnt": True}, f"{path} was learnt.")

    learning = Learning(session.services(), options, learnt, session.console.error)
    common.run(lambda: learning.run(files))
