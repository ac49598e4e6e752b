"""Consent that is asked for aloud: what is asked, whether it was heard to its end, what the person's next words decide.

Belongs here: decisions over texts; pure. Does not belong here: reading a short answer (dialogue.courtesy), the rounds
between a model and its tools (dialogue.tools), how a person is asked on a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voicecli.dialogue.courtesy import Verdict, verdict
from voicecli.dialogue.drafting import same_words
from voicecli.text.characters import HAN_KANA
from voicecli.text.spoken import speakable
from voicecli.types import ChatMessage, ToolCall

LONGEST_ALOUD = 200
"""Characters of a question that a person who hears it can keep in mind."""
_STILL_HEARD = 6
"""Latin letters that may be missing at a question's end, about 0.4 s: who speaks then knows what was asked."""
_OF_A_HAN = 3
"""Latin letters that take as long to say as a Chinese character."""
_HAN = re.compile(f"[{HAN_KANA}]")


@dataclass(frozen=True, slots=True)
class Pending:
    """Calls that wait for the person's yes. To `person`, what was said, the reply is `before` and `question`."""

    calls: tuple[ToolCall, ...]
    asking: frozenset[str]
    """Ids of the calls that need the yes."""
    question: str
    person: str
    before: str = ""
    """The model's own words that the question follows."""

    @property
    def can_be_told(self) -> bool:
        """Whether a person who only hears the question knows what is asked."""
        return len(self.question) <= LONGEST_ALOUD and can_be_told(self.question)

    def heard_in(self, reply: str) -> bool:
        """Whether it was heard to its end in `reply`, as much of one as a person heard."""
        return asked_aloud(reply, self.before, self.question)


def answer_to(pending: Pending | None, messages: Sequence[ChatMessage]) -> Verdict | None:
    """What the last message says to the question that is open; None where it is no answer to one.

    It is one when it follows the question directly, and the question was heard to its end.
    """
    talk = [each for each in messages if each.role in ("user", "assistant")][-3:]
    if pending is None or [each.role for each in talk] != ["user", "assistant", "user"]:
        return None
    if not pending.heard_in(talk[1].content) or not same_words(talk[0].content, pending.person):
        return None
    return verdict(talk[2].content, pending.question)


def asked_aloud(heard: str, *said: str) -> bool:
    """Whether `heard`, what a person heard of a reply, has all of it: the parts of `said`, the question being the last.

    It counts from the reply's beginning: what looks like the question in the words before it is not the question.
    What was heard to its end stands in `heard` as it was written, what was cut off as it was read aloud.
    """
    ears = _letters(heard)
    written, spoken = (_letters("".join(map(form, said))) for form in (str, speakable))
    return any(bool(each) and ears.startswith(_known_by(each)) for each in (written, spoken))


def can_be_told(question: str) -> bool:
    """Whether a person who hears `question` hears all of it: a voice leaves out code, tags and addresses."""
    spoken = iter(_letters(speakable(question)))
    return all(each in spoken for each in _letters(question))


def _known_by(letters: str) -> str:
    """`letters` without those that may still sound."""
    left, end = _STILL_HEARD, len(letters)
    while end > 2 * len(letters) / 3 and (left := left - (_OF_A_HAN if _HAN.match(letters[end - 1]) else 1)) >= 0:
        end -= 1
    return letters[:end]


def _letters(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())
