"""Where an answer is cut for a voice: by token, by character, at once, and within a service's limits."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.text.sentences import FULL, SentenceSplitter
from voicecli.text.spoken import Speakable

TOKEN = re.compile(r" ?[A-Za-z]+|\.[A-Za-z]+|\s|[^\sA-Za-z]")
"""About how a model's tokeniser cuts: a word with the space before it, ".com" and ".py" whole."""

SILENT = re.compile(r"[\s\W_]*")


def stream(tokens: list[str], splitter: SentenceSplitter | None = None) -> list[str]:
    splitter = splitter or SentenceSplitter()
    pieces = [piece for token in tokens for piece in splitter.feed(token)]
    return pieces + splitter.flush()


def by_token(text: str) -> list[str]:
    return stream(TOKEN.findall(text))


def split_text(text: str, **limits: int) -> list[str]:
    """Cut at once, where nobody waits for the first word."""
    return SentenceSplitter(first_clause=False, joined=FULL, **limits).flush(text)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


REPLY = "Sure, I can help you with that today. Here is the second sentence of the reply. And a third one."


def test_the_first_clause_goes_out_and_then_whole_sentences() -> None:
    assert by_token(REPLY) == [
        "Sure,",
        "I can help you with that today.",
        "Here is the second sentence of the reply.",
        "And a third one.",
    ]


def test_without_a_first_clause_the_first_piece_is_a_sentence() -> None:
    pieces = stream(TOKEN.findall(REPLY), SentenceSplitter(first_clause=False))
    assert pieces[0] == "Sure, I can help you with that today."


def test_a_finished_sentence_is_not_held_back_for_the_next_token() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Sure") == []
    assert splitter.feed(".") == ["Sure."]
    assert splitter.feed(" I") == []
    assert splitter.feed(" can") == []
    assert splitter.feed("!") == ["I can!"]


@pytest.mark.parametrize("mark", [*".!?。！？…।؟", "?!", "...", '."', ".)", "。”", "！」", "……"])
def test_every_terminator_ends_a_sentence_in_the_feed_that_brings_it(mark: str) -> None:
    splitter = SentenceSplitter(first_clause=False)
    assert splitter.feed("That is it") == []
    assert splitter.feed(mark) == ["That is it" + mark]


@pytest.mark.parametrize("mark", [*",;:—，、；：", " –", ' ,"'])
def test_every_clause_mark_ends_the_first_piece(mark: str) -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("Well now") == []
    assert splitter.feed(mark) + splitter.feed(" then") == ["Well now" + mark]


@pytest.mark.parametrize(
    "text",
    [
        "Pi is about 3.14159 today.",
        "That costs 1,000.50 dollars.",
        "Dr. Smith and Mrs. Jones of St. Ives met Mr. J. R. Brown.",
        "Take fruit, e.g. apples, i.e. the red ones, vs. pears.",
        "The U.S. Army and the U.K. Navy have a Ph.D. student.",
        "See No. 5, Fig. 3 and pp. 12 of vol. 2 from Jan. 3 on.",
        "Look at https://example.com/a.b?c=1.2&d=3,4 now.",
        "Write to jane@mail.example.org or bob@example.com soon.",
        "Visit example.com or www.python.org for more.",
        "Edit foo.py and the file setup.cfg first.",
        "It opens at 10:30 and shuts at 22:15:07 daily.",
        "Version 1.2.3 follows v1.2 of 2024.",
        "We meet at 5 p.m. every day.",
        "Apples, pears, etc. are fruit.",
        "1. First of all this.",
        "Call `a.b(). c` or `x! y` here.",
        "The range 3-5 or 1–2 or -4 degrees.",
        "时间是10：30和10:45，版本1.2.3。",
        "价格是1,000.5元。",
        "请访问https://example.com/a?b=1然后点击。",
    ],
)
def test_a_mark_inside_a_word_number_or_address_ends_nothing(text: str) -> None:
    """Fed by token, by character and whole, a single sentence comes out as one."""
    for tokens in (TOKEN.findall(text), list(text), [text]):
        assert stream(tokens, SentenceSplitter(first_clause=False)) == [text]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("No. I am not.", ["No.", "I am not."]),
        ("Pi is 3. Then comes 4.", ["Pi is 3.", "Then comes 4."]),
        ("It was 5 p.m. We left.", ["It was 5 p.m.", "We left."]),
        ("Apples etc. They are red.", ["Apples etc.", "They are red."]),
        ("In the U.S. The rest.", ["In the U.S.", "The rest."]),
        ("Really?! Yes!!! Good.", ["Really?!", "Yes!!!", "Good."]),
        ('He said "Go." She went.', ['He said "Go."', "She went."]),
        ("Wait... what is it? This… and that.", ["Wait... what is it?", "This… and that."]),
        ("你好。我是小明！你呢？", ["你好。", "我是小明！", "你呢？"]),
        ("「はい。」そうです。", ["「はい。」", "そうです。"]),
        ("他说：“好的。”然后走了。", ["他说：“好的。”", "然后走了。"]),
        ("I like Python。你呢？Yes. 好.", ["I like Python。", "你呢？", "Yes.", "好."]),
        ("A title\n\nThen text.", ["A title", "Then text."]),
        ("Buy:\n- red apples\n- pears\n", ["Buy:", "- red apples", "- pears"]),
        ("1. First\n2. Second\n3. Third", ["1. First", "2. Second", "3. Third"]),
        ("A line\nbroken in two. Next.", ["A line\nbroken in two.", "Next."]),
        ("Do this:\n```\na = 1. b\n\nc!\n```\nDone.", ["Do this:", "```\na = 1. b\n\nc!\n```", "Done."]),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, pieces: list[str]) -> None:
    assert split_text(text, limit=max(map(len, pieces))) == pieces or by_token(text) == pieces
    assert squeezed("".join(by_token(text))) == squeezed("".join(pieces))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("In 2019, things changed, really.", "In 2019,"),
        ("1,000 of them, I think.", "1,000 of them,"),
        ("1. First, take a pan.", "1. First,"),
        ("I think—well, maybe.", "I think—"),
        ("Here is the plan: go.", "Here is the plan:"),
        ("At 10:30, we go.", "At 10:30,"),
        ("https://example.com/a:b,c is it, yes.", "https://example.com/a:b,c is it,"),
        ("A, B and C, all of them.", "A, B and C,"),
        ("好的，我来看看。", "好的，"),
        ("是，当然可以，我来。", "是，当然可以，"),
        ("苹果、梨和橘子。", "苹果、"),
        ("No. 5, please.", "No. 5,"),
    ],
)
def test_the_first_clause(text: str, first: str) -> None:
    for tokens in (TOKEN.findall(text), list(text), [text]):
        assert stream(tokens)[0] == first


