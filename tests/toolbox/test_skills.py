"""The offline skills as tools: the same table, asked in the same words, with the same answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime

import pytest

from tests.clock import passing, run
from voicecli.skills import GROUPED, SKILLS, Question, understand
from voicecli.skills.groups import GROUPS, Group
from voicecli.toolbox.skills import BY_NAME, Skills, spec_of
from voicecli.types import ToolCall, ToolResult

NOW = datetime(2026, 3, 7, 15, 4)


def call(name: str, request: str) -> ToolCall:
    return ToolCall("1", name, json.dumps({"request": request}))


def used(name: str, request: str) -> ToolResult:
    return asyncio.run(Skills(list(BY_NAME), lambda: NOW).use(call(name, request)))


@pytest.mark.parametrize(
    ("name", "request_", "said"),
    [
        ("clock", "what time is it", "It is 3:04 PM."),
        ("clock", "明天星期几", "明天是2026年3月8日，星期日。"),
        ("calculate", "25 percent of 80", "That is 20."),
        ("calculate", "12.5 * (3 + 4)", "That is 87.5."),
        ("calculate", "What is 7 times 8?", "7 times 8 is 56."),
        ("convert", "5 miles to kilometers", "5 miles is about 8.05 kilometers."),
        ("timer", "how much time is left", "No timer is running."),
    ],
)
def test_skills_answer(name: str, request_: str, said: str) -> None:
    assert used(name, request_) == ToolResult(said, said)


@pytest.mark.parametrize("group", GROUPS, ids=lambda each: each.name)
def test_each_example_is_understood_by_its_own_skills(group: Group) -> None:
    for example in group.examples:
        found = [skill for skill, _ in understand(Question(example, NOW), GROUPED[group.name])]
        assert found, example
        assert set(found) <= set(SKILLS), "one table serves all"


def test_each_group_has_its_skills() -> None:
    assert set(GROUPED) == set(BY_NAME)


@pytest.mark.parametrize("group", GROUPS, ids=lambda each: each.name)
def test_each_is_described_by_its_own_words(group: Group) -> None:
    spec = spec_of(group)
    assert (spec.name, spec.meaning) == (group.name, group.meaning)
    assert spec.parameters["additionalProperties"] is False
    assert group.examples[0] in spec.parameters["properties"]["request"]["description"]


@pytest.mark.parametrize("request_", ["the weather", "x" * 301, "tell me a joke", "9" * 200])
def test_what_no_skill_understands_is_told_with_examples(request_: str) -> None:
    result = used("calculate", request_)
    assert not result.ok
    assert "25 percent of 80" in result.text


def test_wrong_arguments_are_told() -> None:
    box = Skills(["clock"], lambda: NOW)
    for text in ("{}", "now", '{"request": 5}', '{"request": "time", "zone": "UTC"}'):
        result = asyncio.run(box.use(ToolCall("1", "clock", text)))
        assert not result.ok
        assert "clock takes a JSON object" in result.text or "no JSON" in result.text


def test_nobody_is_asked_and_nobody_waits() -> None:
    box = Skills(list(BY_NAME))
    assert [each.name for each in box.specs] == ["clock", "timer", "convert", "calculate"]
    assert all(box.question(call(name, "x"), chinese=False) == "" and box.quick(call(name, "x")) for name in BY_NAME)


async def first(rings: AsyncIterator[str]) -> str:
    return await anext(rings)


def test_timers_ring_where_somebody_listens() -> None:
    async def main() -> tuple[list[ToolResult], str]:
        box = Skills(["timer"], lambda: NOW)
        results = [await box.use(call("timer", "set a timer for 10 minutes"))]
        async with asyncio.TaskGroup() as tasks, aclosing(box.announcements()) as rings:
            rung = tasks.create_task(first(rings))
            await passing(1)
            results.append(await box.use(call("timer", "set a timer for 10 minutes")))
            await passing(60)
            results.append(await box.use(call("timer", "还剩多久")))
            said = await rung
        return results, said

    (refused, *results), rung = run(main())
    assert refused.text == "Timers ring only while voice talk is running."
    assert [each.text for each in results] == ["Timer set for 10 minutes.", "还剩9分钟。"]
    assert rung == "Time is up: 10 minutes."
