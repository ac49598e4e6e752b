"""What the words tell of whether the person has finished.

Belongs here: word lists and sentence shapes of English and Chinese. Pure text.
Does not belong here: milliseconds (the endpointer has them), clocks.

The order of judgement: what plainly goes on is DANGLING, whatever punctuation stands after it; what
ends in a number is PLAIN, for people pause inside numbers; what has the shape of a whole question,
command, statement or answer is COMPLETE; the rest, and whatever is in doubt, is PLAIN. The shapes are
read by a small grammar of function words and a few hundred verbs, not by a parser: it is meant to be
right when it says COMPLETE, and to say so for the short sentences that people say to a machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from voicecli.characters import HAN_KANA


class Reading(Enum):
    """How a recognised text reads at its end."""

    COMPLETE = "complete"
    """A whole sentence or answer: the turn may end early."""
    PLAIN = "plain"
    """No telling: the usual wait."""
    DANGLING = "dangling"
    """Plainly goes on: the long wait."""


_COMPLETE, _PLAIN, _DANGLING = Reading.COMPLETE, Reading.PLAIN, Reading.DANGLING

_GOES_ON = re.compile(r"(?:[,、，:：;；—–\-‐~～]|\.{2,}|…|‥)[\"'”’」』)]*$")
_STOP = re.compile(r"[.!?。！？｡][\"'”’」』)]*$")
_QUESTION = re.compile(r"[?？][\"'”’」』)]*$")
_HAN = re.compile(f"[{HAN_KANA}]")
_KANA = re.compile("[ぁ-ヿ]")
_TRUSTED_WORDS = 3
_TRUSTED_CHARACTERS = 4


def read(text: str, *, trust_punctuation: bool = False, language: str | None = None) -> Reading:
    """How `text`, all that was heard of this turn, reads at its end.

    `trust_punctuation`: the recogniser sets full stops by sense, not at the end of every fragment. A
    full stop then completes a sentence of at least three words (four Chinese characters) whose words
    do not say otherwise. `language` (as `en` or `zh-CN`) is guessed from the script when it is None;
    of languages other than English and Chinese only the punctuation is read.
    """
    text = text.strip()
    if not text or _GOES_ON.search(text):
        return _DANGLING if text else _PLAIN
    tongue = (language or _script(text)).lower().split("-")[0].split("_")[0]
    by_words = _TONGUES.get(tongue, _other)(text)
    if by_words is not _PLAIN or not trust_punctuation or _ends_in_number(text, tongue):
        return by_words
    return _COMPLETE if _ended_by_punctuation(text) else _PLAIN


def _script(text: str) -> str:
    if _HAN.search(text):
        return "ja" if _KANA.search(text) else "zh"
    return "en" if text.replace("’", "'").isascii() else ""


def _ended_by_punctuation(text: str) -> bool:
    if _QUESTION.search(text):
        return True
    han = len(_HAN.findall(text))
    enough = han >= _TRUSTED_CHARACTERS or (not han and len(text.split()) >= _TRUSTED_WORDS)
    return bool(_STOP.search(text)) and enough


def _ends_in_number(text: str, tongue: str) -> bool:
    if tongue in ("zh", "yue", "cmn", "ja"):
        return bool(_ZH_NUMBER_END.search(_zh_bare(text)))
    words = _words(text)
    return bool(words) and _is_number(words)


def _other(text: str) -> Reading:
    return _PLAIN


# == English =========================================================================================


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FILLERS = _set("um uh er erm hmm hm mm ah eh")
_LEADS = _FILLERS | _set(
    "well so and but okay ok oh hey hi hello yes yeah yep no nope please actually then right now look listen"
    " basically sorry also alright anyway computer"
)
_TRAILS = _set("please thanks again now too then instead okay today tomorrow yesterday tonight")
_SUBJECTS = _set("i he she we they")
_PRONOUNS = _SUBJECTS | _set(
    "you it this that these those there everyone everybody nobody someone somebody anyone everything nothing something"
)
_OBJECTS = _set("me him her us them you it")
_POSSESSIVES = _set("my your his our their its")
_DETERMINERS = _POSSESSIVES | _set("the a an this that these those some every all no another each her any both")
_BE = _set("is are was were am be been being")
_MODALS = _set("will would can could should shall may might must")
_DO = _set("do does did")
_HAVE = _set("have has had")
_AUXILIARIES = _BE | _MODALS | _DO | _HAVE
_WH = _set("what who where when why how which whose whom")
_SUBORDINATORS = _set("if because although though while since before after unless until whenever once as even whether")
_ADVERBS = _set(
    "not really just also always never still already only even probably often usually actually ever now quite very"
    " maybe definitely certainly hardly almost currently all both"
)
_PREPOSITIONS = _set(
    "of to with for from at by about into onto between among during without against towards toward via per than as"
    " upon within beyond behind beside besides despite except regarding concerning near under"
)
_PARTICLES = _set("on off up down in out over back away around through along")
_ADJECTIVES = _set(
    "new big small large little old young good bad best worst better next last first second third same other main own"
    " whole great long short red blue green black white most more only favourite favorite nearest closest latest"
    " important different certain special local public few free full high low early late real right wrong left"
)
_NEVER_LAST = _set(
    "and or but because although though unless whether if nor plus the a an my your our their every each another"
    " very quite extremely rather whose versus than as most favourite favorite"
    " whenever whereas until either"
)
_WEAK = _set("some any more little few bit lot several many much enough also just only even still")
_NUMBERS = _set(
    "zero oh nought two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
    " billion point double triple"
)
_SPELLED = _set(
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima oscar papa quebec romeo tango"
)

_LETTER_OR_DIGITS = re.compile(r"[a-z]|\d[\d.,]*[a-z]?")

# Verbs: base forms; "s", "ed", "ing" are made from them, irregular pasts are listed.
_INTRANSITIVE = _set(
    "work rain snow sleep go come happen live die arrive leave start stop end begin agree help understand forget wait"
    " talk speak listen look walk run sit stand stay swim drive fly travel cook dance sing laugh cry smile study eat"
    " drink hurt matter exist change fail win lose finish close open break continue rest move return appear disappear"
    " call pay read write learn worry exit quit try fit care do"
)
_TRANSITIVE = _set(
    "want need like love hate have get make put give bring find buy take send show tell ask let set turn keep know say"
    " think believe mean guess suppose wonder hope hear see feel watch play use add remove delete create order book"
    " cancel check choose pick pull push cut build fix repair clean wash wear carry catch hold hit throw kick draw"
    " paint sell rent borrow lend teach explain describe translate spell repeat remind search print save copy share"
    " download install update connect charge order invite visit meet join follow answer count measure compare prefer"
    " enjoy miss thank discuss mention recommend suggest plan decide remember invent discover win cost weigh contain"
    " include produce cause cover reach enter lead seem become look sound taste smell increase reduce improve move"
    " switch mute skip pause resume play record schedule text email message phone ring wake lock unlock dim solve lower raise"
    " calculate convert define summarize summarise name list report collect deliver return prepare pass handle kill"
    " offer promise marry work"
)
_PASTS = dict(
    pair.split(":")
    for pair in (
        "went:go came:come got:get made:make gave:give brought:bring found:find bought:buy took:take sent:send told:tell"
        " kept:keep knew:know said:say thought:think believed:believe meant:mean heard:hear saw:see felt:feel held:hold"
        " threw:throw drew:draw sold:sell lent:lend taught:teach met:meet chose:choose built:build wore:wear caught:catch"
        " won:win led:lead became:become woke:wake slept:sleep ran:run sat:sit stood:stand swam:swim drove:drive flew:fly"
        " sang:sing ate:eat drank:drink lost:lose broke:break wrote:write read:read spoke:speak left:leave began:begin"
        " forgot:forget understood:understand paid:pay hurt:hurt let:let put:put cut:cut set:set hit:hit cost:cost"
        " fell:fall grew:grow rang:ring gone:go been:be seen:see done:do taken:take given:give eaten:eat written:write"
        " spoken:speak broken:break known:know forgotten:forget chosen:choose worn:wear"
    ).split()
)
_BASES = _INTRANSITIVE | _TRANSITIVE
_CLAUSE_VERBS = _set("think say know believe hope guess wonder mean suppose see hear feel wish remember understand")
_NEEDY = _set(
    "want need say think believe mean guess suppose wonder tell ask let have like love hate get make put give bring find"
    " buy take prefer wish"
)
_DITRANSITIVE = _set("give tell show send bring teach lend pass hand let make remind buy offer promise ask get")
_COMMANDS = _BASES | _set("go come be do wait shut log sign slow calm speed hang google stop tell note")
_ALONE = _set(
    "stop cancel pause resume continue repeat help quit exit next skip mute undo wait shut sleep start louder quieter"
)
_PARTICLE_ALONE = {
    *(
        "come in",
        "come on",
        "go on",
        "go back",
        "come back",
        "go away",
        "log in",
        "log out",
        "sign in",
        "sign out",
        "sit down",
    ),
    *(
        "stand up",
        "shut up",
        "calm down",
        "slow down",
        "wake up",
        "hang up",
        "shut down",
        "speed up",
        "get up",
        "get out",
    ),
    *(
        "get in",
        "going on",
        "look out",
        "watch out",
        "stop by",
        "switch off",
        "turn back",
        "speak up",
        "carry on",
        "start over",
    ),
}
_STRANDED = {
    *(
        "waiting for",
        "looking for",
        "asking for",
        "it for",
        "this for",
        "that for",
        "paying for",
        "here for",
        "stand for",
    ),
    *("talking to", "speaking to", "listening to", "writing to", "belong to", "looking at", "good at", "talking about"),
    *("thinking about", "it about", "this about", "talk about", "thinking of", "made of", "afraid of", "talking with"),
    *("going with", "coming with", "wrong with", "deal with", "help with", "interested in", "come from", "you from"),
    *("he from", "she from", "they from", "it from", "think of", "hear from", "happened to", "depend on", "working on"),
}
_HEARD_OUT = frozenset(
    phrase.strip()
    for phrase in """
    yes|no|yeah|yep|nope|okay|ok|sure|yes please|no thanks|no thank you|thank you|thanks|thanks a lot|thank you very much
    thank you so much|thanks very much|many thanks|never mind|no problem|not at all|of course|of course not|why not
    good morning|good evening|good afternoon|good night|goodnight|hello|hello there|hi|hi there|hey|goodbye|bye|bye bye
    see you|see you later|see you tomorrow|see you soon|see you then|that is all|that is it|that is correct|that is right
    that is fine|that is enough|that is wrong|exactly|absolutely|definitely|correct|i think so|i do not think so|i hope so
    i hope not|i guess so|i am fine|i am fine thank you|i am good|i am done|you are welcome|excuse me|pardon|sorry|i am sorry
    all right|alright|very good|great|perfect|got it|i understand|i see|nothing|nothing else|shut up|be quiet|stop it
    what happened|how come|certainly|good|fine|please do|please do not|go ahead|what a pity|well done|stop talking|so do i
    sounds good|no idea|i have no idea|good idea|not now|not yet|not today|forget it|next please|one moment please|cheers
    """.replace("\n", "|").split("|")
    if phrase.strip()
)
_SHORT_ANSWER = re.compile(
    rf"(?:yes|no|yeah|nope|of course|sure) (?:{'|'.join(_PRONOUNS)}) (?:{'|'.join(_AUXILIARIES)})(?: not)?"
)
_THANKS = re.compile(r"(?:thanks|thank you)(?: so much| very much| a lot)? for (?:\w+ ){0,4}(?!the |a |my |your |all )\w{3,}")
_PHRASES_THAT_GO_ON = (
    "for example", "for instance", "such as", "i mean", "kind of", "sort of", "in order to", "by the way", "not only",
    "let me", "i am going", "i was going", "i was wondering", "i have been", "how about", "what about", "how many",
    "and then", "so then", "but then", "in case", "so that", "i would like", "i would love", "i am looking", "do you know if",
    "as well", "i want you", "i need you", "i would",
)  # fmt: skip

_EXPANDED = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
_WHOLE_WORDS = {
    "can't": "can not", "won't": "will not", "shan't": "shall not", "cannot": "can not", "let's": "let us",
    "gonna": "going to", "wanna": "want to", "gotta": "have to", "gimme": "give me", "lemme": "let me", "ain't": "is not",
    "wont": "will not", "dont": "do not", "doesnt": "does not", "didnt": "did not", "im": "i am", "whats": "what is",
    "thats": "that is", "cant": "can not", "isnt": "is not", "ive": "i have", "oclock": "o'clock",
}  # fmt: skip
_HAS_IS = _PRONOUNS | _WH | _set("here name everything weather")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d[\d.,:]*\d|\d")


def _words(text: str) -> list[str]:
    """The words, in small letters, with "n't", "'m" and the like written out."""
    return [part for word in _WORD.findall(text.lower().replace("’", "'")) for part in _written_out(word)]


def _written_out(word: str) -> list[str]:
    if word in _WHOLE_WORDS:
        return _WHOLE_WORDS[word].split()
    base, mark, ending = word.partition("'")
    if not mark:
        return [word]
    if ending == "t" and base.endswith("n"):
        return [base[:-1], "not"]
    if ending == "s" and base in _HAS_IS:
        return [base, "is"]
    return [base, _EXPANDED[ending]] if ending in _EXPANDED else [word]


def _lemma(word: str) -> str:
    """The base form of a known verb; empty for any other word."""
    if word in _BASES or word in _PASTS:
        return _PASTS.get(word, word)
    return next((base for base in _stems(word) if base in _BASES), "")


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
    if word in _AUXILIARIES:
        return True
    return bool(_lemma(word)) and word not in _BASES - _set("hurt put cut set hit cost let read") and word[-3:] != "ing"


def _is_number(words: list[str]) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "one":
        return not before or before in _NUMBERS or before in ("one", "is")
    if last in ("a", "i", "o"):
        return bool(_LETTER_OR_DIGITS.fullmatch(before)) and before != "i"
    return last in _NUMBERS or last in _SPELLED or bool(_LETTER_OR_DIGITS.fullmatch(last))


def _english(text: str) -> Reading:
    words = _words(text)
    if not words:
        return _PLAIN
    core = words
    while core and core[0] in _LEADS:
        core = core[1:]
    if any(_is_heard_out(" ".join(each)) for each in (words, core)):
        return _COMPLETE
    if _dangles(words, core) or (core[1:] and core[-1] == "please" and _dangles(core[:-1], core[:-1])):
        return _DANGLING
    if not core or _is_number(words):
        return _PLAIN
    while len(core) > 1 and core[-1] in _TRAILS and not _dangles(core[:-1], core[:-1]):
        core = core[:-1]
    return _shape(core)


def _is_heard_out(phrase: str) -> bool:
    return phrase in _HEARD_OUT or bool(_SHORT_ANSWER.fullmatch(phrase) or _THANKS.fullmatch(phrase))


# -- what goes on ------------------------------------------------------------------------------------


def _dangles(words: list[str], core: list[str]) -> bool:
    """True where the last words ask for more. `core` is `words` without what leads in."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _FILLERS or last in _NEVER_LAST or " ".join(core).endswith(_PHRASES_THAT_GO_ON):
        return not (last == "a" and _is_number(words))
    if judge := _LAST_WORDS.get(last):
        return judge(core, before)
    if last in _AUXILIARIES:
        return _dangling_auxiliary(core, before)
    if last in _PREPOSITIONS or last in ("on", "in", "over"):
        return not _is_stranded(core, before, last)
    if last in ("new", "own", "main"):
        return before not in _BE | _set("something anything nothing brand my")
    if last in _ADJECTIVES:
        return before in _DETERMINERS - {"that", "this", "all", "her", "one"} and last not in _STANDS_FOR_A_NOUN
    return _wants_object(core, last)


