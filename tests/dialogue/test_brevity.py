"""How much of a long answer is spoken."""

from __future__ import annotations

import pytest

from voicecli.dialogue.answering import Stages, _PlainText
from voicecli.dialogue.brevity import Brief

MORE = "There is more on the screen."
FIVE = "One is here. Two is here. Three is here. Four is here. Five is here."


def spoken(text: str, size: int, *, last: bool = True) -> str:
    brief = Brief(_PlainText(Stages(None, None, None)))  # type: ignore[arg-type]
    pieces = [piece for at in range(0, len(text), size) for piece in brief.feed(text[at : at + size])]
    return " ".join(pieces + brief.flush(last=last))


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("All is well.", "All is well."),
        (FIVE, f"One is here. Two is here. Three is here. {MORE}"),
        (f"{FIVE} Shall I go on?", f"One is here. Two is here. Three is here. {MORE} Shall I go on?"),
        ("<say>It works.</say> " + FIVE, "It works."),
        ("Write `<say>` first. It is read aloud.", "Write <say> first. It is read aloud."),
        ("好的。" + "这样。" * 9 + "我们知道" * 12 + "吗？", "好的。 这样。 这样。 更多内容在屏幕上。"),
    ],
)
def test_of_an_answer_its_beginning_and_its_question_or_what_is_to_be_said(text: str, heard: str, size: int) -> None:
    assert spoken(text, size) == heard


@pytest.mark.parametrize("size", [1, 1000])
def test_before_a_tool_only_the_first_sentence(size: int) -> None:
    assert spoken(FIVE, size, last=False) == "One is here."
