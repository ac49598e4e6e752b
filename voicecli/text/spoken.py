"""What a person would read aloud of a text that was written for a screen.

Belongs here: taking Markdown, HTML, code, addresses, formulas, emoji and reasoning out of a text. Pure text.
Does not belong here: cutting into sentences (sentences.py), what the screen shows.

A mark that may be markup goes to the reader that the table `_READERS` has for it. A reader answers
with the place up to which it has read, or with `_MORE` where the text that decides has not arrived: then
the text from the mark on is held back, and read again with what follows. Every reader bounds how much
it holds. Code blocks and reasoning are not held but skipped, whatever their length.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from voicecli.text.characters import HAN_KANA, WIDE_POINTS

_MORE = -1

_TAIL_LENGTH = 80
"""What is remembered of the text before: enough to tell its language."""
_LONGEST_ADDRESS = 1000
_LONGEST_FORMULA = 600
_LONGEST_TAG = 600
_LONGEST_LINE_HEAD = 200

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "code": "(code shown on screen)",
        "formula": "(formula shown on screen)",
        "stop": ".",
        "comma": ",",
        "to": "to",
        "times": "times",
        "about": "about",
        "e.g.": "for example",
        "i.e.": "that is",
    },
    "zh": {
        "code": "（代码已显示在屏幕上）",
        "formula": "（公式已显示在屏幕上）",
        "stop": "。",
        "comma": "，",
        "to": "到",
        "times": "乘",
        "about": "约",
        "e.g.": "例如",
        "i.e.": "即",
    },
}

# -- characters ------------------------------------------------------------------------------------

_EMOJI = "\U0001f000-\U0001faff☀-➓➕-➿⬀-⯿⌚⌛⌨⏏⏩-⏺←↑↓↔-⇏⇓-⇿■-◿─-╿〰〽㊗㊙™®©•"
_JOINERS = "\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
_ARROWS = "→⇒➔➙➛➜➝➞⟶⟹"
_UNSEEN = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff"
    "\ufff0-\ufffc\ufffe\uffff\ud800-\udfff\U000e0000-\U0010ffff"
)
_NOT_SAID = re.compile(f"[{_UNSEEN}{_JOINERS}]+")
_EMOJIS = re.compile(f"[{_EMOJI}][{_EMOJI}{_JOINERS}\u200d]*")
_OTHER_SPACE = re.compile(r"[\t\r\v\f\x85\u2028\u2029]")
_ENDS_ITSELF = re.compile(rf"[.,;:!?…{WIDE_POINTS}—–-][\"'”’»)\]]*$")
_BLANKS = re.compile("  +")
_SNUG = frozenset(".,;:!?)…%" + "、。〉》」』】〕〗！），．：；？］｝")
_LATIN = re.compile("[A-Za-z]")
_HAN = re.compile(f"[{HAN_KANA}]")

# -- marks -----------------------------------------------------------------------------------------

_ADDRESS_BODY = rf"[^\s<>\"'`|\\^{{}}\[\]“”‘’{HAN_KANA}{WIDE_POINTS}{_EMOJI}{_JOINERS}\u200d{_UNSEEN}]"
_MARK = re.compile(
    rf"[*_`~\[\]<&$|#=\\\n\r\t\v\f\x85\u2028\u2029{_ARROWS}{_EMOJI}{_JOINERS}\u200d{_UNSEEN}]"
    r"|!(?=\[)|!\Z|(?<!-)-(?=-{0,8}>)|(?<!-)-{1,9}\Z|【(?=\d|\Z)"
    r"|[hH][tT][tT][pP][sS]?://|[wW][wW][wW]\.(?=[^\s.])|[eE]\.g\.|i\.e\."
    r"|(?:[hH](?:[tT](?:[tT](?:[pP](?:[sS]?(?::/?)?)?)?)?)?|[wW]{1,3}|[wW]{3}\.|[eE](?:\.g?)?|i(?:\.e?)?)\Z"
)
_ADDRESS = re.compile(rf"(?:https?://|www\.){_ADDRESS_BODY}{{1,{_LONGEST_ADDRESS}}}", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?(?:[^/@?#]*@)?(?:www\.)?([^/:?#]+)", re.IGNORECASE)
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[@-Z\\^_])")
_ESCAPE_OPEN = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|\][^\x07\x1b\n]{0,200}\x1b?)?\Z")

_LINE_HEADS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:[-*_][ \t]*){3,200}(?=\n|\Z)|=+[ \t]*(?=\n|\Z)"), "rule"),
    (re.compile(r"\|?[ \t]*+:?-{2,}+:?[ \t]*+(?:\|[ \t]*+:?-*+:?[ \t]*+)++(?=\n|\Z)"), "rule"),
    (re.compile(r"#{1,6}[ \t]+"), "heading"),
    (re.compile(r"[-*+•‣◦▪–][ \t]+(?:\[[ xX]\][ \t]+)?"), "item"),
    (re.compile(r">[ \t]?"), "quote"),
    (re.compile(r"\|"), "row"),
    (re.compile(r"\[\^[^\]\n]{1,60}\]:|\[[^\]\n]{1,100}\]:[ \t]*(?=https?:|<|/|#|www)"), "note"),
    (re.compile(r"(`{3,64}|~{3,64})"), "fence"),
)
_LINE_HEAD_OPEN = re.compile(
    r"(?:#{1,6}[ \t]*|[-*_ \t]+|[-*+•‣◦▪–][ \t]+(?:\[[ xX]?\]?)?|[+•‣◦▪–]|\|?[ \t:|-]+|=+[ \t]*|`+|~+"
    r"|\[[^\]\n]{0,100}(?:\](?::[ \t]*(?:h|ht|htt|http|https|w|ww)?)?)?)\Z"
)
_NUMBERED = re.compile(r"\d{1,3}[.)]\s")
_LINE_HEAD_LENGTH = 6

_TAG = re.compile(
    r"<(/?)([a-zA-Z][\w:-]{0,30})"
    r"(?:\s+[\w:@.-]+\s*=\s*(?:\"[^\"]{0,500}\"|'[^']{0,500}'|[^\s\"'<>=]{1,500})){0,20}(?:\s+[\w:@.-]+)?\s*/?>"
)
_TAG_OPEN = re.compile(
    r"<(?:/?[a-zA-Z][\w:-]{0,30}"
    r"(?:\s+[\w:@.-]+\s*=\s*(?:\"[^\"]{0,500}\"|'[^']{0,500}'|[^\s\"'<>=]{1,500})){0,20}"
    r"(?:\s+[\w:@.-]*(?:\s*=\s*(?:\"[^\"]{0,500}|'[^']{0,500}|[^\s\"'<>]{0,500}))?)?\s*/?"
    rf"|/|!-{{0,2}}|\|[^|>\n]{{0,40}}\|?|[^\s<>]{{0,{_LONGEST_TAG - 2}}})?\Z"
)
_AUTOLINK = re.compile(rf"<(?=[^\s<>.@:]{{1,500}}+[.@:])([^\s<>]{{3,{_LONGEST_TAG - 2}}}+)>")
_SERVICE_TAG = re.compile(r"<\|[^|>\n]{0,40}\|>")
_SKIPPED_TAGS = frozenset("think thinking thought reasoning script style svg".split())
_BREAKING_TAGS = frozenset("br p div li ul ol tr table h1 h2 h3 h4 h5 h6 hr blockquote section".split())

_NOTE_MARK = re.compile(r"\[\^[^\]\n]{1,60}\]")
_CITATION = re.compile(r"\[[1-9]\d{0,2}(?:[,–-] ?\d{1,3}){0,9}\]|【\d[^】\n]{0,60}】")
_BRACKET_OPEN = re.compile(r"(?:\[(?:\^[^\]\n]{0,60}|\d[\d,– -]{0,40})?|【(?:\d[^】\n]{0,60})?)\Z")
_PATH = r"(?:[^\s()]++|\([^\s()]*+\))*+"
_TARGET = re.compile(
    rf"\]\([ \t]*+(?:<[^<>\n]*+>|{_PATH})(?:[ \t]++(?:\"[^\"\n]*+\"|'[^'\n]*+'|\([^()\n]*+\)))?[ \t]*+\)"
)
_TARGET_OPEN = re.compile(
    rf"\]\([ \t]*+(?:<[^<>\n]*+>?|{_PATH}(?:\([^\s()]*+)?)"
    r"(?:[ \t]++(?:\"[^\"\n]*+\"?|'[^'\n]*+'?|\([^()\n]*+\)?)?)?[ \t]*+\Z"
)
_REFERENCE = re.compile(r"\]\[[^\]\n]{0,100}\]")
_REFERENCE_OPEN = re.compile(r"\]\[[^\]\n]{0,100}\Z")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_ENTITY_OPEN = re.compile(r"&(?:#\d{0,7}|#[xX][0-9a-fA-F]{0,6}|[a-zA-Z][a-zA-Z0-9]{0,31})?\Z")

# -- formulas --------------------------------------------------------------------------------------

_MATH = {
    "\\(": re.compile(rf"\\\(([^\n]{{1,{_LONGEST_FORMULA}}}?)\\\)"),
    "\\[": re.compile(rf"\\\[(.{{1,{_LONGEST_FORMULA}}}?)\\\]", re.DOTALL),
    "$$": re.compile(rf"\$\$([^$]{{1,{_LONGEST_FORMULA}}})\$\$"),
    "$": re.compile(r"\$(?=[^\s$])((?:[^$\n\\]|\\.){0,200}[^\s$\\])\$(?!\d)"),
}
_DOLLAR_OPEN = re.compile(r"\$(?:(?![\s$\d])(?:[^$\n\\]|\\.){0,201}\\?)?\Z")
_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]+\b(?!\$)")
_BRACED = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_FORMULA: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = tuple(
    (re.compile(pattern), {"en": english, "zh": chinese})
    for pattern, english, chinese in (
        (r"\\(?:text|mathrm|mathbf|operatorname|mathbb)\s*" + _BRACED, r"\1", r"\1"),
        (r"\\[dt]?frac\s*" + _BRACED + r"\s*" + _BRACED, r" \1 over \2 ", r"\2分之\1"),
        (r"\\sqrt\s*" + _BRACED, r" the square root of \1 ", r"根号\1"),
        (r"\^\{?2\}?(?!\d)", " squared ", "的平方"),
        (r"\^\{?3\}?(?!\d)", " cubed ", "的立方"),
        (r"\^" + _BRACED + r"|\^(\w)", r" to the power of \1\2 ", r"的\1\2次方"),
        (r"_" + _BRACED + r"|_(\w)", r" \1\2 ", r"\1\2"),
        (r"\\(?:times|cdot)(?![a-z])|\*", " times ", "乘"),
        (r"\\div(?![a-z])", " divided by ", "除以"),
        (r"\\pm(?![a-z])", " plus or minus ", "正负"),
        (r"\\(?:leq?)(?![a-z])", " is at most ", "小于等于"),
        (r"\\(?:geq?)(?![a-z])", " is at least ", "大于等于"),
        (r"\\(?:neq?)(?![a-z])", " is not equal to ", "不等于"),
        (r"\\approx(?![a-z])", " is about ", "约等于"),
        (r"\\infty(?![a-z])", " infinity ", "无穷大"),
        (r"\\(?:to|rightarrow|Rightarrow)(?![a-z])", " to ", "到"),
        (r"\\(?:sum)(?![a-z])", " the sum ", "求和"),
        (r"\\(?:int)(?![a-z])", " the integral ", "积分"),
        (r"=", " equals ", "等于"),
        (r"\\(?:left|right|quad|qquad|displaystyle|,|;|!|:|\s)(?![a-z])", " ", ""),
        (r"\\([a-zA-Z]+)", r" \1 ", r"\1"),
        (r"[{}\\$&]", " ", ""),
        (r"\s+", " ", " "),
    )
)


def _clean(text: str) -> str:
    """`text` without emoji and what nobody sees."""
    return _NOT_SAID.sub("", _EMOJIS.sub("", _OTHER_SPACE.sub(" ", text)))


def _in_words(formula: str, language: str) -> str:
    for pattern, said in _FORMULA:
        formula = pattern.sub(said[language], formula)
    return formula.strip()


class Speakable:
    """The stream version of `speakable`; it stands before the sentence splitter.

    Ordinary text passes in the `feed` that brings it (white space with the word that follows it); only
    what may become markup is held back, and no longer than until the next characters decide.
    """

    def __init__(self, language: str | None = None) -> None:
        self._language = "zh" if (language or "").lower().startswith(("zh", "cmn", "yue")) else "en"
        self._reset()

    def _reset(self) -> None:
        self._held = ""
        self._out: list[str] = []
        self._tail = ""  # the end of what was said
        self._gap = ""  # white space before what will be said next
        self._dropped = False  # something unsaid stood in the gap
        self._line_begins = True
        self._line_head = ""  # how the line began, as it was said
        self._block = ""  # heading, item or row: a line that needs a stop at its end
        self._ticks = ""  # what closes the code inside the line
        self._skip: tuple[re.Pattern[str], re.Pattern[str]] | None = None  # what ends unsaid text, and its beginning
        self._kept_brackets = 0

    def feed(self, text: str) -> str:
        """Takes the next token; returns what can be spoken of it and of what was held back."""
        return self._take(text, final=False)

    def flush(self) -> str:
        """The text has ended: returns what was held back, and is ready for the next text."""
        said = self._take("", final=True)
        self._end_block()
        said += "".join(self._out)
        self._reset()
        return said

    def _take(self, text: str, final: bool) -> str:
        text, self._held = self._held + text, ""
        at = 0
        while at < len(text):
            after = self._read(text, at, final)
            if after == _MORE and not final:
                self._held = text[at:]
                break
            at = after if after != _MORE else self._literal(text, at)
        said, self._out = "".join(self._out), []
        return said

    def _read(self, text: str, at: int, final: bool) -> int:
        if self._skip:
            return self._skip_on(text, at, final)
        if self._ticks:
            return self._in_code(text, at, final)
        if self._line_begins:
            return self._begin_line(text, at, final)
        mark = _MARK.search(text, at)
        if mark is None:
            self._say(text[at:])
            return len(text)
        if mark.start() > at:
            self._say(text[at : mark.start()])
            return mark.start()
        return _READERS.get(text[at], Speakable._read_unseen)(self, text, at, final)

    # -- saying ------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        """Says `text`, with the gap before it; its own white space at the end becomes the next gap.

        Many blanks are one, as they are where each comes by itself: they must not push the text out of the tail.
        """
        text = _BLANKS.sub(" ", text) if "  " in text else text
        core = text.lstrip(" ")
        if len(core) < len(text):
            self._gap = self._gap or " "
        text, core = core, core.rstrip(" ")
        if not core:
            return
        if self._gap and self._tail and not (self._dropped and core[0] in _SNUG):
            self._out.append(self._gap)
        self._out.append(core)
        self._tail = (self._tail + self._gap + core)[-_TAIL_LENGTH:]
        if len(self._line_head) < _LINE_HEAD_LENGTH:
            self._line_head += self._gap.strip("\n") + core[:_LINE_HEAD_LENGTH]
        self._gap = " " if len(core) < len(text) else ""
        self._dropped = False

    def _word(self, name: str) -> None:
        """Says a word of ours, in the text's language, apart from what stands around it."""
        language = self._tongue()
        apart = " " if language == "en" else ""
        self._gap = self._gap or apart
        self._say(_WORDS[language][name])
        self._gap, self._dropped = apart, True

    def _tongue(self) -> str:
        han, latin = len(_HAN.findall(self._tail)), len(_LATIN.findall(self._tail))
        if not han and not latin:
            return self._language
        return "zh" if 3 * han > latin else "en"

    def _before(self) -> str:
        """The character before, as it was or will be said; empty at the beginning."""
        return self._gap[-1:] or self._tail[-1:]

    def _literal(self, text: str, at: int) -> int:
        self._line_begins = False
        self._say(_NOT_SAID.sub("", text[at]))
        return at + 1

    def _end_block(self) -> None:
        """A heading, list item or table row ends with a stop, or it would run into the next line."""
        numbered = _NUMBERED.match(self._line_head.lstrip())
        if (self._block or numbered) and self._line_head.strip() and not _ENDS_ITSELF.search(self._tail):
            self._gap = ""
            self._say(_WORDS[self._tongue()]["stop"])
        self._block = self._line_head = ""

    # -- lines and blocks --------------------------------------------------------------------------

    def _begin_line(self, text: str, at: int, final: bool) -> int:
        indent = at
        while at < len(text) and text[at] in " \t":
            at += 1
        if at > indent:
            return at
        if not final and len(text) - at < _LONGEST_LINE_HEAD and _LINE_HEAD_OPEN.match(text, at):
            return _MORE
        for pattern, kind in _LINE_HEADS:
            if (head := pattern.match(text, at)) and head.end() - at < _LONGEST_LINE_HEAD:
                return self._begin_block(kind, head, text, final)
        self._line_begins = False
        return at

    def _begin_block(self, kind: str, head: re.Match[str], text: str, final: bool) -> int:
        if kind == "fence":
            return self._begin_fence(text, head.start(), head[1], final)
        self._line_begins = kind == "quote"
        if kind == "note":
            self._skip = _TO_LINE_END
        elif kind in ("heading", "item", "row"):
            self._block = kind
        return head.end()

    def _begin_fence(self, text: str, at: int, ticks: str, final: bool) -> int:
        """Ticks that close in the same line are code inside a line; else a block begins."""
        opened = at + len(ticks)
        line = text.find("\n", opened)
        reach = min(len(text) if line < 0 else line, opened + _LONGEST_LINE_HEAD)
        closed = text.find(ticks, opened, reach)
        if closed > opened and ticks[0] == "`":
            self._ticks, self._line_begins = ticks, False
            return opened
        if line < 0 and not final and len(text) - opened < _LONGEST_LINE_HEAD:
            return _MORE
        self._notice("code")
        self._line_begins = False
        closing = re.compile(rf"\n[ \t]{{0,8}}{ticks}{ticks[0]}*(?=[ \t\r\n])")
        self._skip = (closing, re.compile(rf"\n[ \t]{{0,8}}{ticks[0]}*\Z"))
        return line if line >= 0 else len(text)

    def _notice(self, name: str) -> None:
        """Says that something is on the screen, as a paragraph of its own."""
        self._end_block()
        self._break()
        self._say(_WORDS[self._tongue()][name])
        self._gap, self._line_head = "\n\n", ""

    def _skip_on(self, text: str, at: int, final: bool) -> int:
        """Drops text up to the end of what is skipped, but for what may be the beginning of that end."""
        assert self._skip is not None
        closing, opening = self._skip
        if end := closing.search(text, at):
            self._skip, self._dropped = None, True
            return end.end()
        begun = None if final else opening.search(text, at)
        if begun is None:
            return len(text)
        return begun.start() if begun.start() > at else _MORE

    def _read_newline(self, text: str, at: int, final: bool) -> int:
        if text[at] == "\r" and at + 1 == len(text) and not final:
            return _MORE
        if not text.startswith("\r\n", at):
            self._end_block()
            self._break()
            self._line_begins, self._kept_brackets = True, 0
        return at + 1

    def _break(self) -> None:
        self._gap = "\n\n" if "\n" in self._gap else "\n"

    def _read_bar(self, text: str, at: int, final: bool) -> int:
        """A table's cells are read with commas between them."""
        after = at + 1
        while after < len(text) and text[after] in " \t" and after - at < _LONGEST_LINE_HEAD:
            after += 1
        if after == len(text) and not final:
            return _MORE
        if self._block != "row" and not (self._before() == " " and after > at + 1):
            return self._literal(text, at)
        if text[after : after + 1] in ("", "\n", "\r"):
            return after
        language = self._tongue()
        self._gap = ""
        if self._line_head and not _ENDS_ITSELF.search(self._tail):
            self._say(_WORDS[language]["comma"])
        self._gap = " " if language == "en" else ""
        return after

    def _read_number_sign(self, text: str, at: int, final: bool) -> int:
        """The signs that close a heading are dropped."""
        if self._block != "heading" or self._before() != " ":
            return self._literal(text, at)
        after = at
        while after < len(text) and text[after] in "# " and after - at < _LONGEST_LINE_HEAD:
            after += 1
        if after == len(text) and not final:
            return _MORE
        return after if text[after : after + 1] in ("", "\n", "\r") else self._literal(text, at)

    # -- inside a line -----------------------------------------------------------------------------

    def _read_ticks(self, text: str, at: int, final: bool) -> int:
        ticks = _TICKS.match(text, at)
        assert ticks is not None
        if ticks.end() == len(text) and not final:
            return _MORE
        if len(ticks[0]) >= 3:
            return self._begin_fence(text, at, ticks[0], final)
        self._ticks = ticks[0]
        return ticks.end()

    def _in_code(self, text: str, at: int, final: bool) -> int:
        """Code inside a line is said as it stands; it ends at its ticks, or with the line."""
        line = text.find("\n", at)
        end = text.find(self._ticks, at, line if line >= 0 else len(text))
        stop = next((place for place in (end, line) if place >= 0), len(text))
        if stop == len(text) and not final:
            stop -= len(text) - max(at, len(text[at:].rstrip("`")) + at)
        # The joiner of emoji may come after the emoji was dropped; what else it joins is not written as code.
        self._say(_clean(text[at:stop]).replace("\u200d", ""))
        if end >= 0 or line >= 0:
            stop += len(self._ticks) if end >= 0 else 0
            self._ticks = ""
            return stop
        return stop if stop > at or final else _MORE

    def _read_emphasis(self, text: str, at: int, final: bool) -> int:
        """Stars, underscores and tildes are dropped, but not in 3 * 4, snake_case or ~5."""
        sign, after = text[at], at
        while after < len(text) and text[after] == sign and after - at < _LONGEST_RUN:
            after += 1
        if after == len(text) and not final:
            return _MORE
        self._say_emphasis(sign, after - at, text[after : after + 1])
        return after

    def _say_emphasis(self, sign: str, count: int, follows: str) -> None:
        before = self._before()
        numbers = before.isdigit() and follows.isdigit()
        apart = before == follows == " " and self._tail[-1:].isdigit()
        if sign == "*" and count == 1 and (numbers or apart):
            self._word("times")
        elif sign == "~" and count == 1 and follows.isdigit() and not before.isalnum():
            self._word("about")
        elif (sign == "_" and before.isalnum() and follows.isalnum()) or (sign == "*" and numbers):
            self._say(sign * count)
        elif sign == "~" and follows == "/":
            self._say(sign)

    def _read_arrow(self, text: str, at: int, final: bool) -> int:
        """An arrow between two things is read "to"; one that begins a line is a bullet."""
        after = at + 1
        while after < len(text) and text[at] in "-=" and text[after] == text[at] and after - at < _LONGEST_RUN:
            after += 1
        if text[at] in "-=" and after == len(text) and not final:
            return _MORE
        line = text[at] == self._before() == "-"  # what came before did not fit on an arrow
        if text[at] in "-=" and (line or text[after : after + 1] != ">"):
            self._say(text[at:after])
            return after
        if self._line_head:
            self._word("to")
        return after + (text[at] in "-=")

    def _read_exclamation(self, text: str, at: int, final: bool) -> int:
        """The mark before a picture is dropped; one that ends a sentence passes at once."""
        if self._before().strip():
            return self._literal(text, at)
        if at + 1 == len(text):
            return self._literal(text, at) if final else _MORE
        return at + 1

    def _read_bracket(self, text: str, at: int, final: bool) -> int:
        """Links are read by their label; notes and citations are not read."""
        if not final and _BRACKET_OPEN.match(text, at):
            return _MORE
        before = self._before()
        mark = _NOTE_MARK.match(text, at) or _CITATION.match(text, at)
        if mark and mark.end() == len(text) and not final:
            return _MORE
        one_letter = before.isascii() and before.isalpha() and not self._tail[-2:-1].isalpha()
        if mark and not one_letter and text[mark.end() : mark.end() + 1] != "(":
            self._dropped = True
            return mark.end()
        if text[at] == "【":
            return self._literal(text, at)
        if before.isascii() and (before.isalnum() or before in ("_", ")", "]")):
            self._kept_brackets += 1
            return self._literal(text, at)
        return at + 1

    def _read_bracket_end(self, text: str, at: int, final: bool) -> int:
        if self._kept_brackets:
            self._kept_brackets -= 1
            return self._literal(text, at)
        if at + 1 == len(text) and not final:
            return _MORE
        target = _TARGET.match(text, at) or _REFERENCE.match(text, at)
        if target:
            return target.end()
        waits = _TARGET_OPEN.match(text, at) or _REFERENCE_OPEN.match(text, at)
        return _MORE if waits and not final and len(text) - at < _LONGEST_ADDRESS else at + 1

    def _read_angle(self, text: str, at: int, final: bool) -> int:
        if text.startswith("<!--", at):
            self._skip = _COMMENT
            return at + 4
        if tag := _TAG.match(text, at):
            return self._read_tag(tag)
        if service := _SERVICE_TAG.match(text, at):
            self._dropped = True
            return service.end()
        if address := _AUTOLINK.match(text, at):
            self._say(_host(address[1]) or _clean(address[1].removeprefix("mailto:")))
            return address.end()
        if not final and len(text) - at < _LONGEST_TAG and _TAG_OPEN.match(text, at):
            return _MORE
        return self._literal(text, at)

    def _read_tag(self, tag: re.Match[str]) -> int:
        name = tag[2].lower()
        self._dropped = True
        if name in _SKIPPED_TAGS and not tag[1] and not tag[0].endswith("/>"):
            self._skip = (re.compile(rf"</{name}\s{{0,8}}>", re.IGNORECASE), _ANGLE_OPEN)
        elif name in _BREAKING_TAGS:
            self._break()
        return tag.end()

    def _read_entity(self, text: str, at: int, final: bool) -> int:
        if entity := _ENTITY.match(text, at):
            said = _clean(html.unescape(entity[0]))
            self._say(" ".join(said.split()) or " ")
            return entity.end()
        return self._literal(text, at) if final or not _ENTITY_OPEN.match(text, at) else _MORE

    def _read_dollar(self, text: str, at: int, final: bool) -> int:
        """Money passes; formulas are read in words; a name of a variable loses its sign."""
        if text.startswith("$$", at):
            return self._read_formula("$$", text, at, final)
        follows = text[at + 1 : at + 2]
        if not follows and not final:
            return _MORE
        if follows.isdigit() or self._before().isdigit():
            return self._literal(text, at)
        if variable := _VARIABLE.match(text, at):
            return at + 1 if variable.end() < len(text) or final else _MORE
        return self._read_formula("$", text, at, final)

    def _read_formula(self, opened: str, text: str, at: int, final: bool) -> int:
        if formula := _MATH[opened].match(text, at):
            if formula.end() == len(text) and opened == "$" and not final:
                return _MORE
            self._say(_in_words(_clean(formula[1]), self._tongue()))
            return formula.end()
        waits = len(text) - at < _LONGEST_FORMULA if len(opened) == 2 else _DOLLAR_OPEN.match(text, at)
        return _MORE if waits and not final else at + len(opened)

    def _read_backslash(self, text: str, at: int, final: bool) -> int:
        """Before a sign it takes the sign's meaning away; before a bracket it opens a formula."""
        follows = text[at + 1 : at + 2]
        if not follows and not final:
            return _MORE
        if follows in ("(", "[") and (not final or _MATH["\\" + follows].match(text, at)):
            return self._read_formula("\\" + follows, text, at, final)
        if follows == "\n":
            return at + 1
        if follows.isascii() and follows.isprintable() and not follows.isalnum() and follows != " ":
            self._say(follows)
            return at + 2
        return self._literal(text, at)

    def _read_address(self, text: str, at: int, final: bool) -> int:
        """An address on the web is read by its host."""
        if _WORD_CHARACTER.match(self._before()):
            return self._literal(text, at)
        address = _ADDRESS.match(text, at)
        if not final and (address is None or address.end() == len(text)) and len(text) - at < _LONGEST_ADDRESS:
            return _MORE if address or len(text) - at <= len("https://") else self._literal(text, at)
        body = address[0].rstrip(".,;:!?*_~") if address else ""
        while body.endswith(")") and body.count(")") > body.count("("):
            body = body[:-1].rstrip(".,;:!?*_~")
        host = _host(body)
        if not host:
            return self._literal(text, at)
        self._say(host)
        return at + len(body)

    def _read_shorthand(self, text: str, at: int, final: bool) -> int:
        short = text[at : at + 4].lower()
        if _WORD_CHARACTER.match(self._before()):
            return self._literal(text, at)
        if short in ("e.g.", "i.e."):
            self._word(short)
            return at + 4
        return self._literal(text, at) if final else _MORE

    def _read_space(self, text: str, at: int, final: bool) -> int:
        self._gap = self._gap or " "
        return at + 1

    def _read_escape(self, text: str, at: int, final: bool) -> int:
        """A terminal's escape sequence is dropped whole."""
        if sequence := _ESCAPE_SEQUENCE.match(text, at):
            return sequence.end()
        return _MORE if not final and _ESCAPE_OPEN.match(text, at) else at + 1

    def _read_unseen(self, text: str, at: int, final: bool) -> int:
        """Emoji and what nobody sees. The joiner of emoji joins letters too, in some scripts."""
        if text[at] == "\u200d" and not self._dropped:
            return self._literal(text, at)
        if emoji := _EMOJIS.match(text, at):
            self._gap = self._gap or (" " if self._tail[-1:].isascii() and self._tail[-1:].isalnum() else "")
            self._dropped = True
            return emoji.end()
        return at + 1


