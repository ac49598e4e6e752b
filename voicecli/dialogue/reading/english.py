"""How an English text reads at its end, by a small grammar of function words.

Belongs here: the rules. Does not belong here: word lists (english_words.py), punctuation
(the package reads it), milliseconds.

It is not a parser. It is meant to be right when it says COMPLETE, and to say so for the short sentences
that people say to a machine; a few hundred verbs are enough for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicecli.dialogue.reading import english_words as lex
from voicecli.dialogue.reading.result import Reading

COMPLETE, PLAIN, DANGLING = Reading.COMPLETE, Reading.PLAIN, Reading.DANGLING


_LONGEST = 60
"""Longer sentences are not read for their shape."""
_LETTER_OR_DIGITS = re.compile(r"[a-z]|\d[\d.,]*[a-z]?")
_SHORT_ANSWER = re.compile(
    rf"(?:yes|no|yeah|nope|of course|sure) (?:i|you|he|she|it|we|they) (?:{'|'.join(sorted(lex.AUXILIARIES))})(?: not)?"
)
_THANKS = re.compile(r"(?:thanks|thank you)(?: so much| very much| a lot)? for (?:\S+ ){0,4}\S+")
_GO_ON = tuple(lex.GO_ON)
_HAS_IS = lex.PRONOUNS | lex.WH | lex.words("here name everything weather")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d[\d.,:]*\d|\d")


def words_of(text: str) -> list[str]:
    """The words, in small letters, with "n't", "'m" and the like written out."""
    return [part for word in _WORD.findall(text.lower().replace("’", "'")) for part in _written_out(word)]


def _written_out(word: str) -> list[str]:
    if word in lex.WRITTEN_OUT:
        return lex.WRITTEN_OUT[word].split()
    base, mark, ending = word.partition("'")
    if not mark:
        return [word]
    if ending == "t" and base.endswith("n"):
        return [base[:-1], "not"]
    if ending == "s" and base in _HAS_IS:
        return [base, "is"]
    return [base, lex.ENDINGS[ending]] if ending in lex.ENDINGS else [word]


def _lemma(word: str) -> str:
    """The base form of a known verb; empty for any other word."""
    if word in lex.BASES or word in lex.PASTS:
        return lex.PASTS.get(word, word)
    return next((base for base in _stems(word) if base in lex.BASES), "")


def _stems(word: str) -> list[str]:
    """What `word` may be a form of, by its ending."""
    if word.endswith(("ies", "ied")):
        return [word[:-3] + "y"]
    if word.endswith("ing"):
        stem = word[:-3]
    elif word.endswith("ed"):
        stem = word[:-2]
    else:
        return [word[:-1], word[:-2]] if word.endswith("s") else []
    return [stem, stem + "e", stem[:-1]] if stem[-1:] == stem[-2:-1] else [stem, stem + "e"]


def _is_finite(word: str) -> bool:
    """True for a form that can be a sentence's verb after a noun."""
    if word in lex.AUXILIARIES:
        return True
    return (
        bool(_lemma(word))
        and word not in lex.BASES - lex.words("hurt put cut set hit cost let read")
        and word[-3:] != "ing"
    )


def ends_in_number(words: list[str]) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "one":
        return not before or before in lex.NUMBERS or before in ("one", "is")
    if last in ("a", "i", "o"):
        return bool(_LETTER_OR_DIGITS.fullmatch(before)) and before != "i"
    return last in lex.NUMBERS or last in lex.SPELLED or bool(_LETTER_OR_DIGITS.fullmatch(last))


def read_english(text: str) -> Reading:
    words = words_of(text)
    if not words:
        return PLAIN
    core = words
    while core and core[0] in lex.LEADS:
        core = core[1:]
    if any(_is_heard_out(" ".join(each)) for each in (words, core)):
        return COMPLETE
    if _dangles(words, core) or (core[1:] and core[-1] == "please" and _dangles(core[:-1], core[:-1])):
        return DANGLING
    if not core or len(core) > _LONGEST or ends_in_number(words):
        return PLAIN
    while len(core) > 1 and core[-1] in lex.TRAILS and not _dangles(core[:-1], core[:-1]):
        core = core[:-1]
    return _shape(core)


