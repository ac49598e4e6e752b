"""What recognisers write where nobody spoke: it is no turn of a conversation, and no sentence of a dictation. Pure.

Belongs here: the shapes of such texts, and the words for noise. Does not belong here: the small words of somebody who
listens (dialogue.challenge).

Whisper and its kin write "[BLANK_AUDIO]", "(silence)", "*coughs*", "♪♪" or a lone "。"; others "<unk>", "<|nospeech|>",
"++NOISE++". Square brackets hold no words that a person says. Round ones and stars may: there a word for noise must be.
And they end silences as the films end that they learnt from: "Thanks for watching!", "字幕由 Amara.org 社区提供".
Nobody says that to somebody who listens (`is_credit`); a dictation may hold it.
"""

from __future__ import annotations

import re

_NOISE = (
    "silence|silent|blank|audio|music|musical|song|singing|sound|sounds|noise|noises|static|background|inaudible"
    "|indistinct|unintelligible|applause|clapping|laughs?|laughing|laughter|chuckles?|giggles?|coughs?|coughing|sneezes?"
    "|sniffs?|sighs?|sighing|gasps?|breath|breathes|breathing|breathes?|exhales?|inhales?|groans?|grunts?|yawns?|snores?"
    "|snoring|cries|crying|sobs?|sobbing|screams?|screaming|cheers?|cheering|whistles?|whistling|humming|hums|beeps?"
    "|beeping|buzzing|clicks?|clicking|typing|knocking|rustling|footsteps|thunder|wind|rain|engine|bell|bells|phone|dog"
    "|barking|birds|chirping|clears throat|throat|pause|no speech|nospeech|no audio|speaking in|speaks in"
    "|foreign language|crosstalk|door|explosions?|gunshots?|gunfire|crowd|traffic|water"
    "|musik|stille|applaus|gelächter|lachen|husten|musique|rires|applaudissements|silencio"
    "|música|risas|aplausos|musica|risate|applausi|музыка|смех|аплодисменты|тишина|音乐|音樂|音楽|掌声|掌聲|拍手|笑声|笑聲|笑"
    "|静音|靜音|无声|無聲|無音|沉默|噪音|咳嗽|歌声|歌聲|背景音|음악|박수|웃음"
)
_WORD = re.compile(rf"(?<![^\W_])(?:{_NOISE})(?![a-zäöüéèа-я])")
_ALWAYS = re.compile(
    r"\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}|<\|[^<>|]*\|>|<(?:unk|sil|noise|blank|epsilon|eps|nospeech|s|/s)>"
    r"|\+\+[^+]*\+\+|&nbsp;"
)
_PERHAPS = re.compile(r"\(([^()]*)\)|（([^（）]*)）|\*+([^*]*)\*+|♪([^♪]*)♪?")
_LONGEST = 200
"""Characters: what is longer holds words."""


_CREDIT = re.compile(
    r"(?:thanks|thank you)(?: so much| very much| all)? for (?:watching|viewing)(?: (?:this|the|my|our) video)?"
    r"(?: (?:and )?(?:please )?(?:like|subscribe|see you|bye).*)?"
    r"|(?:please )?(?:like and subscribe|subscribe to (?:my|our|the) channel)"
    r"|(?:sub)?(?:titles|titled|captions|captioned|captioning|transcription|transcribed) by .*|.*amara org.*"
    r"|sous titrage.*|sous titres (?:réalisés|faits|par) .*|merci d avoir regardé(?: cette vidéo)?"
    r"|untertitelung.*|untertitel (?:im auftrag|der|von|wurden) .*|(?:danke|vielen dank) fürs zuschauen"
    r"|ondertitel\w* (?:ingediend|door|tv) .*|sottotitoli (?:creati|a cura|e revisione) .*"
    r"|napisy (?:stworzone|wykonane) .*"
    r"|gracias por ver(?: el v[ií]deo)?|obrigado por assistir|legendas pela comunidade.*"
    r"|субтитры (?:сделал|делал|создавал|подогнал|подготовлены) .*|редактор субтитров .*"
    r"|продолжение следует|спасибо за просмотр"
    r"|(?:中文)?字幕(?:由.*(?:提供|制作|製作)|志愿者.*|志願者.*| ?by .*)|(?:請不吝點贊|请不吝点赞).*"
    r"|(?:多?谢|多?謝|谢谢|謝謝|感谢|感謝)(?:大家|您|您的)?(?:观看|觀看|收看)"
    r"|(?:最後まで)?ご(?:視聴|清聴)(?:いただき)?ありがとうござい.*|チャンネル登録.*お願い.*|시청해 ?주셔서 감사합니다"
)
"""Whole texts, in words and single blanks."""


def is_credit(text: str) -> bool:
    """Whether a text is what stands at the end of films, which recognisers write where nobody speaks."""
    words = " ".join(re.findall(r"[^\W_]+", text.casefold()))
    return len(words) <= _LONGEST and bool(_CREDIT.fullmatch(words))


_LOOP = re.compile(r"([^\W\d_]{1,20}?)\1{7,}")
"""A recogniser that goes round: "you you you …"."""


def says_nothing(text: str) -> bool:
    """Whether `text` is noise, a credit or a loop, and so nobody's words to us."""
    text = text.casefold()
    return is_noise(text) or is_credit(text) or bool(_LOOP.fullmatch(re.sub(r"[^\w]+", "", text)[: 40 * _LONGEST]))


def is_noise(text: str) -> bool:
    """Whether a recognised text tells of no word: noise in brackets, notes, punctuation, nothing at all."""
    text = text.strip().casefold()
    if len(text) > _LONGEST:
        return False
    left = _PERHAPS.sub(_unless_noise, _ALWAYS.sub(" ", text))
    return not any(map(str.isalnum, left))


def _unless_noise(found: re.Match[str]) -> str:
    inside = next((each for each in found.groups() if each), "")
    return " " if not inside.strip() or _WORD.search(inside) else found[0]