_LONGEST_RUN = 64
_TICKS = re.compile(f"`{{1,{_LONGEST_RUN}}}")
_WORD_CHARACTER = re.compile("[A-Za-z0-9_@.]")
_ANGLE_OPEN = re.compile(r"<[^<>]{0,40}\Z")
_COMMENT = (re.compile("-->"), re.compile(r"-{1,2}\Z"))
_TO_LINE_END = (re.compile(r"(?=\n)"), re.compile(r"(?!)"))


def _host(address: str) -> str:
    """The host of a web address without its "www."; empty for anything else."""
    host = _HOST.match(address) if address.lower().startswith(("http://", "https://", "www.")) else None
    return _clean(host[1]) if host else ""


_Reader = Callable[[Speakable, str, int, bool], int]

_READERS: dict[str, _Reader] = {
    **dict.fromkeys("*_~", Speakable._read_emphasis),
    **dict.fromkeys("\n\r\v\f\x85\u2028\u2029", Speakable._read_newline),
    **dict.fromkeys("-=" + _ARROWS, Speakable._read_arrow),
    **dict.fromkeys("[【", Speakable._read_bracket),
    **dict.fromkeys("hHwW", Speakable._read_address),
    **dict.fromkeys("eEi", Speakable._read_shorthand),
    "`": Speakable._read_ticks,
    "]": Speakable._read_bracket_end,
    "<": Speakable._read_angle,
    "&": Speakable._read_entity,
    "$": Speakable._read_dollar,
    "\\": Speakable._read_backslash,
    "|": Speakable._read_bar,
    "#": Speakable._read_number_sign,
    "!": Speakable._read_exclamation,
    "\t": Speakable._read_space,
    "\x1b": Speakable._read_escape,
}


def speakable(text: str, language: str | None = None) -> str:
    """The whole `text` as a person would read it.

    `language` (as `zh-CN`) matters only where the text itself does not tell in which language to say
    that code is on the screen.
    """
    speaker = Speakable(language)
    return (speaker.feed(text) + speaker.flush()).strip()
