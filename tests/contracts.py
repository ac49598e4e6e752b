"""What every adapter must keep, as a table: one cell per family and verb that the registry knows.

A cell says how its strict local server is started, what to ask, what a right answer is, and (where a
service streams) how to hold an answer back in the middle. tests/test_contracts.py does the rest. A new
family adds its cells here: a test compares the table with the registry.

Belongs here: cells. Does not belong here: what one family alone does (its own tests).
"""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests import dtmf
from tests.fakes.forms import heard, spoken
from tests.fakes.gov_media import GovMedia as Gov
from tests.fakes.meaning import nearness, vector
from tests.fakes.openai_pictures import OpenAIPictures as OpenAIServer
from tests.fakes.openai_server import in_english
from tests.fakes.pictures import docx, doubled, mp4, mp4_digits, plus_one, png, png_digits
from tests.fakes.qiniu_server import KEY as QINIU_KEY
from tests.fakes.qiniu_server import QiniuServer
from tests.fakes.qiniu_server import answer as qiniu_answer
from tests.fakes.selfhosted_meaning import SelfHostedMeaning as SelfHosted
from tests.fakes.selfhosted_server import MODEL as SELFHOSTED_MODEL
from tests.fakes.server import FakeServer, Gate, Reply, Socket, Step
from tests.fakes.talking_server import TalkingServer
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.registry import FAMILIES
from voicecli.backends.selfhosted.vectors import MODEL as EMBEDDER
from voicecli.types import (
    MIC,
    AudioChunk,
    AudioClip,
    AudioFrame,
    Backend,
    ChatMessage,
    ChatOptions,
    DescribeOptions,
    Description,
    EmbedOptions,
    LearnOptions,
    MediaChunk,
    PcmFormat,
    PictureOptions,
    Ranked,
    Secret,
    SpeechRequest,
    TalkOptions,
    TranscribeOptions,
    Upload,
    Verb,
)
from voicecli.types.turns import AnswerWanted, Sound

KEY = "sk-contract-0123456789-never-shown"
DIGITS = "4071993825"
IMPATIENT = {"timeout_s": 0.3, "connect_timeout_s": 1.0}

Stream = AbstractAsyncContextManager[AsyncIterator[Any]]


@dataclass(frozen=True)
class Cell:
    """One verb of one family.

    `backend(running, **settings)` is the configuration for a running server, `wire(running)` the
    FakeServer that the verb talks to, at one of `paths`. `slow(adapter, server, gate)` is a call whose
    first item comes at once and whose rest waits for the gate; None where the service answers whole.
    """

    family: str
    verb: Verb
    serve: Callable[[], AbstractContextManager[Any]]
    backend: Callable[..., Backend]
    wire: Callable[[Any], FakeServer]
    paths: tuple[str, ...]
    call: Callable[[Any], Stream]
    right: Callable[[list[Any]], bool]
    slow: Callable[[Any, FakeServer, Gate], Stream] | None = None
    socket: bool = False
    means: frozenset[str] = frozenset()
    """Nonsense (of test_contracts) that means something in this protocol."""

    def __str__(self) -> str:
        return f"{self.family}-{self.verb}"

    def opened(self, backend: Backend) -> AbstractAsyncContextManager[Any]:
        """The verb's adapter over `backend`."""
        factory = FAMILIES[self.family].of(backend).opening(self.verb)
        assert factory is not None
        return factory(backend)


# -- what is asked, and what is right --------------------------------------------------------------


def once(ask: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Stream]:
    """A question with one answer, as a stream of one item."""

    @asynccontextmanager
    async def call(adapter: Any) -> AsyncIterator[AsyncIterator[Any]]:
        async def items() -> AsyncIterator[Any]:
            yield await ask(adapter)

        yield items()

    return call


def clip() -> AudioClip:
    return AudioClip(spoken(DIGITS, "wav", 16_000), "wav")


