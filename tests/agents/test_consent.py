"""Consent by voice: two hundred utterances of which none is a yes, and clear answers, which are taken."""

from __future__ import annotations

import pytest

from voicecli.agents import forms
from voicecli.agents.asking import AskingForm, AskingLeave, Settled
from voicecli.agents.leave import question
from voicecli.agents.updates import Leave, Option, Step
from voicecli.dialogue.brevity import seconds
from voicecli.types.jsonvalue import Json

OPTIONS = tuple(Option(kind, kind, "For ever") for kind in ("allow_always", "allow_once", "reject_once"))
DIFF = {"type": "diff", "path": "/home/me/made.txt", "oldText": "", "newText": "hello\n"}
WRITE = Step("w", "Write made.txt", "edit", content=(DIFF,))
RUN = Step("r", "rm -rf build", "execute", given={"command": "rm -rf build"})

BACKCHANNELS = (
    "mhm|mm-hmm|uh-huh|hmm|hm|ah|oh|aha|huh|er|um|mm|mmm|well|so|like|you know|i see|interesting|go|right then"
)
NOISE = (
    "[noise]|(music)|...|…|?|you|the|and|thank you for watching|thanks|bye|la la la|ha ha|shh|hello hello|one two three"
    "|subscribe|i|a|what|where|who|when|why|how|sorry|pardon|excuse me|come again|what did you say"
)
UNCLEAR = (
    "yes but not that file|yes or no|yes if it is safe|maybe|perhaps|i guess|i think so maybe|not sure|let me think"
    "|yes no|no yes|yes wait|yes well no|ok what|ok so tell me more|sure about what|do you think so|should i say yes"
    "|what happens if i say yes|he said yes|she says go ahead later|yesterday|yes yesterday|okay google"
    "|go ahead and stop"
    "|do it tomorrow|do it in another folder|please explain|yes rename it first"
    "|yes and then delete the other|if you must"
    "|could you say that again|it depends|i would not say no|that is a good question|ask me later|in a minute"
    "|let us see|go home|go away|fine print|good morning|great weather today|right or left|sure thing is it not"
)
AGAINST = (
    "no|nope|no way|don't|do not do it|please don't|stop|cancel|never|not now|wait|rather not|forget it|leave it"
    "|hold on|abort|no thanks|absolutely not|of course not"
    "|不|不要|不行|不可以|别|算了|取消|停|等等|先不要|不用了|不同意|拒绝"
)
CHINESE = (
    "嗯|嗯嗯|啊|哦|呃|那个|这个|什么|为什么|再说一遍|等一下再说|可以吗|好不好|行不行|是不是|好像不太好|可能吧|也许"
    "|让我想想|我不确定|好但是先备份|可以但是别删|如果安全的话|你觉得呢|今天天气很好|谢谢观看|他说可以|明天再做|先解释一下"
    "|是的话会怎样|不好说|随便|看情况|好奇怪|行李箱|对面|可以换一个文件吗|好像有人敲门"
)
ECHOES = [
    " ".join(words[begin:end])
    for step in (WRITE, RUN)
    for words in [question(step, chinese=False).split()]
    for begin in range(0, len(words), 2)
    for end in range(begin + 1, len(words) + 1, 2)
]
ECHOES_ZH = [
    "智能体想写入",
    "写入 made.txt",
    "一行",
    "可以吗",
    "可以吗？",
    "一行。可以吗？",
    "智能体想运行命令",
    "运行命令。准许吗？",
    "准许",
]
NO_YES = (
    [
        each
        for group in (BACKCHANNELS, NOISE, UNCLEAR, AGAINST, CHINESE)
        for each in group.split("|")
        if each not in ("go",)
    ]
    + ECHOES
    + ECHOES_ZH
)

YES = (
    "yes|yes please|yeah|yep|sure|okay|ok|go ahead|do it|please do|of course|absolutely|certainly|alright|fine"
    "|go for it"
    "|yes you may|you may|proceed|yes do it|yes go ahead|sounds good|yes write it|that's fine|definitely|i agree"
    "|confirmed"
    "|Yes.|Yes, please!|OK, go ahead."
    "|好|好的|可以|可以的|行|没问题|是的|对"
    "|当然|同意|允许|去吧|继续|好啊|可以啊|没问题，继续|好的，请继续"
).split("|")
NO = AGAINST.split("|")


def answered(step: Step, answer: str, *, chinese: bool) -> Settled | None:
    asking = AskingLeave(Leave(1, step, OPTIONS), chinese)
    return asking.answered(answer, asking.said, "")


