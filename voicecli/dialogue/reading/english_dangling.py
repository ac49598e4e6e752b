"""Whether an English text plainly goes on: by its last word, and what that word wants after it.

Belongs here: rules for last words. Does not belong here: whether a sentence is whole (english.py).
"""

from __future__ import annotations

from collections.abc import Callable

from voicecli.dialogue.reading import english_words as lex
from voicecli.dialogue.reading.english_forms import ends_in_number, lemma

_GO_ON = tuple(lex.GO_ON)


def dangles(words: list[str], core: list[str]) -> bool:
    """True where the last words ask for more. `core` is `words` without what leads in."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in lex.FILLERS or last in lex.NEVER_LAST or " ".join(core).endswith(_GO_ON):
        return not (last == "a" and ends_in_number(words))
    if last in _WHOLE_AFTER:
        return before not in _WHOLE_AFTER[last]
    if judge := _LAST_WORDS.get(last):
        return judge(core, before)
    if last in lex.AUXILIARIES:
        return _dangling_auxiliary(core, before)
    if last in lex.PREPOSITIONS or last in ("on", "in", "over"):
        return not _is_stranded(core, before, last)
    if last in ("new", "own", "main"):
        return before not in lex.BE | lex.words("something anything nothing brand my")
    if last in lex.ADJECTIVES:
        return before in lex.DETERMINERS - {"that", "this", "all", "her", "one"} and last not in lex.STANDS_FOR_A_NOUN
    return _wants_object(core, last) or ("between" in core and "and" not in core)


def _is_stranded(core: list[str], before: str, last: str) -> bool:
    """ "Where are you from" and "turn it on" end in a preposition and are whole."""
    if f"{before} {last}" in lex.PARTICLE_ALONE:
        return True
    if last in ("on", "in", "over"):
        return (
            len(core) > 2 and core[0] in lex.MOVERS and core[1] not in lex.PARTICLES and before not in lex.DETERMINERS
        )
    asked = any(word in lex.WH for word in core[:-2])
    return asked and (f"{before} {last}" in lex.STRANDED or (last == "from" and core[0] in ("where", "who", "what")))


def _dangling_auxiliary(core: list[str], before: str) -> bool:
    """ "The best way is" goes on; "what time it is" and "I can" need not."""
    asked = [i for i, word in enumerate(core[:-2]) if i and word in lex.WH]
    clause = bool(asked) and core[asked[-1]] in lex.WHEN and core[asked[-1] + 1] in lex.PRONOUNS
    embedded = bool(asked) and before not in lex.WH and not clause
    embedded |= len(core) > 3 and core[0] in ("how", "what") and before in lex.PRONOUNS  # "how nice this is"
    alone = len(core) == 2 and before in lex.PRONOUNS and core[-1] not in lex.BE | lex.HAVE | {"would"}
    return not embedded and not alone


def _wants_object(core: list[str], last: str) -> bool:
    """ "I want", "he said", "give me", "can you tell me"."""
    if len(core) == 2 and core[0] in lex.WH and last in lex.OBJECTS:
        return False
    if last in lex.PRONOUNS and len(core) > 2 and core[-2] in lex.CLAUSE_OPENERS:
        return True
    if last in lex.OBJECTS and len(core) > 1 and core[-2] in lex.DITRANSITIVE - {"get"}:
        return core[0] not in lex.WH
    if last in ("you", "it") and len(core) > 1 and core[0] in lex.WH | lex.AUXILIARIES:
        return core[-2] in lex.AUXILIARIES and not (core[-2] in lex.BE and core[0] in lex.WH and len(core) > 2)
    return len(core) in (2, 3) and core[0] in lex.PRONOUNS and lemma(last) in lex.NEEDY and last[-3:] != "ing"


def _last_that(core: list[str], before: str) -> bool:
    sure = before in ("so", "sure", "me", "him", "her", "them", "us", "such", "afraid", "glad", "sorry", "hope")
    stated = bool(core) and core[0] not in lex.WH
    told = any(lemma(word) == "tell" for word in core[:-2]) and before not in lex.PREPOSITIONS | lex.OBJECTS
    opened = before in lex.BE or lemma(before) in lex.CLAUSE_VERBS - lex.words("hear see remember understand")
    return sure or told or (stated and opened)


def _last_like(core: list[str], before: str) -> bool:
    return not (any(word in lex.WH for word in core[:-1]) and before not in lex.DETERMINERS)


def _last_then(core: list[str], before: str) -> bool:
    return not core or before in ("", "and", "so", "but", "if")


def _last_subject(core: list[str], before: str) -> bool:
    """ "Who are they" is whole, "she told me that he" is not."""
    return not (before in lex.BE and len(core) > 2 and core[0] in lex.WH)


def _last_know(core: list[str], before: str) -> bool:
    return before == "you" and core[-3:-2] not in (["do"], ["did"], ["if"], ["what"])


_WHOLE_AFTER: dict[str, frozenset[str]] = {
    "so": lex.words("think hope guess believe say said suppose not or if do is"),
    "his": lex.BE | {"of", "not", "it"},
    "may": lex.words("of in by until next last this th"),
    **dict.fromkeys(("what", "who", "which", "how"), lex.words("so say guess or and no for oh") | {""}),
}
"""Last words that dangle except after these: "I think so", "a friend of his", "in May". "" is the text's beginning."""

_LAST_WORDS: dict[str, Callable[[list[str], str], bool]] = {
    "that": _last_that,
    "like": _last_like,
    "then": _last_then,
    "know": _last_know,
    "any": lambda core, before: before == "there",
    **dict.fromkeys(("much", "many"), lambda core, before: before == "how"),
    **dict.fromkeys(lex.SUBJECTS, _last_subject),
    **dict.fromkeys(lex.words("not when where why while since before after once"), lambda core, before: False),
}
"""Whether the last word dangles, by the words without what leads in, and by the word before it."""
