"""An agent as what answers: against a program that speaks the protocol over real pipes (tests/fakes/agent.py)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from acp import schema
from pydantic import TypeAdapter

from tests.fakes import agent as script
from tests.waiting import eventually
from voicecli.agents.beginning import EarlierSession
from voicecli.agents.process import AgentCommand, running
from voicecli.agents.responder import AgentModel
from voicecli.agents.sessions import Sessions
from voicecli.errors import ConfigError, RefusedError, ServiceError, VoiceError
from voicecli.types import ChatDelta, ChatMessage, ChatOptions

pytestmark = [pytest.mark.anyio, pytest.mark.needs_posix]

STUCK = "I had to start it again."
QUESTION = "The agent wants to write made.txt, one line. May it?"


class Talk:
    """A conversation with the agent: `told` are our own lines, `messages` what was said and heard."""

    def __init__(
        self, folder: Path, *habits: str, silence_s: float = 20, earlier: EarlierSession | None = None, **more: str
    ) -> None:
        self.folder, self.log, self.silence_s, self.earlier = folder, folder / "log", silence_s, earlier
        env = {"PATH": os.environ["PATH"], "AGENT_LOG": str(self.log)}
        self.command = AgentCommand("agent", (sys.executable, script.__file__, *habits), str(folder), env, **more)
        self.kept: list[EarlierSession] = []
        self.told: list[str] = []
        self.messages: list[ChatMessage] = []
        self.deltas: list[ChatDelta] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Talk]:
        async with Sessions(self.command, self.told.append, self.earlier, self.kept.append) as self.sessions:
            self.model = AgentModel(self.sessions, silence_s=self.silence_s)
            await self.model.ready()
            yield self

    async def say(self, words: str, heard: str | None = None) -> str:
        """The agent's words, all of which were heard, or only `heard`."""
        self.messages.append(ChatMessage("user", words))
        reply = ""
        async with self.model.chat(self.messages, ChatOptions(), self.gate) as deltas:
            async for each in deltas:
                self.deltas.append(each)
                reply += each.text
        self.messages.append(ChatMessage("assistant", heard or reply.strip()))
        return reply.strip()

    async def gate(self) -> None:
        pass

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def methods(self) -> list[str]:
        return [each.get("method", "answer") for each in self.sent]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with Talk(tmp_path).open() as talk:
        yield talk


async def said(folder: Path, words: str, *habits: str) -> str:
    async with Talk(folder, *habits).open() as talk:
        return await talk.say(words)


async def test_chunks_keep_their_order_under_a_slow_ear(talk: Talk) -> None:
    reply = ""
    async with talk.model.chat([ChatMessage("user", "count 500")], ChatOptions(), talk.gate) as deltas:
        async for each in deltas:
            reply += each.text
            await asyncio.sleep(0.0005)
    assert reply.split() == [str(each) for each in range(500)]


async def test_a_line_of_a_megabyte_is_read(tmp_path: Path) -> None:
    assert len(await said(tmp_path, "large 1000000")) == 1_000_000


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("junk; say after", "after"),
        ("strange; say after", "after"),
        ("echo my own words; say after", "after"),
        ("think hard; say after", "after"),
        ("fs; say after", "error -32601. after"),
        ("say one; end unheard_of_reason", "one"),
        ("tool make; done", "It is done."),
        ("end refusal", "It refuses to go on."),
    ],
)
async def test_what_nobody_expected_does_no_harm(tmp_path: Path, words: str, reply: str) -> None:
    assert await said(tmp_path, words) == reply


async def test_what_comes_late_is_not_said(talk: Talk) -> None:
    assert await talk.say("say one; late nonsense") == "one"
    await eventually(lambda: "answer" in talk.methods)
    assert await talk.say("say two") == "two"


# -- its beginning -----------------------------------------------------------------------------------


async def test_a_mode_that_asks_is_set_before_the_first_prompt_and_told(talk: Talk) -> None:
    await talk.say("say hello")
    assert talk.methods == ["initialize", "session/new", "session/set_mode", "session/prompt"]
    assert talk.sent[2]["params"]["modeId"] == "default"
    assert talk.told == ["agent answers, in its mode Manual."]
    assert "spoken aloud" in talk.sent[3]["params"]["prompt"][0]["text"]


async def test_who_names_no_mode_is_warned_of(tmp_path: Path) -> None:
    async with Talk(tmp_path, "no-modes").open() as talk:
        assert "unasked" in talk.told[0]


async def test_a_mode_of_ones_own_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no mode 'yolo'.*auto, default"):
        async with Talk(tmp_path, mode="yolo").open():
            pass


@pytest.mark.parametrize("habit", ["sign-in", "sign-in-late"])
async def test_who_wants_a_sign_in_gets_the_command_told(tmp_path: Path, habit: str) -> None:
    with pytest.raises(RefusedError, match=r"sign in.*Sign in with: .*agent.py.* --login"):
        await said(tmp_path, "say hello", habit)


