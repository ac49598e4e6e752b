"""In which language a text is, as far as its script tells.

Belongs here: deciding by characters. Does not belong here: what languages a service has, words of any language.
"""

from __future__ import annotations

import re

from voicecli.text.characters import HAN_KANA

_HAN = re.compile(f"[{HAN_KANA}]")
_KANA = re.compile("[ぁ-ヿ]")
_LATIN = re.compile(r"[A-Za-z]+")
_CHINESE = ("zh", "cmn", "yue")


def is_chinese(text: str) -> bool:
    """Whether `text` is to be answered in Chinese: a word of English in it changes nothing."""
    han = len(_HAN.findall(text))
    return han > len(_LATIN.findall(_HAN.sub(" ", text)))


def has_letters(text: str) -> bool:
    """Whether `text` holds a letter or character by which `is_chinese` can tell."""
    return bool(_HAN.search(text) or _LATIN.search(text))


def is_chinese_code(language: str | None) -> bool:
    """Whether a language code (`zh-CN`, `yue`) is Chinese; None is not."""
    return (language or "").lower().startswith(_CHINESE)


def code_of(text: str) -> str:
    """`zh`, `ja` or `en` by the script of `text`; empty for any other."""
    if _HAN.search(text):
        return "ja" if _KANA.search(text) else "zh"
    return "en" if all(char.isascii() for char in text if char.isalpha()) else ""
