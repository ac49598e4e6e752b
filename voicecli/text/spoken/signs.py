"""Signs of a written text: emoji, arrows, what nobody sees, and what begins markup.

Belongs here: character classes and the longest that markup may be. Does not belong here: reading any of it.
"""

from __future__ import annotations

import re

from voicecli.text.characters import WIDE_POINTS

MORE = -1
"""A reader's answer: the text that decides has not arrived."""
LONGEST_ADDRESS = 1000
LONGEST_FORMULA = 600
LONGEST_TAG = 600
LONGEST_LINE_HEAD = 200
LONGEST_RUN = 64

EMOJI = "\U0001f000-\U0001faff☀-➓➕-➿⬀-⯿⌚⌛⌨⏏⏩-⏺←↑↓↔-⇏⇓-⇿■-◿─-╿〰〽㊗㊙™®©•"
JOINERS = "\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
ARROWS = "→⇒➔➙➛➜➝➞⟶⟹"
UNSEEN = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff"
    "\ufff0-\ufffc\ufffe\uffff\ud800-\udfff\U000e0000-\U0010ffff"
)
_NOT_SAID = re.compile(f"[{UNSEEN}{JOINERS}]+")
EMOJIS = re.compile(f"[{EMOJI}][{EMOJI}{JOINERS}\u200d]*")
_OTHER_SPACE = re.compile(r"[\t\r\v\f\x85\u2028\u2029]")
ENDS_ITSELF = re.compile(rf"[.,;:!?…{WIDE_POINTS}—–-][\"'”’»)\]]*$")


def without_unseen(text: str) -> str:
    """`text` without what nobody sees."""
    return _NOT_SAID.sub("", text)


def sayable(text: str) -> str:
    """`text` without emoji and what nobody sees."""
    return _NOT_SAID.sub("", EMOJIS.sub("", _OTHER_SPACE.sub(" ", text)))