async def test_a_key_of_the_environment_signs_in(tmp_path: Path) -> None:
    async with Talk(tmp_path, "keyed").open() as talk:
        assert talk.methods[:4] == ["initialize", "session/new", "authenticate", "session/new"]


async def test_a_model_of_ones_own_is_set(tmp_path: Path) -> None:
    async with Talk(tmp_path, "models", model="large").open() as talk:
        set_ = talk.sent[-1]["params"]
        assert (set_["configId"], set_["value"]) == ("m", "large")
    with pytest.raises(ConfigError, match=r"no model 'huge'.*small, large"):
        async with Talk(tmp_path, "models", model="huge").open():
            pass


@pytest.mark.parametrize(
    ("habits", "method", "told"),
    [
        (["loads"], "session/load", ["you: what now?", r"agent: This\x1b[2J.", "agent goes on, in its mode Manual."]),
        (["loads", "resumes"], "session/resume", ["agent goes on, in its mode Manual."]),
        (["loads", "forgetful"], "session/load", ["agent cannot go on", "agent answers, in its mode Manual."]),
        ([], "session/new", ["agent cannot go on", "agent answers, in its mode Manual."]),
    ],
)
async def test_an_earlier_session_goes_on_and_is_shown(
    tmp_path: Path, habits: list[str], method: str, told: list[str]
) -> None:
    async with Talk(tmp_path, *habits, earlier=EarlierSession("old", 5)).open() as talk:
        assert [a[: len(b)] for a, b in zip(talk.told, told, strict=True)] == told
        assert await talk.say("say hello") == "hello"
        assert talk.methods[1] == method
        went_on = "goes on" in talk.told[-1]
        assert talk.kept[0].id == ("old" if went_on else "s")
        assert len(talk.sent[-1]["params"]["prompt"]) == (1 if went_on else 2)


async def test_a_mode_that_changes_by_itself_is_told(talk: Talk) -> None:
    assert await talk.say("mode default; mode auto; say hello") == "hello"
    assert "its mode auto" in talk.told[1]
    assert len(talk.told) == 2


async def test_a_program_that_is_none_says_so(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.command = AgentCommand("agent", (sys.executable, "-c", "import sys; sys.exit('no such model')"), str(tmp_path))
    with pytest.raises(ServiceError, match=r"agent: it ended.*no such model"):
        async with talk.open():
            pass


# -- the end of a turn -------------------------------------------------------------------------------


async def test_death_costs_the_turn_and_the_next_has_a_new_session(talk: Talk) -> None:
    with pytest.raises(ServiceError, match=r"ended.*agent: started"):
        await talk.say("say one; die 7")
    assert await talk.say("say two") == f"{STUCK} two"
    assert any("started again" in each.news.text for each in talk.deltas if each.news)
    assert len(talk.told) == 3 and "remembers nothing" in talk.told[1]


async def interrupted(talk: Talk, words: str) -> float:
    """Leaves the answer at its first word; returns when."""
    async with talk.model.chat([ChatMessage("user", words)], ChatOptions(), talk.gate) as deltas, aclosing(deltas):  # type: ignore[type-var]
        async for each in deltas:
            if each.text:
                return time.monotonic()
    raise AssertionError("it said nothing")


async def test_barge_in_cancels_waits_for_the_result_and_then_prompts(talk: Talk) -> None:
    await interrupted(talk, "say one; wait 9; say never")
    assert await talk.say("say two") == "two"
    assert talk.methods[-3:] == ["session/prompt", "session/cancel", "session/prompt"]
    assert len(talk.told) == 1


async def test_who_does_not_stop_is_ended_and_started_again(tmp_path: Path) -> None:
    async with Talk(tmp_path, "deaf").open() as talk:
        begun = await interrupted(talk, "say one; wait 9")
        assert await talk.say("say two") == f"{STUCK} two"
        assert 2 <= time.monotonic() - begun < 8
        assert any("does not stop" in each.news.text for each in talk.deltas if each.news)


# -- leave -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "made"),
    [
        (["Yes."], True),
        (["yes please"], True),
        (["No."], False),
        (["mhm"], False),
        (["mhm", "yes"], True),
        (["what is it?", "and the weather?"], False),
    ],
)
async def test_only_a_clear_yes_lets_it(talk: Talk, tmp_path: Path, answers: list[str], made: bool) -> None:
    assert await talk.say("say I will.; may made.txt") == f"I will. \n\n{QUESTION}"
    shown = next(
        each.news.text
        for each in talk.deltas
        if each.news and "+++" not in each.news.text and "+made" in each.news.text
    )
    assert str(tmp_path / "made.txt") in shown
    for each in answers[:-1]:
        assert await talk.say(each) == QUESTION
    reply = await talk.say("say over" if answers[-1].startswith("and") else answers[-1])
    assert (tmp_path / "made.txt").exists() is made
    if made:
        assert reply == "I wrote it."
    elif answers == ["No."]:
        assert reply == "It was not done."


SCOPE = "That is: Allow all edits during this session. Say always again to have it so."


