"""What is read aloud of Markdown, HTML, code, addresses, formulas, emoji and reasoning; whole and by token."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import writing
from voicecli.text import reasoning
from voicecli.text.spoken import Speakable, speakable
from voicecli.text.spoken.naming import named


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def stream(tokens: list[str], language: str | None = None) -> str:
    speaker = Speakable(language)
    return ("".join(map(speaker.feed, tokens)) + speaker.flush()).strip()


CASES = [
    # emphasis
    ("**Bold**, *it*, _it_, __b__, ***both***, ~~no~~.", "Bold, it, it, b, both, no."),
    ("snake_case, 3 * 4, 2*3, 2**8, ~5 km, ~/notes", "snake_case, 3 times 4, 2 times 3, 2**8, about 5 km, ~/notes"),
    ("这是**重点**内容，3*4，~5公里。", "这是重点内容，3乘4，约5公里。"),
    (r"\*literal\* and 1\. and \# done", "*literal* and 1. and # done"),
    # headings, lists, quotes, rules
    ("# Title\nText", "Title.\nText"),
    ("## Why? ##\n\nBecause", "Why?\n\nBecause"),
    ("## 标题\n内容", "标题。\n内容"),
    ("- one\n* two\n+ three!\n• four\n", "one.\ntwo.\nthree!\nfour."),
    ("1. First\n2) Second\nend", "1. First.\n2) Second.\nend"),
    ("- [ ] open\n- [x] done\n  - inner", "open.\ndone.\ninner."),
    ("- 苹果\n- 梨", "苹果。\n梨。"),
    ("> quoted\n> - item\n\nplain", "quoted\nitem.\n\nplain"),
    ("a\n\n---\n\nb\n***\nc\n===\nd", "a\n\nb\n\nc\n\nd"),
    ("-5 degrees, C# and #1", "-5 degrees, C# and #1"),
    # links, pictures, addresses
    ('See [the docs](https://example.com/a_(b)?c=d "T") now.', "See the docs now."),
    ("![a cat](cat.png) and [ref][1] and [Text][]", "a cat and ref[1] and Text"),
    ("[https://x.org/a](https://x.org/a)", "x.org"),
    ("Go to https://www.example.com/x?y=1. Or http://a.b.org:80/, ok", "Go to example.com. Or a.b.org, ok"),
    ("(see https://example.com/a) or <https://foo.org/b>!", "(see example.com) or foo.org!"),
    ("请看https://example.cn/路径。谢谢", "请看example.cn路径。谢谢"),
    ("Visit www.python.org/doc or python.org", "Visit python.org or python.org"),
    ("请点[这里](http://a.cn)。", "请点这里。"),
    ("mail <me@example.com> or me@example.com", "mail me@example.com or me@example.com"),
    ("xhttp://a and hello how what", "xhttp://a and hello how what"),
    # notes and citations
    ("True[^1].\n\n[^1]: A note\nEnd", "True.\n\nA note.\nEnd"),
    ("Paris [1] is big[2][3].[4] So", "Paris 1 is big[2][3]. So"),
    ("Known【4†source】.", "Known."),
    ("[ref]: http://x.y\nEnd", "End"),
    ("a[0] and a[i] and [sic]", "a[0] and a[i] and sic"),
    # code
    ("Use `a_b * c` and ``x ` y``.", "Use a_b * c and x ` y."),
    ("Here:\n```python\nx = 1\n```\nDone.", "Here:\n\n(a piece of code)\n\nDone."),
    ("代码如下：\n```\nx = 1\n```\n好了。", "代码如下：\n\n（一段代码）\n\n好了。"),
    ("A ```inline``` run", "A inline run"),
    ("~~~\na\n```\nb\n~~~\nend", "(a piece of code)\n\nend"),
    ("```\nnever closed\n# x", "(a piece of code)"),
    ("````\n```\nx\n```\n````\nend", "(a piece of code)\n\nend"),
    ("an open `tick\nnext **b**", "an open tick\nnext b"),
    # tables
    ("| Name | Age |\n|------|:---:|\n| Bob | 5 |\n| Al |  | x |\n\nEnd", "Name, Age.\n\nBob, 5.\nAl, x.\n\nEnd"),
    ("|名字|年龄|\n|--|--|\n|小明|5|\n", "名字，年龄。\n\n小明，5。"),
    ("this | that", "this, that"),
    # HTML, entities, reasoning, service tags
    ("<think>\nsecret\n</think>\n\nHello", "Hello"),
    ("Hi <THINKING>x</b></thinking> there", "Hi there"),
    ('a<br>b<br/>c <b>bold</b> <a href="x>y">link</a>', "a\nb\nc bold link"),
    ("<dl><dt>one</dt><dd>two</dd></dl>", "one two"),
    ("<tr><td>one</td><td>苹果</td><td>世界</td></tr>", "one 苹果 世界"),
    ("a &amp; b &lt;3 &#x41;&#66;&nbsp;c AT&T &bogus", "a & b <3 AB c AT&T &bogus"),
    ("x <!-- gone\n--> y <|im_end|>z", "x y z"),
    ("5 < 6, a <b and c> d, 1<2", "5 < 6, a <b and c> d, 1<2"),
    ("<style>p { }</style>text", "text"),
    # tags that are spoken of
    ("The model prints a <think> tag. Then </think> ends it.", "The model prints a think tag. Then think ends it."),
    ("<script> tags hold code, </script> ends them.", "script tags hold code, script ends them."),
    ("<think>never closed", "think never closed"),
    ("<script>\nlet x\n</script>\nEnd", "End"),
    ("Replace <your-name> by yours, List<String>.", "Replace your-name by yours, List String."),
    ("He said <<hello there>> and a<b>c", "He said hello there and a b c"),
    ("把<name>换成你的", "把name 换成你的"),
    ("an open <!-- comment", "an open <!-- comment"),
    ("<img src=x alt='a cat'> <p>one<p>two", "a cat\none\ntwo"),
    ("I add.\n</think>\n\nFour.", "Four."),
    ("It ends with </think>\nand goes on.", "It ends with think\nand goes on."),
    # numbers in brackets
    ("Choose x in [1, 10]. You gained [100] points, 【3】!", "Choose x in 1, 10. You gained 100 points, 【3】!"),
    ("Use ``` to open.\nMore text.", "Use to open.\nMore text."),
    ("Here: ```py\nx = 1\n```\nDone.", "Here:\n(a piece of code)\n\nDone."),
    ("``` opens code.\nMore text.", "opens code.\nMore text."),
    # formulas
    ("It costs $5 to $10, or 5$; $HOME", "It costs $5 to $10, or 5$; HOME"),
    ("$x^2 + \\frac{a}{b}$ and \\(a \\times b\\)", "x squared + a over b and a times b"),
    ("$$E = mc^2$$", "E equals mc squared"),
    ("面积是$\\pi r^2$，\\(\\frac{1}{2}\\)", "面积是pi r的平方，2分之1"),
    # arrows, shorthand, emoji, controls
    ("A -> B → C => D --> E", "A to B to C to D to E"),
    ("北京→上海", "北京到上海"),
    ("Fruit, e.g. pears, i.e. these, E.g., that", "Fruit, for example pears, that is these, for example, that"),
    ("Hi 😀 there! Great 🎉! 👩\u200d👩\u200d👧 1\ufe0f\u20e3 ☀\ufe0f", "Hi there! Great! 1"),
    ("好的😊，没问题", "好的，没问题"),
    ("क्\u200dष", "क्\u200dष"),
    ("\x1b[31mred\x1b[0m\x07 \u202eok\r\nnext\u200b\x00", "red ok\nnext"),
    ("a\ud800b\ue000c", "abc"),
    ("one\rtwo\u2028three\tfour", "one\ntwo\nthree four"),
    # at the limits: each was read otherwise in tokens than as a whole, or is beside one that was
    ("\n\n101. :i", "101. :i."),
    ("x|" + " " * 203 + "t", "x| t"),
    ("x " + "=" * 64 + "> y", "x to y"),
    ("so 8" + "*" * 64 + "8", "so 8" + "*" * 64 + "8"),
    ("see <https://a.example/" + "x" * 400 + ">", "see a.example"),
    ("-" * 300 + "k", "-" * 300 + "k"),
    ("a --------->b", "a to b"),
    ("$\\$x$ and ```so``` and", "x and so and"),
    ("```" + "x" * 300 + "```", "(a piece of code)"),
    ("a -------> b", "a to b"),
    ("a " + "-" * 20 + "> b", "a " + "-" * 20 + "> b"),
    ("到>." + " " * 60 + "is this all 00```", "到>. is this all 00"),
    ("Type `a™\u200d👩\u200db`", "Type ab"),
]


@pytest.mark.parametrize(("text", "said"), CASES)
def test_it_is_read_as_a_person_would(text: str, said: str) -> None:
    assert speakable(text) == said


@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_tokens_of_any_size_make_no_difference(text: str) -> None:
    whole = speakable(text)
    for size in (1, 2, 3, 5, 7):
        assert reasoning.closes_unopened(text) or stream(cut(text, size)) == whole


@pytest.mark.parametrize(
    ("language", "said"),
    [("zh", "（一段代码）"), ("zh-CN", "（一段代码）"), ("en", "(a piece of code)")],
)
def test_the_language_is_asked_where_the_text_does_not_tell(language: str, said: str) -> None:
    assert speakable("```\nx\n```", language) == said
    assert speakable("Look:\n```\nx\n```", "zh").endswith("(a piece of code)")


@pytest.mark.parametrize(
    "tokens",
    [
        ["Sure", ",", " I", " can", " help", ".", " Right", "!", " What", "?"],
        ["好的", "，", "我来", "帮你", "。", "真的", "！"],
        [
            "It",
            "'s",
            " 3",
            ".",
            "14",
            ",",
            " or",
            " (",
            "so",
            ")",
            ' "',
            "ok",
            '"',
            ":",
            " 10",
            ":30",
            ";",
            " —",
            " 1,000",
        ],
    ],
)
def test_ordinary_text_passes_at_once(tokens: list[str]) -> None:
    speaker = Speakable()
    for token in tokens:
        assert speaker.feed(token) == token


def test_what_may_become_markup_is_held_no_longer_than_needed() -> None:
    speaker = Speakable()
    assert speaker.feed("See *") == "See"
    assert speaker.feed("it") == " it"
    assert speaker.feed("* [docs](http") == " docs"
    assert speaker.feed("://x.y)") == ""
    assert speaker.feed(" now") == " now"
    assert speaker.feed(" h") == ""
    assert speaker.feed("e") == " he"


def test_reasoning_and_code_are_not_held_but_forgotten() -> None:
    speaker = Speakable()
    assert speaker.feed("<think>") == ""
    assert all(speaker.feed("word <b> ") == "" for _ in range(10_000))
    assert len(speaker.held) < 50
    assert speaker.feed("</thi") + speaker.feed("nk>Hi") == "Hi"


def test_a_code_block_is_announced_when_it_begins() -> None:
    speaker = Speakable()
    assert speaker.feed("Here:\n```py") == "Here:"
    assert speaker.feed("\n") == "\n\n(a piece of code)"


def test_flush_leaves_a_fresh_speaker() -> None:
    speaker = Speakable()
    for _ in range(2):
        assert speaker.feed("- `a") + speaker.flush() == "a."
        assert speaker.feed("<think>x</think>") + speaker.flush() == ""


@given(st.binary(min_size=8, max_size=120), st.integers(1, 9))
def test_no_word_is_lost(data: bytes, size: int) -> None:
    made = writing.written(writing.chooser(data))
    for said in (speakable(made.text), stream(cut(made.text, size))):
        assert not writing.missing(made.words, said), (made.text, said)


# -- for any text ------------------------------------------------------------------------------------

WORDS = "plain the http https:// www. e.g. i.e. <think> </think> <b> <br> &amp; 好 你好 5 a A x_y $x $5 😀".split()
SIGNS = [*"*_`~[]()<>&$|#=-\\!^:. ,。，\n\r\t\x1b→•{}/\"'", "```", "~~~", "\n- ", "\n# ", "\n| ", "](http://a.b)"]
SIGNS += ["--", "\n\n", "\n1. ", "![", "[1]", "[^1]", "\\(", "\\)", "$$", "<!--", "-->", "<|", "|>", "【1", "】"]
SIGNS += ["\u200d", "\ufe0f", "1\ufe0f\u20e3"]
TEXT = st.lists(st.sampled_from(WORDS + SIGNS), max_size=40).map("".join) | st.text(max_size=80)


@given(TEXT, st.data())
@example("a" * 300, None)
def test_any_chunking_says_the_same(text: str, data: st.DataObject | None) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20))) if data else range(len(text))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert reasoning.closes_unopened(text) or stream(chunks) == speakable(text)


@given(TEXT)
def test_nothing_unseen_comes_out(text: str) -> None:
    said = speakable(text)
    assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cs", "Co") and c != "\n"]
    assert not re.search("[\U0001f300-\U0001faff\ufe0f\u20e3]", said)
    assert "  " not in said or "  " in text
    said.encode()


@given(st.lists(st.from_regex(r"[a-zA-Z]{1,9}[,.!?;]?", fullmatch=True), max_size=20))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    text = " ".join(words)
    assert speakable(text) == text


@given(TEXT)
def test_no_more_is_held_than_an_address_may_be_long(text: str) -> None:
    speaker = Speakable()
    for char in text * 3:
        speaker.feed(char)
        assert len(speaker.held) <= 1100


UNITS = [
    *"*_`[<$\\|#=&!he\n~-a",
    "](",
    "<a ",
    "- ",
    "http://",
    "[^",
    "【1",
    "\x1b[",
    "```",
    "\\(",
    "<!--",
    "<think>",
    "😀",
]


@pytest.mark.parametrize("unit", UNITS)
def test_the_work_is_in_proportion_to_the_text(unit: str) -> None:
    def took(count: int, at_once: bool) -> float:
        began = time.process_time()
        stream([unit * count] if at_once else [unit] * count)
        return time.process_time() - began

    for at_once in (False, True):
        short = min(took(1_500, at_once) for _ in range(3))
        assert took(9_000, at_once) < 6 * short * 40 + 2


def test_figures_without_end_are_no_share() -> None:
    assert named("3/4 done") == "3 of 4 done"
    assert named(f"{'9' * 5000}/3")
