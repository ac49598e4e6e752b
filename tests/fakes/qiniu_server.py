"""Qiniu's service on a loopback socket: strict about what it is sent, and deviating where told to.

Belongs here: the recogniser over WebSocket and by address, speech over both, the voices, the way errors
look. What the documents do not allow is answered with an error. Recognition decodes DTMF digits, so
that a lost, doubled or clipped sample shows as a wrong digit. Nothing here uses the codec under test.
Does not belong here: the transport (server.FakeServer).

    with QiniuServer(Manner(ending="quiet")) as server:
        QiniuSettings("work", "qiniu", base_url=server.base, key=Secret(KEY))
        ... server.sessions[-1].pcm, .pieces, .complaint
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import soundfile

from tests import dtmf
from tests.fakes.server import FakeServer, Gate, Left, Reply, Request, Socket

KEY = "qiniu-secret-key"
CHAT_MODEL = "deepseek-v3"
RATE = 16_000
VOICES: list[dict[str, Any]] = [
    {
        "voice_name": "甜美教学小源",
        "voice_type": "qiniu_zh_female_tmjxxy",
        "url": "https://samples.invalid/qiniu_zh_female_tmjxxy.mp3",
        "category": "传统音色",
        "updatetime": 1747812605559,
    },
    {
        "voice_name": "Digits",
        "voice_type": "qiniu_en_male_digits",
        "url": "",
        "category": "tests",
        "updatetime": 1747812605560,
    },
]
ENCODINGS = ("mp3", "wav", "pcm")
SPEECH_RATE = 24_000

Ending = Literal["flag", "bare flag", "quiet", "close", "error", "text error", "break", "bad close"]
Shape = Literal["object", "list", "payload_msg", "data", "missing"]


@dataclass(frozen=True)
class Manner:
    """How the server behaves. The default is the documents; every other value is something known to happen."""

    delay_s: float = 0.0
    config_answer: bool = True
    answers: Literal["each", "twice", "none"] = "each"
    shape: Shape = "object"
    zipped: bool = False
    coding: int | None = None
    """What byte 2 says, whatever is true."""
    header_words: int = 1
    as_text: bool = False
    strangers: bool = False
    """Unknown kinds, ACKs, plain text and guesses ahead between the answers."""
    tail: bytes = b""
    ending: Ending = "flag"
    forgetful: int = 0
    """So many sessions, the first ones, hear nothing after their third piece, and end as `ending` says."""
    counts: bool = True
    """Whether it tells how much sound it has had."""
    error: tuple[int, str] | None = None
    """Answer this to the sound's piece number `error_at`."""
    error_at: int = 2
    handshake: tuple[int, str] | None = None
    """Refuse everything with this status and body."""
    patience_s: float = 8.0
    speech: Literal[
        "streamed", "empty first", "no last", "one", "text", "error", "error later", "silence",
        "garbled", "garbled last", "unnumbered", "garbled and unnumbered",
    ] = "streamed"  # fmt: skip
    speech_error: Any = None
    speech_sockets: bool = True


@dataclass
class Heard:
    """One recognition session as the server saw it."""

    config: Any = None
    pieces: list[bytes] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    over: bool = False
    taken: int = 0
    complaint: str = ""
    text: str = ""

    @property
    def pcm(self) -> bytes:
        return b"".join(self.pieces)


