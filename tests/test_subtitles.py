"""Subtitles: broken where a reader would, at the times of their words, read back by pysubs2 as they were written."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pysubs2
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from voicecli.text import subtitles
from voicecli.text.segments import Told, tidy, timed, whole_segments
from voicecli.text.subtitles import Layout, cues, from_json, verbose_json
from voicecli.text.subtitles.cues import Cue, by_word, readable
from voicecli.text.subtitles.times import stretches
from voicecli.text.width import cells, graphemes
from voicecli.types import Segment, Transcript, Word


def only_text(text: str, end: float = 60.0, **layout: Any) -> list[Cue]:
    return cues(Transcript(text, segments=(Segment(text, 0.0, end),)), Layout(max_seconds=1e9, **layout))


def lines(text: str, **layout: int) -> list[tuple[str, ...]]:
    return [cue.lines for cue in only_text(text, **layout)]


# -- lines -----------------------------------------------------------------------------------------


def test_a_short_text_is_one_line() -> None:
    assert lines("Good morning.") == [("Good morning.",)]


def test_two_lines_are_about_as_wide_and_break_behind_a_comma() -> None:
    text = "When the weather is fine, we walk to the river and swim."
    assert lines(text) == [("When the weather is fine,", "we walk to the river and swim.")]


def test_a_long_text_is_cut_behind_sentences() -> None:
    text = "The first sentence is here and has its end. The second one follows and is longer than the first one was."
    assert lines(text) == [
        ("The first sentence is", "here and has its end."),
        ("The second one follows and is", "longer than the first one was."),
    ]


def test_chinese_is_counted_in_cells_and_broken_at_its_punctuation() -> None:
    text = "今天天气很好，我们一起去公园散步吧。那里有很多人在唱歌跳舞，也有人在下棋。"
    found = lines(text)
    assert all(cells(line) <= 32 for cue in found for line in cue)
    assert found[0] == ("今天天气很好，", "我们一起去公园散步吧。")


@pytest.mark.parametrize(
    "text", ["「はい」とカーテンの向こうから声がした。", "价格是（一百元）。他说：“好的。”然后走了。"]
)
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(text: str) -> None:
    for width in range(6, 30, 2):
        for cue in lines(text, max_chars=width):
            for line in cue:
                assert line[0] not in "、。，）」』ー”：", (width, cue)
                assert line[-1] not in "「『（“", (width, cue)


def test_a_word_wider_than_a_line_is_cut_between_characters() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert lines("abcdefghij", max_chars=4) == [("abcd", "efgh"), ("ij",)]
    assert all(family in line for cue in lines(family * 9, max_chars=4) for line in cue), "emoji stay whole"


def test_a_number_is_not_left_alone_on_the_last_line() -> None:
    assert lines("You are number 1234567890123456", max_chars=24) == [("You are", "number 1234567890123456")]


# -- times -----------------------------------------------------------------------------------------


def word(text: str, start: float, end: float | None = None) -> Word:
    return Word(text, start, start + 0.4 if end is None else end)


def test_cues_begin_and_end_with_their_words() -> None:
    said = (word("one", 1.0), word("two", 1.5), word("three", 4.0), word("four", 4.5))
    segment = Segment("One, two. Three four.", 0.0, 9.0)
    found = cues(Transcript("…", segments=(segment,), words=said))
    assert found == [Cue(1000, 1900, ("One, two.",)), Cue(4000, 4900, ("Three four.",))]


def test_words_without_segments_will_do() -> None:
    found = cues(Transcript("", words=(word("你", 1.0), word("好", 1.4), word("hi", 1.8))))
    assert found == [Cue(1000, 2200, ("你好 hi",))]


def test_words_that_are_not_in_the_text_take_the_time_between_the_others() -> None:
    said = (word("alpha", 1.0), word("delta", 3.0))
    (found,) = cues(Transcript("alpha beta gamma delta", words=said), Layout(pause_s=9))
    assert (found.start, found.end) == (1000, 3400)
    first, *_ = cues(Transcript("alpha beta gamma delta", words=said), Layout(max_chars=10, max_lines=1))
    assert first.lines == ("alpha beta",)
    assert 1400 < first.end < 3000


def test_a_text_alone_is_spread_over_its_time_by_width() -> None:
    first, second = only_text("abcdefghi. abcdefghi.", end=10.0, max_chars=10, max_lines=1)
    assert (first.start, first.end, second.start, second.end) == (0, 5000, 5000, 10000)


def test_a_cue_lasts_no_longer_than_it_may() -> None:
    text = " ".join(["word"] * 10)
    found = cues(Transcript(text, segments=(Segment(text, 0.0, 30.0),)))
    assert max(cue.end - cue.start for cue in found) <= 7000


def test_milliseconds_are_rounded_once() -> None:
    assert subtitles.srt([Cue(round(1000 * 59.9996), 61_000, ("x",))]).startswith("1\n00:01:00,000 --> 00:01:01,000\n")
    assert subtitles.FORMATS["lrc"]([Cue(59_996, 61_000, ("x",))]) == "[01:00.00]x\n"


def test_hours_go_past_a_day() -> None:
    assert "30:00:00.000 --> 30:00:01.000" in subtitles.vtt([Cue(108_000_000, 108_001_000, ("x",))])
    assert subtitles.FORMATS["lrc"]([Cue(36_000_000, 36_001_000, ("x",))]) == "[600:00.00]x\n"


def test_a_speaker_is_named_when_it_changes() -> None:
    said = [Segment("Hello.", 0, 1, speaker="A"), Segment("Yes?", 1, 2, speaker="A"), Segment("Hi.", 2, 3, speaker="B")]
    assert [each.text for each in stretches(Transcript("", segments=tuple(said)))] == ["A: Hello.", "Yes?", "B: Hi."]


# -- words -----------------------------------------------------------------------------------------


SAID = (
    *(word("Hello", 1.0), word("big", 1.5, 1.7), word("world", 2.0, 2.9)),
    *(word("你好", 4.0, 4.5), word("世界", 4.6, 5.0), word("再见", 5.1, 6.0)),
)
SPOKEN = Transcript(
    "", segments=(Segment("Hello, big world.", 1.0, 3.0), Segment("你好世界，再见", 4.0, 6.0)), words=SAID
)


def test_each_word_has_a_cue_with_the_marks_beside_it() -> None:
    made = by_word(cues(SPOKEN, Layout(words=True)))
    assert [cue.lines[0] for cue in made] == ["Hello,", "big", "world.", "你好", "世界，", "再见"]
    assert [(cue.start, cue.end) for cue in made] == [(round(1000 * w.start), round(1000 * w.end)) for w in SAID]


def test_lyrics_tell_the_time_of_each_word_in_their_line() -> None:
    assert subtitles.render("lrc", SPOKEN, Layout(words=True)).splitlines() == [
        "[00:01.00]<00:01.00>Hello, <00:01.50>big <00:02.00>world.",
        "[00:04.00]<00:04.00>你好<00:04.60>世界，<00:05.10>再见",
    ]


def test_words_in_segments_are_words_too() -> None:
    segment = Segment("Hello", 1.0, 1.4, (word("Hello", 1.0),))
    assert subtitles.words_of(Transcript("Hello", segments=(segment,))) == segment.words


# -- formats, read back by another program ---------------------------------------------------------


def read_back(text: str, kind: str) -> list[tuple[int, int, tuple[str, ...]]]:
    found = pysubs2.SSAFile.from_string(text, format_=kind)
    return [(each.start, each.end, tuple(html.unescape(each.text).split(r"\N"))) for each in found]


PLAIN = st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp", "Co", "Cn"], exclude_characters="<>{}\\&")
CJK = st.sampled_from("你好世界今天天气很，。！？「」はいー々カタカナ한국어")
EMOJI = st.sampled_from(["👩‍👩‍👧", "👍🏽", "🇩🇪", "❤️", "e\u0301", "☃"])
TEXTS = st.lists(PLAIN | CJK | EMOJI | st.sampled_from([" ", " ", ". ", ", ", "a"]), max_size=120).map("".join)
LAYOUTS = st.builds(Layout, max_chars=st.none() | st.integers(2, 60), max_lines=st.integers(1, 4))


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Segments one after the other, some with words that may or may not stand in their texts."""
    at, segments, words = 0.0, [], []
    for text in draw(st.lists(TEXTS, max_size=4)):
        length = draw(st.floats(0, 40))
        segments.append(Segment(text, at, at + length))
        if draw(st.booleans()):
            parts = text.split()
            step = length / max(1, len(parts))
            words += [Word(part, at + i * step, at + (i + 0.7) * step) for i, part in enumerate(parts)]
        at += length + draw(st.floats(0, 3))
    return Transcript(" ".join(each.text for each in segments), segments=tuple(segments), words=tuple(words))


