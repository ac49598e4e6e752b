"""Leave that an agent asks for: one short sentence aloud, all of it for the screen, what an answer decides. Pure.

Belongs here: decisions over texts. Does not belong here: reading a short answer (dialogue.courtesy), whether a question
was heard (dialogue.consent), asking.
"""

from __future__ import annotations

import json
import re

from voicecli.agents.protocol import Table, table, text
from voicecli.agents.updates import Leave, Step
from voicecli.dialogue.consent import asked_aloud, can_be_told
from voicecli.dialogue.courtesy import Verdict, verdict

LONGEST_TARGET, MOST_WORDS = 24, 3
"""Characters and words of a file's name that is said: what is longer may be a sentence."""
LONGEST_SCOPE = 120
"""Characters of what "always" means: all of it must be said, and be kept in mind."""
SHOWN = 200_000
"""Characters of a question's particulars that are shown; an answer to what is not all seen is no consent."""
_MUMBLED = frozenset("mhm|mmhm|mm|mmm|hm|hmm|mmhmm|uhhuh|uhuh|right|rightright|rightthen|嗯|嗯嗯|嗯嗯嗯".split("|"))
"""Sounds of somebody who listens: they are no clear yes."""
_ALWAYS = re.compile(r"\b(?:always|every time|from now on)\b|总是|總是|一直|每次都?|以后都|以後都|始终")
_VERBS = {
    "edit": ("change", "修改"),
    "delete": ("delete", "删除"),
    "move": ("move", "移动"),
    "read": ("read", "读取"),
    "search": ("search", "搜索"),
    "execute": ("run a command", "运行命令"),
    "fetch": ("fetch something from the network", "从网络获取内容"),
    "switch_mode": ("change how it works", "更改工作方式"),
}
_WORKING = {
    "edit": ("It is changing a file.", "它正在修改文件。"),
    "read": ("It is reading.", "它正在读取。"),
    "search": ("It is searching.", "它正在搜索。"),
    "execute": ("It is running a command.", "它正在运行命令。"),
    "fetch": ("It is fetching something.", "它正在获取内容。"),
    "think": ("It is thinking.", "它正在思考。"),
}
_TESTS = re.compile(r"\b(?:tests?|pytest|jest|vitest)\b", re.IGNORECASE)
_UNKNOWN = ("use a tool", "使用工具")
_UNSAID = re.compile(r"[^\w .-]+")


def question(step: Step, *, chinese: bool) -> str:
    """What is asked aloud, in about four seconds: kind, target, count. It ends with no usual yes: that would echo."""
    diffs = [each for each in step.content if each.get("type") == "diff"]
    new = bool(diffs) and all(not text(each.get("oldText")) for each in diffs)
    verb = ("write", "写入")[chinese] if new else _VERBS.get(step.kind, _UNKNOWN)[chinese]
    target, count = _target(step, diffs), _count(diffs, chinese=chinese)
    if chinese:
        return f"智能体想{verb}{target and f' {target} '}{count and f'，{count}'}。准许吗？"
    return f"The agent wants to {verb}{target and f' {target}'}{count and f', {count}'}. May it?"


def working_on(step: Step, *, chinese: bool) -> str:
    """What is said of a tool that takes its time."""
    if step.kind == "execute" and _TESTS.search(step.title):
        return "它正在运行测试。" if chinese else "It is running the tests."
    return _WORKING.get(step.kind, ("It is working.", "它正在工作。"))[chinese]


def particulars(step: Step) -> str:
    """All that is asked for, as it was sent."""
    parts = [step.title, *(each for each in step.paths if each != step.title)]
    for each in step.content:
        if each.get("type") == "diff":
            parts += [
                f"--- {text(each.get('path'))}",
                *_signed("-", each.get("oldText")),
                *_signed("+", each.get("newText")),
            ]
        else:
            parts.append(text(table(each.get("content")).get("text")))
    if not any(each.get("type") == "diff" for each in step.content):
        parts += [f"{name}: {_plain(value)}" for name, value in step.given.items()]
    return "\n".join(each for each in parts if each)


def visible(found: str) -> str:
    """`found` with control characters and marks of direction written out."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape", "surrogatepass").decode()
        for each in found
    )


def decided(answer: str, question: str, heard: str, before: str, *, all_shown: bool = True) -> Verdict:
    """What `answer` says to `question`, of which `heard` sounded after the agent's own words `before`.

    A no always counts. A yes counts that is clear, and follows a question that was heard to its end.
    """
    found = verdict(answer, question)
    mumbled = re.sub(r"[\W_]+", "", answer.casefold()) in _MUMBLED
    if found is Verdict.YES and (mumbled or not all_shown or not asked_aloud(heard, before, question)):
        return Verdict.OTHER
    return found


def outcome(leave: Leave, *kinds: str) -> Table:
    """The answer to the agent: the first option of these kinds. One that has no such option is cancelled."""
    option = leave.option(*kinds)
    return {"outcome": {"outcome": "selected", "optionId": option} if option else {"outcome": "cancelled"}}


def wants_always(answer: str) -> bool:
    """Whether the person says "always", and nothing against it."""
    rest, found = _ALWAYS.subn(" ", answer.casefold())
    return found > 0 and (not re.sub(r"[\W_]+", "", rest) or verdict(rest) is Verdict.YES)


def scope(leave: Leave, *, chinese: bool) -> str:
    """What is asked before it is allowed for longer: what the agent calls that; "" where that cannot be told aloud."""
    name = next((" ".join(each.name.split()) for each in leave.options if each.kind == "allow_always"), "")
    if not name or len(name) > LONGEST_SCOPE or not can_be_told(name) or visible(name) != name:
        return ""
    if chinese:
        return f"那就是：{name}。要这样，请再说一次“总是”。"
    return f"That is: {name}. Say always again to have it so."


def _target(step: Step, diffs: list[Table]) -> str:
    path = next((path for path in [text(each.get("path")) for each in diffs] + list(step.paths) if path), "")
    name = " ".join(_UNSAID.sub(" ", re.split(r"[\\/]", path.rstrip("\\/"))[-1]).split())
    sayable = len(name) <= LONGEST_TARGET and len(name.split()) <= MOST_WORDS
    return name if sayable and step.kind != "execute" else ""


def _count(diffs: list[Table], *, chinese: bool) -> str:
    lines = sum(_changed(text(each.get("oldText")), text(each.get("newText"))) for each in diffs)
    if len({text(each.get("path")) for each in diffs}) > 1:
        return f"{len(diffs)} 个文件" if chinese else f"{len(diffs)} files"
    if not lines:
        return ""
    return f"{lines} 行" if chinese else "one line" if lines == 1 else f"{lines} lines"


def _changed(old: str, new: str) -> int:
    """About how many lines differ: those of the longer side that the other lacks."""
    ours, theirs = old.splitlines(), new.splitlines()
    return max(len(set(theirs) - set(ours)), len(set(ours) - set(theirs)))


def _signed(sign: str, value: object) -> list[str]:
    return [sign + line for line in text(value).splitlines()]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
