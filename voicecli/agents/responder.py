"""An agent as what answers in a conversation: its words and its tools as the cascade takes them from a model.

The cascade hears with its recogniser and speaks with its voice; this stands where the model stands. The agent remembers
the conversation by itself: it is given the person's last words only.

Belongs here: from a prompt's news to pieces of an answer, leave asked aloud over two turns. Does not belong here: the
session (agents.session), what is asked in which words (agents.leave), how much is spoken (dialogue.brevity).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from voicecli.agents.leave import SHOWN, decided, outcome, particulars, question, visible
from voicecli.agents.session import AgentSession, News, PromptEnded
from voicecli.agents.sessions import Sessions
from voicecli.agents.updates import AgentWords, Leave, Step
from voicecli.dialogue.courtesy import Verdict
from voicecli.dialogue.tools import Gate
from voicecli.errors import VoiceError
from voicecli.text.language import is_chinese
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, ToolNews

SPOKEN = (
    "Your answers are spoken aloud to a person who talks with you. Say first, in one short sentence, what you will do"
    " or what came of it. Details may follow: they are shown on a screen. Where you write <say>…</say>, only that is"
    " spoken. Answer in the language of the person."
)
"""Stands before the first prompt."""
WONDERS_S = 4.0
"""A tool that takes longer gets a word."""
SILENCE_S = 20.0
"""How long after a question, and the time that it takes to say it, silence is an answer: ask again, then no."""
TIMES = 2
"""How often leave is asked for."""
_NOT_DONE = ("It was not done.", "没有做。")
_AFTER_ALL = ("Nobody answered, so I said no.", "没有人回答，所以我拒绝了。")
_ENDS = {
    "refusal": ("It refuses to go on.", "它拒绝继续。"),
    "cancelled": ("It was stopped.", "已停止。"),
    "max_turn_requests": ("It stopped: the task takes too many steps.", "步骤太多，它停了下来。"),
    "": ("It is done.", "完成了。"),
}
"""What we say where the agent ends without a word."""


@dataclass(slots=True)
class _Open:
    """Leave that was asked for: `before` are the agent's words in that reply, `times` how often it was asked."""

    leave: Leave
    question: str
    before: str
    shown: bool
    times: int = 1