@pytest.mark.parametrize(
    ("answers", "end"),
    [
        (["Always.", "Yes, always."], "I wrote it always."),
        (["always", "yes"], "I wrote it."),
        (["always", "no"], "It was not done."),
    ],
)
async def test_always_needs_the_word_and_its_scope_heard(talk: Talk, answers: list[str], end: str) -> None:
    await talk.say("may made.txt")
    assert await talk.say(answers[0], heard="That is …") == SCOPE
    assert await talk.say(answers[1]) in (SCOPE, end)
    if end not in talk.messages[-1].content:
        assert await talk.say(answers[1]) == end


async def test_a_form_is_asked_field_by_field(talk: Talk) -> None:
    assert await talk.say("form Which paint") == "Which paint. colour. 1: Red. 2: Dark blue. Which one?"
    assert await talk.say("the second one") == "Are you sure. Yes or no?"
    assert await talk.say("perhaps") == "Are you sure. Yes or no?"
    assert await talk.say("yes") == "How many."
    said = await talk.say("about 12")
    assert json.loads(said) == {"action": "accept", "content": {"colour": "b", "count": 12, "sure": True}}
    await talk.say("form Again")
    assert json.loads(await talk.say("never mind")) == {"action": "cancel"}


async def test_a_yes_to_half_a_question_is_none(talk: Talk) -> None:
    await talk.say("may made.txt", heard="The agent wants to …")
    assert await talk.say("yes") == QUESTION
    assert await talk.say("yes") == "I wrote it."


async def test_leave_may_be_asked_with_no_more_than_a_number(talk: Talk) -> None:
    assert await talk.say("may only") == "The agent wants to use a tool. May it?"
    assert await talk.say("no") == "It was not done."


async def test_silence_is_asked_once_more_and_then_is_a_no(tmp_path: Path) -> None:
    async with Talk(tmp_path, silence_s=-3.3).open() as talk:
        await talk.say("may made.txt")
        rings = talk.model.announcements()
        assert [await anext(rings), await anext(rings)] == [QUESTION, "Nobody answered, so I said no."]
        await rings.aclose()  # type: ignore[attr-defined]
        assert await talk.say("say two") == "two"
        assert not (tmp_path / "made.txt").exists()


# -- its end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("habits", [(), ("children",)])
@pytest.mark.parametrize("failing", [False, True])
async def test_nothing_of_its_group_is_left(tmp_path: Path, habits: tuple[str, ...], failing: bool) -> None:
    try:
        async with Talk(tmp_path, *habits).open() as talk:
            assert talk.sessions.session is not None
            pid = talk.sessions.session._program._process.pid
            await interrupted(talk, "say one; wait 99")
            begun = time.monotonic()
            if failing:
                raise ServiceError("something else")
    except VoiceError:
        assert failing
    assert time.monotonic() - begun < 3
    assert not script.group_lives(pid)


# -- the judge ---------------------------------------------------------------------------------------

SHAPES: dict[str, Any] = {
    "initialize": schema.InitializeRequest,
    "session/new": schema.NewSessionRequest,
    "session/load": schema.LoadSessionRequest,
    "session/resume": schema.ResumeSessionRequest,
    "session/set_mode": schema.SetSessionModeRequest,
    "session/set_config_option": schema.SetSessionConfigOptionSelectRequest,
    "authenticate": schema.AuthenticateRequest,
    "session/prompt": schema.PromptRequest,
    "session/cancel": schema.CancelNotification,
    "answer": schema.RequestPermissionResponse | schema.AcceptElicitationResponse | schema.CancelElicitationResponse,
}


async def test_every_message_is_as_the_protocol_has_it(tmp_path: Path) -> None:
    for habits in (["loads"], ["resumes"]):
        async with Talk(tmp_path, *habits, earlier=EarlierSession("old"), auth="login").open():
            pass
    async with Talk(tmp_path, "models", model="large").open() as talk:
        await talk.say("form Paint")
        for each in ("red", "yes", "3", "form Paint", "cancel"):
            await talk.say(each)
        await talk.say("may made.txt")
        await talk.say("yes")
        await talk.say("may made.txt")
        await talk.say("no")
        await interrupted(talk, "say one; wait 9")
        await talk.say("say two")
        for sent, method in zip(talk.sent, talk.methods, strict=True):
            TypeAdapter(SHAPES[method]).validate_python(sent.get("params", sent.get("result")))
        assert set(talk.methods) == set(SHAPES)


async def test_who_leaves_before_its_watch_stands_leaves_no_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, started = asyncio.create_subprocess_exec, list[asyncio.subprocess.Process]()

    async def starting(*command: str, **more: Any) -> asyncio.subprocess.Process:
        if started:
            leaving.cancel()
        process = await start(*command, **more)
        started.append(process)
        return process

    async def begin() -> None:
        async with running(Talk(tmp_path).command):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
    leaving = asyncio.create_task(begin())
    await asyncio.wait([leaving])
    assert leaving.cancelled() and [each.returncode is not None for each in started] == [True]
