"""A strict OpenAI-compatible service that hears, answers and speaks digits.

It refuses whatever the documents do not allow, decodes the audio it is sent (DTMF: a lost, doubled or
clipped sample shows as `?`), answers a question with other digits, and speaks the digits of a text.

    with OpenAIServer(Habits(first_token_s=0.2)) as server: ... server.base_url, server.log
    python -m tests.fakes.openai_server --port 8080 --log log.jsonl     # prints its base URL, then serves

Belongs here: the service's behaviour when all goes well, and its refusals. Faults are scripted with
`server.on(path, Reply(...))`. Does not belong here: what is allowed (openai_schema), transport (server).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import re
import signal
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import soundfile as sf

from tests import dtmf
from tests.fakes import openai_schema as schema
from tests.fakes import openai_tools
from tests.fakes.openai_schema import Bad
from tests.fakes.server import FakeServer, Reply, Request, Socket, Step

RATE = 24_000
Form = dict[str, str]


def next_digits(question: str) -> str:
    """Every digit of the question, plus one: 189 becomes "290."."""
    digits = re.sub(r"\D", "", question)
    return "".join(str((int(each) + 1) % 10) for each in digits) + "." if digits else "Pardon?"


def echo(question: str) -> str:
    """The question itself."""
    return question


NUMBERS = "zero one two three four five six seven eight nine".split()


def in_english(digits: str) -> str:
    """What a translation makes of digits: 42 becomes "four two"."""
    return " ".join(NUMBERS[int(each)] if each.isdecimal() else each for each in digits)


ANSWERS = {"next": next_digits, "echo": echo}


@dataclass
class Habits:
    """How this service behaves; times are real seconds. `pace` is seconds of speech sent per second, 0: at once."""

    key: str = ""
    models: tuple[str, ...] = ("digits-chat", "digits-hear", "digits-speak")
    hear_s: float = 0.0
    heard: Callable[[str], str] = str
    stream_transcripts: bool = True
    first_token_s: float = 0.0
    token_s: float = 0.0
    answer: Callable[[str], str] = next_digits
    calls: Callable[[list[dict[str, Any]]], Sequence[openai_tools.Call]] = lambda messages: ()
    """The tools that it wants used after these messages, if it was offered any."""
    script: list[str] = field(default_factory=list)
    first_sound_s: float = 0.0
    piece_ms: float = 100.0
    pace: float = 0.0
    tone_ms: float = dtmf.TONE_MS
    gap_ms: float = dtmf.GAP_MS
    realtime: str = "openai"
    hum_s: float = 0.15
    """How long what is said for a text without digits sounds."""


class OpenAIServer(FakeServer):
    """See the module. `log` holds one entry per request that was understood."""

    def __init__(self, habits: Habits | None = None, *, port: int = 0, log: TextIO | None = None) -> None:
        super().__init__(self.app_handler, port=port, socket_app=self.realtime)
        self.habits = habits or Habits()
        self.log: list[dict[str, Any]] = []
        self.file = log

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def live_url(self) -> str:
        return f"{self.ws_url}/v1/realtime"

    def note(self, verb: str, **what: Any) -> None:
        entry = {"verb": verb, "at": time.monotonic(), **what}
        self.log.append(entry)
        if self.file:
            self.file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self.file.flush()

    async def app_handler(self, request: Request) -> Reply:
        routes = {
            ("GET", "/v1/models"): self.models,
            ("POST", "/v1/chat/completions"): self.chat,
            ("POST", "/v1/audio/transcriptions"): self.transcribed,
            ("POST", "/v1/audio/translations"): self.translate,
            ("POST", "/v1/audio/speech"): self.speak,
        }
        try:
            self.admit(request)
            handler = routes.get((request.method, request.path))
            if handler is None:
                raise Bad(f"Invalid URL ({request.method} {request.path})", status=404)
            return await handler(request)
        except Bad as bad:
            return error_reply(bad)

    def admit(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key or (self.habits.key and key != self.habits.key):
            raise Bad("Incorrect API key provided.", status=401)

    async def models(self, request: Request) -> Reply:
        self.note("models")
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.habits.models]
        return Reply.json({"object": "list", "data": data})

    # -- chat ------------------------------------------------------------------------------------

    async def chat(self, request: Request) -> Reply:
        body = schema.chat(json_of(request))
        if "tools" in body and (calls := self.habits.calls(body["messages"])):
            return await self.call(body, openai_tools.calls_of(body, calls))
        question = body["messages"][-1]["content"]
        text = self.habits.script.pop(0) if self.habits.script else self.habits.answer(question)
        text = json.dumps({"answer": text}) if "response_format" in body else text
        tokens = re.findall(r"\s*\S{1,3}", text)
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or len(tokens)
        reason, tokens = ("length" if limit < len(tokens) else "stop"), tokens[:limit]
        self.note("chat", body=body, answer="".join(tokens))
        usage = {
            "prompt_tokens": len(question),
            "completion_tokens": len(tokens),
            "total_tokens": len(question) + len(tokens),
        }
        if body.get("stream"):
            return Reply.sse(lambda: self.deltas(body, tokens, reason, usage))
        await asyncio.sleep(self.habits.first_token_s + self.habits.token_s * len(tokens))
        message = {"role": "assistant", "content": "".join(tokens)}
        choices = [{"index": i, "message": message, "finish_reason": reason} for i in range(body.get("n", 1))]
        return Reply.json(_envelope(body, "chat.completion") | {"choices": choices, "usage": usage})

    async def call(self, body: dict[str, Any], calls: list[dict[str, Any]]) -> Reply:
        """An answer that only calls tools."""
        self.note(
            "chat", body=body, calls=[(each["function"]["name"], each["function"]["arguments"]) for each in calls]
        )
        if body.get("stream"):
            return Reply.sse(lambda: self.called(body, calls))
        await asyncio.sleep(self.habits.first_token_s)
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return Reply.json(_envelope(body, "chat.completion") | {"choices": [choice]})

    async def called(self, body: dict[str, Any], calls: list[dict[str, Any]]) -> AsyncIterator[Step]:
        head = _envelope(body, "chat.completion.chunk")
        yield self.habits.first_token_s
        for delta in openai_tools.deltas(calls):
            yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            yield _event(head | {"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    async def deltas(self, body: dict[str, Any], tokens: list[str], reason: str, usage: Any) -> AsyncIterator[Step]:
        def event(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": index, "delta": delta, "finish_reason": finish}
            return _event(_envelope(body, "chat.completion.chunk") | {"choices": [choice]})

        several = range(body.get("n", 1))
        for index in several:
            yield event(index, {"role": "assistant", "content": ""})
        yield self.habits.first_token_s
        for token in tokens:
            for index in several:
                yield event(index, {"content": token})
            yield self.habits.token_s
        for index in several:
            yield event(index, {}, reason)
        if (body.get("stream_options") or {}).get("include_usage"):
            yield _event(_envelope(body, "chat.completion.chunk") | {"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    # -- transcriptions --------------------------------------------------------------------------

    async def transcribed(self, request: Request) -> Reply:
        return await self.heard("transcribe", request, schema.transcription, lambda digits: digits)

    async def translate(self, request: Request) -> Reply:
        return await self.heard("translate", request, schema.translation, in_english)

    async def heard(
        self, task: str, request: Request, allowed: Callable[[Form], Form], words: Callable[[str], str]
    ) -> Reply:
        if len(request.body) > schema.AUDIO_BYTES:
            raise Bad("Maximum content size limit exceeded", status=413)
        form, files = schema.multipart(request.headers.get("content-type", ""), request.body)
        form = allowed(form)
        if files.keys() != {"file"}:
            raise Bad(f"expected one file named 'file', got {sorted(files)}", "file")
        name, data = files["file"]
        samples, rate = _audio(name, data)
        if "gpt-4o" in form["model"] and len(samples) / rate > schema.AUDIO_SECONDS:
            raise Bad(f"audio duration {len(samples) / rate:.0f} seconds is longer than 1400 seconds", "file")
        begun = time.monotonic()
        tones = dtmf.find(samples, rate, self.habits.tone_ms)
        text = words(self.habits.heard("".join(tone.digit for tone in tones)))
        self.note(task, form=form, file=name, seconds=len(samples) / rate, heard=text)
        await asyncio.sleep(max(0.0, self.habits.hear_s - (time.monotonic() - begun)))
        return self.transcript(task, form, text, tones, len(samples) / rate)

    def transcript(self, task: str, form: Form, text: str, tones: list[dtmf.Tone], seconds: float) -> Reply:
        kind = form.get("response_format", "json")
        if form.get("stream") == "true" and self.habits.stream_transcripts and form["model"] != "whisper-1":
            return Reply.sse(_transcript_events(text))
        if kind == "text":
            return Reply.text(text + "\n")
        whole: dict[str, Any] = {"text": text}
        if kind in ("verbose_json", "diarized_json"):
            start, end = (tones[0].start, tones[-1].end) if tones else (0.0, 0.0)
            segment = {"id": 0, "start": start, "end": end, "text": f" {text}", **WHISPERS}
            whole |= {"task": task, "language": "english", "duration": seconds}
            whole["segments"] = [segment | ({"speaker": "A"} if kind == "diarized_json" else {})] if tones else []
        if "word" in form.get("timestamp_granularities[]", ""):
            whole["words"] = [{"word": tone.digit, "start": tone.start, "end": tone.end} for tone in tones]
        return Reply.json(whole)

    # -- speech ----------------------------------------------------------------------------------

    async def speak(self, request: Request) -> Reply:
        body = schema.checked(json_of(request), schema.SPEECH, "model", "input", "voice")
        kind = body.get("response_format", "mp3")
        digits = re.sub(r"\D", "", body["input"])
        self.note("speak", body=body, spoken=digits)
        sound = (
            dtmf.encode(digits, RATE, self.habits.tone_ms, self.habits.gap_ms) if digits else _hum(self.habits.hum_s)
        )
        data = encoded(sound, kind)
        steps = self.pieces(data, len(sound) / RATE)
        if body.get("stream_format") == "sse":
            return Reply.sse(lambda: _speech_events(steps))
        return Reply(lambda: steps, 200, {"content-type": TYPES[kind]})

    async def pieces(self, data: bytes, seconds: float) -> AsyncIterator[Step]:
        """The bytes in pieces of `piece_ms`, the first after `first_sound_s`, the others at `pace`."""
        yield self.habits.first_sound_s
        size = max(1, int(len(data) * self.habits.piece_ms / 1000 / max(seconds, 1e-3)))
        for at in range(0, len(data), size):
            if at and self.habits.pace:
                yield self.habits.piece_ms / 1000 / self.habits.pace
            yield data[at : at + size]

    # -- realtime --------------------------------------------------------------------------------

    async def realtime(self, socket: Socket) -> None:
        try:
            self.admit(socket.request)
            if socket.request.path != "/v1/realtime":
                raise Bad("Invalid URL", status=404)
            if self.habits.realtime == "openai" and socket.request.query.get("intent") != ["transcription"]:
                raise Bad("You must provide a model or an intent parameter.")
        except Bad as bad:
            await socket.reject(bad.status, bad.message)
            return
        talk = {"openai": _OpenAITalk, "vllm": _VllmTalk}[self.habits.realtime](self, socket)
        await talk.run()


class _OpenAITalk:
    """A transcription session as OpenAI documents it: 24 kHz, text while sound comes, an item per commit."""

    rate = 24_000

    def __init__(self, server: OpenAIServer, socket: Socket) -> None:
        self.server, self.socket = server, socket
        self.sound = bytearray()
        self.session: dict[str, Any] | None = None
        self.items = self.bytes = self.looked = 0
        self.heard = ""

    async def run(self) -> None:
        await self.send("session.created", session={"type": "transcription", "id": "sess_1"})
        async for message in self.socket:
            try:
                assert isinstance(message, str), "events are text"
                await self.event(schema.realtime(json.loads(message)))
            except Bad as bad:
                error = {"type": "invalid_request_error", "code": bad.param, "message": bad.message}
                await self.send("error", error=error)

    async def event(self, event: Any) -> None:
        match event["type"]:
            case "session.update":
                self.session = event["session"]
                self.server.note("realtime", session=self.session)
                await self.send("session.updated", session=self.session)
            case "input_audio_buffer.append":
                await self.append(event["audio"])
            case "input_audio_buffer.commit":
                await self.commit()

    async def append(self, audio: Any) -> None:
        if self.session is None:
            raise Bad("no session yet")
        data = _decoded(audio)
        self.sound += data
        self.bytes += len(data)
        if self.bytes - self.looked > self.rate // 2:
            self.looked = self.bytes
            await self.listen(0.1)

    async def listen(self, margin_s: float) -> None:
        """Tell of the tones that ended at least `margin_s` ago, and forget their samples."""
        samples = np.frombuffer(bytes(self.sound[: len(self.sound) // 2 * 2]), "<i2")
        seconds = len(samples) / self.rate
        tones = dtmf.find(samples, self.rate, self.server.habits.tone_ms)
        tones = [tone for tone in tones if tone.end <= seconds - margin_s]
        if tones:
            digits = "".join(tone.digit for tone in tones)
            self.heard += digits
            await self.delta(digits)
            del self.sound[: 2 * int((tones[-1].end + 0.02) * self.rate)]

    async def commit(self) -> None:
        seconds = self.bytes / 2 / self.rate
        if seconds < 0.1:
            raise Bad(
                f"buffer too small: expected 100ms, has {1000 * seconds:.0f}ms", "input_audio_buffer_commit_empty"
            )
        item, before = f"item_{self.items}", f"item_{self.items - 1}" if self.items else None
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=before)
        text = await self.whole()
        await self.send("conversation.item.input_audio_transcription.completed", item_id=item, transcript=text)
        self.items += 1

    async def whole(self) -> str:
        """All that was said since the last time."""
        await asyncio.sleep(self.server.habits.hear_s)
        await self.listen(0.0)
        heard, seconds = self.heard, self.bytes / 2 / self.rate
        self.server.note("heard", heard=heard, seconds=seconds)
        self.heard, self.bytes, self.looked = "", 0, 0
        self.sound.clear()
        return self.server.habits.heard(heard)

    async def delta(self, text: str) -> None:
        item = f"item_{self.items}"
        await self.send("conversation.item.input_audio_transcription.delta", item_id=item, delta=text)

    async def send(self, kind: str, **what: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "event_1", **what}))


class _VllmTalk(_OpenAITalk):
    """vLLM's dialect: 16 kHz, a model, a commit that starts, sound, and a final commit."""

    rate = 16_000

    async def run(self) -> None:
        await self.send("session.created", id="sess_1", created=0)
        started = False
        async for message in self.socket:
            event = json.loads(message)
            kind = event["type"]
            if kind == "session.update" and event.get("model"):
                self.session = event
                self.server.note("realtime", session=event)
            elif kind == "input_audio_buffer.commit" and not event.get("final"):
                started = self.session is not None
            elif kind == "input_audio_buffer.append" and started:
                await self.append(event["audio"])
            elif kind == "input_audio_buffer.commit" and started:
                await self.send("transcription.done", text=await self.whole(), usage={})
            else:
                await self.send("error", error=f"unexpected {kind}")

    async def delta(self, text: str) -> None:
        await self.send("transcription.delta", delta=text)


