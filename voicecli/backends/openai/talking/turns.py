"""One turn of a speech-to-speech conversation: what the person says in it, its answers, and what was heard of them.

Belongs here: which sound a service holds, what it made of it; asking, another try where nothing was said yet,
withdrawing, cutting off. Does not belong here: messages (protocol), connections (line).

The sound is kept until the turn is over: a connection that drops is followed by another, which is sent it whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from voicecli.backends.openai.talking.line import TalkLine, TalkLines, lost
from voicecli.backends.openai.talking.protocol import (
    AnswerWords,
    Committed,
    Complained,
    News,
    Over,
    Sounds,
    Understood,
)
from voicecli.backends.transport.retry import PACE
from voicecli.backends.transport.wording import Complaint
from voicecli.errors import ServiceError, UnreachableError, VoiceError
from voicecli.resampling import Resampler
from voicecli.text.join import joined
from voicecli.types import MIC, ToolNews
from voicecli.types.turns import Answer, AnswerWanted, Heard, Sound, Text

TRIES = 3
"""Connections that one turn may take."""
WORDS_S = 3.0
"""How long the words of what was said may take to come."""
FRAME_S, SILENCE_S = 0.02, 10.0
"""How the silence after speech is sent, and how long."""
OVER_S = 3.0
"""How long a cancelled answer may take to be over."""

log = logging.getLogger(__name__)


class PersonsSound:
    """What the person says in one turn. What the service knows of it is known per line: another is told all again."""

    def __init__(self, lines: TalkLines, on_partial: Callable[[str], None]) -> None:
        self._lines, self._on_partial = lines, on_partial
        self._pcm = bytearray()
        self.over = False
        self._line: TalkLine | None = None
        self._silence: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        """Starts over: the service knows nothing of the turn."""
        self._sent = self._committed = 0
        self._commits: list[int] = []
        self._told: set[str] = set()
        self._spoken: dict[str, int] = {}
        """Samples, at the loudspeaker's rate, by the item of the answer."""

    def _at(self, line: TalkLine) -> None:
        if self._line is not line:
            self._line = line
            self._forget()
        line.show(self._lines.pictures)

    # -- the person's sound --------------------------------------------------------------------------

    def hear(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._stop_silence()
        if (line := self._lines.now) is not None:
            self._feed(line)

    def _feed(self, line: TalkLine) -> None:
        """Sends the sound that the service does not hold yet. Uncommitted sound of another turn is cleared first."""
        self._at(line)
        owner = self._lines.owner
        if owner is not self:
            line.send(line.protocol.clear())
            self._sent = self._committed
        if self._sent < len(self._pcm):
            self._lines.owner = self
            line.send(line.protocol.append(bytes(self._pcm[self._sent :])))
            self._sent = len(self._pcm)

    def pause(self) -> None:
        """A service that finds the end by itself must hear the silence."""
        if self._lines.by_service and self._silence is None and not self.over:
            self._silence = self._lines.tasks.create_task(self._fall_silent())

    async def _fall_silent(self) -> None:
        loop = asyncio.get_running_loop()
        begun, count = loop.time(), 0
        while count * FRAME_S < SILENCE_S and self._lines.owner is self:
            count += 1
            await asyncio.sleep(begun + count * FRAME_S - loop.time())
            if (line := self._lines.now) is not None and line is self._line:
                line.send(line.protocol.append(bytes(MIC.bytes_for(1000 * FRAME_S))))

    def _stop_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _commit(self, line: TalkLine) -> None:
        """What was heard so far becomes an item; a service that finds the end of a turn does that by itself."""
        self._feed(line)
        if self._sent > self._committed and not self._lines.by_service:
            self._committed, self._lines.owner = self._sent, None
            line.send(line.protocol.commit())
            self._commits.append(line.sent_commits)
            line.sent_commits += 1

    def on_news(self, line: TalkLine, news: Committed | Understood) -> None:
        """What the service found by itself."""
        if isinstance(news, Understood):
            if not news.final:
                known = [line.protocol.understood.get(item) for item in self._items(line)]
                before = [each.text for each in known if each is not None and each.item != news.item]
                self._on_partial(joined([*before, news.text]))
        elif self._lines.by_service and self._lines.owner is self:
            self._stop_silence()
            self._committed, self._lines.owner = self._sent, None
            self._commits.append(len(line.commits) - 1)

    def _items(self, line: TalkLine) -> list[str]:
        """The items that its sound became, as far as the service has told."""
        return [line.commits[at] for at in self._commits if at < len(line.commits)]

    def _understood(self, line: TalkLine) -> Heard | None:
        """The words of the turn, once all of them are known."""
        items = self._items(line)
        known = [found for item in items if (found := line.protocol.understood.get(item)) is not None and found.final]
        if not items or len(known) < len(self._commits):
            return None
        return Heard(joined(each.text.strip() for each in known))

    async def _until_understood(self, line: TalkLine) -> Heard | None:
        if self._commits and line.transcribes:
            line.transcribes = await line.until(lambda: self._understood(line) is not None, WORDS_S)
        return self._understood(line)

    async def words(self) -> Heard:
        for attempt in range(1, TRIES + 1):
            try:
                line = await self._lines.line()
                self._commit(line)
                return await self._until_understood(line) or Heard()
            except VoiceError as exc:
                await self._go_on(exc, attempt)
        raise AssertionError("the last attempt has an end")

    async def _go_on(self, exc: VoiceError, attempt: int) -> None:
        """Waits before another connection is tried; raises `exc` where none would help."""
        if attempt == TRIES or not lost(exc):
            raise exc
        log.info("%s: the turn is sent again", exc)
        await asyncio.sleep(PACE.pause(attempt))


class SpokenTurn(PersonsSound):
    """A `ports.SpokenExchange`."""

    def __init__(self, lines: TalkLines, on_partial: Callable[[str], None]) -> None:
        super().__init__(lines, on_partial)
        self._cut: int | None = None
        self._answering = self._answered = False

    def hear(self, pcm: bytes) -> None:
        """The person speaks on: an answer that was made in the pause, even a complete one, was not heard."""
        if self._answered and (line := self._lines.now) is not None and line is self._line:
            self._cut_off(line, complete=True)
        self._answered = False
        super().hear(pcm)

    # -- the answer ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def answer(self, asked: AnswerWanted) -> AsyncIterator[AsyncIterator[Answer]]:
        async with self._lines.one, aclosing(self._pieces(asked)) as pieces:
            self._answering = True
            try:
                yield pieces
            finally:
                self._leave()

    async def _pieces(self, asked: AnswerWanted) -> AsyncGenerator[Answer]:
        """The answer, over another connection where the first is lost before anything was said."""
        told: Heard | None = None
        for attempt in range(1, TRIES + 1):
            spoken = False
            try:
                async with aclosing(self._once(asked)) as pieces:
                    async for each in pieces:
                        spoken = spoken or not isinstance(each, Heard)
                        if each != told:
                            yield each
                        told = each if isinstance(each, Heard) else told
                return
            except VoiceError as exc:
                if spoken:
                    raise
                await self._go_on(exc, attempt)

    async def _once(self, asked: AnswerWanted) -> AsyncGenerator[Answer]:
        line = await self._lines.line()
        self._at(line)
        unasked = self._lines.by_service and asked == AnswerWanted(prefix=asked.prefix, tools=asked.tools)
        if not unasked and not await line.until(lambda: line.protocol.answer is None, OVER_S):
            self._lines.close()
            raise UnreachableError("did not stop when it was told to", who=self._lines.options.model or "talk")
        line.attached = True
        self._ask(line, asked, respond=not unasked)
        async with aclosing(self._stream(line)) as stream:
            async for each in stream:
                yield each

    def _ask(self, line: TalkLine, asked: AnswerWanted, *, respond: bool) -> None:
        protocol = line.protocol
        if asked.prefix and protocol.dialect.deletes:
            self._tell(line, "prefix", asked.prefix)
        if asked.says is None:
            self._commit(line)
        if asked.typed is not None:
            self._tell(line, "typed", asked.typed)
        for call, text in asked.results:
            if call.id not in line.calls:
                line.send([protocol.call(call)])
            line.send([protocol.result(call.id, text)])
        if respond:
            line.send([protocol.respond(asked.says, tools=asked.tools, instructions=asked.instructions)])

    def _tell(self, line: TalkLine, name: str, text: str) -> None:
        """Sends words as the person's, once on each line."""
        if name not in self._told:
            self._told.add(name)
            line.send([line.protocol.say("user", text)])

    async def _stream(self, line: TalkLine) -> AsyncGenerator[Answer]:
        resampler = Resampler(line.protocol.dialect.rate_out, self._lines.rate)
        told, empty = Heard("\0"), True
        until = _due(line)
        while True:
            news = await self._next(line, until)
            if self._lines.by_service and isinstance(news, Committed) and told.text == "\0":
                yield (told := Heard())
            if (heard := self._understood(line)) is not None and heard != told:
                yield (told := heard)
            match news:
                case AnswerWords():
                    empty, until = False, _due(line)
                    yield Text(news.text)
                    yield Sound(says=news.text, goes_on=True)
                case Sounds():
                    empty, until = False, _due(line)
                    yield Sound(self._noted(news.item, resampler.feed(news.pcm)))
                case Over():
                    if pcm := resampler.flush():
                        yield Sound(self._noted("", pcm))
                    yield Sound(ended=True)
                    if (heard := await self._until_understood(line)) is not None and heard != told:
                        yield heard
                    for each in self._ended(line, news, empty=empty):
                        yield each
                    return

    async def _next(self, line: TalkLine, until: float) -> News:
        try:
            async with asyncio.timeout_at(until):
                news = await line.news.get()
        except TimeoutError:
            waited = f"sent nothing of an answer for {line.backend.timeout_s:g} s"
            raise UnreachableError(waited, who=line.backend.name, cure="Try again") from None
        if isinstance(news, Complained):
            raise news.error
        if isinstance(news, VoiceError):
            raise type(news)(news.what, who=news.who, cure=news.cure)
        return news

    def _noted(self, item: str, pcm: bytes) -> bytes:
        item = item or next(reversed(self._spoken), "")
        self._spoken[item] = self._spoken.get(item, 0) + len(pcm) // 2
        return pcm

    def _ended(self, line: TalkLine, over: Over, *, empty: bool) -> list[Answer]:
        """The last of an answer that is over: its usage and its calls. Raises what it failed with."""
        self._answering = False
        if over.status == "failed":
            raise line.protocol.error(over.complaint or Complaint())
        if empty and not over.calls and over.status == "completed":
            raise ServiceError("the answer was empty", who=line.backend.name)
        self._answered = True
        line.calls |= {each.id for each in over.calls}
        cut = [ToolNews("", "failed", "the answer was cut off")] if over.status == "incomplete" else []
        return [*cut, *([over.usage] if over.usage else []), *over.calls]

    def _leave(self) -> None:
        """Ends the answer. One that is still in work is cancelled; the service keeps only what was heard of it."""
        line, answering, self._answering = self._line, self._answering, False
        if line is None or not line.open:
            return
        line.attached = False
        if answering:
            line.send(line.protocol.cancel(void=not self._cut))
            if not self._cut:
                self._spoken.clear()  # what is void is deleted once it is over
            self._cut_off(line, complete=False)
        while not line.news.empty():
            line.news.get_nowait()

    # -- what was heard of it ------------------------------------------------------------------------

    def heard_until(self, samples: int) -> None:
        self._cut = samples
        if not self._answering and (line := self._lines.now) is not None and line is self._line:
            self._cut_off(line, complete=True)

    def _cut_off(self, line: TalkLine, *, complete: bool) -> None:
        """Has the service forget what was not heard of the answers, and all of a void turn."""
        left, last = self._cut or 0, next(reversed(self._spoken), "")
        for item, samples in self._spoken.items():
            if left <= 0:
                line.send(line.protocol.delete(item))
            elif left < samples or (item == last and not complete):
                line.send(line.protocol.truncate(item, min(left, samples) * 1000 // self._lines.rate))
            left -= samples
        if not self._cut:
            self._spoken.clear()
        if self._cut == 0:
            line.forget(self._commits)

    def abandon(self) -> None:
        self.over = True
        self._stop_silence()
        line = self._lines.now
        if line is not None and self._lines.owner is self:
            line.send(line.protocol.clear())
            self._lines.owner = None
        if line is not None and line is self._line and not self._answered and not self._cut:
            line.forget(self._commits)
        self._pcm.clear()


def _due(line: TalkLine) -> float:
    """The loop's time by which the next event of an answer must have come."""
    return asyncio.get_running_loop().time() + line.backend.timeout_s
