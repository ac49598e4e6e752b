"""`voice history`: look at the conversations that were kept, search, export and remove them.

Belongs here: the five subcommands, and what a person sees of them. Does not belong here: the file
(storage.conversations), a conversation as a document (usecases.chatting.history).
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands.flags import Output
from voicecli.commands.session import Session, session
from voicecli.errors import UsageError
from voicecli.terminal import completing
from voicecli.text.clean import clean, one_line
from voicecli.text.figures import counted
from voicecli.text.width import cells, headed
from voicecli.usecases.chatting.history import SPEAKERS, brief, forget_typed, markdown, said, when, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from voicecli.storage.conversations import Conversation, Message, Store

app = typer.Typer(
    help="Show, search, export and remove kept conversations.", no_args_is_help=True, add_completion=False
)

FORMATS = ("markdown", "json")
EXTENSIONS = {".md": "markdown", ".markdown": "markdown", ".json": "json"}
OPENING = 60
"""Characters of the first question that `list` shows."""
INTERRUPTED = "interrupted"

Ref = Annotated[
    str | None, typer.Argument(metavar="[WHICH]", help="A number or a name, as 'list' shows it; else the last one.")
]
Limit = Annotated[int, typer.Option("-n", "--limit", metavar="N", min=0, help="At most N; 0 is all.")]


@app.command("list")
def list_(ctx: typer.Context, limit: Limit = 50) -> None:
    """List the conversations, the last one first.

    Examples:
      voice history list
      voice history list -n 5 --json
    """
    run = session(ctx)
    with _opened(run) as store:
        found, total = (store.recent(limit), store.count()) if store else ([], 0)
    if run.json:
        run.console.json_line({"conversations": [brief(each) for each in found]})
        return
    rows = [(str(c.id), when(c.changed), c.kind, str(c.messages), c.name, one_line(c.opening, OPENING)) for c in found]
    if rows:
        run.console.table(("id", "last", "kind", "messages", "name", "begins with"), rows)
    if total > len(found):
        run.console.note(f"{total - len(found)} more: -n 0 lists all.")
    if not rows:
        run.console.note("No conversation is kept.")


@app.command()
def show(ctx: typer.Context, which: Ref = None) -> None:
    """Print a conversation.

    Examples:
      voice history show
      voice history show 12
      voice history show trip --json
    """
    run = session(ctx)
    with _opened(run) as store:
        conversation = _found(store, which)
        messages = store.messages(conversation.id) if store else []
    if run.json:
        run.console.json_line(whole(conversation, messages))
        return
    for message in messages:
        tail = f" ({_said(run, INTERRUPTED)})" if message.interrupted else ""
        name = headed(_who(run, message))
        name += " " * max(1, 7 - cells(name))
        run.console.styled([(name, "\x1b[1m"), (message.content, ""), (tail, "\x1b[2m"), ("\n", "")])


def _who(run: Session, message: Message) -> str:
    """Whose words they are, for a person."""
    name = SPEAKERS.get(message.role, message.role)
    return _said(run, name) if name == "you" else name


def _said(run: Session, word: str) -> str:
    """A word of ours in the person's language, where a person reads it."""
    return run.console.say(word) if run.console.out_is_terminal else word


@app.command()
def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="All of them must be in a message.")],
    limit: Limit = 50,
) -> None:
    """Find messages that hold all these words, or parts of words; the newest first.

    Examples:
      voice history search blue sky
      voice history search 天空 --json
    """
    run = session(ctx)
    with _opened(run) as store:
        found = store.search(" ".join(words), limit) if store else []
    if run.json:
        hits = [
            {"id": each.conversation.id, "name": each.conversation.name or None} | said(each.message) for each in found
        ]
        run.console.json_line({"messages": hits})
        return
    if found:
        rows = [(str(f.conversation.id), when(f.message.at), _who(run, f.message), f.excerpt) for f in found]
        run.console.table(("id", "when", "who", "text"), rows, " ".join(words).split())
    else:
        run.console.note("Nothing was found.")