# -- small pieces ------------------------------------------------------------------------------------

WHISPERS: dict[str, Any] = {
    "seek": 0,
    "tokens": [50364, 1017],
    "temperature": 0.0,
    "avg_logprob": -0.2,
    "compression_ratio": 1.1,
    "no_speech_prob": 0.01,
}
"""What a segment of verbose_json tells besides its words and times."""

TYPES = {
    "pcm": "audio/pcm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "aac": "audio/aac",
}
_FILES = {"mp3": ("MP3", "MPEG_LAYER_III"), "flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}


def encoded(sound: dtmf.Samples, kind: str, rate: int = RATE) -> bytes:
    """Mono samples as a service sends them; a streamed WAV does not know its length. Raises Bad."""
    pcm = sound.astype("<i2").tobytes()
    if kind == "pcm":
        return pcm
    if kind == "wav":
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
        head = struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + form + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        return head + pcm
    if kind not in _FILES:
        raise Bad(f"response_format '{kind}' is not supported", "response_format")
    out = io.BytesIO()
    container, subtype = _FILES[kind]
    sf.write(out, sound, rate, format=container, subtype=subtype)
    return out.getvalue()


def error_reply(bad: Bad) -> Reply:
    kind = "authentication_error" if bad.status == 401 else "invalid_request_error"
    error = {"message": bad.message, "type": kind, "param": bad.param, "code": None}
    return Reply.json({"error": error}, bad.status)


def _hum(seconds: float) -> dtmf.Samples:
    """What is said for a text without digits: something that is no digit."""
    return np.round(np.sin(2 * np.pi * 440 * np.arange(RATE * seconds) / RATE) * 3000).astype(np.int16)


def _audio(name: str, data: bytes) -> tuple[Any, int]:
    extension = name.rpartition(".")[2].lower()
    if extension not in schema.EXTENSIONS:
        raise Bad(f"Invalid file format. Supported formats: {sorted(schema.EXTENSIONS)}", "file")
    try:
        samples, rate = sf.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except sf.SoundFileError as exc:
        raise Bad(f"The audio file could not be decoded: {exc}", "file") from exc
    return samples[:, 0], rate


def _decoded(audio: Any) -> bytes:
    try:
        return base64.b64decode(audio, validate=True)
    except (ValueError, TypeError) as exc:
        raise Bad(f"Invalid base64: {exc}", "audio") from exc


def _transcript_events(text: str) -> list[bytes]:
    pieces = re.findall(r".{1,2}", text)
    deltas = [_event({"type": "transcript.text.delta", "delta": piece}) for piece in pieces]
    return [*deltas, _event({"type": "transcript.text.done", "text": text})]


async def _speech_events(steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
    async for step in steps:
        if isinstance(step, bytes):
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(step).decode()})
        else:
            yield step
    yield _event({"type": "speech.audio.done", "usage": {}})