async def frames(more: bool = False) -> AsyncIterator[AudioFrame]:
    """The digits as 20 ms frames; with `more`, again and again for ever."""
    sound = dtmf.encode(DIGITS).tobytes()
    while True:
        for at in range(0, len(sound), 640):
            yield AudioFrame(sound[at : at + 640])
            await asyncio.sleep(0.0005)
        if not more:
            return


def chat(adapter: Any) -> Stream:
    options = ChatOptions(temperature=0.5, max_tokens=100) if "gov" in type(adapter).__module__ else ChatOptions()
    found: Stream = adapter.chat([ChatMessage("user", f"After {DIGITS}?")], options)
    return found


def transcribe(adapter: Any) -> Stream:
    found: Stream = adapter.transcribe(clip(), TranscribeOptions())
    return found


def translate(adapter: Any) -> Stream:
    found: Stream = adapter.transcribe(clip(), TranscribeOptions(translate=True))
    return found


def listen(adapter: Any) -> Stream:
    found: Stream = adapter.transcribe_live(frames(), TranscribeOptions())
    return found


def speak(adapter: Any) -> Stream:
    found: Stream = adapter.speak(SpeechRequest(f"Dial {DIGITS}."))
    return found


@asynccontextmanager
async def converse(adapter: Any) -> AsyncIterator[AsyncIterator[Any]]:
    """One turn of a conversation with a service that hears and speaks."""
    async with adapter.converse(TalkOptions(), MIC.rate, list) as service:
        turn = service.begin(lambda _text: None)
        turn.hear(dtmf.encode(DIGITS).tobytes())
        turn.pause()
        async with turn.answer(AnswerWanted()) as pieces:
            yield pieces


def says_the_next(items: list[Any]) -> bool:
    sound = b"".join(each.pcm for each in items if isinstance(each, Sound))
    return dtmf.decode(np.frombuffer(sound, "<i2"), MIC.rate) == "5182004936"


def answers(text: str) -> Callable[[list[Any]], bool]:
    return lambda items: text in "".join(delta.text for delta in items)


def hears(items: list[Any]) -> bool:
    *partial, last = items
    growing = all(not each.final and DIGITS.startswith(each.text) for each in partial)
    return growing and bool(last.final) and last.text == DIGITS


def translates(items: list[Any]) -> bool:
    (only,) = items
    return bool(only.final) and only.text == in_english(DIGITS)


def speaks(items: list[AudioChunk]) -> bool:
    sound = b"".join(chunk.data for chunk in items)
    (encoding,) = {chunk.encoding for chunk in items}
    if isinstance(encoding, PcmFormat):
        return dtmf.decode(np.frombuffer(sound, "<i2"), encoding.rate) == DIGITS
    return heard(sound) == DIGITS


def lists(*names: str) -> Callable[[list[Any]], bool]:
    return lambda items: set(names) <= {getattr(each, "name", each) for each in items[0]}


def well(items: list[Any]) -> bool:
    return bool(items[0].detail)


def held(path: str, first: bytes, rest: Iterable[bytes], kind: str, call: Callable[[Any], Stream]) -> Any:
    """A call whose answer sends `first`, waits for the gate, then sends the rest."""

    def slow(adapter: Any, server: FakeServer, gate: Gate) -> Stream:
        steps: list[Step] = [first, gate, *rest]
        server.on(path, Reply(steps, 200, {"content-type": kind}))
        return call(adapter)

    return slow


def unending(adapter: Any, server: FakeServer, gate: Gate) -> Stream:
    """Live recognition of sound that never ends: whatever comes, comes before the last is sent."""
    found: Stream = adapter.transcribe_live(frames(more=True), TranscribeOptions())
    return found


# -- pictures, videos, documents, nearness -----------------------------------------------------------

TEXTS = (f"Dial {DIGITS}", "a pig in the mud")


def picture() -> Upload:
    return Upload(io.BytesIO(png(DIGITS)), "picture.png", "image/png")


def video() -> Upload:
    return Upload(io.BytesIO(mp4(DIGITS)), "video.mp4", "video/mp4")


def document() -> Upload:
    return Upload(io.BytesIO(docx(DIGITS)), "digits.docx", "application/octet-stream")


