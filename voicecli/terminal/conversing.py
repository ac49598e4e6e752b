"""`voice chat` on a terminal without a question: a conversation, from its first line to its last.

Belongs here: the loop, what is said where it begins, goes on and ends. Does not belong here: what each command does
(chat_commands), the line that is typed into (prompt), asking and showing (answering).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.errors import VoiceError
from voicecli.terminal.chat_commands import take

if TYPE_CHECKING:
    from voicecli.terminal.chat_commands import Conversing
    from voicecli.usecases.chatting.conversation import Chat

RECALLED = 160
"""Characters of a message that stands where a conversation goes on."""


def converse(it: Conversing) -> None:
    """Takes line after line until the person leaves."""
    note = it.answering.console.note
    note(f"{who_answers(it.chat)} · /help lists commands, Alt-Enter begins a new line, Ctrl-D leaves.")
    for each in it.chat.talk[-2:]:
        note(it.line(each, RECALLED))
    while not it.over and (line := it.prompt.ask()) is not None:
        try:
            take(it, line.strip())
        except VoiceError as exc:  # it costs the turn, not the conversation
            it.answering.console.error(exc.message, exc.cure)
        except KeyboardInterrupt:  # Ctrl-C stops an answer
            note("stopped.")
    if number := it.chat.keeper.number:
        note(f"kept as {number} · voice chat -c goes on")


def who_answers(chat: Chat) -> str:
    """The model, and the machine that it runs on."""
    from voicecli import wiring

    can, backend = chat.services.choose("chat")
    host = "" if can.offline else next(iter(wiring.hosts("chat", backend)), "")
    return f"{chat.model} at {host}" if host else f"{chat.model}, on this machine"
