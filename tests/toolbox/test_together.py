"""Toolboxes made of toolboxes: names, routes, and who has to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from voicecli.toolbox.skills import Skills
from voicecli.toolbox.together import Allowed, Only, Together, Unattended
from voicecli.types import ToolCall, ToolResult, ToolSpec


class Echo:
    """Tools that say their own name, and ask for leave."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.used: list[str] = []

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [ToolSpec(name, "", {"type": "object", "properties": {}, "required": []}) for name in self.names]

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        return f"May I {call.name}?"

    def quick(self, call: ToolCall) -> bool:
        return call.name == "a"

    async def use(self, call: ToolCall) -> ToolResult:
        assert call.name in self.names
        self.used.append(call.name)
        return ToolResult(call.name)


class Rings(Echo):
    async def announcements(self) -> AsyncIterator[str]:
        yield "ding"


def used(box: Together, name: str) -> ToolResult:
    return asyncio.run(box.use(ToolCall("1", name)))


def names(box: Together | Only) -> list[str]:
    return [each.name for each in box.specs]


def test_names_that_are_taken_get_a_prefix() -> None:
    first, second, third = Echo("a", "b"), Echo("b", "c"), Echo("b", "second_b", "c")
    box = Together({"first": first, "second": second, "third": third})
    assert names(box) == ["a", "b", "second_b", "c", "third_b", "third_second_b", "third_c"]
    assert [used(box, name).text for name in ("b", "second_b", "third_b", "third_second_b")] == [
        "b",
        "b",
        "b",
        "second_b",
    ]
    assert (first.used, second.used, third.used) == (["b"], ["b"], ["b", "second_b"])
    assert box.question(ToolCall("1", "third_c"), chinese=False) == "May I c?"
    assert (box.quick(ToolCall("1", "a")), box.quick(ToolCall("1", "c"))) == (True, False)


def test_a_prefix_that_is_taken_gets_a_number() -> None:
    box = Together({"x": Echo("b", "x_b"), "": Echo(), "y": Echo("b", "y_b"), "z": Echo()})
    assert names(box) == ["b", "x_b", "y_b", "y_y_b"]
    assert names(Together({"x": Echo("b", "y_b", "y_b_2"), "y": Echo("b")})) == ["b", "y_b", "y_b_2", "y_b_3"]


def test_no_name_is_longer_than_services_allow() -> None:
    long = "n" * 64
    box = Together({"x": Echo(long), "y": Echo(long), "z": Echo(long)})
    assert names(box) == [long, ("y_" + long)[:64], ("z_" + long)[:64]]
    assert names(Together({"x": Echo(long), "y" * 64: Echo(long), "y" * 65: Echo(long)}))[2] == "y" * 62 + "_2"


def test_what_does_not_exist_is_told_and_nobody_is_asked_about_it() -> None:
    box = Together({"": Echo("a", "b")})
    assert used(box, "sing\x1b[2J") == ToolResult("There is no tool sing. There are: a, b.", ok=False)
    assert box.question(ToolCall("1", "sing"), chinese=True) == ""
    assert used(Together({}), "sing").text == "There is no tool sing. There are: none."


def test_some_tools_only() -> None:
    box = Together({"": Only(Echo("a", "b", "c"), ("b", "c", "d"))})
    assert names(box) == ["b", "c"]
    assert not used(box, "a").ok


def test_who_rings_is_found_through_all_of_them() -> None:
    assert Together({"": Echo("a")}).announcements is None
    assert Allowed(Together({"": Echo("a"), "x": Rings("b")})).announcements is not None
    assert Unattended(Together({"skill": Skills(["timer"])}), print).announcements is not None


def test_leave() -> None:
    echo, told = Echo("a"), list[str]()
    call = ToolCall("1", "a")
    refusing = Unattended(echo, told.append)
    assert refusing.question(call, chinese=False) == Allowed(echo).question(call, chinese=False) == ""
    assert not asyncio.run(refusing.use(call)).ok
    assert (echo.used, told) == ([], ["May I a?"])
    assert asyncio.run(Allowed(echo).use(call)).ok
