"""What a person would read aloud of a text that was written for a screen.

Belongs here: taking Markdown, HTML, code, addresses, formulas, emoji and reasoning out of a text. Pure text.
Does not belong here: cutting into sentences (text.sentences), what the screen shows.

A sign that may be markup goes to the reader that the table `_READERS` has for it. A reader answers with the place up
to which it has read, or with `MORE` where the text that decides has not arrived: then the text from the sign on is held
back, and read again with what follows. Every reader bounds how much it holds. What hides its content (a script,
reasoning, a comment) is skipped whatever its length, and read after all where nothing closes it: no word disappears
but by the text's own structure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicecli.text import reasoning
from voicecli.text.language import is_chinese_code
from voicecli.text.spoken import formulas, inline, lines
from voicecli.text.spoken.addresses import read_address, read_shorthand
from voicecli.text.spoken.saying import SpokenWords
from voicecli.text.spoken.signs import ARROWS, EMOJI, JOINERS, MORE, UNSEEN
from voicecli.text.spoken.tags import read_angle

_MARK = re.compile(
    rf"[*_`~\[\]<&$|#=\\\n\r\t\v\f\x85\u2028\u2029{ARROWS}{EMOJI}{JOINERS}\u200d{UNSEEN}]"
    r"|!(?=\[)|!\Z|(?<!-)-(?=-{0,8}>)|(?<!-)-{1,9}\Z|【(?=\d|\Z)"
    r"|[hH][tT][tT][pP][sS]?://|[wW][wW][wW]\.(?=[^\s.])|[eE]\.g\.|i\.e\."
    r"|(?:[hH](?:[tT](?:[tT](?:[pP](?:[sS]?(?::/?)?)?)?)?)?|[wW]{1,3}|[wW]{3}\.|[eE](?:\.g?)?|i(?:\.e?)?)\Z"
)

_Reader = Callable[[SpokenWords, str, int, bool], int]
"""What was said so far, the text, the place of the sign, whether the text has ended: the place after what was read."""

_READERS: dict[str, _Reader] = {
    **dict.fromkeys("*_~", inline.read_emphasis),
    **dict.fromkeys("\n\r\v\f\x85\u2028\u2029", lines.read_newline),
    **dict.fromkeys("-=" + ARROWS, inline.read_arrow),
    **dict.fromkeys("[【", inline.read_bracket),
    **dict.fromkeys("hHwW", read_address),
    **dict.fromkeys("eEi", read_shorthand),
    "`": inline.read_ticks,
    "]": inline.read_bracket_end,
    "<": read_angle,
    "&": inline.read_entity,
    "$": formulas.read_dollar,
    "\\": formulas.read_backslash,
    "|": lines.read_bar,
    "#": lines.read_number_sign,
    "!": inline.read_exclamation,
    "\t": inline.read_space,
    "\x1b": inline.read_escape,
}


class Speakable:
    """The stream version of `speakable`; it stands before the sentence splitter.

    Ordinary text passes in the `feed` that brings it (white space with the word that follows it); only
    what may become markup is held back, and no longer than until the next characters decide.
    `language` (as `zh-CN`) matters only where the text does not tell in which language to say that code is shown.
    """

    def __init__(self, language: str | None = None) -> None:
        self._chinese = is_chinese_code(language)
        self._saying = SpokenWords(self._chinese)
        self.held = ""

    def feed(self, text: str) -> str:
        """Takes the next token; returns what can be spoken of it and of what was held back."""
        return self._take(text, final=False)

    def flush(self) -> str:
        """The text has ended: returns what was held back, and is ready for the next text."""
        said = self._take("", final=True)
        while unclosed := self._saying.unclosed():
            said += self._take(unclosed, final=True)
        self._saying.end_block()
        said += self._saying.taken()
        self._saying = SpokenWords(self._chinese)
        return said

    def _take(self, text: str, final: bool) -> str:
        text, self.held = self.held + text, ""
        at = 0
        while at < len(text):
            after = self._read(text, at, final)
            if after == MORE and not final:
                self.held = text[at:]
                break
            at = after if after != MORE else self._saying.literal(text, at)
        return self._saying.taken()

    def _read(self, text: str, at: int, final: bool) -> int:
        saying = self._saying
        if saying.skip:
            return saying.skip_on(text, at, final)
        if saying.ticks:
            return inline.in_code(saying, text, at, final)
        if saying.line_begins:
            return lines.begin_line(saying, text, at, final)
        mark = _MARK.search(text, at)
        if mark is None or mark.start() > at:
            stop = mark.start() if mark else len(text)
            saying.say(text[at:stop])
            return stop
        return _READERS.get(text[at], inline.read_unseen)(saying, text, at, final)


def speakable(text: str, language: str | None = None) -> str:
    """The whole `text` as a person would read it, without the reasoning at its beginning."""
    speaker = Speakable(language)
    return (speaker.feed(reasoning.split(text)[1]) + speaker.flush()).strip()
