"""Subtitles from what a recogniser returned, whatever that was: segments, words, or only a text.

Belongs here: what others use of this room. Does not belong here: files, requests, flags.
"""

from __future__ import annotations

from voicecli.text.segments import tidy
from voicecli.text.subtitles.cues import Cue, Layout, Timed, by_word, cues, readable
from voicecli.text.subtitles.formats import FORMATS, lrc, render, srt, tsv, verbose_json, vtt, words_of
from voicecli.text.subtitles.saved import from_json
from voicecli.text.subtitles.times import stretches

__all__ = [
    "FORMATS",
    "Cue",
    "Layout",
    "Timed",
    "by_word",
    "cues",
    "from_json",
    "lrc",
    "readable",
    "render",
    "srt",
    "stretches",
    "tidy",
    "tsv",
    "verbose_json",
    "vtt",
    "words_of",
]
