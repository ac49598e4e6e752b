"""Which language a person reads, and what turns our sentences into it.

Belongs here: the environment's words for a language, the catalogue's file. Does not belong here: finding a sentence
(text.phrases), the translations (voicecli/locale/*.po, kept by scripts/messages.py), where they are shown (console).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

Say = Callable[[str], str]

LOCALES = dict.fromkeys(("zh", "zh_cn", "zh_sg", "zh_hans", "zh_hans_cn", "zh_hans_sg"), "zh")
"""Locales, and the catalogue for each. Who reads traditional characters is better served with English."""


def sayer(env: Mapping[str, str]) -> Say:
    """What says a sentence of ours in the person's language; English stays as it is, and costs nothing."""
    catalogue = LOCALES.get(language(env))
    return _in(catalogue) if catalogue else str


def language(env: Mapping[str, str]) -> str:
    """`zh_cn` of `LANG=zh_CN.UTF-8`; the first variable that is set tells, as gettext reads them."""
    wanted = next((found for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (found := env.get(name))), "")
    if not wanted and sys.platform == "win32":  # not tried: only Linux runs here
        import locale

        wanted = locale.getlocale()[0] or ""
        wanted = "zh_CN" if wanted.startswith("Chinese (Simplified)") else wanted
    if wanted not in ("C", "POSIX") and (first := env.get("LANGUAGE", "").split(":")[0]):
        wanted = first
    return wanted.partition(".")[0].partition("@")[0].lower().replace("-", "_")


def code_of(env: Mapping[str, str]) -> str:
    """The code of the language alone: `zh`; "en" where the environment tells none."""
    code = language(env).partition("_")[0]
    return code if len(code) == 2 else "en"


def _in(catalogue: str) -> Say:
    """The catalogue is read when the first sentence is said."""
    from functools import cache

    @cache
    def phrases() -> Say:
        from importlib.resources import files

        from voicecli.text.phrases import Phrases, entries

        text = (files("voicecli") / "locale" / f"{catalogue}.po").read_text("utf-8")
        return Phrases(dict(entries(text))).say

    return lambda text: phrases()(text)