def _is_question(core: list[str]) -> bool:
    return bool(core) and (core[0] in _WH or core[0] in _AUXILIARIES)


def _is_stranded(core: list[str], before: str, last: str) -> bool:
    """ "Where are you from" and "turn it on" end in a preposition and are whole."""
    if f"{before} {last}" in _PARTICLE_ALONE:
        return True
    if last in ("on", "in", "over"):
        return len(core) > 2 and core[0] in _MOVERS and core[1] not in _PARTICLES and before not in _DETERMINERS
    asked = any(word in _WH for word in core[:-2])
    return asked and (f"{before} {last}" in _STRANDED or (last == "from" and before not in _DETERMINERS))


def _dangling_auxiliary(core: list[str], before: str) -> bool:
    """ "The best way is" goes on; "what time it is" and "I can" need not."""
    embedded = any(word in _WH for word in core[1:-2]) and before not in _WH
    embedded |= len(core) > 3 and core[0] in ("how", "what") and before in _PRONOUNS  # "how nice this is"
    alone = len(core) == 2 and before in _PRONOUNS and core[-1] not in _BE | _HAVE | {"would"}
    return not embedded and not alone


def _wants_object(core: list[str], last: str) -> bool:
    """ "I want", "he said", "give me", "can you tell me"."""
    if len(core) == 2 and core[0] in _WH and last in _OBJECTS:
        return False
    if last in _OBJECTS and len(core) > 1 and core[-2] in _DITRANSITIVE - {"get"}:
        return core[0] not in _WH
    if last in ("you", "it") and len(core) > 1 and core[0] in _WH | _AUXILIARIES:
        return core[-2] in _AUXILIARIES and not (core[-2] in _BE and core[0] in _WH and len(core) > 2)
    return len(core) in (2, 3) and core[0] in _PRONOUNS and _lemma(last) in _NEEDY and last[-3:] != "ing"


