"""Text to the sounds that a voice is given: English by espeak-ng, Mandarin by pypinyin, mixed text by its runs.

sherpa-onnx's own way to sounds drops words that its lexicon lacks, without a word. Belongs here: that turning, and the
cutting into clauses. Does not belong here: models, sound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice

from voicecli.skills.numbers import han, han_digits
from voicecli.text.characters import HAN

_STOPS = ",.;:!?，。；：！？、…\\n"
_CLAUSE = re.compile(rf"[^{_STOPS}]*(?:[,.;:!?](?=\S)[^{_STOPS}]*)*[{_STOPS}]*\s*")
_SENTENCE_END = re.compile(r"[.!?。！？…\n]\s*$")
FIRST_CLAUSE, LONGEST_CLAUSE = 12, 240
"""Characters: from how many on the first clause is spoken alone, and at most at once."""
LONG_FIRST = 40
"""Characters from which on the first clause is parted where a speaker takes breath: it sounds in half the time."""
_BREATH = re.compile(r" (?=(?:is|are) about |(?:and|but|because|when|while|which|where|so) )")
_MARKS = str.maketrans("，。；：！？、（）【】《》「」", ',.;:!?,()()""""')
_MARK = re.compile(r"((?:[;:!?…—]|[,.](?!\d)|(?<!\d)[,.])+)")
_RUN = re.compile(rf"[{HAN}0-9％%.:：年月日点分]*[{HAN}][{HAN}0-9％%.，。、！？；：年月日点分 ]*")

# -- clauses ---------------------------------------------------------------------------------------


def clauses(text: str) -> Iterator[str]:
    """`text` in pieces that are spoken one after another: a first one that is soon ready, then whole sentences."""
    piece, first = "", True
    for clause in filter(None, _CLAUSE.findall(text)):
        if piece and len(piece) + len(clause) > LONGEST_CLAUSE:
            yield piece
            piece = ""
        piece += clause
        if _SENTENCE_END.search(piece) or (first and len(piece) >= FIRST_CLAUSE):
            yield from _parted(piece) if first else (piece,)
            piece, first = "", False
    if piece.strip():
        yield piece


def _parted(clause: str) -> tuple[str, ...]:
    """The second part of a clause is longer than the first, but not so long that it is not ready in time."""
    places = (found.end() for found in _BREATH.finditer(clause) if len(clause) >= LONG_FIRST)
    at = next((place for place in places if 0.35 <= place / len(clause) <= 0.65), 0)
    return tuple(filter(None, (clause[:at], clause[at:])))


# -- sounds ----------------------------------------------------------------------------------------


def sounds(text: str, voice: str = "en-us") -> str:
    """The sounds of a clause in IPA with its marks; Mandarin with Kokoro's arrows for tones.

    `voice` is espeak-ng's, for what is not Chinese. Raises ServiceError as espeak-ng does.
    """
    parts, at = [], 0
    for run in _RUN.finditer(text):
        parts += [_latin(text[at : run.start()], voice), mandarin(run.group())]
        at = run.end()
    parts.append(_latin(text[at:], voice))
    return " ".join(each for each in parts if each)


def _latin(text: str, voice: str) -> str:
    """Words by espeak-ng, which loses marks: they are put back where they stood."""
    from voicecli.backends.espeak.library import phonemes
    from voicecli.backends.espeak.voice import path_of

    found = ""
    # "3.5" and "10:30" are one word.
    for number, part in enumerate(_MARK.split(re.sub(r"(?<=\d):(?=\d\d)", " ", text.translate(_MARKS)))):
        if number % 2:
            found += part[0]
        elif part.strip():
            found += (" " if found else "") + phonemes(part, path_of(voice))
    return unicodedata.normalize("NFD", found)


_POINT = re.compile(r"(?<=\d)\.(?=\d)")