class Wrong(Exception):
    """What the documents do not allow: a code and the service's words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class Digits:
    """Digits in sound that arrives piece by piece. What lies before a pause is settled once."""

    PAUSE = RATE * 30 // 1000

    def __init__(self) -> None:
        self.settled: list[tuple[str, int, int]] = []
        self.open = np.zeros(0, np.int16)
        self.at = 0
        self.rest = ""

    def hear(self, pcm: bytes) -> None:
        self.open = np.concatenate([self.open, np.frombuffer(pcm, "<i2")])
        self.rest = dtmf.decode(self.open, RATE) if np.any(self.open) else ""
        if np.abs(self.open[-self.PAUSE :]).max(initial=0) >= 200:
            # A tone that still sounds looks damaged.
            self.rest = self.rest.removesuffix(dtmf.BROKEN)
        elif len(self.open) > self.PAUSE:
            if self.rest:
                self.settled.append((self.rest, self.at, self.at + len(self.open)))
            self.at += len(self.open)
            self.open, self.rest = np.zeros(0, np.int16), ""

    def text(self) -> str:
        return "".join(found for found, _, _ in self.settled) + self.rest

    def utterances(self, last: bool) -> list[dict[str, Any]]:
        settled = [self.utterance(text, begin, end, True) for text, begin, end in self.settled]
        end = self.at + len(self.open)
        return settled + ([self.utterance(self.rest, self.at, end, last)] if self.rest else [])

    @staticmethod
    def utterance(text: str, begin: int, end: int, definite: bool) -> dict[str, Any]:
        begin, end = begin * 1000 // RATE, end * 1000 // RATE
        step = max(1, (end - begin) // max(1, len(text)))
        words = [
            {"text": digit, "start_time": begin + i * step, "end_time": begin + (i + 1) * step}
            for i, digit in enumerate(text)
        ]
        return {"text": text, "start_time": begin, "end_time": end, "definite": definite, "words": words}


class QiniuServer(FakeServer):
    """See the module."""

    def __init__(self, manner: Manner | None = None, **more: Any) -> None:
        super().__init__(self.http, **more)
        self.manner = manner or Manner()
        self.hold: Gate | None = None
        """What the last answer of a recognition waits for."""
        self.sessions: list[Heard] = []
        self.spoken: list[Any] = []
        self.on_socket("/v1/voice/asr", self.listen)
        self.on_socket("/v1/voice/tts", self.speak)

    @property
    def base(self) -> str:
        return self.url + "/v1"

    # -- recognition over the WebSocket ------------------------------------------------------------

    async def listen(self, socket: Socket) -> None:
        manner = self.manner
        if not await self.admitted(socket):
            return
        heard, digits = Heard(), Digits()
        self.sessions.append(heard)
        try:
            number = 0
            while not heard.over:
                message = await self.next(socket)
                if message is None:
                    heard.complaint = "closed without a last packet"
                    return
                number += 1
                self.take(heard, digits, message, number)
                await asyncio.sleep(manner.delay_s)
                await self.answer(socket, heard, digits, number)
            await self.end(socket, heard, digits)
        except Wrong as wrong:
            heard.complaint = wrong.words
            await socket.send(error_frame(wrong.code, wrong.words))
            # Closed at once, with sound unread, the connection would be reset and the words lost.
            async for _ in socket:
                pass

    async def next(self, socket: Socket) -> str | bytes | None:
        try:
            return await asyncio.wait_for(socket.receive(), self.manner.patience_s)
        except TimeoutError:
            raise Wrong(45000081, "Timeout waiting next packet") from None

    def take(self, heard: Heard, digits: Digits, message: str | bytes, number: int) -> None:
        heard.came.append(time.monotonic())
        if number == 1:
            heard.config = read_config(message)
            return
        pcm, heard.over = read_audio(message, number)
        heard.pieces.append(pcm)
        if not self.forgets(heard):
            digits.hear(pcm)
            heard.taken += len(pcm)
        heard.text = digits.text()
        if self.manner.error and number == self.manner.error_at + 1:
            raise Wrong(*self.manner.error)
        if heard.over and not heard.pcm:
            raise Wrong(45000002, "empty audio")

    def forgets(self, heard: Heard) -> bool:
        first = self.sessions[: self.manner.forgetful]
        return any(each is heard for each in first) and len(heard.pieces) > 3

    async def answer(self, socket: Socket, heard: Heard, digits: Digits, number: int) -> None:
        manner = self.manner
        if heard.over or (not manner.config_answer if number == 1 else manner.answers == "none"):
            return
        if manner.strangers:
            await self.babble(socket)
        for _ in range(2 if manner.answers == "twice" else 1):
            await socket.send(self.response(heard, digits, number))

    async def babble(self, socket: Socket) -> None:
        """Nothing of this may be taken for a result."""
        guess = json.dumps({"prefetch": True, "result": {"text": "777"}}).encode()
        await socket.send(b"\x11\xb1\x10\x00")
        await socket.send(b"\x11\xb1\x10\x00\x00\x00\x00\x05\xff")
        await socket.send(b"\x11\xd1\x10\x00\x00\x00\x00\x01whatever")
        await socket.send(frame(0x9, 1, 1, guess))
        await socket.send("still here")
        await socket.send(frame(0x9, 0, None, b'{"reqid":"x"}'))

    def response(self, heard: Heard, digits: Digits, number: int, flags: int = 1) -> bytes | str:
        manner = self.manner
        result = {
            "additions": {"log_id": "20260409175957B0"},
            "text": heard.text,
            "utterances": digits.utterances(heard.over),
        }
        duration = {"audio_info": {"duration": heard.taken * 1000 // (2 * RATE)}} if manner.counts else {}
        shapes: dict[Shape, Any] = {
            "object": {**duration, "result": result},
            "list": {**duration, "result": [result]},
            "payload_msg": {"payload_msg": {**duration, "result": result}},
            "data": {"reqid": "r", "operation": "asr", "data": {**duration, "result": result}},
            "missing": {"reqid": "r"},
        }
        payload = json.dumps(shapes[manner.shape]).encode()
        if manner.as_text and not flags & 2:
            return payload.decode()
        sequence = number if flags & 1 else None
        return frame(0x9, flags, sequence, payload, manner)

    async def end(self, socket: Socket, heard: Heard, digits: Digits) -> None:
        await self.held(socket)
        manner = self.manner
        final = self.response(heard, digits, len(heard.pieces) + 1)
        ending = manner.ending if self.forgets(heard) or not manner.forgetful else "flag"
        match ending:
            case "flag" | "bare flag":
                flags = 3 if manner.ending == "flag" else 2
                await socket.send(self.response(heard, digits, -2, flags))
                # The client closes; a server that closed first would hide that it does not.
                async for _ in socket:
                    heard.complaint = "sent something after the last packet"
            case "quiet":
                await socket.send(final)
                async for _ in socket:
                    heard.complaint = "sent something after the last packet"
            case "close":
                await socket.send(final)
                await socket.close()
            case "bad close":
                await socket.send(final)
                await socket.close(1011, "internal \x1b[1merror")
            case "error":
                await socket.send(final)
                await socket.send(error_frame(55000000, "internal error"))
            case "text error":
                await socket.send(final)
                await socket.send('{"error":{"message":"upstream failed"}}')
            case "break":
                await socket.send(final)
                await asyncio.sleep(0.02)
                socket.reset()

    async def held(self, socket: Socket) -> None:
        if self.hold is None:
            return
        opening, leaving = asyncio.ensure_future(self.hold.wait()), asyncio.ensure_future(socket.receive())
        try:
            await asyncio.wait({opening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and leaving.result() is None:
                raise Left
        finally:
            opening.cancel(), leaving.cancel()
            await asyncio.gather(opening, leaving, return_exceptions=True)

    # -- speech ------------------------------------------------------------------------------------

    async def speak(self, socket: Socket) -> None:
        if not self.manner.speech_sockets:
            await socket.reject(404, "404 page not found")
            return
        if not await self.admitted(socket):
            return
        message = await socket.receive()
        try:
            if not isinstance(message, bytes):
                raise Wrong(3001, "the request must be one binary message")
            asked = self.asked(message)
            if socket.request.headers.get("voicetype") != asked["audio"]["voice_type"]:
                raise Wrong(3050, "VoiceType differs from audio.voice_type")
            if asked["audio"]["encoding"] == "wav":
                raise Wrong(3001, "wav can't be streamed")
        except Wrong as wrong:
            await socket.send(json.dumps({"reqid": "r", "code": wrong.code, "message": wrong.words}))
            return
        async for part in self.parts(asked):
            await socket.send(part if self.manner.speech == "text" else part.encode())
        if self.manner.speech not in ("no last", "silence", "garbled last") and "unnumbered" not in self.manner.speech:
            # One synthesis a connection: the client leaves.
            async for _ in socket:
                raise AssertionError("a second message on a speech socket")

    async def parts(self, asked: Any) -> AsyncIterator[str]:
        """The answers, as text."""
        manner, sound = self.manner, spoken(asked)
        if manner.speech == "silence":
            return
        if manner.speech == "error":
            yield json.dumps(manner.speech_error)
            return
        if manner.speech == "one":
            yield answer(sound, -1)
            return
        if manner.speech == "empty first":
            yield answer(b"", 0)
            yield "{not json"
        size = max(1, len(sound) // 4 | 1)
        parts = [sound[at : at + size] for at in range(0, len(sound), size)]
        for number, part in enumerate(parts, 1):
            await asyncio.sleep(manner.delay_s)
            if manner.speech == "error later" and number == 3:
                break
            last = number == len(parts) and manner.speech != "no last"
            if number == (len(parts) if manner.speech == "garbled last" else 2 if "garbled" in manner.speech else 0):
                yield answer(part, number)[:-20]
                continue
            yield answer(part, "none" if "unnumbered" in manner.speech else -number if last else number)
        if manner.speech == "error later":
            yield json.dumps(manner.speech_error)

    def asked(self, body: bytes) -> Any:
        """A speech request, if it is what the documents say."""
        try:
            asked = json.loads(body)
            audio, text = asked["audio"], asked["request"]["text"]
        except (ValueError, KeyError, TypeError):
            raise Wrong(3001, "not a request") from None
        known = {"voice_type", "encoding", "speed_ratio"}
        if set(asked) != {"audio", "request"} or set(asked["request"]) != {"text"} or not set(audio) <= known:
            raise Wrong(3001, "unknown fields")
        if audio.get("voice_type") not in {voice["voice_type"] for voice in VOICES}:
            raise Wrong(3050, "voice not found")
        if audio.get("encoding") not in ENCODINGS or not isinstance(audio.get("speed_ratio", 1.0), int | float):
            raise Wrong(3001, "invalid encoding or speed")
        if not text or len(text) > 300 or len(text.encode()) > 1024:
            raise Wrong(3010, "text too long or empty")
        self.spoken.append(asked)
        return asked

    # -- HTTP --------------------------------------------------------------------------------------

    async def admitted(self, socket: Socket) -> bool:
        if socket.request.headers.get("authorization") != f"Bearer {KEY}":
            await socket.reject(401, json.dumps({"error": {"message": "invalid api key", "code": "401"}}))
            return False
        if self.manner.handshake:
            await socket.reject(*self.manner.handshake)
            return False
        return True

    async def http(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Reply.json({"error": {"message": "invalid api key", "code": "401"}}, 401)
        if self.manner.handshake:
            return Reply.text(self.manner.handshake[1], self.manner.handshake[0])
        handlers = {
            ("GET", "/v1/voice/list"): self.list,
            ("POST", "/v1/voice/asr"): self.asr,
            ("POST", "/v1/voice/tts"): self.tts,
            ("GET", "/v1/models"): lambda request: Reply.json({"object": "list", "data": [{"id": CHAT_MODEL}]}),
            ("POST", "/v1/chat/completions"): self.chat,
        }
        handler = handlers.get((request.method, request.path))
        try:
            return handler(request) if handler else Reply.text("404 page not found", 404)
        except Wrong as wrong:
            return Reply.json({"error": {"message": wrong.words, "code": str(wrong.code)}}, 400)

    def list(self, request: Request) -> Reply:
        return Reply.json(VOICES)

    def asr(self, request: Request) -> Reply:
        asked = request.json()
        audio = asked.get("audio")
        if set(asked) != {"model", "audio"} or asked["model"] != "asr" or set(audio) != {"format", "url"}:
            raise Wrong(400, "invalid request")
        if audio["format"] not in ("raw", "wav", "mp3", "ogg") or not audio["url"].startswith(("http://", "https://")):
            raise Wrong(400, "invalid audio")
        text = f"heard {audio['url'].rsplit('/', 1)[-1]}"
        info = {"audio_info": {"duration": 9336}, "result": {"additions": {"duration": "9336"}, "text": text}}
        return Reply.json({"reqid": "bdf5", "operation": "asr", "data": info})

    def tts(self, request: Request) -> Reply:
        manner = self.manner
        sound = spoken(self.asked(request.body))
        if manner.speech in ("error", "error later"):
            return Reply.json(manner.speech_error)
        data = "" if manner.speech == "silence" else base64.b64encode(sound).decode()
        fields = {"operation": "query", "sequence": -1, "data": data, "addition": {"duration": "1673"}}
        return Reply.json({"reqid": "f3df", **fields})

    def chat(self, request: Request) -> Reply:
        """Every digit of the last message, plus one."""
        asked = request.json()
        if asked.get("model") != CHAT_MODEL or not asked.get("messages") or asked.get("stream") is not True:
            raise Wrong(400, "invalid request")
        digits = [str((int(c) + 1) % 10) for c in asked["messages"][-1]["content"] if c in "0123456789"]
        said = [json.dumps("".join(digits))] if "response_format" in asked else [*digits, "。"]
        chunks: list[Any] = [{"index": 0, "delta": {"content": each}} for each in said]
        chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = [f"data: {json.dumps({'choices': [each]})}\n\n".encode() for each in chunks]
        return Reply.sse([*events, b"data: [DONE]\n\n"])


# -- the wire, written from the documents ----------------------------------------------------------


def frame(kind: int, flags: int, sequence: int | None, payload: bytes, manner: Manner | None = None) -> bytes:
    """A server's frame."""
    manner = manner or Manner()
    body = gzip.compress(payload) if manner.zipped else payload
    coding = (0x11 if manner.zipped else 0x10) if manner.coding is None else manner.coding
    header = bytes((0x10 | manner.header_words, kind << 4 | flags, coding, 0)) + b"\xee" * 4 * (manner.header_words - 1)
    number = b"" if sequence is None else struct.pack(">i", sequence)
    return header + number + struct.pack(">I", len(body)) + body + manner.tail