def test_a_first_piece_without_punctuation_is_cut_at_a_space() -> None:
    splitter = SentenceSplitter()
    pieces: list[str] = []
    fed = ""
    while not pieces:
        fed += " word"
        pieces = splitter.feed(" word")
    assert 40 <= len(pieces[0]) <= 80
    assert len(fed) <= 90
    assert set(pieces[0].split()) == {"word"}


def test_a_first_piece_without_punctuation_in_chinese() -> None:
    assert 13 <= len(stream(list("天" * 100))[0]) <= 27


def test_a_short_first_piece_is_followed_by_a_long_clause_not_by_a_gap() -> None:
    text = "Sure, the thing that you asked me about yesterday is here, and it is as red as it was when you saw it."
    assert by_token(text)[:2] == ["Sure,", "the thing that you asked me about yesterday is here,"]


def test_short_sentences_that_arrive_together_are_joined_and_grow() -> None:
    text = " ".join(f"This is sentence {n} of many here." for n in "abcdefghijklmnopqrstuvwxyz")
    pieces = SentenceSplitter().feed(text)
    lengths = [len(piece) for piece in pieces]
    assert lengths[0] < 40 < lengths[1] <= 80 < lengths[2] <= 160 < lengths[3] <= 320


def test_a_long_code_block_is_not_cut_but_one_that_never_ends_is() -> None:
    block = "```\n" + "x = 1. y!\n" * 300 + "```"
    assert stream(TOKEN.findall(f"See this:\n{block}\nDone.")) == ["See this:", block, "Done."]
    endless = stream(["```\n", *["x = 1. y!\n"] * 2000])
    assert max(map(len, endless)) <= 400


def test_a_lone_tick_delays_little() -> None:
    splitter = SentenceSplitter(first_clause=False)
    out = [splitter.feed(token) for token in ["A ` stands here. ", *["And more words come. "] * 20]]
    assert any(out[:12])


def test_what_cannot_be_said_goes_with_the_next_piece_and_is_dropped_at_the_end() -> None:
    assert stream(["Yes", "!", "!", " Sure", "."]) == ["Yes!", "! Sure."]
    assert stream(["Yes", "!", "!"]) == ["Yes!"]
    assert stream(["…", " - ", "*"]) == []
    assert split_text(' ... "') == []


def test_marked_up_answers_leave_as_early_as_plain_ones() -> None:
    """The way of an answer: markup goes first, then it is cut; neither waits for the token after."""
    speaker, splitter = Speakable(), SentenceSplitter()
    tokens = [
        "<think>",
        "so",
        "</think>",
        "**",
        "Sure",
        "**",
        ",",
        " see",
        " [",
        "this",
        "](",
        "http://a.b/c",
        ")",
        "!",
        " Ok",
    ]
    out = {token: splitter.feed(speaker.feed(token)) for token in tokens}
    assert {token: pieces for token, pieces in out.items() if pieces} == {",": ["Sure,"], "!": ["see this!"]}
    assert splitter.feed(speaker.flush()) + splitter.flush() == ["Ok"]


