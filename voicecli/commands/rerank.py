"""`voice rerank`: texts in the order in which they fit a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import media_work
from voicecli.commands import session as common
from voicecli.commands.session import Input, Model, Output, Session
from voicecli.errors import InputError
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import EmbedOptions, Ranked


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
    from voicecli.types import EmbedOptions

    session = common.session(ctx)
    if not query.strip():
        raise InputError("the question is empty")
    if output not in (None, media_work.STD):
        media_work.refuse_target(str(output), input)
    options = EmbedOptions(model)
    family, _ = session.choose("rerank")
    session.check(family, "rerank", options)
    texts = media_work.lines(session, candidates, input, "candidates")
    found = common.run(lambda: _ranked(session, query, texts, options))
    _tell(session, found[: number or None], output)


async def _ranked(session: Session, query: str, texts: list[str], options: EmbedOptions) -> Sequence[Ranked]:
    async with session.open("rerank") as reranker:
        with session.console.progress("ranking"):
            found: Sequence[Ranked] = await reranker.rerank(query, texts, options)
    return found


def _tell(session: Session, found: Sequence[Ranked], output: str | None) -> None:
    if session.json:
        from voicecli.terminal.console import dump_json

        media_work.give(session, dump_json(list(found)), output)
        return
    rows = [f"{'-' if each.score is None else f'{each.score:.4f}'}\t{_one_line(each.text)}" for each in found]
    media_work.give(session, "\n".join(rows), output)


def _one_line(text: str) -> str:
    return " ".join(text.split())
