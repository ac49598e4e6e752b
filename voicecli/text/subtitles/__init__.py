"""Subtitles from what a recogniser returned, whatever that was: segments, words, or only a text.

Belongs here: what others use of this room. Does not belong here: files, requests, flags.
"""

from __future__ import annotations

from voicecli.text.subtitles.cues import Layout, cues
from voicecli.text.subtitles.formats import FORMATS, render, srt, verbose_json, vtt, words_of
from voicecli.text.subtitles.saved import from_json

__all__ = ["FORMATS", "Layout", "cues", "from_json", "render", "srt", "verbose_json", "vtt", "words_of"]