class AgentModel:
    """Keeps the promise of `Stages.chat`, and rings when a question stays without an answer."""

    def __init__(self, sessions: Sessions, system: str = "", *, silence_s: float = SILENCE_S) -> None:
        self._sessions, self._silence_s = sessions, silence_s
        self._introduction = [f"{SPOKEN}\n\n{system}".strip()]
        self._introduced: AgentSession | None = None
        self._open: _Open | None = None
        self._asked = asyncio.Event()

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions, gate: Gate | None = None
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """The answer to the last message. Left before its end, the agent is told to stop. It has options of its own."""
        async with aclosing(self._deltas(messages, gate)) as deltas:
            yield deltas

    async def announcements(self) -> AsyncIterator[str]:
        """The question once more where nobody answers; then the no that silence is."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            open = self._open
            while open is not None and open is self._open and not await self._answered(open):
                chinese = is_chinese(open.question)
                if open.times < TIMES:
                    open.times += 1
                    yield open.question
                else:
                    self._refuse(open, stop=True)
                    yield _AFTER_ALL[chinese]

    async def _answered(self, open: _Open) -> bool:
        """Whether something came before silence had to be taken for an answer."""
        times = open.times
        await asyncio.sleep(self._silence_s + len(open.question) / 15)
        return self._open is not open or open.times != times

    # -- an answer -----------------------------------------------------------------------------------

    async def _deltas(self, messages: Sequence[ChatMessage], gate: Gate | None) -> AsyncGenerator[ChatDelta]:
        if gate is not None:
            await gate()  # a draft has no place here: what an agent does cannot be withdrawn
        person = next((each.content for each in reversed(messages) if each.role == "user"), "")
        chinese = is_chinese(person)
        session = self._sessions.session
        open, self._open = self._open, None
        refused = False
        if open is not None and session is not None and session.prompting:
            match self._decision(open, person, messages):
                case Verdict.OTHER if open.times < TIMES:
                    open.times, open.before = open.times + 1, ""
                    async for each in self._question(open):
                        yield each
                    return
                case Verdict.YES:
                    session.decide(open.leave, outcome(open.leave, yes=True))
                case found:
                    self._refuse(open, stop=found is Verdict.OTHER)
                    refused = True
        if session is None or not session.prompting or session.cancelled:
            session = await self._sessions.free()
            session.prompt(self._blocks(session, person))
        try:
            async with aclosing(self._answer(session, chinese=chinese, refused=refused)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            if self._open is None:
                session.cancel()

    def _blocks(self, session: AgentSession, person: str) -> list[str]:
        """The person's words; to a session that hears them for the first time, how it is heard."""
        new, self._introduced = session is not self._introduced, session
        return [*(self._introduction if new else ()), person]

    async def _answer(self, session: AgentSession, *, chinese: bool, refused: bool) -> AsyncGenerator[ChatDelta]:
        said, working, seen = "", "", set[str]()
        while True:
            news = await self._next(session, WONDERS_S if working else None)
            match news:
                case None:
                    yield ChatDelta(news=ToolNews(working, "working"))
                    working = ""
                case AgentWords():
                    said += "" if news.thought else news.text
                    yield ChatDelta("", news.text) if news.thought else ChatDelta(news.text)
                case Step():
                    working = "" if news.over else _line(news.title)
                    if news.id not in seen:
                        seen.add(news.id)
                        yield ChatDelta(news=ToolNews("", "working", _line(news.title or news.kind)))
                    yield ChatDelta(news=_news(news))
                case Leave():
                    asked = question(news.step, chinese=chinese)
                    all_of_it = particulars(news.step)
                    yield ChatDelta(news=ToolNews("", "done", _bounded(all_of_it)))
                    opened = _Open(news, asked, said, len(all_of_it) <= SHOWN)
                    async for piece in self._question(opened):
                        yield piece
                    return
                case PromptEnded():
                    last = "" if said.strip() else _last_word(news, refused=refused)[chinese]
                    yield ChatDelta(last, finish_reason="length" if news.reason == "max_tokens" else "stop")
                    return

    async def _next(self, session: AgentSession, patience_s: float | None) -> News | None:
        """The next news; None: it takes its time."""
        try:
            async with asyncio.timeout(patience_s):
                news = await session.news.get()
        except TimeoutError:
            return None
        if isinstance(news, VoiceError):
            raise type(news)(news.what, who=news.who, cure=news.cure)
        return news

    # -- leave ---------------------------------------------------------------------------------------

    async def _question(self, open: _Open) -> AsyncGenerator[ChatDelta]:
        """Asks aloud: the answer is what the person says next."""
        self._open = open
        self._asked.set()
        yield ChatDelta(news=ToolNews(self._sessions.agent.name, "asked", open.question))
        yield ChatDelta(("\n\n" if open.before.strip() else "") + open.question, finish_reason="stop")

    def _decision(self, open: _Open, person: str, messages: Sequence[ChatMessage]) -> Verdict:
        talk = [each for each in messages if each.role in ("user", "assistant")]
        heard = talk[-2].content if len(talk) > 1 and talk[-2].role == "assistant" else ""
        return decided(person, open.question, heard, open.before, all_shown=open.shown)

    def _refuse(self, open: _Open, *, stop: bool) -> None:
        """No; with `stop` the agent shall not go on in another way."""
        self._open = None
        if (session := self._sessions.session) is not None and session.prompting:
            session.decide(open.leave, outcome(open.leave, yes=False))
            if stop:
                session.cancel()


def _news(step: Step) -> ToolNews:
    """A line on a tool; no word is said before it takes its time."""
    state: Literal["working", "done", "failed"] = "working"
    if step.over:
        state = "done" if step.status == "completed" else "failed"
    title = _line(step.title or step.kind)
    return ToolNews(title, state, quick=True)


def _line(title: str) -> str:
    return " ".join(visible(title[:120]).split()) or "a tool"


def _bounded(shown: str) -> str:
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}\n… ({len(shown)} characters: too much to agree to aloud)"


def _last_word(ended: PromptEnded, *, refused: bool) -> tuple[str, str]:
    return _NOT_DONE if refused else _ENDS.get(ended.reason, _ENDS[""])