def error_frame(code: int, words: str) -> bytes:
    payload = json.dumps({"error": words}, separators=(",", ":")).encode()
    return b"\x11\xf0\x10\x00" + struct.pack(">II", code, len(payload)) + payload


def read_config(message: str | bytes) -> Any:
    """The first message's JSON. Raises Wrong for anything that the documents do not allow."""
    payload = _payload(message, kind=1, codings=(0x11,), number=1, flags=1)
    try:
        config = json.loads(payload)
        audio, request = config["audio"], config["request"]
        rates = {audio.get("rate"), audio.get("sample_rate")}
        right = (audio["format"], audio["bits"], audio["channel"], audio["codec"]) == ("pcm", 16, 1, "raw")
        right = right and rates == {RATE} and request["model_name"] == "asr" and bool(config["user"]["uid"])
    except (ValueError, KeyError, TypeError, AttributeError):
        right = False
    if not right:
        raise Wrong(45000001, "invalid request parameter")
    return config


def read_audio(message: str | bytes, number: int) -> tuple[bytes, bool]:
    """A piece of sound, and whether it is the last. Raises Wrong for what the documents do not allow."""
    flags = message[1] & 0x0F if isinstance(message, bytes) and len(message) > 1 else 1
    last = flags == 3
    pcm = _payload(message, kind=2, codings=(0x01, 0x11), number=-number if last else number, flags=3 if last else 1)
    if len(pcm) % 2:
        raise Wrong(45000151, "half a sample")
    if not last and not 3200 <= len(pcm) <= 6400:
        raise Wrong(45000151, f"a piece of {len(pcm) / 32:g} ms")
    return pcm, last


