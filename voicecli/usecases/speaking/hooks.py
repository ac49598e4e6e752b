"""What agents' hooks give when they are done, as a text to be spoken: told apart by their keys. Pure.

Belongs here: Claude Code's and qwen's Stop, Codex's notify and Stop, Gemini's AfterAgent, opencode's session.idle. Does
not belong here: reading stdin, how much of a text is spoken (dialogue.brevity).
"""

from __future__ import annotations

import json

KEYS = ("last_assistant_message", "last-assistant-message", "prompt_response", "text")
"""Claude Code, qwen and Codex's Stop; Codex's notify; Gemini; our plugin for opencode."""


def hooked(given: str) -> str:
    """The agent's last words; "" where it had none. Raises ValueError for what is no hook's."""
    found = json.loads(given)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    text = next((each for key in KEYS if isinstance(each := found.get(key), str)), "")
    return once(text.strip()) if "prompt_response" in found else text.strip()


def once(text: str) -> str:
    """`text`, or its first half where the second says the same: Gemini's CLI gives all of it twice."""
    places = [at for at, each in enumerate(text) if not each.isspace()]
    half, odd = divmod(len(places), 2)
    if not half or odd or any(text[places[at]] != text[places[at + half]] for at in range(half)):
        return text
    return text[: places[half]].rstrip()
