"""Texts as people and models write them, with the words that nobody may lose.

Belongs here: a text out of choices, and what of it must reach ear, eye and file. Does not belong here: asserting it.
Each word is written once, so that one that is lost or told out of order is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Choose = Callable[[int], int]
"""A number from 0 to below the one that is given."""

STEMS = (
    *("apple", "river", "don't", "Müller", "naïve", "x2", "42", "3.14", "1984"),
    *("苹果", "世界", "重点", "東京タワー", "한국어", "می‌خواهم", "کتاب‌ها", "क्‍षेत्र", "עברית", "ภาษา"),
)
"""Every script, with U+200C and U+200D where their spelling needs them."""
NUMBERS = "一二三四五六七八九"


@dataclass
class Written:
    """A text; its `words` in order; those that are `hidden` in code, comments and scripts, for the screen only."""

    text: str = ""
    words: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def lost(self, shown: str) -> list[str]:
        """The words, hidden ones too, that are nowhere in `shown`."""
        return [each for each in self.words + self.hidden if each not in shown]


def written(choose: Choose, blocks: int = 3) -> Written:
    """A text of a few blocks."""
    made = Written()
    for _ in range(1 + choose(blocks)):
        made.text += BLOCKS[choose(len(BLOCKS))](made, choose) + "\n\n"[: 1 + choose(2)]
    return made


def word(made: Written, choose: Choose, *, hidden: bool = False) -> str:
    """A word that was not there yet."""
    stem = STEMS[choose(len(STEMS))]
    count = len(made.words) + len(made.hidden)
    new = f"{stem}{chr(0x61 + count // 26 % 26)}{chr(0x61 + count % 26)}"
    (made.hidden if hidden else made.words).append(new)
    return new


def name(made: Written, choose: Choose) -> str:
    """A word that may stand in angle brackets as a name."""
    count = len(made.words) + len(made.hidden)
    new = ("your-", "T", "ns:")[choose(3)] + f"name{chr(0x61 + count // 26 % 26)}{chr(0x61 + count % 26)}"
    made.words.append(new)
    return new


def line(made: Written, choose: Choose) -> str:
    """A few inline pieces, apart or not."""
    parts = [INLINE[choose(len(INLINE))](made, choose) for _ in range(1 + choose(5))]
    return (" ", " ", ", ", ". ", "，")[choose(5)].join(parts) + ("", ".", "。", "!", ":")[choose(5)]


def _literal(*shapes: str) -> Callable[[Written, Choose], str]:
    """One of the shapes, `W` standing for a word, `N` for a name, `H` for what is hidden."""

    def piece(made: Written, choose: Choose) -> str:
        out = ""
        for sign in shapes[choose(len(shapes))]:
            makers = {"W": word, "N": name}
            out += makers[sign](made, choose) if sign in makers else sign
        return out

    return piece


INLINE: tuple[Callable[[Written, Choose], str], ...] = (
    _literal("W", "W W", "W W W"),
    _literal("*W*", "**W**", "***W***", "_W_", "~~W~~", "`W`", "``W``", "**W W** W"),
    _literal("[W](http://a.b/c)", "![W](c.png)", "[W W](d.md 'e')", "[W]", "(W)", "[W] W"),
    _literal("<N>", "List<N>", "<<N W>>", "a <N> W", "Map<N, List<N>>", "5 < W", "W > 3", "</N>", "<N W>"),
    _literal("<b>W</b>", "<i>W</i> W", "W<br>W", "<a href='c'>W</a>", '<span class="c">W W</span>'),
    _literal(
        "a <think> W", "</think> W", "W <script> W", "<style> W", "W </svg>", "the <b> W", "<think> and </think> W"
    ),
    _literal("[W, W]", "[1, 5] W", "x[W]", "【W】", "W[^1]", "{W}", "“W”", "W/W", "W_W"),
    _literal("😀 W", "👨‍👩‍👧 W", "W 👍🏽", "W → W", "W -> W", "W…", "W — W"),
    _literal("<kbd>W</kbd>", "H<sub>W</sub>", "<b><i>W</i></b>", "<br/>W", "W<br />W", "<N@a.b>"),
    _literal("&lt;W&gt;", "&#60;W&#62;", "5 < W > 3", "a<W", "x <= W >= 3", "<- W", "<3 W", "<!W>", "<?W?>", "<>W</>"),
    _literal("[W][1]", "[W]: W", "[W] (W)", "[[W]]", "[[W|W]]", "![](c.png) W", "[](c) W", "[^1]: W"),
    _literal("*W **W** W*", "**W*", "*W", "W**", "`W", "**`W`**", "~W~", "==W==", "__W__", "*W*W", "**W**W", "_W_W"),
    _literal("$W$", "$$W$$", "\\(W\\)", "\\[W\\]", "W^W", "W_{W}", "\\W", "C:\\W", "W\\", "{{W}}", "${W}", "%W%"),
    _literal("1️⃣ W", "🇩🇪 W", "(W) :)", "W 🏳️‍🌈W", "♪ W ♪", "(笑) W", "… W", "W-W", "W–W", "1. W", "W!!", "¿W?", "«W»"),
    _literal("$5 W", "AT&T W", "W &amp; W", "W | W", "#W", "@W", "W*", "W ``` W", "~W", "\\*W\\*", "!W"),
)


def _paragraph(made: Written, choose: Choose) -> str:
    return "\n".join(line(made, choose) for _ in range(1 + choose(3)))


def _head(sign: str) -> Callable[[Written, Choose], str]:
    return lambda made, choose: "\n".join(f"{sign}{line(made, choose)}" for _ in range(1 + choose(3)))


def _table(made: Written, choose: Choose) -> str:
    columns = 2 + choose(3)
    rows = [
        "| " + " | ".join(word(made, choose) for _ in range(columns)) + " |",
        "|" + "---|" * columns,
        *("| " + " | ".join(word(made, choose) for _ in range(columns)) + " |" for _ in range(1 + choose(2))),
    ]
    return "\n".join(rows)


def _hides(before: str, after: str) -> Callable[[Written, Choose], str]:
    return lambda made, choose: f"{before}{word(made, choose, hidden=True)} = 1{after}"


def _fixed(*shapes: str) -> Callable[[Written, Choose], str]:
    """A block of one of the shapes, as `_literal` reads them."""
    return _literal(*shapes)


def _html(made: Written, choose: Choose) -> str:
    return f"<ul>\n<li>{word(made, choose)}</li>\n<li>{word(made, choose)}\n</ul>"


BLOCKS: tuple[Callable[[Written, Choose], str], ...] = (
    *(_paragraph, _paragraph, _paragraph, _table, _html),
    _fixed(
        "<details>\n<summary>W</summary>\n\nW\n\n</details>",
        "<table>\n<tr><th>W</th><th>W</th></tr>\n<tr><td>W</td><td>W</td></tr>\n</table>",
        "<div>\nW\n</div>",
        "<p>W</p>",
        "<p align='center'>\n  <b>W</b>\n</p>",
        "<pre>W</pre>",
        "<blockquote>W</blockquote>",
        "<h2>W</h2>",
        "<dl><dt>W</dt><dd>W</dd></dl>",
    ),
    _fixed("W\n===", "W\n---", "W\nW\n---", "***\nW", "---\nW: W\n---", "W  \nW", "W\\\nW", "+ W\n  + W", "1) W\n2) W"),
    _fixed(
        "> W\n> > W",
        "- W\n\n  W",
        "- W\n  > W",
        "[^1]: W",
        ":::W\nW\n:::",
        "W | W\n--|--\nW | W",
    ),
    *map(_head, ("# ", "### ", "- ", "* ", "1. ", "> ", "- [ ] ", "  - ")),
    *(_hides("```python\n", "\n```"), _hides("~~~\n", "\n~~~"), _hides("<!-- ", " -->")),
    _hides("<script>\n", "\n</script>"),
)


def missing(words: list[str], shown: str) -> list[str]:
    """The words that are not in `shown`, in their order."""
    at, lost = 0, []
    for each in words:
        found = shown.find(each, at)
        if found < 0:
            lost.append(each)
        else:
            at = found + len(each)
    return lost


def chooser(data: bytes) -> Choose:
    """Choices out of bytes; zero when they are used up."""
    left = iter(data)
    return lambda below: next(left, 0) % below
