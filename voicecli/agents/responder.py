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

from voicecli.agents.asking import AgentAsks, AskingForm, AskingLeave, Settled
from voicecli.agents.forms import Form
from voicecli.agents.leave import visible, working_on
from voicecli.agents.session import AgentSession, News, PromptEnded
from voicecli.agents.sessions import Sessions
from voicecli.agents.updates import AgentWords, Leave, Step
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
WONDERS_S, WONDERS_AGAIN_S = 4.0, 20.0
"""Seconds that a tool works before a word is said of it, and at least so many between two such words."""
SILENCE_S = 20.0
"""How long after a question, and the time that it takes to say it, silence is an answer: ask again, then no."""
_NOT_DONE = ("It was not done.", "没有做。")
_RESTARTED = ("I had to start it again.", "我不得不重新启动它。")
"""Said where the agent did not stop, or has died: a line on the screen tells which."""
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
    """A question that is open; `before` are the agent's words in the same reply."""

    asking: AgentAsks
    before: str


class AgentModel:
    """Keeps the promise of `Stages.chat`, and rings when a question stays without an answer."""

    def __init__(self, sessions: Sessions, system: str = "", *, silence_s: float = SILENCE_S) -> None:
        self._sessions, self._silence_s = sessions, silence_s
        self._introduction = [f"{SPOKEN}\n\n{system}".strip()]
        self._introduced: AgentSession | None = None
        self._open: _Open | None = None
        self._asked = asyncio.Event()

    async def ready(self) -> None:
        """Its session is there. Raises what kept it from beginning."""
        await self._sessions.ready()

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
                chinese = is_chinese(open.asking.said)
                if (settled := open.asking.silent()) is None:
                    yield open.asking.said
                else:
                    self._settle(open, settled)
                    yield _AFTER_ALL[chinese]

    async def _answered(self, open: _Open) -> bool:
        """Whether something came before silence had to be taken for an answer."""
        await asyncio.sleep(self._silence_s + len(open.asking.said) / 15)
        return self._open is not open

    # -- an answer -----------------------------------------------------------------------------------

    async def _deltas(self, messages: Sequence[ChatMessage], gate: Gate | None) -> AsyncGenerator[ChatDelta]:
        if gate is not None:
            await gate()  # a draft has no place here: what an agent does cannot be withdrawn
        person = next((each.content for each in reversed(messages) if each.role == "user"), "")
        chinese = is_chinese(person)
        session = self._sessions.session
        open, self._open = self._open, None
        refused, said = False, ""
        if open is not None and session is not None and session.prompting:
            settled = open.asking.answered(person, _heard(messages), open.before)
            if settled is None:
                async for each in self._question(open.asking, ""):
                    yield each
                return
            self._settle(open, settled)
            refused = settled.refused
        if session is None or not session.prompting or session.cancelled:
            restarted: list[str] = []
            session = await self._sessions.free(restarted.append)
            for line in restarted:
                said = f"{_RESTARTED[chinese]} "
                yield ChatDelta(news=ToolNews("", "failed", line))
                yield ChatDelta(said)
            session.prompt(self._blocks(session, person))
        try:
            async with aclosing(self._answer(session, said, chinese=chinese, refused=refused)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            if self._open is None:
                session.cancel()

    def _blocks(self, session: AgentSession, person: str) -> list[str]:
        """The person's words; to a session that hears them for the first time, how it is heard."""
        new, self._introduced = session is not self._introduced and not session.begun.went_on, session
        return [*(self._introduction if new else ()), person]

    async def _answer(
        self, session: AgentSession, said: str, *, chinese: bool, refused: bool
    ) -> AsyncGenerator[ChatDelta]:
        """`said` was said before its first word."""
        working, seen, silent, told_at = Step(""), set[str](), True, -WONDERS_AGAIN_S
        while True:
            news = await self._next(session, WONDERS_S if working.id else None)
            match news:
                case None:
                    now = asyncio.get_running_loop().time()
                    if now - told_at >= WONDERS_AGAIN_S:
                        told_at = now
                        aside = working_on(working, chinese=chinese)
                        yield ChatDelta(news=ToolNews(_line(working.title), "working", aside=aside))
                    working = Step("")
                case AgentWords():
                    said += "" if news.thought else news.text
                    silent = silent and (news.thought or not news.text.strip())
                    yield ChatDelta("", news.text) if news.thought else ChatDelta(news.text)
                case Step():
                    working = Step("") if news.over else news
                    if news.id not in seen:
                        seen.add(news.id)
                        yield ChatDelta(news=ToolNews("", "working", _line(news.title or news.kind), quick=True))
                    yield ChatDelta(news=_news(news))
                case Leave() | Form():
                    asking = AskingForm(news, chinese) if isinstance(news, Form) else AskingLeave(news, chinese)
                    yield ChatDelta(news=ToolNews("", "done", asking.shown))
                    async for piece in self._question(asking, said):
                        yield piece
                    return
                case PromptEnded():
                    last = (_NOT_DONE if refused else _ENDS.get(news.reason, _ENDS[""]))[chinese] if silent else ""
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

    # -- what it asks --------------------------------------------------------------------------------

    async def _question(self, asking: AgentAsks, before: str) -> AsyncGenerator[ChatDelta]:
        """Asks aloud: the answer is what the person says next."""
        self._open = _Open(asking, before)
        self._asked.set()
        yield ChatDelta(news=ToolNews(self._sessions.agent.name, "asked", asking.said))
        yield ChatDelta(("\n\n" if before.strip() else "") + asking.said, finish_reason="stop")

    def _settle(self, open: _Open, settled: Settled) -> None:
        """Sends the agent the answer to an open question."""
        self._open = None
        if (session := self._sessions.session) is not None and session.prompting:
            session.decide(open.asking.request, settled.result)
            if settled.stop:
                session.cancel()


def _heard(messages: Sequence[ChatMessage]) -> str:
    """What sounded of the reply before the person's last words."""
    talk = [each for each in messages if each.role in ("user", "assistant")]
    return talk[-2].content if len(talk) > 1 and talk[-2].role == "assistant" else ""


def _news(step: Step) -> ToolNews:
    """A line on a tool; no word is said before it takes its time."""
    state: Literal["working", "done", "failed"] = "working"
    if step.over:
        state = "done" if step.status == "completed" else "failed"
    title = _line(step.title or step.kind)
    return ToolNews(title, state, quick=True)


def _line(title: str) -> str:
    return " ".join(visible(title[:120]).split()) or "a tool"