def _last_so(core: list[str], before: str) -> bool:
    return before not in ("think", "hope", "guess", "believe", "say", "said", "suppose", "not", "or", "if", "do", "is")


def _last_that(core: list[str], before: str) -> bool:
    sure = before in ("so", "sure", "me", "him", "her", "them", "us", "such", "afraid", "glad", "sorry", "hope")
    stated = bool(core) and core[0] not in _WH
    told = any(_lemma(word) == "tell" for word in core[:-2]) and before not in _PREPOSITIONS | _OBJECTS
    return sure or told or (stated and (before in _BE or _lemma(before) in _CLAUSE_VERBS - {"hear", "see", "remember", "understand"}))


def _last_like(core: list[str], before: str) -> bool:
    return not (any(word in _WH for word in core[:-1]) and before not in _DETERMINERS)


def _last_then(core: list[str], before: str) -> bool:
    return not core or before in ("", "and", "so", "but", "if")


def _last_subject(core: list[str], before: str) -> bool:
    """ "Who are they" is whole, "she told me that he" is not."""
    return not (before in _BE and len(core) > 2 and core[0] in _WH)


def _last_question_word(core: list[str], before: str) -> bool:
    return bool(before) and before not in ("so", "say", "guess", "or", "and", "know", "no", "for", "oh")