def _is_heard_out(phrase: str) -> bool:
    return phrase in lex.HEARD_OUT or bool(_SHORT_ANSWER.fullmatch(phrase))


# -- what goes on ------------------------------------------------------------------------------------


def _dangles(words: list[str], core: list[str]) -> bool:
    """True where the last words ask for more. `core` is `words` without what leads in."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in lex.FILLERS or last in lex.NEVER_LAST or " ".join(core).endswith(_GO_ON):
        return not (last == "a" and ends_in_number(words))
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
    return len(core) in (2, 3) and core[0] in lex.PRONOUNS and _lemma(last) in lex.NEEDY and last[-3:] != "ing"


def _last_so(core: list[str], before: str) -> bool:
    return before not in ("think", "hope", "guess", "believe", "say", "said", "suppose", "not", "or", "if", "do", "is")


def _last_that(core: list[str], before: str) -> bool:
    sure = before in ("so", "sure", "me", "him", "her", "them", "us", "such", "afraid", "glad", "sorry", "hope")
    stated = bool(core) and core[0] not in lex.WH
    told = any(_lemma(word) == "tell" for word in core[:-2]) and before not in lex.PREPOSITIONS | lex.OBJECTS
    opened = before in lex.BE or _lemma(before) in lex.CLAUSE_VERBS - lex.words("hear see remember understand")
    return sure or told or (stated and opened)


def _last_like(core: list[str], before: str) -> bool:
    return not (any(word in lex.WH for word in core[:-1]) and before not in lex.DETERMINERS)


def _last_then(core: list[str], before: str) -> bool:
    return not core or before in ("", "and", "so", "but", "if")


def _last_subject(core: list[str], before: str) -> bool:
    """ "Who are they" is whole, "she told me that he" is not."""
    return not (before in lex.BE and len(core) > 2 and core[0] in lex.WH)


def _last_question_word(core: list[str], before: str) -> bool:
    return bool(before) and before not in ("so", "say", "guess", "or", "and", "no", "for", "oh")


def _last_know(core: list[str], before: str) -> bool:
    return before == "you" and core[-3:-2] not in (["do"], ["did"], ["if"], ["what"])


def _last_his(core: list[str], before: str) -> bool:
    return before not in lex.BE | {"of", "not", "it"}


def _last_may(core: list[str], before: str) -> bool:
    """The month."""
    return before not in ("of", "in", "by", "until", "next", "last", "this", "th")


_LAST_WORDS: dict[str, Callable[[list[str], str], bool]] = {
    "so": _last_so,
    "that": _last_that,
    "like": _last_like,
    "then": _last_then,
    "his": _last_his,
    "may": _last_may,
    "know": _last_know,
    "any": lambda core, before: before == "there",
    **dict.fromkeys(("much", "many"), lambda core, before: before == "how"),
    **dict.fromkeys(lex.SUBJECTS, _last_subject),
    **dict.fromkeys(("what", "who", "which", "how"), _last_question_word),
    **dict.fromkeys(lex.words("not when where why while since before after once"), lambda core, before: False),
}
"""Whether the last word dangles, by the words without what leads in, and by the word before it."""

# -- what is whole -----------------------------------------------------------------------------------


def _shape(words: list[str]) -> Reading:
    """The shape of a sentence without leading and trailing words; nothing in it dangles at the end."""
    if words[-1] in lex.WEAK or _ends_before_noun(words) or not _tail_is_whole(words):
        return PLAIN
    if _THANKS.fullmatch(" ".join(words)):
        return COMPLETE
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in lex.WH and not (first in ("when", "where", "what", "how") and second in lex.PRONOUNS):
        return _wh_question(words)
    if first == "because" and second == "of":
        return PLAIN
    if first in lex.SUBORDINATORS or first in lex.WH:
        return _subordinate(words)
    if first == "do" and second in ("not", "it", "that", "this"):
        return _command(words[2:] if second == "not" else words)
    if first in lex.AUXILIARIES and len(words) > 1:
        return _inversion(words)
    if first in lex.COMMANDS and second not in lex.AUXILIARIES:
        return _command(words)
    return _statement(words)


def _ends_before_noun(words: list[str]) -> bool:
    """ "The first", "a nice young", "a well known", "late this": a noun is likely to follow."""
    if words[-1] == "this":
        holds_this = lex.AUXILIARIES | lex.PREPOSITIONS | lex.PARTICLES
        return len(words) > 1 and not _lemma(words[-2]) and words[-2] not in holds_this
    described = (words[-1].endswith("ed") or words[-1] in lex.PASTS) and (words[-2:-1] or [""])[0] in lex.DEGREES
    if words[-1] not in lex.ADJECTIVES and not described:
        return False
    at = len(words) - 2 - described
    while at >= 0 and words[at] in lex.ADJECTIVES:
        at -= 1
    return at >= 0 and words[at] in lex.DETERMINERS - {"all", "both"}


def _tail_is_whole(words: list[str]) -> bool:
    """What follows the last "and", "but", "because" or "if" must be able to stand there."""
    at = max((i for i, word in enumerate(words) if 1 < i < len(words) - 1 and word in lex.JOINTS), default=0)
    tail = words[at + 1 :]
    bare = words[at] in ("and", "or", "so") and (
        tail[0] not in lex.PRONOUNS | lex.DETERMINERS or "between" in words[:at]
    )
    return not at or bare or _statement(tail) is COMPLETE


def _has_verb(words: list[str]) -> bool:
    return any(word in lex.AUXILIARIES or _lemma(word) for word in words)


def _wh_question(words: list[str]) -> Reading:
    first = words[0]
    if len(words) < 3:
        return COMPLETE if len(words) == 2 and words[1] in ("happened", "else") else PLAIN
    if words[1] == "about":
        return COMPLETE
    at = next((i for i, word in enumerate(words[:6]) if i and word in lex.AUXILIARIES), 0)
    if not at:
        return _asked_of_subject(words)
    rest = words[at + 1 :]
    if not rest:
        return PLAIN
    object_asked = first in ("what", "who", "which", "whose", "whom") or words[1] in ("much", "many")
    return _asked_be(first, rest) if words[at] in lex.BE else _asked_do(rest, object_asked)


def _asked_of_subject(words: list[str]) -> Reading:
    """ "Who wrote Hamlet", "how many people live in China"."""
    at = next((i for i, word in enumerate(words[:6]) if i and _lemma(word)), 0)
    return _predicate(words[at:]) if at else PLAIN


def _asked_be(first: str, rest: list[str]) -> Reading:
    """What follows "is" in a question that "what", "where" or "how" begins."""
    needs_more = first in ("why", "when")
    if rest[0] in lex.PRONOUNS and len(rest) > 1:
        if first in ("what", "who", "which") and _lemma(rest[-1]) in lex.TAKES_PREPOSITION:
            return PLAIN
        return COMPLETE if rest[-1].endswith("ing") else _predicate(rest[1:], be=True)
    if rest == ["going"] or (rest == ["you"] and first == "what"):
        return PLAIN
    if rest[0] in lex.DETERMINERS - lex.PRONOUNS:
        return COMPLETE if len(rest) > (2 if needs_more else 1) else PLAIN
    return PLAIN if needs_more and len(rest) < 2 else COMPLETE


def _asked_do(rest: list[str], object_asked: bool) -> Reading:
    """What follows "do", "can" or "have" in a question."""
    at = _verb_after_subject(rest)
    if not at:
        return PLAIN
    whole = object_asked and _lemma(rest[-1]) not in lex.TAKES_PREPOSITION
    return COMPLETE if whole or _lemma(rest[-1]) in lex.INTRANSITIVE else _predicate(rest[at:])


def _verb_after_subject(words: list[str]) -> int:
    """Where the verb is that follows the subject with which `words` begin; 0 when there is none."""
    if words[0] in lex.PRONOUNS and words[0] not in lex.POINTERS:
        return 1 if len(words) > 1 else 0
    first = 2 if words[0] in lex.DETERMINERS else 1
    return next((i for i, word in enumerate(words) if i >= first and (_lemma(word) or word in lex.AUXILIARIES)), 0)


def _inversion(words: list[str]) -> Reading:
    """Questions that "is", "can" or "do" begins."""
    aux, rest = words[0], words[1:]
    if aux not in lex.BE:
        at = _verb_after_subject(rest)
        return _predicate(rest[at:]) if at else PLAIN
    if rest[0] in lex.PRONOUNS and (rest[0] not in lex.POINTERS or len(rest) > 2):
        return _predicate(rest[1:], be=True) if len(rest) > 1 else PLAIN
    enough = 3 + (len(rest) > 1 and rest[1] in lex.ADJECTIVES)
    return COMPLETE if rest[0] in lex.DETERMINERS and len(rest) >= enough else PLAIN


_HOLDS_CLAUSE = lex.AUXILIARIES | lex.PREPOSITIONS | lex.JOINTS | lex.WH | {"that"}


def _subordinate(words: list[str]) -> Reading:
    """ "If it rains" needs a main clause: one that begins with a subject or a question."""
    for at in range(3, len(words) - 1):
        if words[at - 1] in _HOLDS_CLAUSE or _lemma(words[at - 1]) in lex.CLAUSE_VERBS:
            continue
        asks = (
            words[at] in lex.AUXILIARIES | lex.WH and words[at + 1] in lex.PRONOUNS | lex.AUXILIARIES | lex.DETERMINERS
        )
        if (words[at] in lex.PRONOUNS or asks) and _shape(words[at:]) is COMPLETE:
            return COMPLETE
    return DANGLING


def _command(words: list[str]) -> Reading:
    if not words:
        return PLAIN
    verb, rest = words[0], words[1:]
    if not rest:
        return COMPLETE if verb in lex.ALONE else PLAIN
    if " ".join(words) in lex.PARTICLE_ALONE:
        return COMPLETE
    if verb in lex.TRAVELLED and all(word in lex.WAYS for word in rest):
        return PLAIN
    if verb == "let" and rest[0] in lex.OBJECTS:
        return _predicate(rest[1:]) if len(rest) > 1 else DANGLING
    if verb in ("set", "translate", "convert"):
        return COMPLETE if any(word in ("for", "to", "at", "into", "in") for word in rest[1:-1]) else PLAIN
    if rest[0] in lex.PARTICLES:
        return COMPLETE if len(rest) > 1 else PLAIN
    if verb in lex.MOVED and not any(word in lex.PARTICLES | lex.PREPOSITIONS for word in rest):
        return PLAIN
    if len(rest) == 1 and rest[0] in lex.OBJECTS - {"it"} and verb not in ("help", "call", "text", "follow", "thank"):
        return PLAIN
    return _predicate(words)


"""What these do to a thing comes after the thing: "turn the light on"."""


def _statement(words: list[str]) -> Reading:
    if words[0] in lex.PRONOUNS and not (words[0] in lex.POINTERS and _is_noun(words[1:2])):
        return _predicate(words[1:]) if len(words) > 1 else PLAIN
    if words[0] in lex.PREPOSITIONS | lex.PARTICLES:
        return PLAIN
    first = 2 if words[0] in lex.DETERMINERS else 1
    finite = (
        i for i in range(first, min(len(words), 8)) if _is_finite(words[i]) and words[i - 1] not in lex.DETERMINERS
    )
    at = next(finite, 0)
    return _predicate(words[at:]) if at else PLAIN


def _is_noun(words: list[str]) -> bool:
    return bool(words) and not _is_finite(words[0]) and words[0] not in lex.ADVERBS


def _predicate(words: list[str], be: bool = False) -> Reading:
    """What a subject does: auxiliaries, the verb, and enough after it."""
    while words and (words[0] in lex.ADVERBS or words[0] == "to"):
        words = words[1:]
    if not words:
        return PLAIN
    verb, rest = words[0], words[1:]
    if verb in lex.BE:
        return _predicate(rest, be=True)
    if be and verb == "going" and not rest:
        return PLAIN
    if be and verb == "going" and rest[:1] == ["to"]:
        return _predicate(rest[1:]) if not _is_noun_phrase(rest[1:]) else COMPLETE
    if be and not verb.endswith("ing"):
        return COMPLETE
    if verb in lex.DO and rest and (rest[0] in lex.DETERMINERS | lex.PRONOUNS - lex.SUBJECTS):
        return COMPLETE
    if verb in lex.MODALS | lex.DO and rest:
        return _predicate(rest)
    if verb in lex.HAVE and rest and _is_participle(rest):
        return _predicate(rest)
    known = _lemma(verb)
    return _verb_phrase(known, rest) if known or verb not in _NOT_VERBS else PLAIN


_NOT_VERBS = lex.PREPOSITIONS | lex.DETERMINERS | lex.PARTICLES | lex.WH | lex.JOINTS | lex.PRONOUNS | lex.OBJECTS


def _is_participle(words: list[str]) -> bool:
    words = [word for word in words if word not in lex.ADVERBS]
    if not words:
        return False
    return words[0] in ("been", "to") or words[0] in lex.PASTS or (words[0].endswith("ed") and bool(_lemma(words[0])))


def _is_noun_phrase(words: list[str]) -> bool:
    return bool(words) and words[0] in lex.DETERMINERS


def _verb_phrase(verb: str, rest: list[str]) -> Reading:
    """A verb's base form and what follows it."""
    rest = rest[:]
    while rest and rest[-1] in lex.ADVERBS:
        rest.pop()
    if not rest:
        return COMPLETE if verb in lex.NEEDS_NOTHING else PLAIN
    if rest[0].endswith("ing") and _lemma(rest[0]):
        return _verb_phrase(_lemma(rest[0]), rest[1:]) if verb not in ("keep", "stop") or rest[1:] else COMPLETE
    if rest[0] in lex.WH:
        return _told(rest)
    if rest[0] == "to" and len(rest) > 1 and (rest[1] in lex.BASES or rest[1] in lex.AUXILIARIES):
        return _predicate(rest[1:])
    if verb in lex.DITRANSITIVE and rest[0] in lex.OBJECTS:
        return _told(rest[1:])
    if verb in lex.CLAUSE_VERBS:
        return _said(rest)
    if verb in ("have", "get", "ask") and rest[-1] in ("question", "idea", "thing", "reason", "problem"):
        return PLAIN
    return COMPLETE


def _told(rest: list[str]) -> Reading:
    """What follows "tell me", "remind me"."""
    if not rest or all(word in lex.TRAILS for word in rest):
        return PLAIN
    if rest[0] == "to":
        return _predicate(rest[1:])
    if rest[0] in lex.WH:
        return COMPLETE if len(rest) > 2 and _has_verb(rest[1:]) and rest[-1] not in lex.OBJECTS else PLAIN
    return _said(rest) if rest[0] in lex.SUBJECTS or rest[0] == "that" else COMPLETE


def _said(rest: list[str]) -> Reading:
    """What follows "think" or "know": a clause must be whole."""
    if rest[0] == "that" and len(rest) > 1:
        rest = rest[1:]
    if rest[0] in lex.WH:
        return _told(rest)
    if rest[0] in lex.SUBJECTS or (len(rest) > 1 and rest[0] in lex.PRONOUNS | lex.DETERMINERS and _has_verb(rest[1:])):
        return _statement(rest)
    return COMPLETE
