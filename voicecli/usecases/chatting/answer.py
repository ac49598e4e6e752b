"""What comes of a question: the answer as it arrives, and what is to be said of it.

Belongs here: collecting and judging; pure. Does not belong here: asking, showing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicecli.errors import ProtocolError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voicecli.types import ChatDelta, Usage

CUT_OFF = {
    "length": "the answer was cut off at the length limit; --max-tokens raises it.",
    "content_filter": "the service's filter cut the answer off.",
}
"""What a finish_reason other than the ordinary ones means to a person."""

ENDED = ("done", "failed", "declined")
"""The states of a tool that is over."""


@dataclass
class ChatAnswer:
    """What has arrived so far."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    complete: bool = False
    tools: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def take(self, delta: ChatDelta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage
        news = delta.news
        if news and news.name and news.state in ENDED:
            self.tools.append({"name": news.name, "state": news.state, "text": news.text})

    @property
    def warning(self) -> str:
        """What is to be said of an answer that did not end by itself."""
        return CUT_OFF.get(self.finish_reason or "", "")

    def check(self, *, fits_schema: bool) -> None:
        """Raises ServiceError where it is empty, ProtocolError where it should be JSON and is not."""
        if not self.text.strip():
            raise ServiceError("the answer was empty", who="chat")
        if not fits_schema:
            return
        try:
            json.loads(self.text)
        except (ValueError, RecursionError):
            cure = "Try a model that knows schemas."
            raise ProtocolError("the answer is not the JSON that --schema asks for", who="chat", cure=cure) from None


def tokens_of(usage: Usage | None, price: Mapping[str, float] | None = None) -> str:
    """What a question cost, in words; in money where `price` tells what a million tokens cost."""
    if usage is None:
        return "usage: the service did not say"
    told = f"usage: {usage.prompt_tokens} tokens asked + {usage.completion_tokens} answered = {usage.total}"
    return f"{told}{cost_of(usage, price)}"


def cost_of(usage: Usage, price: Mapping[str, float] | None) -> str:
    """ ", about 0.12", where the `price` of a million tokens is known."""
    if not price:
        return ""
    cost = usage.prompt_tokens * price.get("asked", 0.0) + usage.completion_tokens * price.get("answered", 0.0)
    return f", about {cost / 1e6:.2g}"