def test_flush_leaves_a_fresh_splitter() -> None:
    splitter = SentenceSplitter()
    first = stream(TOKEN.findall(REPLY), splitter)
    assert stream(TOKEN.findall(REPLY), splitter) == first


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("One two. Three four. Five.", 20, ["One two. Three four.", "Five."]),
        ("One two, three four, five six.", 20, ["One two, three four,", "five six."]),
        ("one two three four five", 10, ["one two", "three four", "five"]),
        ("abcdefghij" * 2, 8, ["abcdefgh", "ijabcdef", "ghij"]),
        ("今天天气很好。我们去公园，然后回家。", 8, ["今天天气很好。", "我们去公园，", "然后回家。"]),
        ("e\u0301" * 6, 5, ["e\u0301" * 2] * 3),
        ("👩\u200d👩\u200d👧" * 2, 7, ["👩\u200d👩\u200d👧"] * 2),
        ("🇩🇪🇫🇷🇪🇸", 3, ["🇩🇪", "🇫🇷", "🇪🇸"]),
        ("👍🏽👍🏽", 3, ["👍🏽", "👍🏽"]),
    ],
)
def test_a_text_over_the_limit(text: str, limit: int, pieces: list[str]) -> None:
    assert split_text(text, limit=limit) == pieces


def test_a_limit_in_bytes_counts_utf8() -> None:
    assert split_text("天气很好啊", limit_bytes=7) == ["天气", "很好", "啊"]
    assert split_text("天气很好啊", limit=1, limit_bytes=100) == list("天气很好啊")


@pytest.mark.parametrize(("limit", "octets"), [(0, None), (None, 3), (-1, None)])
def test_a_limit_that_holds_nothing_is_refused(limit: int | None, octets: int | None) -> None:
    with pytest.raises(ValueError, match="at least"):
        SentenceSplitter(limit=limit, limit_bytes=octets)


# -- for any text ------------------------------------------------------------------------------------

WORDS = "Sure Dr. Mr. e.g. U.S. No. 3 .14 1,000 10:30 I the The word .com https:// www. a@b 好 天气 １ ．５ あ".split()
SIGNS = [*".,;:!?…—-–'\"()*_`。，、！“”「」😀×", "...", "```", " ", "  ", "\n", "\n\n", "\n- ", "\n1. ", "\t"]
SIGNS += ["e\u0301", "👩\u200d👧", "🇩🇪"]
PARTS = st.sampled_from(WORDS + SIGNS)
TEXT = st.lists(PARTS, max_size=60).map("".join) | st.text(max_size=200)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(TEXT)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=30)))
    return text, [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(chunked(), st.booleans())
@example(("``", ["`", "`"]), True)
def test_any_chunking_keeps_the_text(cut: tuple[str, list[str]], early: bool) -> None:
    text, chunks = cut
    pieces = stream(chunks, SentenceSplitter(first_clause=early))
    assert all(piece == piece.strip() and piece for piece in pieces)
    said, whole = squeezed("".join(pieces)), squeezed(text)
    assert whole.startswith(said)
    assert SILENT.fullmatch(whole[len(said) :])


@given(chunked(), st.integers(1, 60), st.integers(4, 120))
def test_no_piece_is_over_a_limit(cut: tuple[str, list[str]], limit: int, octets: int) -> None:
    text, chunks = cut
    for pieces in (
        stream(chunks, SentenceSplitter(limit=limit, limit_bytes=octets)),
        split_text(text, limit=limit, limit_bytes=octets),
    ):
        assert all(len(p) <= limit and len(p.encode("utf-8", "surrogatepass")) <= octets for p in pieces)
        assert letters("".join(pieces)) == letters(text)


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


@given(st.lists(st.sampled_from(["one", "two", "three", "four", "seven"]), min_size=1, max_size=9), st.data())
def test_the_first_piece_comes_no_later_than_its_clause_ends(words: list[str], data: st.DataObject) -> None:
    clause = " ".join(words) + data.draw(st.sampled_from(list(",:;—.!?，。！？；")))
    splitter = SentenceSplitter()
    pieces = [piece for char in clause for piece in splitter.feed(char)]
    assert pieces == [clause]


@given(st.lists(st.sampled_from([REPLY, "好的，我来看看。今天很好！", "Pi is 3.14, Dr. Who."]), min_size=1, max_size=5))
def test_whole_texts_are_kept_to_the_letter(texts: list[str]) -> None:
    text = " ".join(texts)
    assert squeezed("".join(split_text(text, limit=50))) == squeezed(text)


@pytest.mark.parametrize("unit", ["word ", "a", "```", "`", ". ", ".", " ", "\n", "好", "，", "3.", "Dr. ", "(", "— "])
def test_the_work_is_in_proportion_to_the_text(unit: str) -> None:
    """Twenty times the text may not take four hundred times as long, whatever it consists of."""

    def took(count: int) -> float:
        began = time.process_time()
        stream([unit] * count)
        return time.process_time() - began

    took(50)
    short, long = min(took(1_000) for _ in range(3)), took(20_000)
    assert long < 20 * short * 40 + 2