def _envelope(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": int(time.time()), "model": body["model"]}


def _event(data: Any) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def json_of(request: Request) -> Any:
    """The body. Raises Bad for one that is no JSON."""
    if request.headers.get("content-type") != "application/json":
        raise Bad("you must send Content-Type: application/json")
    try:
        return request.json()
    except ValueError as exc:
        raise Bad("We could not parse the JSON body of your request.") from exc


# -- as a process -------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--answer", choices=ANSWERS, default="next")
    for name, each in _settings():
        parser.add_argument(f"--{name.replace('_', '-')}", type=each, dest=name)
    return parser.parse_args()


def _settings() -> Iterator[tuple[str, type]]:
    for each in fields(Habits):
        if each.type in ("float", "str"):
            yield each.name, {"float": float, "str": str}[each.type]


def main() -> None:
    arguments = _arguments()
    chosen = {name: value for name, _ in _settings() if (value := getattr(arguments, name)) is not None}
    habits = Habits(answer=ANSWERS[arguments.answer], **chosen)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = arguments.log.open("a") if arguments.log else None
    with OpenAIServer(habits, port=arguments.port, log=log) as server:
        sys.stdout.write(server.base_url + "\n")
        sys.stdout.flush()
        stop.wait()
    if log:
        log.close()


if __name__ == "__main__":
    main()