@app.command()
def rm(
    ctx: typer.Context,
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[WHICH]...", help="Numbers or names, as 'list' shows them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove all conversations.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove conversations and what was typed in them; nothing of it is left. Asks first on a terminal.

    --all removes the sound of lost turns too.

    Examples:
      voice history rm 12 trip
      voice history rm --all --yes
    """
    from voicecli.wiring.talk_files import forget_lost

    run = session(ctx)
    if every == bool(which):
        raise UsageError("say which conversations, or --all", cure="'voice history list' shows them.")
    with _opened(run) as store:
        numbers = None if every else {_found(store, ref).id for ref in which or ()}
        count = (store.count() if store else 0) if numbers is None else len(numbers)
        if not (count or (every and _left(run))) or not _agreed(run, count, every=every, yes=yes):
            run.console.note("Nothing was removed.")
            return
        forget_typed(_typed(run), store, numbers)
        if every:
            forget_lost(run.config().state_dir)
        removed = store.remove(numbers) if store else 0
    run.done({"removed": removed}, f"{counted(removed, 'conversation')} removed.")


def _left(run: Session) -> bool:
    """Whether there is something to remove besides conversations."""
    from voicecli.wiring.talk_files import LOST_SENTENCES, LOST_TURNS

    folder = run.config().state_dir
    return any(path.exists() for path in (_typed(run), folder / LOST_TURNS, folder / LOST_SENTENCES))


def _typed(run: Session) -> Path:
    """Where the lines are that were typed at the prompt of `voice chat`."""
    from voicecli.storage.typed import NAME

    return run.config().state_dir / NAME


@app.command()
def export(
    ctx: typer.Context,
    which: Ref = None,
    every: Annotated[bool, typer.Option("--all", help="Export all conversations, the first one first.")] = False,
    format: Annotated[
        str | None,
        typer.Option(
            "-f", "--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}.", autocompletion=completing.words(*FORMATS)
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Write a conversation as Markdown or JSON.

    Examples:
      voice history export 12 -o talk.md
      voice history export trip -f json | jq -r '.messages[].content'
      voice history export --all -f json -o all.jsonl

    The format is that of -f (markdown, json), else of the file's ending, else Markdown. With --all, JSON has
    one conversation a line.
    """
    from voicecli.storage.atomic import is_same
    from voicecli.storage.conversations import NAME
    from voicecli.text.jsonline import dump_json
    from voicecli.usecases.writing import owned

    run = session(ctx)
    if every and which:
        raise UsageError("say which conversation, or --all, not both")
    if output not in (None, "-") and is_same(Path(str(output)), run.config().state_dir / NAME):
        raise UsageError(f"{output} is the history itself", cure="Choose another -o.")
    with _opened(run) as store:
        chosen = store.recent()[::-1] if every and store else [] if every else [_found(store, which)]
        parts = [(each, store.messages(each.id)) for each in chosen if store]
    if _format(run, format, output) == "json":
        text = "".join(dump_json(whole(*part)) + "\n" for part in parts)
    else:
        text = "\n".join(markdown(*part) for part in parts)
    if output in (None, "-"):
        run.console.write(text)
    else:
        run.console.note(owned(Path(str(output)), clean(text)))


# -- finding ---------------------------------------------------------------------------------------


@contextmanager
def _opened(run: Session) -> Iterator[Store | None]:
    """The history, or None when nothing was ever kept: looking makes no file."""
    from voicecli.storage.conversations import NAME, Store, there

    config = run.config()
    path = config.state_dir / NAME
    if not there(path):
        yield None
        return
    with Store.open(path, keep_days=config.history.keep_days, reading=True) as store:
        yield store


def _found(store: Store | None, ref: str | None) -> Conversation:
    """The conversation that is meant. Raises UsageError when there is none."""
    found = store.last() if store and ref is None else store.find(str(ref)) if store else None
    if found is None:
        raise UsageError("no conversation is kept", cure="'voice talk' and 'voice chat' keep theirs.")
    return found


def _agreed(run: Session, count: int, *, every: bool, yes: bool) -> bool:
    """Whether to remove: `--yes`, or the person's word; where nobody can be asked, only what was named."""
    if yes:
        return True
    if run.console.in_is_terminal and run.console.err_is_terminal:
        try:
            return bool(typer.confirm(run.console.say(f"Remove {counted(count, 'conversation')}?"), err=True))
        except typer.Abort:
            raise KeyboardInterrupt from None
    if every:
        raise UsageError("removing all needs --yes where nobody can be asked")
    return True


def _format(run: Session, wish: str | None, output: str | None) -> str:
    if wish is not None:
        from voicecli.usecases.inputs import one_of

        return one_of(wish, FORMATS, "--format")
    if run.json:
        return "json"
    if output in (None, "-"):
        return "markdown"
    return EXTENSIONS.get(Path(str(output)).suffix.lower(), "markdown")
