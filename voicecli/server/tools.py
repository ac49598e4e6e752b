"""`voice mcp`: a person's ears and voice as tools of the Model Context Protocol, over stdio.

Belongs here: the tools, their words, one call at a time, telling that it goes on. Does not belong here: an exchange
(usecases.parley), who has the floor (storage.floor), clients' configurations (usecases.mcp_clients).

Annotations are evaluated where they stand (no `from __future__`): the package reads them, and they name what is here.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from mcp.server import MCPServer
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, Field

from voicecli import __version__
from voicecli.agents import forms
from voicecli.agents.leave import visible
from voicecli.errors import DeviceError, VoiceError, only
from voicecli.server.greeting import INSTRUCTIONS
from voicecli.storage.floor import floor
from voicecli.text.language import is_chinese
from voicecli.types import SpeechRequest
from voicecli.usecases.parley import CEILING_S, SILENCE_S, Exchange, Parley
from voicecli.usecases.speaking.goals import Goal
from voicecli.usecases.speaking.saying import Saying

FLOOR_S = 30.0
"""How long a call waits for another program to stop speaking."""
TELLS_S = 5.0
"""How often a client is told that a call goes on: some give up after a minute of nothing."""
LEAVES_S = 0.8
Told = dict[str, object]
Work = TypeVar("Work")
Seconds = Annotated[float, Field(ge=1, le=CEILING_S)]
Spoken = Annotated[str, Field(max_length=4_000)]
"""Four minutes of speech: who wants more said has a screen for it."""
Options = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=forms.MOST_OPTIONS)]


class Written(BaseModel):
    """The form for a person who cannot be heard."""

    answer: str = Field(description="Your answer")


class SpokenAnswer(Written):
    """An answer that was heard, and what is told of it."""

    told: Told = {}


@dataclass
class VoiceCalls:
    """One call at a time: a newer one ends the one before, which frees the microphone."""

    parley: Parley
    folder: Path
    _now: asyncio.Task[Told | VoiceError] | None = None
    _told_at: float = field(default=0.0)

    async def alone(self, ctx: Context, work: Callable[[], Coroutine[object, object, Told]]) -> Told:
        """What `work` gives, once nobody else speaks. Raises ToolError."""
        await self.end()
        async with asyncio.TaskGroup() as tasks:
            mine = self._now = tasks.create_task(self._outcome(ctx, work))
        if mine.cancelled():
            return {"status": "replaced", "why": "a newer call took its place"}
        if isinstance(found := mine.result(), VoiceError):
            raise ToolError(str(found)) from found
        return found

    async def end(self) -> None:
        """Whatever goes on ends, and its devices are closed."""
        while (now := self._now) is not None:
            now.cancel()
            await asyncio.wait([now], timeout=LEAVES_S)
            if self._now is now:  # else another call has begun meanwhile
                self._now = None

    async def _outcome(self, ctx: Context, work: Callable[[], Coroutine[object, object, Told]]) -> Told | VoiceError:
        try:
            return await self._with_floor(ctx, work)
        except VoiceError as exc:
            return exc

    async def _with_floor(self, ctx: Context, work: Callable[[], Coroutine[object, object, Told]]) -> Told:
        waiting = ""

        async def waits(holder: str) -> None:
            nonlocal waiting
            waiting = holder
            await self._tell(ctx, 0, f"waiting: {holder} has the floor")

        patience = asyncio.timeout(FLOOR_S)
        try:
            async with patience, floor(self.folder, _client(ctx), waits):
                patience.reschedule(None)
                return await work()
        except TimeoutError:
            if not patience.expired():
                raise
            return {"status": "busy", "floor": waiting}

    async def exchange(self, ctx: Context, says: str, silence_s: float, ceiling_s: float = CEILING_S) -> Exchange:
        loop = asyncio.get_running_loop()

        async def goes_on(seconds: float) -> None:
            if loop.time() - self._told_at >= TELLS_S:
                self._told_at = loop.time()
                await self._tell(ctx, seconds, "listening")

        return await self.parley.exchange(says, silence_s=silence_s, ceiling_s=ceiling_s, goes_on=goes_on)

    async def _tell(self, ctx: Context, seconds: float, what: str) -> None:
        with suppress(Exception):  # a client that has gone is noticed where its pipe is read
            await ctx.report_progress(seconds, CEILING_S, what)

    async def say(self, text: str) -> Told:
        await Saying(self.parley.services, SpeechRequest(text=""), Goal.named(self.parley.ends.output, None)).say(text)
        return {"status": "spoken"}

    async def told(self, ctx: Context, text: str, silence_s: float, max_s: float = CEILING_S) -> Told:
        """What came of an exchange, as a client is told of it."""
        return _told(await self.exchange(ctx, text, silence_s, max_s))

    async def ask(self, ctx: Context, question: str, options: list[str]) -> Told:
        """Asks, and once more where the answer fits no option. What the person said is told in any case."""
        choice = forms.Field("answer", question, "string", tuple((each, each) for each in options))
        form = forms.Form(0, question, (choice,))
        heard = Exchange("silence")
        for _ in range(2):
            heard = await self.exchange(ctx, forms.asked(form, 0, chinese=is_chinese(question)), SILENCE_S)
            found = forms.value(choice, heard.text) if heard.status == "heard" else forms.Unclear()
            if not isinstance(found, forms.Unclear):
                return _told(heard) | {"answer": found}
        return _told(heard) | ({"status": "unclear"} if heard.status == "heard" else {})


def server_of(calls: VoiceCalls) -> MCPServer:
    """The server, with its four tools."""
    server = MCPServer("voice", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    tool: Callable[[Work], Work] = server.tool(structured_output=False)

    @tool
    async def converse(text: Spoken, ctx: Context, silence_s: Seconds = SILENCE_S) -> Told:
        """Say something aloud to the person and hear their spoken answer (voice, speak, ask aloud).

        Returns status heard|silence|pending, text (what they said), told (what they heard of yours before they cut in).
        """
        return await calls.alone(ctx, lambda: calls.told(ctx, text, silence_s))

    @tool
    async def speak(text: Spoken, ctx: Context) -> Told:
        """Speak a short text aloud to the person, without waiting for an answer (voice, say, notify)."""
        return await calls.alone(ctx, lambda: calls.say(text))

    @tool
    async def listen(ctx: Context, silence_s: Seconds = SILENCE_S, max_s: Seconds = CEILING_S) -> Told:
        """Listen to what the person says by voice. Status pending: still speaking, call again; silence: no word."""
        return await calls.alone(ctx, lambda: calls.told(ctx, "", silence_s, max_s))

    async def answered(question: Spoken, options: Options | None, ctx: Context) -> SpokenAnswer | Elicit[Written]:
        try:
            told = await calls.alone(ctx, lambda: calls.ask(ctx, question, options or []))
        except ToolError as exc:
            capable = ctx.client_capabilities
            if not isinstance(exc.__cause__, DeviceError) or capable is None or capable.elicitation is None:
                raise
            return Elicit(" / ".join([question, *(options or [])]), Written)
        return SpokenAnswer(answer=str(told.get("answer", "")), told=told)

    @tool
    async def ask(
        question: Spoken,
        given: Annotated[ElicitationResult[Written], Resolve(answered)],
        options: Options | None = None,
    ) -> Told:
        """Ask the person a question aloud by voice, with up to 9 options; where nobody can be heard, in a form.

        Returns answer, with status heard|written|silence|pending|unclear|declined.
        """
        if not isinstance(given, AcceptedElicitation):
            return {"status": "declined"}
        found = given.data
        return found.told if isinstance(found, SpokenAnswer) else {"status": "written", "answer": found.answer}

    return server


def _told(exchange: Exchange) -> Told:
    """An exchange as a client is told of it, without empty fields."""
    found = {"status": exchange.status, "text": exchange.text, "told": exchange.told, "cut": exchange.cut}
    return {name: value for name, value in found.items() if value}


def _client(ctx: Context) -> str:
    """Who asks, and from where: another agent may be told."""
    params = getattr(ctx.session, "client_params", None)
    return visible(f"{getattr(getattr(params, 'client_info', None), 'name', 'an agent')[:40]} in {Path.cwd().name}")


async def serve(calls: VoiceCalls, hang_up: Callable[[], None]) -> None:
    """Until the client closes its end; then nothing sounds or listens any more. Who cancels it hangs up."""
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                await asyncio.shield(tasks.create_task(server_of(calls).run_stdio_async()))
            finally:
                hang_up()
                await calls.end()
    except BaseExceptionGroup as group:
        raise only(group) from None
