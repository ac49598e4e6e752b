"""Addresses on the web, and short forms that begin like words.

Belongs here: reading an address by its host, "e.g." in words. Does not belong here: links of Markdown.
"""

from __future__ import annotations

import re

from voicecli.text.characters import HAN_KANA, WIDE_POINTS
from voicecli.text.spoken.saying import SpokenWords
from voicecli.text.spoken.signs import EMOJI, JOINERS, LONGEST_ADDRESS, MORE, UNSEEN, sayable

_BODY = rf"[^\s<>\"'`|\\^{{}}\[\]“”‘’{HAN_KANA}{WIDE_POINTS}{EMOJI}{JOINERS}\u200d{UNSEEN}]"
_ADDRESS = re.compile(rf"(?:https?://|www\.){_BODY}{{1,{LONGEST_ADDRESS}}}", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?(?:[^/@?#]*@)?(?:www\.)?([^/:?#]+)", re.IGNORECASE)
_WORD_CHARACTER = re.compile("[A-Za-z0-9_@.]")


def host_of(address: str) -> str:
    """The host of a web address without its "www."; empty for anything else."""
    host = _HOST.match(address) if address.lower().startswith(("http://", "https://", "www.")) else None
    return sayable(host[1]) if host else ""


def read_address(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """An address on the web is read by its host."""
    if _WORD_CHARACTER.match(saying.before()):
        return saying.literal(text, at)
    address = _ADDRESS.match(text, at)
    if not final and (address is None or address.end() == len(text)) and len(text) - at < LONGEST_ADDRESS:
        return MORE if address or len(text) - at <= len("https://") else saying.literal(text, at)
    body = address[0].rstrip(".,;:!?*_~") if address else ""
    while body.endswith(")") and body.count(")") > body.count("("):
        body = body[:-1].rstrip(".,;:!?*_~")
    host = host_of(body)
    if not host:
        return saying.literal(text, at)
    saying.say(host)
    return at + len(body)


def read_shorthand(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """ "e.g." and "i.e." in words."""
    short = text[at : at + 4].lower()
    if _WORD_CHARACTER.match(saying.before()):
        return saying.literal(text, at)
    if short in ("e.g.", "i.e."):
        saying.word(short)
        return at + 4
    return saying.literal(text, at) if final else MORE
