"""Which characters are written without spaces between words: Chinese and Japanese.

Belongs here: character classes that more than one room needs, as text for a regular expression's brackets.
Does not belong here: anything that looks at more than one character.
"""

from __future__ import annotations

import re

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, which Japanese has too."""

HAN_KANA = f"\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff{HAN}\uff66-\uff9f"
"""Chinese characters, kana and bopomofo: about a syllable and about a token each."""

WIDE_POINTS = "、。〈-】〔-〟！（），．：；？［］｛｝～｟-･"
"""The punctuation that goes with them; no space stands before or after it."""

HANGUL = "ᄀ-ᇿ\u3130-\u318f가-\ud7ff"
"""Korean: a syllable each too, but words stand apart."""

has_han = re.compile(f"[{HAN}]").search
"""True (a match) for a text that holds a Chinese character."""

is_han_kana = re.compile(f"[{HAN_KANA}]").match
"""True (a match) for a text whose first character is Chinese or Japanese."""