def _payload(message: str | bytes, *, kind: int, codings: tuple[int, ...], number: int, flags: int) -> bytes:
    if isinstance(message, str):
        raise Wrong(45000000, "unable to decode V1 protocol message: text")
    if len(message) < 12 or message[0] != 0x11 or message[3] != 0 or message[2] not in codings:
        raise Wrong(45000000, "unable to decode V1 protocol message: header")
    if message[1] != kind << 4 | flags:
        raise Wrong(45000000, f"unable to decode V1 protocol message: type and flags {message[1]:02x}")
    sequence, size = struct.unpack(">iI", message[4:12])
    if sequence != number:
        words = f"autoAssignedSequence ({number}) mismatch sequence in request ({sequence})"
        raise Wrong(45000000, f"decode ws request failed: unable to decode V1 protocol message: {words}")
    if size != len(message) - 12:
        raise Wrong(45000000, f"unable to decode V1 protocol message: size {size}")
    try:
        return gzip.decompress(message[12:])
    except (OSError, EOFError, zlib.error):
        raise Wrong(45000000, "unable to decode V1 protocol message: gzip") from None


# -- speech ----------------------------------------------------------------------------------------


def answer(sound: bytes, sequence: int | str) -> str:
    fields = {"reqid": "f3df", "operation": "query", "sequence": sequence, "data": base64.b64encode(sound).decode()}
    last = isinstance(sequence, int) and sequence < 0
    return json.dumps(fields | ({"addition": {"duration": "1673"}} if last else {}))


def spoken(asked: Any) -> bytes:
    """The digits of a text as tones, in the encoding that was asked for."""
    digits = "".join(c for c in asked["request"]["text"] if c in "0123456789") or "0"
    samples = dtmf.encode(digits, SPEECH_RATE)
    if asked["audio"]["encoding"] == "pcm":
        return bytes(samples.astype("<i2").tobytes())
    file = io.BytesIO()
    soundfile.write(file, samples, SPEECH_RATE, format=asked["audio"]["encoding"].upper())
    return file.getvalue()
