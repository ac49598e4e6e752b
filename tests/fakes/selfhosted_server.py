"""The local servers of the `selfhosted` family: ears, chat and voice, each on a port of its own.

They implement what is documented and answer an error to anything else. The ears hear DTMF digits, the
voice speaks the digits of its text, so that nothing can be canned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Self

from tests.fakes.forms import (
    Refused,
    Routes,
    digits_in,
    file_in,
    flask_error,
    json_body,
    multipart,
    number_in,
    only,
    routed,
    spoken,
)
from tests.fakes.server import FakeServer, Reply, Request, Step
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.types import Backend

MODEL = "Qwen/Qwen3-Coder-480B-A35B-Instruct"
STYLES = ("style1", "style2", "style3")
LANGUAGES = ("auto", "zh", "en", "yue", "ja", "ko", "nospeech")

Messages = list[dict[str, str]]
Route = Callable[[Request], Reply]


def echo(messages: Messages) -> str:
    """The answer when a test gives none: what was asked, in Chinese, with a character beyond the BMP."""
    return f"你问的是：{messages[-1]['content']} 😊"


class SelfHosted:
    """The three servers. A test may lay its own replies over a path: `servers.chat.on("/api/chat", …)`."""

    def __init__(self, answer: Callable[[Messages], str] = echo, *, streams: bool = True) -> None:
        self.answer = answer
        ears: dict[tuple[str, str], Route] = {("POST", "/asr"): self.hear, ("POST", "/api/v1/asr"): self.hear_own}
        chat: dict[tuple[str, str], Route] = {("GET", "/health"): self.chat_well, ("POST", "/api/chat"): self.say}
        voice: dict[tuple[str, str], Route] = {
            ("GET", "/health"): self.voice_well,
            ("POST", "/synthesize"): self.speak,
        }
        if streams:
            ears["POST", "/asr/stream"] = self.hear_lines
            chat["POST", "/api/chat/stream"] = self.say_lines
        self.asr, self.tts, self.chat = (FakeServer(app(routes)) for routes in (ears, voice, chat))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (self.asr, self.tts, self.chat):
                stack.enter_context(server)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stack.__exit__(*exc)

    def backend(self, **settings: Any) -> Backend:
        """A backend at these addresses."""
        urls = {"asr_url": self.asr.url, "tts_url": self.tts.url, "chat_url": self.chat.url}
        return SelfhostedSettings(
            "local", "selfhosted", **(urls | {"timeout_s": 2.0, "connect_timeout_s": 2.0} | settings)
        )

    # -- ears ------------------------------------------------------------------------------------

    def hear(self, request: Request) -> Reply:
        return Reply.text(json.dumps({"text": _recording(request)}), kind="application/json")

    def hear_lines(self, request: Request) -> Reply:
        digits = _recording(request)
        partials = [digits[: n + 1] for n in range(len(digits))] or [""]
        return Reply(list(lines({"partial_text": each} for each in partials)), 200, {"content-type": "text/plain"})

    def hear_own(self, request: Request) -> Reply:
        parts = multipart(request)
        only(parts, "files", "keys", "lang")
        lang = parts["lang"].text if "lang" in parts else "auto"
        if "keys" not in parts or lang not in LANGUAGES:
            return Reply.json({"detail": [{"loc": ["body", "lang"], "msg": f"unknown: {lang}", "type": "enum"}]}, 422)
        digits = digits_in(file_in(parts, "files"))
        raw = f"<|{'zh' if lang == 'auto' else lang}|><|HAPPY|><|Speech|><|withitn|>{digits}"
        clean = re.sub(r"<\|.*\|>", "", raw)
        return Reply.json(
            {"result": [{"key": parts["keys"].text, "text": digits + "😊", "raw_text": raw, "clean_text": clean}]}
        )

    # -- chat ------------------------------------------------------------------------------------

    def chat_well(self, request: Request) -> Reply:
        return Reply.json({"model": MODEL, "status": "ok"})

    def say(self, request: Request) -> Reply:
        messages, model = _conversation(request)
        text = self.answer(messages)
        message = {"role": "assistant", "content": text, "reasoning_content": "", "tool_calls": None}
        raw = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1758968053760,
            "model": model,
            "choices": [
                {"index": 0, "delta": {"content": "", "role": None}, "finish_reason": "stop", "message": message}
            ],
            "usage": {"prompt_tokens": 13, "completion_tokens": 34, "total_tokens": 47, "prompt_tokens_details": None},
        }
        body = json.dumps({"content": text, "model": model, "raw": raw})
        return Reply.text(body, kind="application/json")

    def say_lines(self, request: Request) -> Reply:
        messages, _ = _conversation(request)
        text = self.answer(messages)
        deltas = [{"delta": text[n : n + 3]} for n in range(0, len(text), 3)]
        steps = list(lines([*deltas, {"event": "done"}]))
        return Reply(steps, 200, {"content-type": "text/html; charset=utf-8"})

    # -- voice -----------------------------------------------------------------------------------

    def voice_well(self, request: Request) -> Reply:
        return Reply.json({"status": "ok"})

    def speak(self, request: Request) -> Reply:
        parts = multipart(request)
        only(parts, "text", "style", "prompt_audio", "temperature", "top_p")
        if "text" not in parts or not parts["text"].text.strip():
            raise Refused("no text")
        if ("style" in parts) == ("prompt_audio" in parts):
            raise Refused("either style or prompt_audio")
        if "style" in parts and parts["style"].text not in STYLES:
            raise Refused(f"no style {parts['style'].text!r}")
        if "prompt_audio" in parts:
            digits_in(file_in(parts, "prompt_audio"))
        number_in(parts, "temperature", 0, 2)
        number_in(parts, "top_p", 0, 1)
        return Reply(spoken(parts["text"].text, "wav"), 200, {"content-type": "audio/wav"})


def lines(messages: Iterable[dict[str, Any]]) -> Iterable[Step]:
    """Lines of JSON as a network delivers them: cut every five bytes, so inside characters too."""
    body = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in messages).encode()
    for n in range(0, len(body), 5):
        yield body[n : n + 5]
        yield 0.0


def _recording(request: Request) -> str:
    parts = multipart(request)
    only(parts, "file")
    return digits_in(file_in(parts, "file"))


def _conversation(request: Request) -> tuple[Messages, str]:
    """The messages and the model of a strictly checked body."""
    body = json_body(request, {"messages": list}, {"model": str})
    messages: Messages = body["messages"]
    for each in messages:
        if set(each) != {"role", "content"} or each["role"] not in ("system", "user", "assistant"):
            raise Refused(f"not a message: {each}")
        if not isinstance(each["content"], str) or not each["content"]:
            raise Refused("empty content")
    return messages, body.get("model", MODEL)


def app(routes: Routes) -> Callable[[Request], Reply]:
    """Answers by `routes`; a key and a query are documented nowhere."""

    def strict(request: Request) -> Reply:
        if request.headers.get("authorization") or request.query:
            return flask_error(Refused("a key or a query, where none is documented"))
        return routed(request, routes)

    return strict
