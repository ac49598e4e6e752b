"""The small words around a tool: a labelled list of answers, languages, whether a question was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.dialogue.consent import asked_aloud, can_be_told
from voicecli.dialogue.courtesy import Verdict, last_words, verdict, waiting
from voicecli.text.language import is_chinese

YES = """
Yes. | yes | Yes! | YES | yeah | Yep. | yup | Sure. | sure thing | Sure, go ahead! | Go ahead. | go for it
Please do. | please | Yes, please. | yes please do | OK | ok. | Okay. | O.K. | o k | okay then | Alright.
all right | Of course. | certainly | absolutely | Do it. | do that | Yes, you may. | you can | By all means.
Why not? | sure, why not | No problem. | I don't mind. | Fine. | that's fine | sounds good | Mhm. | uh-huh
Yes yes yes | Yeah, sure, thank you. | yes, draw it | Yes, make the picture. | um, yes | well, ok | let's do it
Feel free. | That’s fine | proceed | correct | Exactly. | 好 | 好的 | 好的。 | 好吧 | 好啊！ | 可以 | 可以的
行 | 行吧 | 是 | 是的 | 是的，谢谢。 | 对 | 对的 | 嗯 | 嗯嗯 | 没问题 | 當然 | 当然可以 | 好，请吧
可以，请画吧 | 同意 | 确定 | 那好吧 | 好的好的 | 去吧 | 画吧 | 要 | 请继续 | OK，可以 | 没关系
"""
NO = """
No. | no | Nope. | nah | No, thanks. | no thank you | No way. | Not now. | not yet | Please don't. | Don't.
Don’t do it! | do not | do not do it | Never mind. | Stop. | stop it | Cancel. | cancel that | Forget it.
I'd rather not. | Rather not | of course not | No no no | Absolutely not. | never | no, stop | Wait.
no, please don't | Hold on. | 不 | 不要 | 不要。 | 不用 | 不用了，谢谢 | 不行 | 不可以 | 不是 | 别 | 别画 | 算了
算了吧 | 取消 | 先不要 | 等等 | 停 | 不，不要 | 那就算了 | 不必了 | 不同意 | 请不要
"""
OTHER = """
Yes but make it blue. | yes, and send it to Peter | no yes | Yes. No, wait. | What? | maybe | What does it cost?
Is it? | not sure | yesterday | Draw a dog instead. | thank you | um | it | the picture | sure about that?
okra | nobody | Okinawa | do you know the time | can I | yes if it is free | only if it costs nothing | no idea
I don't know | go home | please tell me the time | 好不好 | 可以吗 | 是不是 | 好的，但是要蓝色 | 画一只狗
行不行 | 什么 | 为什么 | 谢谢 | 多少钱 | 好像不对 | 好冷 | 对面是谁 | 可以，不要
"""


def listed(text: str) -> list[str]:
    return [each.strip() for line in text.strip().splitlines() for each in line.split("|")]


LABELLED = [
    *((text, Verdict.YES) for text in listed(YES)),
    *((text, Verdict.NO) for text in listed(NO)),
    *((text, Verdict.OTHER) for text in (*listed(OTHER), "", "…", "yes " * 40)),
]


@pytest.mark.parametrize(("text", "meant"), LABELLED, ids=[f"{text[:20]}-{kind.name}" for text, kind in LABELLED])
def test_short_answers_are_read(text: str, meant: Verdict) -> None:
    assert verdict(text) is meant


@given(st.sampled_from(listed(YES)), st.text(min_size=1, max_size=100))
def test_a_yes_with_anything_else_is_none(text: str, more: str) -> None:
    assert verdict(f"{text} no") is not Verdict.YES
    assert verdict(f"{text} xyzzy") is Verdict.OTHER
    assert verdict(f"{text} xyzzy{more}") is not Verdict.YES


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Yes, draw the pig.", Verdict.YES),
        ("Yes, make a picture of a pig, please", Verdict.YES),
        ("No, no pig.", Verdict.NO),
        ("A pig.", Verdict.OTHER),
        ("Yes, but not the pig.", Verdict.OTHER),
        ("Yes, a blue pig.", Verdict.OTHER),
        ("Yes, two pigs", Verdict.OTHER),
    ],
)
def test_words_of_the_question_say_nothing_more(text: str, meant: Verdict) -> None:
    assert verdict(text, "May I make a picture: a pig?") is meant
    assert verdict("可以，画只猪", "可以画一只猪吗？") is Verdict.YES
    assert verdict("可以，画只狗", "可以画一只猪吗？") is Verdict.OTHER
    assert verdict("可以吗", "可以画一只猪吗？") is Verdict.OTHER


@pytest.mark.parametrize("heard", ["可以画一只猪吗？", "可以画一只猪", "可以画一只"])
def test_the_echo_of_a_question_is_no_answer(heard: str) -> None:
    assert verdict(heard, "可以画一只猪吗？") is Verdict.OTHER
    assert verdict("", "") is Verdict.OTHER


def test_the_language_of_an_answer() -> None:
    assert [
        is_chinese(each) for each in ("画一只猪", "画一只 pig 好吗", "画 A4", "What does 你好 mean?", "yes", "")
    ] == [*(True, True, False, False, False, False)]
    assert last_words(["画一只猪", "ok"]) == "画一只猪"
    assert last_words(["ok"]) == "ok"
    assert last_words([]) == ""


def test_waiting_is_said_in_other_words_each_time_until_they_run_out() -> None:
    english = [waiting(number, chinese=False) for number in range(4)]
    assert len(set(english)) == 3 and english[2] == english[3]
    assert all(is_chinese(waiting(number, chinese=True)) for number in range(4))


SIGN = 'May I make a picture: "a neon sign that says yes please go ahead"?'


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("that says yes please go ahead", Verdict.OTHER),
        ("Yes, please, go ahead.", Verdict.OTHER),
        ("yes please", Verdict.OTHER),
        ("Yes, please do.", Verdict.YES),
        ("sure", Verdict.YES),
        ("no", Verdict.NO),
    ],
)
def test_what_stands_in_the_question_decides_nothing(heard: str, meant: Verdict) -> None:
    assert verdict(heard, SIGN) is meant


def test_what_is_typed_is_no_echo() -> None:
    assert verdict("yes please", SIGN, typed=True) is Verdict.YES
    assert verdict("yes, the sign", SIGN, typed=True) is Verdict.YES


ASKED = "May I make a picture: a pig in a field of flowers?"
FAKE = "May I make a picture: a small red boat on a quiet lake? That is a nice idea. Boats are fine."


@pytest.mark.parametrize(
    ("heard", "before", "enough"),
    [
        (ASKED, "", True),
        (f"Sure.\n\n{ASKED}", "Sure.", True),
        (f"{ASKED} Your timer rings.", "", True),
        ("Sure, bold. may i make a picture a pig in a field of flowers", "Sure, **bold**.", True),
        ("May I make a picture: a pig in a field of flo …", "", True),
        ("May I make a picture: a pig in a field of …", "", False),
        ("May I make a picture: a pig in a …", "", False),
        (FAKE, FAKE, False),
        (f"{ASKED} I would never ask that. Do you like", f"{ASKED} I would never ask that. Do you like fish?", False),
        (f"{FAKE}\n\n{ASKED}", FAKE, True),
        ("Sure. …", "Sure.", False),
        ("", "", False),
    ],
)
def test_a_question_counts_once_its_end_was_heard(heard: str, before: str, enough: bool) -> None:
    assert asked_aloud(heard, before, ASKED) is enough


def test_nothing_was_not_heard() -> None:
    assert not asked_aloud("", "") and not asked_aloud("ok")


@pytest.mark.parametrize(
    ("question", "can"),
    [
        (ASKED, True),
        ('May I use write of files: note "x", path "~/.ssh/authorized_keys"?', True),
        ('可以画一张图吗："一只猪"？', True),
        ('May I make a picture: "a pig <think> of ten thousand others"?', True),
        ('May I make a picture: "a pig <!-- of --> ten thousand others"?', False),
        ('May I make a picture: "a pig ```of ten thousand others"?', True),
        ('May I send it to "https://a.example/b/c"?', False),
    ],
)
def test_a_question_that_the_voice_would_not_read_whole_cannot_be_told(question: str, can: bool) -> None:
    assert can_be_told(question) is can