@given(transcripts(), LAYOUTS)
def test_every_subtitle_reads_back_with_its_times_and_text(transcript: Transcript, layout: Layout) -> None:
    made = cues(transcript, layout)
    numbers = bool(made) and len(made[-1].lines) > 1 and made[-1].lines[-1].strip().isdigit()
    assume(not numbers)  # pysubs2 takes a number alone on the very last line for a cue's
    expected = [(cue.start, cue.end, cue.lines) for cue in made]
    for kind in ("srt", "vtt"):
        assert read_back(subtitles.FORMATS[kind](made), kind) == expected


@given(transcripts(), LAYOUTS)
def test_every_word_reads_back_and_none_is_lost(transcript: Transcript, layout: Layout) -> None:
    whole = cues(transcript, replace(layout, words=True))
    made = by_word(whole)
    assert [replace(cue, words=()) for cue in whole] == cues(transcript, layout)
    texts = ["".join("".join(cue.lines).split()) for cue in whole]
    assert "".join(texts) == "".join("".join(cue.lines[0].split()) for cue in made)
    assume(not (made and made[-1].lines[0].isdigit()))
    expected = [(cue.start, cue.end, cue.lines) for cue in made]
    for kind in ("srt", "vtt"):
        assert read_back(subtitles.render(kind, transcript, replace(layout, words=True)), kind) == expected


