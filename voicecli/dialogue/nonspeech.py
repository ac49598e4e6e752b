"""What recognisers write where nobody spoke: it is no turn of a conversation, and no sentence of a dictation. Pure.

Belongs here: the shapes of such texts, and the words for noise. Does not belong here: the small words of somebody who
listens (dialogue.backchannel).

Whisper and its kin write "[BLANK_AUDIO]", "(silence)", "*coughs*", "♪♪" or a lone "。"; others "<unk>", "<|nospeech|>",
"++NOISE++". Square brackets hold no words that a person says. Round ones and stars may: there a word for noise must be.
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
    "|foreign language|crosstalk|musik|stille|applaus|gelächter|lachen|husten|musique|rires|applaudissements|silencio"
    "|música|risas|aplausos|musica|risate|applausi|музыка|смех|аплодисменты|тишина|音乐|音樂|音楽|掌声|掌聲|拍手|笑声|笑聲|笑"
    "|静音|靜音|无声|無聲|無音|沉默|噪音|咳嗽|歌声|歌聲|背景音|음악|박수|웃음"
)
_WORD = re.compile(rf"(?<![^\W_])(?:{_NOISE})(?![a-zäöüéèа-я])")
_ALWAYS = re.compile(
    r"\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}|<\|[^<>|]*\|>|<(?:unk|sil|noise|blank|nospeech|s|/s)>|\+\+[^+]*\+\+"
)
_PERHAPS = re.compile(r"\(([^()]*)\)|（([^（）]*)）|\*+([^*]*)\*+|♪([^♪]*)♪?")
_LONGEST = 200
"""Characters: what is longer holds words."""


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
