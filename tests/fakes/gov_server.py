"""The cloud service of the `gov` family: chat by category, recognition of bytes, speech by address.

It implements what is documented and answers an error to anything else. Recognition hears DTMF digits,
speech speaks the digits of its text, so that nothing can be canned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from tests.fakes.forms import Fields, Refused, Routes, digits_in, json_body, routed, spoken
from tests.fakes.server import FakeServer, Reply, Request
from voicecli.backends.gov_settings import GovSettings
from voicecli.types import Backend

LONGEST_TARGET = 2_048
"""Characters of an address that this server takes, path and query together."""

Messages = list[dict[str, str]]

_REQUIRED: Fields = {"temperature": (int, float), "max_tokens": int, "category": str, "messages": list}


def echo(messages: Messages) -> str:
    """The answer when a test gives none. The service's answers begin with a blank."""
    return f" 您的问题：{messages[-1]['content']}"


class Gov(FakeServer):
    """The service; a test may lay its own replies over a path with `on`."""

    def __init__(self, answer: Callable[[Messages], str] = echo) -> None:
        super().__init__(lambda request: routed(request, self.documented()))
        self.answer = answer

    def backend(self, **settings: Any) -> Backend:
        """A backend at this address."""
        defaults: dict[str, Any] = {
            "base_url": self.url + "/v1",
            "category": "bj_gov",
            "timeout_s": 2.0,
            "connect_timeout_s": 2.0,
        }
        return GovSettings("city", "gov", **(defaults | settings))

    def documented(self) -> Routes:
        return {
            ("POST", "/v1/chat/completions"): self.chat,
            ("POST", "/v1/asr"): self.asr,
            ("GET", "/v1/tts"): self.tts,
        }

    def chat(self, request: Request) -> Reply:
        body = _chat_body(request)
        return Reply.json(
            {
                "id": "chatcmpl-W9Hp9zbUjE572UKvPZvybz",
                "object": "chat.completion",
                "created": 1709287530,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": self.answer(body["messages"])},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            }
        )

    def asr(self, request: Request) -> Reply:
        if request.headers.get("content-type") != "application/octet-stream" or request.query:
            return Reply.json({"result": "Content-Type必须为application/octet-stream", "status": 40000000})
        try:
            return Reply.json({"result": digits_in(request.body), "status": 20000000})
        except Refused as refused:
            return Reply.json({"result": f"音频无法识别: {refused}", "status": 40000004})

    def tts(self, request: Request) -> Reply:
        if len(request.path) + len(_query(request)) > LONGEST_TARGET:
            raise Refused("Request-URI Too Large", 414)
        if request.body or set(request.query) != {"text"} or len(request.query["text"]) != 1:
            return Reply.json({"error": "只接受参数 text"})
        text = request.query["text"][0]
        if not text.strip():
            return Reply("待合成的文本为空".encode())
        return Reply(spoken(text, "mp3"), 200, {"content-type": "audio/mpeg"})


def _query(request: Request) -> str:
    """The query at its longest: every character that may be escaped is."""
    return "?" + "&".join(f"{quote(name)}={quote(each)}" for name, values in request.query.items() for each in values)


def _chat_body(request: Request) -> dict[str, Any]:
    body = json_body(request, _REQUIRED, {"model": str})
    for each in body["messages"]:
        if set(each) != {"role", "content"} or each["role"] not in ("user", "assistant") or not each["content"]:
            raise Refused(f"not a message: {each}")
    return body