def _last_much(core: list[str], before: str) -> bool:
    return before == "how"


def _last_not(core: list[str], before: str) -> bool:
    return False


_LAST_WORDS = {
    "so": _last_so,
    "that": _last_that,
    "like": _last_like,
    "then": _last_then,
    "much": _last_much,
    "many": _last_much,
    "not": _last_not,
    **dict.fromkeys(_SUBJECTS, _last_subject),
    **dict.fromkeys(("what", "who", "which", "how"), _last_question_word),
    **dict.fromkeys(("when", "where", "why", "while", "since", "before", "after", "once", "know"), _last_not),
}
_LAST_WORDS["know"] = lambda core, before: before == "you" and core[-3:-2] not in (["do"], ["did"], ["if"], ["what"])
_LAST_WORDS["any"] = lambda core, before: before == "there"
_LAST_WORDS["may"] = lambda core, before: before not in ("of", "in", "by", "until", "next", "last", "this", "th")
_LAST_WORDS["even"] = _LAST_WORDS["just"] = _LAST_WORDS["also"] = lambda core, before: True
_MOVERS = _set("turn switch put take pick log come go shut hold keep carry bring leave send get look move push pull")
_STANDS_FOR_A_NOUN = _set("first second third last next other same best worst most nearest closest latest public right left past")

# -- what is whole -----------------------------------------------------------------------------------


def _shape(words: list[str]) -> Reading:
    """The shape of a sentence without leading and trailing words; nothing in it dangles at the end."""
    if words[-1] in _WEAK or not _tail_is_whole(words):
        return _PLAIN
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first in _WH and not (first in ("when", "where", "what", "how") and second in _PRONOUNS):
        return _wh_question(words)
    if first == "because" and second == "of":
        return _PLAIN
    if first in _SUBORDINATORS or first in _WH:
        return _subordinate(words)
    if first in ("do",) and second == "not":
        return _command(words[2:])
    if first in _AUXILIARIES and len(words) > 1:
        return _inversion(words)
    if first in _COMMANDS and second not in _AUXILIARIES:
        return _command(words)
    return _statement(words)


