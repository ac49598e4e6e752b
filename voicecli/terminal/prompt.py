"""The line to type of `voice chat`.

Belongs here: the prompt with its keys, history and completion.
Does not belong here: what a command does, asking a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from voicecli.storage.atomic import private_folder


class Prompt:
    """A line to type: history by the arrow keys, pasted text of many lines stays one question.

    Tab completes `commands`, and a file behind those of `files`. `history` is a file too (None: nothing is kept),
    for its owner alone; what is written there passes through `masked`.
    """

    def __init__(
        self,
        commands: Sequence[str],
        history: Path | None,
        files: Sequence[str] = (),
        masked: Callable[[str], str] = str,
    ) -> None:
        from prompt_toolkit import PromptSession

        self._session: PromptSession[str] = PromptSession(
            history=_history(history, masked),
            completer=_completer(commands, files),
            complete_while_typing=False,
            key_bindings=_keys(),
            prompt_continuation="… ",
            multiline=True,
            enable_suspend=True,
        )

    def ask(self) -> str | None:
        """What was typed; None when the person leaves (Ctrl-D), "" for a line that was given up (Ctrl-C)."""
        try:
            return self._session.prompt("> ")
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None


def _completer(commands: Sequence[str], files: Sequence[str]) -> Any:
    """Commands as they begin, and paths behind those that take one."""
    from prompt_toolkit.completion import Completer, Completion, PathCompleter, WordCompleter
    from prompt_toolkit.document import Document

    words, paths = WordCompleter(list(commands), sentence=True), PathCompleter(expanduser=True)

    class Either(Completer):
        def get_completions(self, document: Document, complete_event: Any) -> Iterable[Completion]:
            name, space, rest = document.text_before_cursor.partition(" ")
            if space and name in files:
                return paths.get_completions(Document(rest, len(rest)), complete_event)
            return words.get_completions(document, complete_event)

    return Either()


def _keys() -> Any:
    """Enter sends, Alt-Enter begins a new line. What was typed ahead of the prompt ends with Ctrl-J: it is sent too."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")
    def _send(event: Any) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _history(path: Path | None, masked: Callable[[str], str]) -> Any:
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    class Masked(FileHistory):
        def store_string(self, string: str) -> None:
            super().store_string(masked(string))

    if path is None:
        return InMemoryHistory()
    try:
        private_folder(path.parent)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    with suppress(OSError):
        path.chmod(0o600)
    return Masked(str(path))