@given(transcripts(), LAYOUTS)
def test_lines_are_within_bounds_and_nothing_is_lost(transcript: Transcript, layout: Layout) -> None:
    made = cues(transcript, layout)
    width = layout.max_chars or 42
    for cue in made:
        assert 1 <= len(cue.lines) <= layout.max_lines
        for line in cue.lines:
            assert line.strip() == line != ""
            assert cells(line) <= width or len(list(graphemes(line))) == 1
    shown = "".join(line for cue in made for line in cue.lines)
    said = "".join(each.text for each in transcript.segments)
    assert re.sub(r"\W", "", shown) == re.sub(r"\W", "", said)


@given(transcripts(), LAYOUTS)
def test_times_go_forward_and_stay_in_their_segments(transcript: Transcript, layout: Layout) -> None:
    made = cues(transcript, layout)
    assert all(cue.start < cue.end for cue in made)
    assert all(one.start <= two.start for one, two in pairwise(made))
    last = max((each.end for each in whole_segments(transcript)), default=0.0)
    assert all(cue.end <= round(1000 * last) + 1 for cue in made)


@pytest.mark.parametrize("text", ["a --> b", "x < y & z > 1 &lt;", "\x1b[31mred\x07\nline\r\n\r\n2\n", "a\u2028b"])
def test_hostile_texts_break_no_format(text: str) -> None:
    made = only_text(text)
    for kind in ("srt", "vtt"):
        ((start, end, _),) = read_back(subtitles.FORMATS[kind](made), kind)
        assert (start, end) == (0, 60_000)
    assert len(subtitles.FORMATS["tsv"](made).splitlines()) == 2
    assert html.unescape(subtitles.vtt(made).split("\n", 3)[3].strip()) == tidy(text)


# -- what recognisers leave out, send twice, or flash up --------------------------------------------

WORDS = st.sampled_from(
    ["Hello,", "it's", "half", "一起", "می\u200cخواهم", "हिन्दी", "👩\u200d👩\u200d👧", "no.", "3.5", "(well)"]
)