def _tail_is_whole(words: list[str]) -> bool:
    """What follows the last "and", "but", "because" or "if" must be able to stand there."""
    at = max((i for i, word in enumerate(words) if 1 < i < len(words) - 1 and word in _JOINTS), default=0)
    tail = words[at + 1 :]
    bare = words[at] in ("and", "or", "so") and (tail[0] not in _PRONOUNS | _DETERMINERS or "between" in words[:at])
    return not at or bare or _statement(tail) is _COMPLETE


_JOINTS = _set("and or but so because if while unless although though")


def _has_verb(words: list[str]) -> bool:
    return any(word in _AUXILIARIES or _lemma(word) for word in words)


def _wh_question(words: list[str]) -> Reading:
    first = words[0]
    if len(words) < 3:
        return _COMPLETE if len(words) == 2 and words[1] in ("happened", "else") else _PLAIN
    if words[1] == "about":
        return _COMPLETE
    at = next((i for i, word in enumerate(words[:6]) if i and word in _AUXILIARIES), 0)
    if not at:
        return _asked_of_subject(words)
    rest = words[at + 1 :]
    if not rest:
        return _PLAIN
    object_asked = first in ("what", "who", "which", "whose", "whom") or words[1] in ("much", "many")
    return _asked_be(first, rest) if words[at] in _BE else _asked_do(rest, object_asked)


def _asked_of_subject(words: list[str]) -> Reading:
    """ "Who wrote Hamlet", "how many people live in China"."""
    at = next((i for i, word in enumerate(words[:6]) if i and _lemma(word)), 0)
    return _predicate(words[at:]) if at else _PLAIN


def _asked_be(first: str, rest: list[str]) -> Reading:
    """What follows "is" in a question that "what", "where" or "how" begins."""
    needs_more = first in ("why", "when")
    if rest[0] in _PRONOUNS and len(rest) > 1:
        return _predicate(rest[1:], be=True)
    if rest[0] in _DETERMINERS - _PRONOUNS:
        return _COMPLETE if len(rest) > (2 if needs_more else 1) else _PLAIN
    return _PLAIN if needs_more and len(rest) < 2 else _COMPLETE


def _asked_do(rest: list[str], object_asked: bool) -> Reading:
    """What follows "do", "can" or "have" in a question."""
    at = _verb_after_subject(rest)
    if not at:
        return _PLAIN
    return _COMPLETE if object_asked and rest[-1] != "to" else _predicate(rest[at:])


def _verb_after_subject(words: list[str]) -> int:
    """Where the verb is that follows the subject with which `words` begin; 0 when there is none."""
    if words[0] in _PRONOUNS and words[0] not in ("this", "that", "these", "those"):
        return 1 if len(words) > 1 else 0
    first = 2 if words[0] in _DETERMINERS else 1
    return next((i for i, word in enumerate(words) if i >= first and (_lemma(word) or word in _AUXILIARIES)), 0)


def _inversion(words: list[str]) -> Reading:
    """Questions that "is", "can" or "do" begins."""
    aux, rest = words[0], words[1:]
    if aux not in _BE:
        at = _verb_after_subject(rest)
        return _predicate(rest[at:]) if at else _PLAIN
    if rest[0] in _PRONOUNS:
        return _predicate(rest[1:], be=True) if len(rest) > 1 else _PLAIN
    enough = 3 + (len(rest) > 1 and rest[1] in _ADJECTIVES)
    return _COMPLETE if rest[0] in _DETERMINERS and len(rest) >= enough else _PLAIN


def _subordinate(words: list[str]) -> Reading:
    """ "If it rains" needs a main clause: one that begins with a subject or a question."""
    for at in range(3, len(words) - 1):
        if words[at - 1] in _AUXILIARIES | _PREPOSITIONS | _JOINTS | _WH | {"that"} or _lemma(words[at - 1]) in _CLAUSE_VERBS:
            continue
        asks = words[at] in _AUXILIARIES | _WH and words[at + 1] in _PRONOUNS | _AUXILIARIES | _DETERMINERS
        if (words[at] in _PRONOUNS or asks) and _shape(words[at:]) is _COMPLETE:
            return _COMPLETE
    return _DANGLING


def _command(words: list[str]) -> Reading:
    if not words:
        return _PLAIN
    verb, rest = words[0], words[1:]
    if not rest:
        return _COMPLETE if verb in _ALONE else _PLAIN
    if " ".join(words) in _PARTICLE_ALONE:
        return _COMPLETE
    if verb == "let" and rest[0] in _OBJECTS:
        return _predicate(rest[1:]) if len(rest) > 1 else _DANGLING
    if verb in ("set", "translate"):
        return _COMPLETE if any(word in ("for", "to", "at", "into", "in") for word in rest[1:-1]) else _PLAIN
    if rest[0] in _PARTICLES:
        return _COMPLETE if len(rest) > 1 else _PLAIN
    return _predicate(words)


def _statement(words: list[str]) -> Reading:
    if words[0] in _PRONOUNS and not (words[0] in ("this", "that", "these", "those") and _is_noun(words[1:2])):
        return _predicate(words[1:]) if len(words) > 1 else _PLAIN
    first = 2 if words[0] in _DETERMINERS else 1
    at = next((i for i, word in enumerate(words[:8]) if i >= first and _is_finite(word) and words[i - 1] not in _DETERMINERS), 0)
    return _predicate(words[at:]) if at and words[0] not in _PREPOSITIONS | _PARTICLES else _PLAIN


