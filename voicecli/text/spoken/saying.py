"""What has been said of a text so far, and the state in which the next sign is read.

Belongs here: words put one after the other with the right gaps, words of ours, stops at the ends of blocks.
Does not belong here: what a sign means (the readers know).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from voicecli.text.language import has_letters, is_chinese
from voicecli.text.spoken.signs import ENDS_ITSELF, MORE, without_unseen

_TAIL_LENGTH = 80
"""What is remembered of the text before: enough to tell its language."""
_LINE_HEAD_LENGTH = 6

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "code": "(a piece of code)",
        "stop": ".",
        "comma": ",",
        "to": "to",
        "times": "times",
        "about": "about",
        "e.g.": "for example",
        "i.e.": "that is",
    },
    "zh": {
        "code": "（一段代码）",
        "stop": "。",
        "comma": "，",
        "to": "到",
        "times": "乘",
        "about": "约",
        "e.g.": "例如",
        "i.e.": "即",
    },
}

_BLANKS = re.compile("  +")
_SNUG = frozenset(".,;:!?)…%" + "、。〉》」』】〕〗！），．：；？］｝")
_NUMBERED = re.compile(r"\d{1,3}[.)]\s")


@dataclass(slots=True)
class Skip:
    """Text that is not said: what ends it, what may be the beginning of that end, and all of it so far.

    `certain`: nothing has to close it. Otherwise it is read as text after all when the text ends without its end.
    `notice` is said when it has ended.
    """

    name: str
    closing: re.Pattern[str]
    opening: re.Pattern[str]
    certain: bool = False
    notice: str = ""
    text: list[str] = field(default_factory=list)


class SpokenWords:
    """The words so far. Readers call `say` and `word`, and keep here what the next reader must know."""

    def __init__(self, chinese: bool) -> None:
        self._chinese = chinese
        self._out: list[str] = []
        self.tail = ""  # the end of what was said
        self.gap = ""  # white space before what will be said next
        self.dropped = False  # something unsaid stood in the gap
        self.line_begins = True
        self.line_head = ""  # how the line began, as it was said
        self.block = ""  # heading, item or row: a line that needs a stop at its end
        self.ticks = ""  # what closes the code inside the line
        self.emoji = False  # that code ended in one
        self.skip: Skip | None = None
        self.hopeless: set[str] = set()  # what nothing closes in the rest of the text
        self.opened: Counter[str] = Counter()  # tags that wait for their end
        self.brackets: list[bool] = []  # for each open bracket whether it was said

    def taken(self) -> str:
        """What was said since it was last asked."""
        said, self._out = "".join(self._out), []
        return said

    def say(self, text: str) -> None:
        """Says `text`, with the gap before it; its own white space at the end becomes the next gap.

        Many blanks are one, as they are where each comes by itself: they must not push the text out of the tail.
        """
        text = _BLANKS.sub(" ", text) if "  " in text else text
        core = text.lstrip(" ")
        if len(core) < len(text):
            self.gap = self.gap or " "
        text, core = core, core.rstrip(" ")
        if not core:
            return
        if self.gap and self.tail and not (self.dropped and core[0] in _SNUG):
            self._out.append(self.gap)
        self._out.append(core)
        self.tail = (self.tail + self.gap + core)[-_TAIL_LENGTH:]
        if len(self.line_head) < _LINE_HEAD_LENGTH:
            self.line_head += self.gap.strip("\n") + core[:_LINE_HEAD_LENGTH]
        self.gap = " " if len(core) < len(text) else ""
        self.dropped = False

    def apart(self, text: str) -> None:
        """Says what stood between signs that are not said, as a word of its own."""
        before = self.before()
        self.gap = self.gap or (" " if before.isascii() and before.isalnum() else "")
        self.say(text)
        self.gap, self.dropped = self.gap or " ", True

    def word(self, name: str) -> None:
        """Says a word of ours, in the text's language, apart from what stands around it."""
        language = self.language()
        apart = " " if language == "en" else ""
        self.gap = self.gap or apart
        self.say(WORDS[language][name])
        self.gap, self.dropped = apart, True

    def language(self) -> str:
        """`zh` or `en`: that of what was said last."""
        chinese = is_chinese(self.tail) if has_letters(self.tail) else self._chinese
        return "zh" if chinese else "en"

    def before(self) -> str:
        """The character before, as it was or will be said; empty at the beginning."""
        return self.gap[-1:] or self.tail[-1:]

    def literal(self, text: str, at: int) -> int:
        """Says the sign at `at` as it is; the place after it."""
        self.line_begins = False
        self.say(without_unseen(text[at]))
        return at + 1

    def end_block(self) -> None:
        """A heading, list item or table row ends with a stop, or it would run into the next line."""
        numbered = _NUMBERED.match(self.line_head.lstrip())
        if (self.block or numbered) and self.line_head.strip() and not ENDS_ITSELF.search(self.tail):
            self.gap = ""
            self.say(WORDS[self.language()]["stop"])
        self.block = self.line_head = ""

    def end_line(self) -> None:
        self.gap = "\n\n" if "\n" in self.gap else "\n"

    def notice(self, name: str) -> None:
        """Says that something is on the screen, as a paragraph of its own."""
        self.end_block()
        self.end_line()
        self.say(WORDS[self.language()][name])
        self.gap, self.line_head = "\n\n", ""

    # -- what is not said --------------------------------------------------------------------------

    def skip_from(self, skip: Skip, opener: str) -> None:
        """From now on nothing is said, until the end of `skip`."""
        self.skip = skip
        skip.text.append(opener)

    def skip_on(self, text: str, at: int, final: bool) -> int:
        """Drops text up to the end of what is skipped, but for what may be the beginning of that end."""
        skip = self.skip
        assert skip is not None
        if end := skip.closing.search(text + "\n" if final else text, at):
            self.skip, self.dropped = None, True
            if skip.notice:
                self.notice(skip.notice)
            return min(end.end(), len(text))
        begun = None if final else skip.opening.search(text, at)
        stop = begun.start() if begun else len(text)
        skip.text.append(text[at:stop])
        return stop if stop > at else MORE

    def unclosed(self) -> str:
        """The text has ended: what was skipped and never closed, to be read after all."""
        skip, self.skip = self.skip, None
        if skip is None or skip.certain:
            return ""
        self.hopeless.add(skip.name)
        return "".join(skip.text)
