"""The line to type of `voice chat`.

Belongs here: the prompt with its keys, history and completion.
Does not belong here: what a command does, asking a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.storage.atomic import private_folder

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent, Completer
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


class Prompt:
    """A line to type: history by the arrow keys, pasted text of many lines stays one question.

    Commands (each with its meaning) are offered while a "/" is typed; Tab completes them, and a file behind those of
    `files`. `history` is a file too (None: nothing is kept), for its owner alone; what is written there passes
    through `masked`. Ctrl-X Ctrl-E opens $EDITOR.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        history: Path | None,
        files: Sequence[str] = (),
        masked: Callable[[str], str] = str,
    ) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.application import get_app
        from prompt_toolkit.filters import Condition

        self._session: PromptSession[str] = PromptSession(
            history=_history(history, masked),
            completer=completer_of(commands, files),
            complete_while_typing=Condition(lambda: get_app().current_buffer.text.startswith("/")),
            enable_open_in_editor=True,
            tempfile_suffix=".md",
            key_bindings=_keys(),
            prompt_continuation="… ",
            multiline=True,
            enable_suspend=True,
        )

    def ask(self) -> str | None:
        """What was typed; None when the person leaves (Ctrl-D), "" for a line that was given up (Ctrl-C)."""
        return self._line()

    def edit(self, text: str) -> str:
        """What the person makes of `text` in $EDITOR; "" where that was given up."""
        from prompt_toolkit.application import get_app

        def begin() -> None:
            get_app().current_buffer.open_in_editor(validate_and_handle=True)

        return self._line(default=text, pre_run=begin) or ""

    def _line(self, **more: Any) -> str | None:
        try:
            return self._session.prompt("> ", **more)
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None


def completer_of(commands: Mapping[str, str], files: Sequence[str]) -> Completer:
    """Commands as they begin, and paths behind those that take one."""
    from prompt_toolkit.completion import Completer, Completion, PathCompleter, WordCompleter
    from prompt_toolkit.document import Document

    words = WordCompleter(list(commands), meta_dict=dict(commands), sentence=True)
    paths = PathCompleter(expanduser=True)

    class Either(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            name, space, rest = document.text_before_cursor.partition(" ")
            if space and name in files:
                return paths.get_completions(Document(rest, len(rest)), complete_event)
            return words.get_completions(document, complete_event)

    return Either()


def _keys() -> KeyBindings:
    """Enter sends, Alt-Enter begins a new line. What was typed ahead of the prompt ends with Ctrl-J: it is sent too."""
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("enter")
    @keys.add("c-j")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _history(path: Path | None, masked: Callable[[str], str]) -> History:
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
