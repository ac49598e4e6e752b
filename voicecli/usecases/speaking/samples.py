"""What a voice says so that a person hears how it sounds.

Belongs here: the sentences. Does not belong here: saying them.
"""

from __future__ import annotations

ENGLISH = "Good morning. This is how I sound."
SENTENCES = {"zh": "早上好，这就是我的声音。", "de": "Guten Morgen. So klinge ich.", "fr": "Bonjour. Voici ma voix."}
"""By language."""


def sentence(language: str) -> str:
    """The sentence in `language` (a code, "" for open), else the English one."""
    return next((text for code, text in SENTENCES.items() if language.lower().startswith(code)), ENGLISH)