def make(adapter: Any) -> Stream:
    found: Stream = adapter.image_make(f"Draw {DIGITS}.", PictureOptions())
    return found


def with_upload(verb: Verb, upload: Callable[[], Upload]) -> Callable[[Any], Stream]:
    """A call that sends a file and gets one back."""

    def call(adapter: Any) -> Stream:
        found: Stream = getattr(adapter, verb)(upload())
        return found

    return call


describe = once(lambda adapter: adapter.image_describe(picture(), DescribeOptions()))
learn = once(lambda adapter: adapter.learn(document(), LearnOptions()))
embed = once(lambda adapter: adapter.embed(TEXTS, EmbedOptions()))
compare = once(lambda adapter: adapter.similar(*TEXTS, EmbedOptions()))
rank = once(lambda adapter: adapter.rerank("pig mud", TEXTS, EmbedOptions()))


def shows(digits: str, kind: str = "image/png") -> Callable[[list[MediaChunk]], bool]:
    """The pieces of one file of that kind, with these digits in it."""
    read = {"image/png": png_digits, "video/mp4": mp4_digits}[kind]
    return lambda items: {each.kind for each in items} == {kind} and read(b"".join(e.data for e in items)) == digits


def sees(digits: str) -> Callable[[list[Description]], bool]:
    return lambda items: digits in items[0].text


def vectors(items: list[Any]) -> bool:
    return [list(each) for each in items[0]] == [vector(text) for text in TEXTS]


def near(items: list[float]) -> bool:
    return math.isclose(items[0], nearness(*TEXTS))


def ranks(items: list[list[Ranked]]) -> bool:
    return [(each.index, each.text) for each in items[0]] == [(1, TEXTS[1]), (0, TEXTS[0])]


def _event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _line(data: Any) -> bytes:
    return json.dumps(data).encode() + b"\n"


# -- openai ------------------------------------------------------------------------------------------


def _openai(server: OpenAIServer, **settings: Any) -> Backend:
    models: dict[str, Any] = {
        "chat_model": "digits-chat",
        "transcribe_model": "digits-hear",
        "speak_model": "digits-speak",
        "embed_model": "letters-embed",
        "image_model": "digits-draw",
    }
    fixed: dict[str, Any] = {
        "base_url": server.base_url,
        "live_url": server.live_url,
        "key": Secret(KEY),
        "voice": "alloy",
    }
    return Backend("work", "openai", **(models | fixed | settings))


def _openai_cell(
    verb: Verb,
    path: str,
    call: Any,
    right: Any,
    slow: Any = None,
    socket: bool = False,
    means: frozenset[str] = frozenset(),
) -> Cell:
    return Cell("openai", verb, OpenAIServer, _openai, lambda server: server, (path,), call, right, slow, socket, means)


_NO_LIST = frozenset({"nothing", "cut", "list", "object", "null", "binary"})
"""The published names take the place of a list that cannot be read."""

_CHAT, _HEAR, _SAY = "/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/speech"
_DELTAS = [_event({"choices": [{"delta": {"content": "a"}, "finish_reason": end}]}) for end in (None, "stop")]
_TEXTS = [_event({"type": f"transcript.text.{kind}", "delta": "1", "text": "12"}) for kind in ("delta", "done")]
_SOUND = b"\x01\x00" * 500


def _never_said(adapter: Any, server: FakeServer, gate: Gate) -> Stream:
    """An answer whose second word is a minute away."""
    assert isinstance(server, TalkingServer)
    server.chunk_s = 60.0
    return converse(adapter)


def _talking(server: TalkingServer, **settings: Any) -> Backend:
    return Backend("work", "openai", talk_url=server.talk_url, **({"key": Secret("sk-test")} | settings))