def _is_noun(words: list[str]) -> bool:
    return bool(words) and not _is_finite(words[0]) and words[0] not in _ADVERBS


def _predicate(words: list[str], be: bool = False) -> Reading:
    """What a subject does: auxiliaries, the verb, and enough after it."""
    while words and (words[0] in _ADVERBS or words[0] == "to"):
        words = words[1:]
    if not words:
        return _PLAIN
    verb, rest = words[0], words[1:]
    if verb in _BE:
        return _predicate(rest, be=True)
    if be and verb == "going" and rest[:1] == ["to"]:
        return _predicate(rest[1:]) if not _is_noun_phrase(rest[1:]) else _COMPLETE
    if be and not verb.endswith("ing"):
        return _COMPLETE
    if verb in _DO and rest and (rest[0] in _DETERMINERS | _PRONOUNS - _SUBJECTS):
        return _COMPLETE
    if verb in _MODALS | _DO and rest:
        return _predicate(rest)
    if verb in _HAVE and rest and _is_participle(rest):
        return _predicate(rest)
    known = _lemma(verb)
    return _verb_phrase(known, rest) if known or verb not in _NOT_VERBS else _PLAIN


_NOT_VERBS = _PREPOSITIONS | _DETERMINERS | _PARTICLES | _WH | _JOINTS | _PRONOUNS | _OBJECTS


def _is_participle(words: list[str]) -> bool:
    words = [word for word in words if word not in _ADVERBS]
    return bool(words) and (words[0] in ("been", "to") or words[0] in _PASTS or (words[0][-2:] == "ed" and bool(_lemma(words[0]))))


def _is_noun_phrase(words: list[str]) -> bool:
    return bool(words) and words[0] in _DETERMINERS


def _verb_phrase(verb: str, rest: list[str]) -> Reading:
    """A verb's base form and what follows it."""
    rest = rest[:]
    while rest and rest[-1] in _ADVERBS:
        rest.pop()
    if not rest:
        return _COMPLETE if verb in _INTRANSITIVE else _PLAIN
    if rest[0] == "to" and len(rest) > 1 and (rest[1] in _BASES or rest[1] in _AUXILIARIES):
        return _predicate(rest[1:])
    if verb in _DITRANSITIVE and rest[0] in _OBJECTS:
        return _told(rest[1:])
    if verb in _CLAUSE_VERBS:
        return _said(rest)
    if verb in ("have", "get", "ask") and rest[-1] in ("question", "idea", "thing", "reason", "problem"):
        return _PLAIN
    return _COMPLETE


def _told(rest: list[str]) -> Reading:
    """What follows "tell me", "remind me"."""
    if not rest or all(word in _TRAILS for word in rest):
        return _PLAIN
    if rest[0] == "to":
        return _predicate(rest[1:])
    if rest[0] in _WH:
        return _COMPLETE if len(rest) > 2 and _has_verb(rest[1:]) and rest[-1] not in _OBJECTS else _PLAIN
    return _said(rest) if rest[0] in _SUBJECTS or rest[0] == "that" else _COMPLETE


def _said(rest: list[str]) -> Reading:
    """What follows "think" or "know": a clause must be whole."""
    if rest[0] == "that" and len(rest) > 1:
        rest = rest[1:]
    if rest[0] in _WH:
        return _told(rest)
    if rest[0] in _SUBJECTS or (len(rest) > 1 and rest[0] in _PRONOUNS | _DETERMINERS and _has_verb(rest[1:])):
        return _statement(rest)
    return _COMPLETE


# == Chinese =========================================================================================
# No words are cut: patterns on what stands at the beginning and at the end.

