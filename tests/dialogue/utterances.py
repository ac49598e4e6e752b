"""Utterances, labelled by what a listener would think at their end: complete, plain (no telling), dangling.

Belongs here: reading utterances.txt, in which a heading `[GROUP LABEL]` stands above texts as recognisers give
them, one a line. The labels were written before the rules that they judge; a text that the rules get wrong keeps its
label.

How they were labelled. COMPLETE: a sentence, question, command or answer that nobody would expect to go
on. DANGLING: something must follow. PLAIN: it may be an answer or a beginning; whatever ends in digits or
a bare number, since people pause inside numbers; "I don't know" and its like, which often go on.
Most are bare, as recognisers without punctuation write. FRAGMENTS come from recognisers that end every
fragment with a full stop, TRUSTED from such as punctuate by sense. LATER ones were written when the rules stood.
"""

from __future__ import annotations

import re
from pathlib import Path

from voicecli.dialogue.reading import Reading

Group = dict[Reading, tuple[str, ...]]


def _groups() -> dict[str, Group]:
    found: dict[str, Group] = {}
    listed = Path(__file__).with_suffix(".txt").read_text("utf-8")
    _, *parts = re.split(r"(?m)^\[(\w+) (\w+)\]\n", listed)
    for name, label, texts in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        lines = (line for line in texts.splitlines() if line and not line.startswith("#"))
        found.setdefault(name, {})[Reading[label]] = tuple(lines)
    return found


GROUPS = _groups()
"""By name: ENGLISH, CHINESE, and each with _FRAGMENTS, _TRUSTED and _LATER."""

UTTERANCES: tuple[tuple[str, Reading, bool], ...] = tuple(
    (text, label, name.endswith("_TRUSTED"))
    for name, group in GROUPS.items()
    for label, texts in group.items()
    for text in texts
)
"""Text, label, and whether the recogniser's punctuation may be trusted."""
