"""`voice rerank`: texts in the order in which they fit a question."""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Input, Model, Output
from voicecli.errors import InputError
from voicecli.verbs import meaning


def rerank(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help=meaning("rerank", "query"))],
    candidates: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CANDIDATE]...", help=meaning("rerank", "candidates") + " - is stdin, a text a line."),
    ] = None,
    input: Input = None,
    output: Output = None,
    number: Annotated[int, typer.Option("-n", "--number", metavar="N", min=0, help="Only the best N; 0 is all.")] = 0,
    model: Model = None,
) -> None:
    """Put texts in the order in which they fit a question, the best first.

    Examples:
      voice rerank python "python tutorial" "java guide" "python flask"
      voice rerank "how do I reset it?" - < answers.txt | head -3
      voice rerank "refunds" -i answers.txt -n 1 --json

    Each line is a score, a tab and the text; the score is on the service's own scale, or - where it tells none.
    """
    from voicecli.terminal import given, results
    from voicecli.types import EmbedOptions
    from voicecli.usecases.meaning import ranked
    from voicecli.usecases.writing import refuse_target

    session, options = common.session(ctx), EmbedOptions(model)
    if not query.strip():
        raise InputError("the question is empty")
    refuse_target(output, input)
    session.check("rerank", options)
    texts = given.lines(session.console, candidates, input)
    found = common.run(lambda: ranked(session.services(), query, texts, options))[: number or None]
    rows = (f"{'-' if each.score is None else f'{each.score:.4f}'}\t{' '.join(each.text.split())}" for each in found)
    results.give(session.console, "\n".join(rows), output, list(found))