OPENAI = [
    _openai_cell(
        "chat", _CHAT, chat, answers("5182004936."), held(_CHAT, _DELTAS[0], _DELTAS[1:], "text/event-stream", chat)
    ),
    _openai_cell(
        "transcribe", _HEAR, transcribe, hears, held(_HEAR, _TEXTS[0], _TEXTS[1:], "text/event-stream", transcribe)
    ),
    _openai_cell("transcribe", "/v1/audio/translations", translate, translates),
    _openai_cell("transcribe_live", "/v1/realtime", listen, hears, unending, socket=True),
    _openai_cell("speak", _SAY, speak, speaks, held(_SAY, _SOUND, [_SOUND], "audio/pcm", speak)),
    _openai_cell("models", "/v1/models", once(lambda adapter: adapter.models()), lists("digits-chat")),
    _openai_cell("voices", "/v1/audio/voices", once(lambda adapter: adapter.voices()), lists("alloy"), means=_NO_LIST),
    _openai_cell("health", "/v1/models", once(lambda adapter: adapter.check()), well),
    _openai_cell("embed", "/v1/embeddings", embed, vectors),
    _openai_cell("image_make", "/v1/images/generations", make, shows(DIGITS)),
    _openai_cell("image_describe", _CHAT, describe, sees("5182004936")),
    Cell(
        "openai",
        "converse",
        TalkingServer,
        _talking,
        lambda server: server,
        ("/v1/realtime",),
        converse,
        says_the_next,
        _never_said,
        socket=True,
    ),
]

# -- selfhosted --------------------------------------------------------------------------------------


def _selfhosted_cell(
    verb: Verb,
    wire: str,
    paths: tuple[str, ...],
    call: Any,
    right: Any,
    slow: Any = None,
    means: frozenset[str] = frozenset(),
) -> Cell:
    def backend(servers: SelfHosted, **settings: Any) -> Backend:
        return servers.backend(**settings)

    def of(servers: SelfHosted) -> FakeServer:
        found: FakeServer = getattr(servers, wire)
        return found

    return Cell("selfhosted", verb, SelfHosted, backend, of, paths, call, right, slow, means=means)


_LINES = [_line({"delta": "a"}), _line({"event": "done"})]
_PARTS = [_line({"partial_text": "1"}), _line({"partial_text": "12"})]

_WAV = spoken("5", "wav")
_ONE_BY_ONE = tuple(f"/{EMBEDDER}/{text}" for text in TEXTS)

SELFHOSTED = [
    _selfhosted_cell(
        "chat", "chat", ("/api/chat/stream", "/api/chat"), chat, answers(DIGITS),
        held("/api/chat/stream", _LINES[0], _LINES[1:], "application/x-ndjson", chat),
    ),
    _selfhosted_cell(
        "transcribe", "asr", ("/asr/stream", "/asr", "/api/v1/asr"), transcribe, hears,
        held("/asr/stream", _PARTS[0], _PARTS[1:], "application/x-ndjson", transcribe), frozenset({"nothing"}),
    ),
    _selfhosted_cell(
        "speak", "tts", ("/synthesize",), speak, speaks,
        held("/synthesize", _WAV[:200], [_WAV[200:]], "audio/wav", speak),
    ),
    _selfhosted_cell("voices", "tts", (), once(lambda adapter: adapter.voices()), lists("style1")),
    _selfhosted_cell("models", "chat", ("/health",), once(lambda adapter: adapter.models()), lists(SELFHOSTED_MODEL)),
    _selfhosted_cell("health", "chat", ("/health",), once(lambda adapter: adapter.check()), well),
    _selfhosted_cell("embed", "embedding", (f"/{EMBEDDER}", *_ONE_BY_ONE), embed, vectors),
    _selfhosted_cell("similar", "embedding", ("/similarity",), compare, near),
    _selfhosted_cell("rerank", "embedding", ("/rerank",), rank, ranks),
]  # fmt: skip

# -- gov ---------------------------------------------------------------------------------------------


def _gov_cell(verb: Verb, paths: tuple[str, ...], call: Any, right: Any, slow: Any = None) -> Cell:
    def backend(server: Gov, **settings: Any) -> Backend:
        return server.backend(**settings)

    return Cell("gov", verb, Gov, backend, lambda server: server, paths, call, right, slow)


_NEXT, _TWICE = plus_one(DIGITS), doubled(DIGITS)