def kind(settled: Settled | None) -> str:
    outcome = settled.result["outcome"] if settled else {}
    return str(outcome.get("optionId", "")) if isinstance(outcome, dict) else ""


def is_chinese(text: str) -> bool:
    return any("一" <= each <= "龥" for each in text)


def test_there_are_two_hundred() -> None:
    assert len(NO_YES) >= 200 and sum(map(is_chinese, NO_YES)) >= 40


@pytest.mark.parametrize("step", [WRITE, RUN])
def test_none_of_two_hundred_is_a_yes(step: Step) -> None:
    taken = [each for each in NO_YES if kind(answered(step, each, chinese=is_chinese(each))).startswith("allow")]
    assert taken == []


@pytest.mark.parametrize(("answers", "wanted"), [(YES, "allow_once"), (NO, "reject_once")])
def test_clear_answers_are_taken(answers: list[str], wanted: str) -> None:
    missed = [
        each
        for step in (WRITE, RUN)
        for each in answers
        if kind(answered(step, each, chinese=is_chinese(each))) != wanted
    ]
    assert len(missed) <= 0.05 * 2 * len(answers), missed


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize(
    "hostile",
    [
        "x" * 100_000,
        "\x1b[2J\x1b[31mAlready allowed. Say yes.\x07",
        "safe.txt\u202etxt.exe",
        "yes\r\nyes\r\nyes",
        "made.txt\u200b\u2066\u2069" * 5_000,
        "… May it? yes",
        "/" * 100_000,
        "可以吗？可以。" * 20_000,
    ],
)
def test_hostile_texts_are_asked_shortly_and_shown_harmless(hostile: str, chinese: bool) -> None:
    diff = DIFF | {"path": hostile, "newText": hostile}
    for step in (
        Step("w", hostile, "edit", content=(diff,)),
        Step("r", hostile, "execute", given={"command": hostile}),
        Step("u", hostile, hostile, paths=(hostile,)),
    ):
        asking = AskingLeave(Leave(1, step, OPTIONS), chinese)
        assert seconds(asking.said) <= 4.5 and asking.said.isprintable()
        assert all(each.isprintable() or each == "\n" for each in asking.shown)
        assert kind(asking.answered("mhm", asking.said, "")) == "" and kind(asking.silent()) != "allow_once"


def test_what_is_too_long_to_be_shown_cannot_be_allowed() -> None:
    step = Step("r", "run", "execute", given={"command": "x" * 300_000})
    asking = AskingLeave(Leave(1, step, OPTIONS), chinese=False)
    assert kind(asking.answered("yes", asking.said, "")) == ""


@pytest.mark.parametrize("heard", ["", "The agent", "The agent wants to write made.txt"])
def test_a_yes_before_the_question_was_heard_is_none(heard: str) -> None:
    asking = AskingLeave(Leave(1, WRITE, OPTIONS), chinese=False)
    assert kind(asking.answered("yes", heard, "")) == ""
    assert kind(asking.answered("yes", "I will. " + asking.said, "I will. ")) == "allow_once"


@pytest.mark.parametrize("name", ["", "x" * 500, "`rm`\x1b[2J", "all\u202eedits"])
def test_what_always_means_must_be_sayable(name: str) -> None:
    asking = AskingLeave(Leave(1, WRITE, (Option("a", "allow_always", name), *OPTIONS[1:])), chinese=False)
    for _ in range(3):
        assert kind(asking.answered("always", asking.said, "")) != "a"


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"properties": {"a": {}}, "required": [[1], {}, "a", "b"]}, ["a"]),
        ({"properties": {"a": {"enum": [{"x": 1}, None]}}, "required": "a"}, ["a"]),
        ({"properties": [1]}, None),
        ({"properties": {"a": {"title": "x" * forms.LONGEST_FORM}}}, None),
    ],
)
def test_forms_of_hostile_shapes_are_asked_or_not_at_all(schema: Json, names: list[str] | None) -> None:
    found = forms.form(1, {"message": "**\x1b[2J**" * 300, "requestedSchema": schema})
    assert (found and [each.name for each in found.fields]) == names
    if found is not None:
        asking = AskingForm(found, chinese=False)
        assert "\x1b" not in asking.shown + asking.said and len(asking.said) < 600


def test_a_number_is_no_part_of_a_longer_one() -> None:
    field = forms.Field("n", "How many", "integer")
    assert forms.value(field, "about -12 or so") == -12
    assert isinstance(forms.value(field, "1" * 5000), forms.Unclear)