_ZH_DIGIT = "零〇一二三四五六七八九十百千万亿两幺\\d"
_ZH_NUMBER_END = re.compile(
    rf"(?:[零〇二三四五六七八九百千万亿幺\d]|[{_ZH_DIGIT}]{{2,}}|^[{_ZH_DIGIT}]|[{_ZH_DIGIT}半]点|(?<![星期第统唯])[一十])$"
)
_ZH_A_LITTLE = re.compile("[大小高低快慢多少早晚轻响亮暗好热冷近远长短简单]一点$")
_ZH_LEADS = re.compile(
    "^(?:嗯+|呃+|额|啊|哦|噢|喂|诶|哎|唉|那个(?=.{3})|就是(?=.{4})|然后(?=.{4})|请问|其实(?=.{3})|那(?=[你我他她么就今明])|所以(?=.{4})"
    "|你好(?=.{3})|好的?(?=[我你那请帮把])|对了|不好意思|麻烦(?=你)|但是(?=.{5})|而且(?=.{5}))"
)
_ZH_TIME = re.compile(
    rf"^(?:(?:今天|明天|后天|昨天|前天|现在|刚才|刚刚|早上|上午|中午|下午|晚上|今晚|明早|每天|以后|待会儿?|一会儿?|等一?下"
    rf"|下?个?(?:星期|周|礼拜)[一二三四五六日天末]?|[{_ZH_DIGIT}]+点(?:半|钟|[{_ZH_DIGIT}]+分)?|[{_ZH_DIGIT}]+(?:分钟|小时|天)后)的?)+"
)
_ZH_HEARD_OUT = re.compile(
    "(?:好|好的|好吧|好啊|好嘞|行|行吧|可以|可以的|当然|当然可以|没问题|没事|没关系|不客气|不用|不用了|不要|不要了|不是|不行|不对|不了|不会"
    "|是|是的|是啊|对|对的|对啊|没错|谢谢|谢谢你|谢谢您|多谢|非常感谢|太好了|太棒了|真棒|再见|拜拜|晚安|早|早安|早上好|上午好|中午好|下午好|晚上好"
    "|你好|您好|你们好|大家好|喂|嗨|停|停下|停下来|停止|暂停|继续|取消|退出|返回|下一首|上一首|下一个|算了|算了吧|没有了|没了|够了|知道了"
    "|明白了|我知道了|我明白了|懂了|好了|可以了|对不起|不好意思|抱歉|等一下|等等|安静|别说了|闭嘴|再说一遍|重复一遍|怎么办|怎么样|为什么呢"
    "|然后呢|后来呢|真的|真的吗|是吗|对吧|什么意思|没什么|一样|(?:明天|回头|一会儿?|待会儿?|下次|下周|晚点)见|再来一次|救命)[啊呀哦吧了啦]?"
)
_ZH_GOES_ON = re.compile(
    "(?:^那个|(?:[嗯呃额]|就是|然后)那个|^[给把帮]我|就是|然后|因为|所以|但是?|可是|不过|而且|或者?|还有|以及|和|跟|与|及|嗯|呃|额|如果|要是|假如|假设|比如说?|例如"
    "|譬如|的话|虽然|尽管|即使|哪怕|只要|只有|除非|除了|不但|不仅|首先|其次|其实|另外|此外|最后|关于|对于|由于|为了|[^正]当|^当|把|被|给|向"
    "|从|[^现存实潜所外内]在|^在|往|[^对相]比|让|我叫|他叫|她叫|叫做|(?<![不还老])是|^还是|[我你他她它们]的|[今明昨]天的|很|非常|特别是?|太|最|更|比较"
    "|也|都|就|才|(?<!归)还|又|再|不|的那|想|想要|(?<![不需])要|能|(?<![不开约聚机社晚宴])会|应该|需要|必须|可能|觉得|认为|以为|希望|听说|感觉|(?<!别)(?<!怎么)说|你知道"
    "|告诉我|提醒我|帮我|请你?|问一?下|想问|我问|打开|播放|搜索|关于|一[个杯张首本位家条件只台篇种份辆把间]|[要想能会准备打算]去|(?<!能)能不能|可不可以|会不会"
    "|要不要|是不是|有没有|什么是|为什么|怎么才|我们|你们|他们|^[我你他她它]|[和跟因为如果比如]这个|是我|到底|究竟|到|怎么|要么|记得|的时候|[以之][后前]|[天上午晚后时候是为果以但]，?[我你他她]|第[一二三四五])$"
)
_ZH_ENDS_WITH_QUESTION = re.compile("(?:对不对|好不好|行不行|[过了]没有?)$")
_ZH_BEGINS_CLAUSE = re.compile("^(?:如果|要是|假如|因为|由于|虽然|尽管|即使|哪怕|只要|只有|除非|既然|不管|无论|当.{2,}(?:时|的时候)|当我|等我)")
_ZH_TAKES = re.compile("(?:^|[我你请想要能])把[^了]{1,5}$|告诉我?(?:老[婆公]|[爸妈哥姐弟妹]{1,2}|.?们)$")
_ZH_MAIN_CLAUSE = re.compile("(?:就|那[我你他就么]|所以|但是?|可是|却|还是|也|才|都).{2,}$")
_ZH_ASKS_AT_END = re.compile(
    "(?:.(?:吗|呢|吧|嘛)|(?<![什怎那这要多])么|.(?:什么|谁|哪[里儿]|多少钱?|怎么[样走说办做去用弄写读]|多[远大久长高重快]|(?:星期|周)?几|几[点个岁号天月楼次]))[啊呀了呢的]?$"
)
_ZH_ASKS = re.compile(
    "(?:什么.{2,}|谁.{2,}|哪[个里儿些位种天].{2,}|几[点个].{2,}|多少.{1,}|怎么.{2,}|(?:为什么|什么时候)(?=.*[是有会能了不没去来做说走用开到吃看买贵好难]).{3,}"
    "|有没有.{2,}|[会能要是]不[会能要是].{3,}|可不可以.{2,}|.{2,}多(?:远|大|久|长|高))$"
)
_ZH_SHORT_QUESTION = re.compile("(?:你|他|她|您|那|这)是谁|谁啊|几点了|多少钱|怎么了|怎么走")
_ZH_COMMAND = re.compile(
    "(?:请你?|麻烦你?|帮我|给我|你|快|再)*(?:"
    "(?:打开|关掉|关闭|关上|开启|启动|播放|暂停|停止|取消|删除|搜索|查询|查找|查一?下|翻译|解释|介绍|总结|计算|设置|设定|调[高低大小]|增加|降低|减小|念|朗读).{1,}"
    "|(?:放|唱|讲|说|念|来|写|画|找|查|搜|定|订|买|点|开|关|做|发|读|算|推荐|安排|预订|预约|记).{2,}"
    "|把.{2,}(?:了|掉|上|开|起来|下来|一点|一下|给我|好|出来|完|到.{1,}|成.{1,}|调.{1,})"
    "|(?:告诉|提醒|叫)我(?!老[婆公]|[爸妈哥姐弟妹]).{2,}|给.{1,5}(?:打电话|打个电话|发短信|发消息|发邮件|发个.{2,}|写信)|别.{1,}(?:了|我)|不要.{2,}了?|用.{1,8}(?:写|画|说|做|读|念).{2,}"
    "|再(?:说|来|讲|放|唱|读|念|试)一?[遍次下个首]|.{0,2}等一?[下会等]儿?|[试看听想说讲走]一下|安静.{0,2}|[上下]一?[首个曲集章页]歌?)$"
)
_ZH_ME = "我|你|您|他|她|它|我们|你们|他们|她们|咱们|大家|我[爸妈哥姐弟妹]?[爸妈哥姐弟妹]|我的.{1,4}?|你的.{1,4}?|这.{0,3}?|那.{0,3}?"
_ZH_STATEMENT = re.compile(
    rf"(?:(?:{_ZH_ME})(?:{_ZH_TIME.pattern[1:]})?|(?=不?[想要会能]))(?:也|都|还|就|真的?|非常|很|只|不|没|一直|已经|正在|刚刚?|经常|常常|可能|应该|得|要|想要?|想|会|能|可以|打算|准备|需要|喜欢|希望|不想|不能|不会)*"
    "(?:是|叫|有|没有|喜欢|爱|吃|喝|买|卖|看|听|住在|去|来|学|做|用|找|订|预订|玩|穿|开|坐|等|见|认识|带|拿|送|给|换|喝|写|读|工作在|来自|到|租|借|修|取消|退|参加|了解|学习|需要|要|丢|忘|发现|收到)"
    "(?:了|过|到)?.{2,}$"
)
_ZH_HAPPENED = re.compile("^.{3,}[^为除到]了$|^太.{1,3}了$")
_ZH_STATE = re.compile("^.{2,}[^的不]是.{2,}$|^.{2,}(?:很|非常|太|真|挺|特别|有点儿?|好|不太|十分|比较).{1,3}$|^.{1,}[听看想做吃买找学说记睡走].?[不得][懂见到了清完起着动好]$"
    "|没[听看想吃找做学睡][懂见清到完好饱着]$|^.{2,}没?有(?:.{2,}|人)$"
    "|^.{1,}(?:下雨|下雪|说话|聊天|见面|睡觉|吃饭|回家|上班|下班|上课|开会|做饭|洗澡|跑步|游泳|休息|旅游|出去|回去|帮忙)$")