@st.composite
def careless(draw: st.DrawFn) -> tuple[str, list[dict[str, object]]]:
    """A text, and segments of it as bad services send them: some missing, twice, out of order, without an end."""
    said = [" ".join(draw(st.lists(WORDS, min_size=1, max_size=4))) + f" {n}." for n in range(draw(st.integers(1, 6)))]
    kept = [n for n in range(len(said)) if draw(st.booleans())]
    entries: list[dict[str, object]] = [{"text": said[n], "start": 3.0 * n, "end": 3.0 * n + 2.5} for n in kept]
    for each in entries:
        if draw(st.booleans()):
            each["end"] = draw(st.sampled_from([None, each["start"], -1, "x", 1e300]))
    entries += [dict(each) for each in entries if draw(st.booleans())]
    return " ".join(said), draw(st.permutations(entries))


@settings(max_examples=500)
@given(careless(), LAYOUTS)
def test_words_in_are_words_out(told: tuple[str, list[dict[str, object]]], layout: Layout) -> None:
    text, entries = told
    made = cues(from_json({"text": text, "segments": entries}), layout)
    shown = "".join("".join(cue.lines) for cue in made)
    assert re.sub(r"\s", "", shown) == re.sub(r"\s", "", text)
    assert all(one.start <= two.start and one.start < one.end for one, two in pairwise(made))


def test_times_that_are_not_told_lie_between_those_that_are() -> None:
    told = [Told("a", None, 2.0), Told("b", None, None), Told("c", 5.0, None), Told("d", 8.0, 7.0), Told("", 1.0, 2.0)]
    found = timed(told, 10.0)
    assert [(each.text, each.start, each.end) for each in found] == [
        ("a", 0.0, 2.0), ("b", 2.0, 5.0), ("c", 5.0, 8.0), ("d", 8.0, 10.0),
    ]  # fmt: skip


def test_a_text_that_has_no_time_of_its_own_joins_its_neighbour() -> None:
    said = (Segment("One.", 0, 2), Segment("Three.", 2, 4))
    found = whole_segments(Transcript("One. And two. Three. Four, too.", segments=said, duration=9.0))
    assert [(each.text, each.start, each.end) for each in found] == [
        ("One.", 0, 2), ("And two. Three.", 2, 4), ("Four, too.", 4, 9.0),
    ]  # fmt: skip


def test_a_text_in_another_order_than_in_time_is_whole_too() -> None:
    said = (Segment("Two.", 0, 2), Segment("One.", 1, 3))
    assert [each.text for each in whole_segments(Transcript("One. And so Two.", segments=said))] == [
        "And so Two.",
        "One.",
    ]


def test_segments_that_tell_another_story_than_the_text_are_believed() -> None:
    said = (Segment("Later.", 5, 6), Segment("Earlier.", 0, 2), Segment("Earlier.", 0, 2))
    assert [each.text for each in whole_segments(Transcript("B A", segments=said))] == ["Earlier.", "Later."]


def test_a_flash_stays_into_the_silence_behind_it() -> None:
    said = (Segment("Yes.", 1.0, 1.1), Segment("No.", 4.0, 4.0), Segment("And.", 4.3, 4.3), Segment("So on.", 9, 11))
    made = readable(cues(Transcript("", segments=said)), Layout())
    assert [(cue.start, cue.end) for cue in made] == [
        (1000, 1833), (4000, 4300), (4300, 5133), (9000, 11000),
    ]  # fmt: skip


# -- saved transcripts -----------------------------------------------------------------------------


@given(transcripts())
def test_a_saved_transcript_gives_the_same_subtitles(transcript: Transcript) -> None:
    """Once its times are milliseconds, saving changes nothing."""
    saved = from_json(json.loads(json.dumps(verbose_json(transcript))))
    again = from_json(json.loads(json.dumps(verbose_json(saved))))
    assert cues(again) == cues(saved)
    assert [each.text for each in again.segments] == [each.text for each in transcript.segments if each.text]


@pytest.mark.parametrize("data", [None, [], {}, {"text": 3}, {"segments": []}, "text"])
def test_what_is_no_transcript_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="no transcript"):
        from_json(data)


def test_absurd_entries_are_left_out() -> None:
    entries = [{"start": "0", "end": 1}, {"start": float("nan"), "end": 1}, 7, {"start": 1, "end": 2, "text": "ok"}]
    assert from_json({"text": "ok", "segments": entries}).segments == (Segment("ok", 1.0, 2.0),)
