"""Which characters are written without spaces between words: Chinese and Japanese.

Belongs here: character classes that more than one room needs, as text for a regular expression's brackets.
Does not belong here: anything that looks at more than one character.
"""

from __future__ import annotations

import re

HAN_KANA = "々〆〇぀-ヿㄅ-ㄯㇰ-ㇿ㐀-䶿一-鿿豈-﫿ｦ-ﾟ\U00020000-\U0003ffff"
"""Chinese characters, kana and bopomofo: about a syllable and about a token each."""

WIDE_POINTS = "、。〈-】〔-〟！（），．：；？［］｛｝～｟-･"
"""The punctuation that goes with them; no space stands before or after it."""

HANGUL = "ᄀ-ᇿ㄰-㆏가-퟿"
"""Korean: a syllable each too, but words stand apart."""

is_han_kana = re.compile(f"[{HAN_KANA}]").match
"""True (a match) for a text whose first character is Chinese or Japanese."""