_ZH_NOT_WHOLE = re.compile("(?:那个|这个|问题|事情|(?:[给跟和对把从用为向比]|(?<![住坐放站])在)[^了过着]{1,3})$")
_ZH_SAYS = re.compile(rf"^(?:{_ZH_ME}).{{0,2}}(?:觉得|认为|以为|希望|听说|感觉|知道|发现|说)")
_ZH_REST = re.compile("[\\s，。！？、；：,.!?;:“”\"'（）()《》…—～~-]+")


def _zh_bare(text: str) -> str:
    """The characters without punctuation and white space."""
    return _ZH_REST.sub("", text.lower())


def _chinese(text: str) -> Reading:
    bare = _zh_bare(text)
    if not _HAN.search(bare):
        return _english(text) if re.search("[a-z]", bare) else _PLAIN
    core = _without(bare, _ZH_LEADS)
    if any(_ZH_HEARD_OUT.fullmatch(each) for each in (bare, core)):
        return _COMPLETE
    if _zh_dangles(core or bare):
        return _DANGLING
    if not core or (_ZH_NUMBER_END.search(core) and not _ZH_A_LITTLE.search(core)):
        return _PLAIN
    return _COMPLETE if _zh_whole(core) else _PLAIN


def _without(text: str, pattern: re.Pattern[str]) -> str:
    while shorter := pattern.sub("", text):
        if shorter == text:
            break
        text = shorter
    return text


def _zh_dangles(core: str) -> bool:
    if _ZH_ENDS_WITH_QUESTION.search(core):
        return False
    if _ZH_GOES_ON.search(core):
        return True
    if _ZH_TAKES.search(core) and not _ZH_COMMAND.match(_without(core, _ZH_TIME)):
        return True
    unfinished = _ZH_BEGINS_CLAUSE.match(core) and not _ZH_MAIN_CLAUSE.search(core)
    return bool(unfinished) and not _zh_asks(core)


def _zh_asks(core: str) -> bool:
    at_end = _ZH_ENDS_WITH_QUESTION.search(core) or _ZH_ASKS_AT_END.search(core)
    return bool(at_end or _ZH_ASKS.search(core) or _ZH_SHORT_QUESTION.search(core))


def _zh_whole(core: str) -> bool:
    if _zh_asks(core):
        return True
    if said := _ZH_SAYS.match(core):
        rest = core[said.end() :]
        return len(rest) > 2 and _zh_whole(rest)
    core = _without(core, _ZH_TIME) or core
    if _ZH_COMMAND.match(core) or _ZH_HAPPENED.match(core) or (_ZH_A_LITTLE.search(core) and len(core) > 4):
        return True
    return not _ZH_NOT_WHOLE.search(core) and bool(_ZH_STATEMENT.match(core) or _ZH_STATE.match(core))


_TONGUES: dict[str, Callable[[str], Reading]] = {
    "en": _english,
    **dict.fromkeys(("zh", "cmn", "yue"), _chinese),
}