def _films(digits: str) -> Callable[[list[MediaChunk]], bool]:
    return shows(digits, "video/mp4")


GOV = [
    _gov_cell("chat", ("/v1/chat/completions",), chat, answers(DIGITS)),
    _gov_cell("transcribe", ("/v1/asr",), transcribe, hears),
    _gov_cell("speak", ("/v1/tts",), speak, speaks, held("/v1/tts", b"\xff\xfbone", [b"two"], "audio/mpeg", speak)),
    _gov_cell("health", ("/v1/tts",), once(lambda adapter: adapter.check()), well),
    _gov_cell("image_make", ("/v1/images/generations",), make, shows(DIGITS)),
    _gov_cell("image_describe", ("/image/imageToText",), describe, sees(DIGITS)),
    _gov_cell("image_enhance", ("/image/enhanceImage",), with_upload("image_enhance", picture), shows(_NEXT)),
    _gov_cell("image_animate", ("/image/generateVideo",), with_upload("image_animate", picture), _films(DIGITS)),
    _gov_cell("video_track", ("/video/motInference",), with_upload("video_track", video), _films(_NEXT)),
    _gov_cell("video_smooth", ("/video/mmeditingInference",), with_upload("video_smooth", video), _films(_TWICE)),
    _gov_cell("learn", ("/uploadFile/uploadLearningFile",), learn, lambda items: items == [None]),
]

# -- qiniu -------------------------------------------------------------------------------------------


def _qiniu(server: QiniuServer, **settings: Any) -> Backend:
    fixed: dict[str, Any] = {"base_url": server.base, "key": Secret(QINIU_KEY), "chat_model": "deepseek-v3"}
    return QiniuSettings("work", "qiniu", **(fixed | settings))


def _qiniu_cell(
    verb: Verb,
    path: str,
    call: Any,
    right: Any,
    slow: Any = None,
    socket: bool = False,
    means: frozenset[str] = frozenset(),
) -> Cell:
    return Cell("qiniu", verb, QiniuServer, _qiniu, lambda server: server, (path,), call, right, slow, socket, means)


_LIST, _EMPTY = "/v1/voice/list", frozenset({"list"})


def _slow_speech(adapter: Any, server: FakeServer, gate: Gate) -> Stream:
    async def talk(socket: Socket) -> None:
        await socket.receive()
        await socket.send(qiniu_answer(_SOUND, 1))
        await first_of(gate.wait(), socket.receive())
        await socket.send(qiniu_answer(_SOUND, -1))

    server.on_socket("/v1/voice/tts", talk)
    return speak(adapter)


def _slow_ears(adapter: Any, server: Any, gate: Gate) -> Stream:
    server.hold = gate
    return transcribe(adapter)


def speak_whole(adapter: Any) -> Stream:
    found: Stream = adapter.speak(SpeechRequest(f"Dial {DIGITS}.", format="wav"))
    return found


async def first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    """Return, or raise, with the first of `waits`; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


QINIU = [
    _qiniu_cell(
        "chat", _CHAT, chat, answers("5182004936。"), held(_CHAT, _DELTAS[0], _DELTAS[1:], "text/event-stream", chat)
    ),
    _qiniu_cell("transcribe", "/v1/voice/asr", transcribe, hears, _slow_ears, socket=True),
    _qiniu_cell("transcribe_live", "/v1/voice/asr", listen, hears, unending, socket=True),
    _qiniu_cell("speak", "/v1/voice/tts", speak, speaks, _slow_speech, socket=True),
    _qiniu_cell("speak", "/v1/voice/tts", speak_whole, speaks),
    _qiniu_cell("voices", _LIST, once(lambda adapter: adapter.voices()), lists("qiniu_en_male_digits"), means=_EMPTY),
    _qiniu_cell("models", "/v1/models", once(lambda adapter: adapter.models()), lists("deepseek-v3")),
    _qiniu_cell("health", _LIST, once(lambda adapter: adapter.check()), well, means=_EMPTY),
]

CELLS = [cell for cell in (*OPENAI, *SELFHOSTED, *GOV, *QINIU) if cell.family in FAMILIES]
