"""Keeping conversations: what one run keeps of its own, and which it goes on with.

Belongs here: which conversation goes on, saying once that words are kept, trouble that must not stop anybody.
Does not belong here: the file (voicecli.storage.conversations), what a model is sent, what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError, InputError

if TYPE_CHECKING:
    from voicecli.storage.conversations import Conversation, Message, Store
    from voicecli.types import ChatMessage, Role
    from voicecli.wiring.services import Services


class Keeper:
    """What one run keeps of its conversation.

    `earlier` goes before the first question, oldest first. Whatever is kept passes through `masked`. Trouble with
    the file is told once through `warn`, and the conversation goes on unkept. Raises ConfigError when a
    conversation is to go on but none is ever kept, UsageError for a name that is none.
    """

    def __init__(
        self,
        services: Services,
        kind: str,
        masked: Callable[[str], str],
        *,
        continued: bool = False,
        name: str | None = None,
        private: bool = False,
    ) -> None:
        from voicecli.storage.conversations import Conversation, check_name

        self._services, self._masked = services, masked
        self._settings = services.config.history
        self._keeps = self._settings.enabled and not private
        self._about = Conversation(kind, name="" if name is None else check_name(name))
        self._store: Store | None = None
        self._seen: tuple[ChatMessage, ...] = ()
        self._rows: list[list[int]] = []
        self.warn: Callable[[str], object] = services.report.warn
        if continued or name is not None:
            self._recall()

    @property
    def earlier(self) -> tuple[ChatMessage, ...]:
        """The messages that were kept before, as a model should get them: those of one side in a row are one."""
        return self._seen

    @property
    def path(self) -> Path:
        from voicecli.storage.conversations import NAME

        return self._services.config.state_dir / NAME

    @property
    def number(self) -> int:
        """The conversation's number in the file; 0 where nothing of it is kept."""
        return self._about.id if any(self._rows) else 0

    def settle(self, wish: str | None, default: str, model: str | None) -> str:
        """The system prompt of this run: the one wished for, else the conversation's, else the default.

        It is noted with the conversation, and so is who answers.
        """
        system = (self._about.system or default) if wish is None else wish
        config = self._services.config
        backend = config.backends.get(self._services.backend or config.use.chat)
        known = model or (backend.chat_model if backend else "")
        self._about = replace(self._about, system=system, backend=backend.name if backend else "", model=known)
        return system

    def begin(self) -> None:
        """Opens the file ahead, so that the first word on keeping (or trouble) comes before the conversation."""
        self._guarded(self._opened)

    def sync(self, messages: Sequence[ChatMessage], *, interrupted: bool = False) -> None:
        """The conversation consists of `messages` now, system prompts apart: what is kept is made to match.

        `interrupted`: the last of them is a reply that broke off. Blocks for the time of a small write
        (BUSY_S at worst).
        """
        talk = tuple(each for each in messages if each.role != "system")
        if talk != self._seen:
            self._guarded(lambda: self._write(talk, interrupted))

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            self._guarded(store.close)

    # -- continuing --------------------------------------------------------------------------------

    def _recall(self) -> None:
        """Takes up the conversation that was asked for. Only one that is new, or a broken file, leaves nothing."""
        if not self._settings.enabled:
            source = self._services.config.sources.get("history.enabled", "").removeprefix("file ")
            what = "conversations are not kept, so none can go on"
            raise ConfigError(what, who=source, cure="Set [history] enabled = true.")
        self._guarded(self._take_up)

    def _take_up(self) -> None:
        from voicecli.storage.conversations import Store, there

        name, report = self._about.name, self._services.report
        found: Conversation | None = None
        if there(self.path):
            with Store.open(self.path, keep_days=self._settings.keep_days, reading=True) as store:
                found = store.named(name) if name else store.last()
                messages = store.messages(found.id) if found else []
        if found is None:
            report.note(f"'{name}' is a new conversation." if name else "There is no earlier conversation.")
            return
        told = report.detail if found.kind == self._about.kind else report.note
        told(f"going on with conversation {found.id} ({found.kind}, {len(messages)} messages).")
        self._about = found
        self._seen, self._rows = _as_sent(messages)

    # -- keeping -----------------------------------------------------------------------------------

    def _opened(self) -> Store | None:
        from voicecli.storage.conversations import Store

        if self._store is None and self._keeps:
            self._keeps = False  # what fails now would fail each time
            self._store = Store.open(self.path, keep_days=self._settings.keep_days)
            self._keeps = True
            self._say_once(self._store)
        return self._store

    def _say_once(self, store: Store) -> None:
        report = self._services.report
        if not report.quiet and store.first_time("where conversations are kept"):
            report.note(
                f"conversations are kept in {self.path} (said once): --private leaves one out,"
                " [history] enabled = false all of them."
            )

    def _write(self, talk: tuple[ChatMessage, ...], interrupted: bool) -> None:
        from voicecli.storage.conversations import Message

        store = self._opened()
        if store is None:
            return
        same = _in_common(self._seen, talk)
        masked = self._masked
        added = [Message(each.role, masked(each.content)) for each in talk[same:]]
        if added and added[-1].role == "assistant":
            added[-1] = replace(added[-1], interrupted=interrupted)
        removed = [number for rows in self._rows[same:] for number in rows]
        # Masked only here: a key is known once the service is opened.
        self._about, numbers = store.write(replace(self._about, system=masked(self._about.system)), added, removed)
        self._seen, self._rows = talk, self._rows[:same] + [[number] for number in numbers]

    def _guarded(self, work: Callable[[], object]) -> None:
        """Trouble is told once. A write that failed is made up for by the next."""
        try:
            work()
        except InputError as exc:
            self.warn(f"the conversation is not kept: {exc}")
            self.warn = silent


def silent(_text: str) -> None:
    """Takes the place of `warn` once the trouble was told."""


def _in_common(left: Sequence[object], right: Sequence[object]) -> int:
    """How many items two sequences begin with alike."""
    for at, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return at
    return min(len(left), len(right))


def _as_sent(messages: Sequence[Message]) -> tuple[tuple[ChatMessage, ...], list[list[int]]]:
    """The messages as a model gets them, and which rows each of them is made of."""
    from voicecli.dialogue.history import mark_interrupted
    from voicecli.text.join import joined
    from voicecli.types import ChatMessage

    said: list[tuple[Role, list[str]]] = []
    rows: list[list[int]] = []
    for message in messages:
        text = (mark_interrupted(message.content) if message.interrupted else message.content).strip()
        if text and (not said or said[-1][0] != message.role):
            said.append((message.role, []))
            rows.append([])
        if said:
            said[-1][1].append(text)
            rows[-1].append(message.id)
    return tuple(ChatMessage(role, joined(texts)) for role, texts in said), rows
