"""How an English text reads at its end, by a small grammar of function words.

Belongs here: the rules. Does not belong here: word lists (english_words.py), punctuation
(the package reads it), milliseconds.

It is not a parser. It is meant to be right when it says COMPLETE, and to say so for the short sentences
that people say to a machine; a few hundred verbs are enough for that.
"""

from __future__ import annotations

import re

from voicecli.dialogue.reading import english_words as lex
from voicecli.dialogue.reading.english_dangling import dangles
from voicecli.dialogue.reading.english_forms import ends_in_number, is_finite, lemma, words_of
from voicecli.dialogue.reading.result import Reading

COMPLETE, PLAIN, DANGLING = Reading.COMPLETE, Reading.PLAIN, Reading.DANGLING

_LONGEST = 60
"""Longer sentences are not read for their shape."""
_SHORT_ANSWER = re.compile(
    rf"(?:yes|no|yeah|nope|of course|sure) (?:i|you|he|she|it|we|they) (?:{'|'.join(sorted(lex.AUXILIARIES))})(?: not)?"
)
_THANKS = re.compile(r"(?:thanks|thank you)(?: so much| very much| a lot)? for (?:\S+ ){0,4}\S+")


def read_english(text: str) -> Reading:
    words = words_of(text)
    if not words:
        return PLAIN
    core = words
    while core and core[0] in lex.LEADS:
        core = core[1:]
    if any(_is_heard_out(" ".join(each)) for each in (words, core)):
        return COMPLETE
    if dangles(words, core) or (core[1:] and core[-1] == "please" and dangles(core[:-1], core[:-1])):
        return DANGLING
    if not core or len(core) > _LONGEST or ends_in_number(words):
        return PLAIN
    while len(core) > 1 and core[-1] in lex.TRAILS and not dangles(core[:-1], core[:-1]):
        core = core[:-1]
    return _shape(core)


def _is_heard_out(phrase: str) -> bool:
    return phrase in lex.HEARD_OUT or bool(_SHORT_ANSWER.fullmatch(phrase))


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
        return len(words) > 1 and not lemma(words[-2]) and words[-2] not in holds_this
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
    return any(word in lex.AUXILIARIES or lemma(word) for word in words)


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
    at = next((i for i, word in enumerate(words[:6]) if i and lemma(word)), 0)
    return _predicate(words[at:]) if at else PLAIN


def _asked_be(first: str, rest: list[str]) -> Reading:
    """What follows "is" in a question that "what", "where" or "how" begins."""
    needs_more = first in ("why", "when")
    if rest[0] in lex.PRONOUNS and len(rest) > 1:
        if first in ("what", "who", "which") and lemma(rest[-1]) in lex.TAKES_PREPOSITION:
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
    whole = object_asked and lemma(rest[-1]) not in lex.TAKES_PREPOSITION
    return COMPLETE if whole or lemma(rest[-1]) in lex.INTRANSITIVE else _predicate(rest[at:])


def _verb_after_subject(words: list[str]) -> int:
    """Where the verb is that follows the subject with which `words` begin; 0 when there is none."""
    if words[0] in lex.PRONOUNS and words[0] not in lex.POINTERS:
        return 1 if len(words) > 1 else 0
    first = 2 if words[0] in lex.DETERMINERS else 1
    return next((i for i, word in enumerate(words) if i >= first and (lemma(word) or word in lex.AUXILIARIES)), 0)


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
        if words[at - 1] in _HOLDS_CLAUSE or lemma(words[at - 1]) in lex.CLAUSE_VERBS:
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


def _statement(words: list[str]) -> Reading:
    if words[0] in lex.PRONOUNS and not (words[0] in lex.POINTERS and _is_noun(words[1:2])):
        return _predicate(words[1:]) if len(words) > 1 else PLAIN
    if words[0] in lex.PREPOSITIONS | lex.PARTICLES:
        return PLAIN
    first = 2 if words[0] in lex.DETERMINERS else 1
    finite = (
        i for i in range(first, min(len(words), 8)) if is_finite(words[i]) and words[i - 1] not in lex.DETERMINERS
    )
    at = next(finite, 0)
    return _predicate(words[at:]) if at else PLAIN


def _is_noun(words: list[str]) -> bool:
    return bool(words) and not is_finite(words[0]) and words[0] not in lex.ADVERBS


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
    known = lemma(verb)
    return _verb_phrase(known, rest) if known or verb not in _NOT_VERBS else PLAIN


_NOT_VERBS = lex.PREPOSITIONS | lex.DETERMINERS | lex.PARTICLES | lex.WH | lex.JOINTS | lex.PRONOUNS | lex.OBJECTS


def _is_participle(words: list[str]) -> bool:
    words = [word for word in words if word not in lex.ADVERBS]
    if not words:
        return False
    return words[0] in ("been", "to") or words[0] in lex.PASTS or (words[0].endswith("ed") and bool(lemma(words[0])))


def _is_noun_phrase(words: list[str]) -> bool:
    return bool(words) and words[0] in lex.DETERMINERS


def _verb_phrase(verb: str, rest: list[str]) -> Reading:
    """A verb's base form and what follows it."""
    rest = rest[:]
    while rest and rest[-1] in lex.ADVERBS:
        rest.pop()
    if not rest:
        return COMPLETE if verb in lex.NEEDS_NOTHING else PLAIN
    if rest[0].endswith("ing") and lemma(rest[0]):
        return _verb_phrase(lemma(rest[0]), rest[1:]) if verb not in ("keep", "stop") or rest[1:] else COMPLETE
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