_INITIALS = {
    **{letter: letter for letter in "fmnlst"},
    "b": "p",
    "p": "pʰ",
    "d": "t",
    "t": "tʰ",
    "g": "k",
    "k": "kʰ",
    "h": "x",
    "j": "ʨ",
    "q": "ʨʰ",
    "x": "ɕ",
    "z": "ʦ",
    "c": "ʦʰ",
    "zh": "\uab67",
    "ch": "\uab67ʰ",
    "sh": "ʂ",
    "r": "ɻ",
    "": "",
}
_FINALS = {
    "a": "a0",
    "ai": "ai0",
    "an": "a0n",
    "ang": "a0ŋ",
    "ao": "au0",
    "e": "ɤ0",
    "ei": "ei0",
    "en": "ə0n",
    "eng": "ə0ŋ",
    "i": "i0",
    "ia": "ja0",
    "ian": "jɛ0n",
    "iang": "ja0ŋ",
    "iao": "jau0",
    "ie": "je0",
    "in": "i0n",
    "iou": "jou0",
    "ing": "i0ŋ",
    "iong": "jʊ0ŋ",
    "ong": "ʊ0ŋ",
    "ou": "ou0",
    "u": "u0",
    "uei": "wei0",
    "ua": "wa0",
    "uai": "wai0",
    "uan": "wa0n",
    "uen": "wə0n",
    "uang": "wa0ŋ",
    "ueng": "wə0ŋ",
    "uo": "wo0",
    "o": "wo0",
    "v": "y0",
    "ve": "ɥe0",
    "van": "ɥɛ0n",
    "vn": "y0n",
    "er": "ɚ0",
    "ê": "ɛ0",
    "-i": "ɨ0",
}
"""Pinyin to Kokoro's sounds; 0 is where the tone stands."""
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘"}
_BUZZING = {"zh", "ch", "sh", "r", "z", "c", "s"}


def mandarin(text: str) -> str:
    """Chinese text in Kokoro's sounds: words apart, numbers read out."""
    words: list[str] = []
    for part in _MARK.split(_POINT.sub("点", readable(text)).translate(_MARKS)):
        if _MARK.fullmatch(part):
            words[-1:] = [words[-1] + part[0]] if words else [part[0]]
        else:
            words += [word for run in re.findall(f"[{HAN}]+", part) for word in _words(run)]
    return " ".join(words)


def _words(text: str) -> list[str]:
    """Characters as syllables, put together to words: Kokoro runs syllables of one word into each other."""
    from pypinyin import Style, lazy_pinyin
    from pypinyin.seg.mmseg import seg

    styles = [
        lazy_pinyin(text, style=style, strict=True, neutral_tone_with_five=True, tone_sandhi=True, v_to_u=False)
        for style in (Style.INITIALS, Style.FINALS_TONE3)
    ]
    syllables = (_syllable(*pair) for pair in zip(*styles, strict=True))
    return ["".join(islice(syllables, len(word))) for word in seg.cut(text)]


@cache
def _syllable(initial: str, final: str) -> str:
    """ "zh" and "ong1" are ꭧʊ→ŋ; the tone follows the vowel."""
    name, tone = (final[:-1], final[-1]) if final[-1:].isdigit() else (final, "")
    name = "-i" if name == "i" and initial in _BUZZING else name.replace("ü", "v")
    return _INITIALS.get(initial, "") + _FINALS.get(name, "").replace("0", _TONES.get(tone, ""))


_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[:：](\d\d))?([%％年]?)")


def readable(text: str) -> str:
    """Chinese text with its numbers in characters, as they are said."""
    return _NUMBER.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    sign, whole, decimals, minutes, unit = match.groups()
    if unit == "年" and len(whole) == 4:
        return han_digits(whole) + "年"
    if minutes is not None:
        return f"{han(int(whole))}点{han(int(minutes)) + '分' if int(minutes) else ''}"
    said = han(int(whole)) if len(whole) <= 12 else han_digits(whole)
    said = f"{'负' if sign else ''}{said}" + (f"点{han_digits(decimals)}" if decimals else "")
    return f"百分之{said}" if unit in "%％" and unit else said + unit
