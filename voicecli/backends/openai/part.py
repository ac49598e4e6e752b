"""What the parts of the adapter share: the service, which model to ask, what is tried another way.

Belongs here: what at least two parts need. Does not belong here: the fields of any one request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field

from voicecli.backends.openai.lessons import REFUSING
from voicecli.backends.transport.http import HttpService, Reply
from voicecli.backends.transport.sse import Event
from voicecli.backends.transport.wording import complaint_of
from voicecli.errors import ConfigError, ServiceError, VoiceError
from voicecli.types import Backend

Final = Callable[[VoiceError], bool]
"""Whether there is more to learn from a failure than another attempt of the same would tell."""

Learnt = frozenset[str]
"""What a service turned out not to take."""

DONE = "[DONE]"


@dataclass
class OpenAIPart:
    """One ability of a service."""

    _service: HttpService
    _learnt: set[str] = field(default_factory=set)
    """What this service turned out not to take, so that it is asked wrongly only once."""

    @property
    def _backend(self) -> Backend:
        return self._service.backend

    def _model(self, asked: str | None, setting: str) -> str:
        """The model to name. Raises ConfigError when nobody has chosen one."""
        model = asked or getattr(self._backend, setting) or self._backend.extra_for(setting.split("_")[0]).get("model")
        if not model:
            table = f"[backends.{self._backend.name}]"
            raise ConfigError(f"{table} names no model", cure=f"Set {setting} in {table}, or give --model")
        return str(model)

    def _language(self, asked: str | None) -> str | None:
        """The ISO-639-1 code to send (`zh` of zh-CN), or None for any language."""
        code = (asked or self._backend.language).lower().replace("_", "-").partition("-")[0]
        return code if code and code != "auto" else None

    async def _enter(
        self,
        stack: AsyncExitStack,
        send: Callable[[Final, Learnt], AbstractAsyncContextManager[Reply]],
        lesson: Callable[[ServiceError, Learnt], str | None],
        known: set[str] | None = None,
    ) -> Reply:
        """The reply to what `send` makes; made anew as long as a refusal teaches something new.

        What is learnt is added to `known`, or to what is known of the service. Both are given what was known when the
        request was made: another one may learn the same beside it.
        """
        known = self._learnt if known is None else known
        while True:
            asked = frozenset(known)

            def news(exc: VoiceError, asked: Learnt = asked) -> str | None:
                learnt = lesson(exc, asked) if isinstance(exc, ServiceError) else None
                return None if learnt in asked else learnt

            try:
                return await stack.enter_async_context(send(lambda exc: news(exc) is not None, asked))
            except ServiceError as exc:
                learnt = news(exc)
                if learnt is None:
                    raise
                known.add(learnt)

    def _refuses(self, exc: ServiceError, *words: str) -> bool:
        """Whether the service refused a request because of a field, as one of `words` tells."""
        return exc.status in REFUSING and any(word in exc.what.lower() for word in words)

    def _objects(self, reply: Reply, event: Event) -> Sequence[object]:
        """The decoded data of one event. Raises our error for one that reports an error.

        Several `data:` lines are one object, or, from some servers, one object each. A list is its items.
        """
        data = event.data.strip()
        if event.name == "error":
            raise self._service.error(complaint_of(data.encode()))
        if not data or data.upper() == DONE:
            return ()
        try:
            found = [reply.decoded(data)]
        except ServiceError:
            lines = [line for line in data.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            found = [reply.decoded(line) for line in lines if line.strip().upper() != DONE]
        found = [item for each in found for item in (each if isinstance(each, list) else [each])]
        for each in found:
            self._service.complain(each)
        return found
