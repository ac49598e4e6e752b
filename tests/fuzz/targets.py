"""Every parser of what comes from outside, as a function of bytes that must not raise.

tests/fuzz/test_fuzz.py calls them with Hypothesis, scripts/fuzz.py with atheris. What a parser may raise is named
where it is called; anything else that gets out is a find. Where there is more than one way to feed a parser, the
ways must agree. A new parser adds a row to TARGETS.

Belongs here: the targets, values out of bytes, a few seeds. Does not belong here: what finds the bytes.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests import writing
from voicecli.audio import files, pcm
from voicecli.backends import sensevoice
from voicecli.backends.openai import decoding as openai_answers
from voicecli.backends.openai.decoding import whole_transcript
from voicecli.backends.openai.messages import written
from voicecli.backends.openai.realtime_session import RealtimeSession as Realtime
from voicecli.backends.openai.talking.dialects import DIALECTS, told_by
from voicecli.backends.openai.talking.dialects import NAMES as EVENT_NAMES
from voicecli.backends.openai.talking.protocol import HANDLERS, TalkProtocol
from voicecli.backends.qiniu import frames
from voicecli.backends.qiniu.recognition import Recognition as Qiniu
from voicecli.backends.qiniu.recognition import config as qiniu_config
from voicecli.backends.transport import mixed, ndjson, sse, wording
from voicecli.config import edit, resolve
from voicecli.config.layers import Given
from voicecli.dialogue import consent, courtesy
from voicecli.dialogue.history import History
from voicecli.dialogue.reading import read
from voicecli.errors import ConfigError, InputError, ProtocolError, ServiceError, VoiceError
from voicecli.notes import cutting
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.client import _ACTS as CLIENT_ACTS
from voicecli.server.realtime.client import Client as RealtimeClient
from voicecli.skills import Question, understand
from voicecli.storage import cache as caches
from voicecli.storage.conversations import Conversation, Message, Store
from voicecli.terminal.markdown import render
from voicecli.text import subtitles
from voicecli.text.blocks import Blocks
from voicecli.text.clean import clean
from voicecli.text.decoding import as_text
from voicecli.text.jsonline import dump_json
from voicecli.text.reasoning import closes_unopened
from voicecli.text.sentences import FULL, SentenceSplitter
from voicecli.text.spoken import Speakable, speakable
from voicecli.text.width import cells
from voicecli.toolbox.arguments import WrongCallError, arguments, schema_of
from voicecli.toolbox.servers import listed as servers
from voicecli.types import ChatMessage, PcmFormat, ToolCall, ToolSpec
from voicecli.verbs import ability_of

LONGEST = 4096
"""Bytes of an input: parsers are cut to their limits by other tests."""


# -- values out of bytes ---------------------------------------------------------------------------


class Source:
    """Bytes read as choices, so that every input is a value of the right kind and a small change a near one."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data))

    def pieces(self) -> list[bytes]:
        """What is left, cut into pieces of up to 64 bytes."""
        found = []
        while self:
            found.append(self.take(self.byte() % 64))
        return found

    def tree(self, words: tuple[str, ...], depth: int = 5) -> Any:
        """A value as JSON has it, its keys (and some of its texts) out of `words`."""
        kind, size = self.byte(), 0
        match kind % 9 if depth else kind % 6:
            case 0:
                return (None, True, False, "", [], {})[kind // 9 % 6]
            case 1:
                return struct.unpack("<h", self.take(2).ljust(2, b"\0"))[0]
            case 2:
                return struct.unpack("<d", self.take(8).ljust(8, b"\0"))[0]
            case 3:
                return NUMBERS[self.byte() % len(NUMBERS)]
            case 4:
                return words[self.byte() % len(words)]
            case 5:
                # Halves of surrogate pairs too: JSON can carry them.
                return self.take(self.byte() % 32).decode("utf-8", "surrogateescape" if kind & 128 else "replace")
            case 6:
                size = self.byte() % 6
                return [self.tree(words, depth - 1) for _ in range(size)]
            case _:
                size = self.byte() % 10
                return {words[self.byte() % len(words)]: self.tree(words, depth - 1) for _ in range(size)}


NUMBERS = (0, -1, 1e308, -1e308, 10**400, -(10**400), 2**63, 1e-320, float("nan"), float("inf"), 0.1, 1e9, 86399.9996)

ASKED = (
    "session item response audio input output format turn_detection transcription tools type role content text id"
    " item_id call_id audio_end_ms modalities conversation metadata instructions none user message audio/pcmu"
).split()

HEARD = (
    "text result results segments words word start end start_time end_time confidence probability speaker language"
    " duration utterances definite additions audio_info data models voices id name error message code detail"
    " reqid payload sequence tags unsure"
).split()
SAID = "choices delta message content reasoning_content reasoning index finish_reason usage text refusal extra".split()
CALLED = "choices delta message tool_calls function_call function name arguments id index extra".split()
GIVEN = "prompt size query candidates path".split()
LISTED = "name description inputSchema annotations readOnlyHint type object properties text resource uri".split()
COUNTED = "prompt_tokens completion_tokens error message code detail".split()
HAPPENED = (
    "type error session.created session item_id previous_item_id delta transcript text code message"
    " input_audio_buffer.committed conversation.item.input_audio_transcription.delta"
    " conversation.item.input_audio_transcription.completed conversation.item.input_audio_transcription.failed"
    " transcription.delta transcription.done input_audio_buffer_commit_empty"
).split()


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape" if data[:1] == b"\xff" else "replace")


def cut(data: bytes, first: int) -> list[bytes]:
    """The same bytes in pieces of growing size."""
    found, size = [], first % 16 + 1
    while data:
        found.append(data[:size])
        data, size = data[size:], size * 2 % 97 + 1
    return found


def whole_and_in_pieces(make: Callable[[], Any], data: bytes, errors: tuple[type[Exception], ...]) -> None:
    """A push parser gives the same however its input is cut, and fails on the same."""
    ways = ([data], cut(data, len(data)), [data[at : at + 1] for at in range(len(data))])
    outcomes = []
    for pieces in ways:
        parser, out, failed = make(), [], ""
        try:
            for piece in pieces:
                for each in parser.feed(piece):
                    out.append(each)
            out.extend(parser.finish())
        except errors as exc:
            failed = str(exc)
        outcomes.append((out, failed))
    assert outcomes[0] == outcomes[1] == outcomes[2], outcomes


# -- what services send ------------------------------------------------------------------------------


def qiniu_frames(data: bytes) -> None:
    with suppress(ProtocolError):
        frame = frames.decode(data)
        if frame is not None and frame.kind is not frames.FrameKind.ACK:
            for compress in (True, False):
                assert frames.decode(frames.encode(frame, compress=compress)) == frame


def qiniu_session(data: bytes) -> None:
    """Frames with payloads of every shape, between what we send."""
    source, session = Source(data), Qiniu(qiniu_config("me"))
    session.start(0.0)
    now = 0.0
    with suppress(VoiceError):
        while source and session.final is None:
            now += source.byte() / 10
            match source.byte() % 6:
                case 0:
                    session.feed(bytes(source.byte() * 100))
                case 1:
                    session.finish(now)
                case 2:
                    session.receive(source.take(source.byte()), now)
                case 3:
                    session.receive(text_of(source.take(source.byte())), now)
                case _:
                    session.receive(_frame(source), now)
        session.closed()


def _frame(source: Source) -> bytes:
    kind, flags = source.byte(), source.byte()
    body = json.dumps(source.tree(tuple(HEARD)), ensure_ascii=True).encode()
    body = gzip.compress(body, 1, mtime=0) if flags & 8 else body
    return bytes((0x11, (kind % 3 * 2 + 9 if kind & 1 else 9) << 4 | flags & 7, 0x10 | flags >> 3 & 1, 0)) + b"".join(
        [
            struct.pack(">i", source.byte() - 128) if flags & 1 else b"",
            struct.pack(">i", source.byte()) if flags & 4 else b"",
            struct.pack(">I", len(body)),
            body,
        ]
    )


def server_sent_events(data: bytes) -> None:
    whole_and_in_pieces(lambda: sse.Events(200), data, (ProtocolError,))
    whole_and_in_pieces(lambda: mixed.Mixed(200), data, (ProtocolError,))
    whole_and_in_pieces(lambda: sse.Lines(200), data, (ProtocolError,))


def lines_of_json(data: bytes) -> None:
    whole_and_in_pieces(_JsonLines, data, (ProtocolError,))


class _JsonLines:
    def __init__(self) -> None:
        self.lines = sse.TextLines(1000)

    def feed(self, data: bytes) -> Iterator[str]:
        return (repr(each) for line in self.lines.feed(data) for each in ndjson.objects(line))

    def finish(self) -> Iterator[str]:
        return (repr(each) for line in self.lines.finish() for each in ndjson.objects(line))


TALKED = (*HANDLERS, *EVENT_NAMES)
TALKS = "response response_id id item status output usage input_tokens call_id name arguments audio event_id".split()


def realtime_events(data: bytes) -> None:
    """A whole session of OpenAI's realtime protocol: greetings, texts and errors of every shape."""
    source, words = Source(data), tuple(HAPPENED)
    session = Realtime("m", lambda complaint: ServiceError(complaint.words or "?"))
    with suppress(VoiceError):
        list(session.start(json.dumps(source.tree(words)) if source.byte() % 2 else None))
        while source and session.final is None:
            match source.byte() % 4:
                case 0:
                    list(session.feed(bytes(source.byte() * 8 + 1)))
                case 1:
                    list(session.finish())
                case 2:
                    session.receive(source.take(source.byte()))
                case _:
                    session.receive(json.dumps(source.tree(words)))
        session.closed()


def talk_events(data: bytes) -> None:
    """A whole conversation with a service that hears and speaks, in each dialect: what it sends, what we wish."""
    source, words = Source(data), (*HAPPENED, *TALKS, *TALKED)
    dialect = [*DIALECTS.values()][source.byte() % len(DIALECTS)]
    protocol = TalkProtocol(dialect, lambda complaint: ServiceError(complaint.words or "?"))
    wishes = (
        lambda: protocol.append(bytes(source.byte() * 8)),
        protocol.commit,
        protocol.clear,
        lambda: protocol.cancel(void=bool(source.byte() % 2)),
        lambda: protocol.truncate("item", source.byte()),
        lambda: [protocol.respond(), protocol.say("user", "a"), protocol.result("c", "r")],
    )
    with suppress(VoiceError):
        told_by({"session": source.tree(words)})
        while source:
            kind = TALKED[source.byte() % len(TALKED)]
            match source.byte() % 4:
                case 0:
                    [json.loads(each) for each in wishes[source.byte() % len(wishes)]()]
                case 1:
                    protocol.receive(source.take(source.byte()))
                case 2:
                    protocol.receive(json.dumps(source.tree(words)))
                case _:
                    event = {words[source.byte() % len(words)]: source.tree(words) for _ in range(3)}
                    for news in protocol.receive(json.dumps(event | {"type": kind})):
                        str(news).encode()


def realtime_requests(data: bytes) -> None:
    """What a client of our own server sends: every frame has events for its answer, or none, and ends nothing."""
    source, words = Source(data), (*ASKED, *CLIENT_ACTS)
    client = RealtimeClient(Book("s", "m", transcribes=bool(source.byte() % 2), beta=bool(source.byte() % 2)))
    while source:
        match source.byte() % 3:
            case 0:
                sent = source.take(source.byte()).decode("utf-8", "replace")
            case 1:
                sent = json.dumps(source.tree(words))
            case _:
                kind = tuple(CLIENT_ACTS)[source.byte() % len(CLIENT_ACTS)]
                sent = json.dumps({words[source.byte() % len(words)]: source.tree(words)} | {"type": kind})
        for step in client.receive(sent):
            json.dumps(step if isinstance(step, dict) else str(step)).encode()


def answers(data: bytes) -> None:
    """What is made of the JSON of a chat, a transcript, a list, a complaint; none of it may raise at all."""
    source = Source(data)
    answer = openai_answers.ChunkedAnswer()
    for _ in range(source.byte() % 4):
        answer.take(source.tree((*SAID, *COUNTED)))
        answer.take(source.tree(tuple(CALLED), depth=7))
    assert answer.said or not list(answer.others())
    for call in answer.calls():
        harmless(call.id + call.name + call.arguments)
        json.dumps(written(ChatMessage("assistant", "", (call,)))).encode()
    heard = source.tree(tuple(HEARD))
    transcript = openai_answers.whole_transcript(heard)
    if transcript is not None:
        harmless(transcript.text)
        rendered(transcript)
    for name in openai_answers.names_in(heard, ("id", "name")):
        harmless(name)
    harmless(wording.complaint_in(heard).words)


def tools(data: bytes) -> None:
    """What a model writes as arguments, and what a server of tools says of them and answers."""
    source = Source(data)
    text = text_of(data) if source.byte() % 2 else json.dumps(source.tree(tuple(GIVEN)))
    for spec in (ToolSpec(verb, "", schema_of(ability_of(verb))) for verb in ("image_make", "rerank")):
        with suppress(WrongCallError):
            for value in arguments(ToolCall("1", spec.name, text), spec).values():
                "".join(value).encode()
    listed = source.tree(tuple(LISTED), depth=6)
    for tool in servers.tools_of("s", listed if isinstance(listed, list) else [listed]):
        harmless(tool.spec.name + tool.spec.meaning)
        json.dumps(dict(tool.spec.parameters), ensure_ascii=False).encode()
    answered = {"content": source.tree(tuple(LISTED)), "structuredContent": source.tree(("a",))}
    harmless(servers.text_of(answered))
    servers.text_of(answered).encode()


def complaints(data: bytes) -> None:
    """The bodies of errors: JSON, pages, nonsense; and the header that tells when to come again."""
    for kind in ("application/json", "text/html; charset=x", ""):
        harmless(wording.complaint_of(data, kind).words)
    harmless(wording.clean(text_of(data)))
    wording.retry_after({"retry-after": data.decode("latin-1")}, datetime(2020, 1, 1, tzinfo=UTC))
    harmless(sensevoice.strip_tags(text_of(data))[0], controls=False)


def harmless(text: str, *, controls: bool = True) -> None:
    if controls:
        assert not set(text) & set("\x1b\x9b\x07\x08\r\0"), ascii(text)


# -- sound -------------------------------------------------------------------------------------------


def wav_headers(data: bytes) -> None:
    """A header, as files and streams see it: sound out of it is never more than went in."""
    data = data if data[:1] == b"R" else WAV[: data[0] if data else 44] + data[1:]
    files.container_of(data[:16])
    with suppress(ValueError):
        found = pcm.parse_wav_header(data)
        assert found is None or (found[1] <= len(data) and found[0].frame_bytes > 0)
    for pieces in ([data], cut(data, 7)):
        stream = pcm.WavStream()
        with suppress(ValueError):
            assert len(b"".join(stream.feed(piece) for piece in pieces)) <= len(data)


def sound_files(data: bytes) -> None:
    """Whatever libsndfile is given, through our door: it is sound, or an error that names the file."""
    data = data if data[:1] in b"RFOIfc." else WAV[: data[0] if data else 44] + data[1:]
    with suppress(InputError):
        files.clip_of(data, "a")
    with suppress(InputError):
        files.decode(data, "a")


WAV = pcm.wav_bytes(b"\1\2" * 20, PcmFormat(16_000))


# -- files of the person -----------------------------------------------------------------------------


def saved_transcripts(data: bytes) -> None:
    """What `voice transcribe talk.json -f srt` reads: our JSON, changed by whoever."""
    source = Source(data)
    tree = source.tree(tuple(HEARD))
    tree = {"text": source.tree(("so", "it was"), 0), "segments": tree} if source.byte() % 2 else tree
    with suppress(ValueError):
        rendered(subtitles.from_json(tree))
    with suppress(ValueError, TypeError, KeyError):
        caches.thawed(tree)


def saved_texts(data: bytes) -> None:
    """The same, as bytes in a file."""
    with suppress(ValueError, RecursionError, InputError):
        rendered(subtitles.from_json(json.loads(as_text(data, "a"))))


def rendered(transcript: Any) -> None:
    """In every format, and with little room; no row is empty but the one that ends a cue."""
    for layout in (subtitles.Layout(), subtitles.Layout(max_chars=5, max_lines=1)):
        cues = subtitles.cues(transcript, layout)
        for cue in cues:
            assert 0 <= cue.start <= cue.end, cue
        for write in subtitles.FORMATS.values():
            write(cues).encode("utf-8", "replace")
    dump_json(subtitles.verbose_json(transcript)).encode("utf-8", "replace")


def configurations(data: bytes) -> None:
    """A file that nobody has checked: it loads, or the error says what is wrong. So does changing it."""
    text = text_of(data) if data[:1] in b"#[abcdefghijklmnopqrstuvwxyz" else toml(Source(data))
    path = Path("c.toml")
    with suppress(ConfigError):
        file = resolve.parse(text, path)
        for profile in ("", *file.profiles):
            resolve.resolve({}, file, profile)
        with suppress(ConfigError):
            changed = edit.edited(text, ("talk", "end_ms"), 700, path)
            talk = resolve.parse(changed, path).layer["talk"]
            assert isinstance(talk, dict) and isinstance(talk["end_ms"], Given) and talk["end_ms"].value == 700


def toml(source: Source) -> str:
    """Tables and keys that there are, with values of every kind."""
    lines: list[str] = []
    while source:
        name = NAMES[source.byte() % len(NAMES)]
        value = VALUES[source.byte() % len(VALUES)]
        lines.append(TABLES[source.byte() % len(TABLES)] if name == "[" else f"{name} = {value}")
    return "\n".join(lines)


TABLES = (
    *("[use]", "[talk]", "[chat]", "[audio]", "[history]", "[backends.a]", "[backends.b.headers]", "[profiles.x.talk]"),
    *("[backends.a.extra.chat]", "[profiles.x.backends.a]", "[[use]]", "[backends]", "[profiles]", "[nosuch]", "['']"),
    *("[tools]", "[mcp.a]", "[mcp.a.env]", "[mcp]"),
)
NAMES = (
    *("[", "[", "[", "transcribe", "chat", "speak", "end_ms", "end_ms_max", "vad", "system", "temperature", "input"),
    *("enabled", "keep_days", "family", "base_url", "base_urls", "live_url", "proxy", "timeout_s", "api_key_env"),
    *("command", "trust", "url", "folder"),
    *("api_key_cmd", "api_key", "headers", "X-A", "voice", "speed", "a.b", '""', "'x y'"),
)
VALUES = (
    *("1", "-1", "0", "1e400", "nan", "inf", "0x10", "9223372036854775808", "true", '""', '"a"', '"b"', '"openai"'),
    *('"qiniu"', '"local"', "[]", '["a", 1]', "[[[[]]]]", "{}", "{a = 1}", "{a = {b = [1]}}", "1979-05-27"),
    *("07:32:00", "'''x'''", '"\\u0000"', '"a\\nb"', '"http://h"', '"ws://h/p?q"', '"http://u:p@h:99999"'),
    '"http://[::1"',
)


# -- texts -------------------------------------------------------------------------------------------


def sentences(data: bytes) -> None:
    """Texts as a model writes them: no letter and no digit is lost, whatever the pieces they come in."""
    text = text_of(data)
    bare = letters(text)
    for limit in (None, 8, 40):
        splitter = SentenceSplitter(first_clause=bool(limit), limit=limit)
        out = [piece for part in texts(text) for piece in splitter.feed(part)] + splitter.flush()
        assert letters("".join(out)) == bare
    for piece in SentenceSplitter(False, 30, 60, FULL).flush(text):
        assert len(piece) <= 30 and len(piece.encode("utf-8", "surrogatepass")) <= 60


def passages(data: bytes) -> None:
    """Notes of any kind in passages: nothing but blanks is lost, and none is too long."""
    text = (text_of(data) * 20)[:2500]
    found = cutting.cut(text, ("md", "org", "py")[len(data) % 3])
    assert "".join("".join(each.text for each in found).split()) == "".join(cutting.tidied(text).split())
    assert all(cutting.weight(each.text) <= cutting.LONGEST + 2 for each in found)


def spoken(data: bytes) -> None:
    """How a text is read aloud; in pieces as at once, but for how many blanks are in a row."""
    text = text_of(data)
    for language in (None, "zh"):
        reader = Speakable(language)
        pieces = "".join([*(reader.feed(part) for part in texts(text)), reader.flush()])
        assert closes_unopened(text) or pieces.split() == speakable(text, language).split()


def words(data: bytes) -> None:
    """No word is lost on its way to the ear, whole and in tokens."""
    made = writing.written(writing.chooser(data[1:]))
    size, reader = (data[0] if data else 0) % 9 + 1, Speakable()
    parts = (made.text[at : at + size] for at in range(0, len(made.text), size))
    pieces = "".join([*map(reader.feed, parts), reader.flush()])
    for said in (speakable(made.text), pieces):
        assert not writing.missing(made.words, said), (made.text, said)


def screen(data: bytes) -> None:
    """No word is lost on its way to the eye, at any width, in blocks or at once; no row is too wide."""
    made = writing.written(writing.chooser(data[2:]))
    size, width = (data[0] if data else 0) % 9 + 1, 20 + (data[1] if len(data) > 1 else 60)
    blocks = Blocks()
    parts = (made.text[at : at + size] for at in range(0, len(made.text), size))
    whole = len(data) % 2
    shown = [made.text] if whole else [*(each for part in parts for each in blocks.feed(part)), *blocks.flush()]
    drawn = "".join(clean(render(block, width, coloured=True)) for block in shown)
    wanted = sorted(made.words + made.hidden, key=made.text.find)
    assert not writing.missing(wanted, "".join(drawn.replace("▌", " ").split())), (made.text, drawn)
    assert max(map(cells, drawn.split("\n"))) <= width, (made.text, drawn)


def subtitled(data: bytes) -> None:
    """No word is lost on its way to a file of subtitles, whatever a service leaves out of its segments."""
    made, choose = writing.written(writing.chooser(data[::2])), writing.chooser(data[1::2])
    words, times = bool(choose(2)), choose(4)
    heard = whole_transcript(_told_in_parts(made.text, choose, words=words, times=times))
    assert heard is not None
    if len(data) % 2:
        kind = list(subtitles.FORMATS)[choose(len(subtitles.FORMATS))]
        wide = subtitles.Layout(max_chars=9999, max_seconds=1e9, pause_s=1e9)
        shown = html.unescape(_MARKS.sub("", subtitles.render(kind, heard, wide)))
        assert not made.lost("".join(shown.split())), (made.text, heard, shown)
        return
    narrow = subtitles.Layout(max_chars=5 + choose(60), max_lines=1 + choose(3), words=words)
    rows = "".join(line for cue in subtitles.cues(heard, narrow) for line in cue.lines)
    assert not Counter(letters("".join(made.words + made.hidden))) - Counter(letters(rows)), (made.text, heard, rows)


_MARKS = re.compile(r"^\d+$|^[\d:,.]+ --> [\d:,.]+$|^\[[\d:.]+\]|^\d+\t\d+\t", re.MULTILINE)
"""What stands in files of subtitles beside the words."""


def _told_in_parts(text: str, choose: writing.Choose, *, words: bool, times: int) -> dict[str, Any]:
    """An answer with the text in segments: ends missing, turned round or too late, parts in no segment, some twice."""
    tokens, segments, now = text.split(), list[dict[str, Any]](), 0.0
    while tokens:
        count = 1 + choose(7)
        part, tokens, now = tokens[:count], tokens[count:], now + (1 + choose(40)) / 10
        ends = (now + count / 3, None, now - 1, now + 30, now, "nan")
        each = {"text": " ".join(part), "start": now, "end": ends[choose(6) if times else 0]}
        each |= {"words": [{"word": one, "start": now + at / 9, "end": now + at / 9} for at, one in enumerate(part)]}
        segments += [each] * (1, 1, 1, 1, 0, 2)[choose(6) if times > 1 else 0]
    shown = [each if words else each | {"words": []} for each in segments]
    return {"text": text, "segments": [*reversed(shown)] if times > 2 else shown}


def kept(data: bytes) -> None:
    """No word is lost on its way from a model's tokens to the history and back to a model."""
    made = writing.written(writing.chooser(data[1:]))
    size, answer, text = (data[0] if data else 0) % 24 + 1, openai_answers.ChunkedAnswer(), ""
    for at in range(0, len(made.text), size):
        delta = answer.take({"choices": [{"delta": {"content": made.text[at : at + size]}}]})
        text += delta.text if delta else ""
    rest = answer.rest()
    text += rest.text if rest else ""
    store = _store()
    about, _ = store.write(Conversation("chat"), [Message("user", made.text), Message("assistant", text)])
    asked, said = store.messages(about.id)
    again = History(messages=(ChatMessage("user", asked.content), ChatMessage("assistant", said.content)))
    sent = [str(written(each)["content"]) for each in again.request() if each.role != "system"]
    wanted = sorted(made.words + made.hidden, key=made.text.find)
    for told in (asked.content, said.content, *sent):
        assert not writing.missing(wanted, told), (made.text, told)
    if about.id % 20 == 0:
        assert [each.conversation.id for each in store.search(f"{wanted[-1]} {wanted[0]}", 2)] == [about.id] * 2
        store.remove()


@cache
def _store() -> Store:
    return Store.open(Path(tempfile.mkdtemp()) / "history.db")


def readings(data: bytes) -> None:
    """Whether somebody has finished, or agrees; blocks of Markdown; what a terminal shows; what skills think."""
    text = text_of(data)
    for trust in (True, False):
        read(text, trust_punctuation=trust)
    yes = courtesy.verdict(text, text[::2]) is courtesy.Verdict.YES
    assert not yes or courtesy.verdict(f"{text} no") is not courtesy.Verdict.YES
    consent.asked_aloud(text[::3], text)
    consent.can_be_told(text)
    blocks = Blocks()
    shown = [*(each for part in texts(text) for each in blocks.feed(part)), *blocks.flush()]
    assert "".join("".join(shown).split()) == "".join(text.split())
    harmless(clean(text))
    for _ in zip(understand(Question(text, datetime.min)), range(3), strict=False):
        pass


def letters(text: str) -> list[str]:
    return [each for each in text if each.isalnum()]


def texts(text: str) -> Iterable[str]:
    size = len(text) % 7 + 1
    return (text[at : at + size] for at in range(0, len(text), size))


# -- the table ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A parser; `seeds` are inputs to begin with, `longest` how many bytes are worth trying."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...] = ()
    longest: int = 512

    @property
    def name(self) -> str:
        return self.run.__name__


_CONFIG = b'[use]\nchat = "a"\n[backends.a]\nfamily = "openai"\nbase_url = "http://h"\n[talk]\nend_ms = 500 # why\n'
_SAVED = b'{"text": "so it was", "duration": 2.5, "segments": [{"text": "so", "start": 0, "end": 1, "words": []}]}'
_PROSE = b"Dr. Smith paid $3.50 (see https://a.b/c?d). **Well**, 3.14!\n\n- so\n```py\nx = 1\n```\n"
_PROSE += "他说：“好。”然后走了…".encode()

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            qiniu_frames, (frames.encode(frames.Frame(frames.FrameKind.RESULT, b'{"a":1}', 2)), b"\x11\x90\x10\x00")
        ),
        Target(qiniu_session, (bytes(range(64)),)),
        Target(server_sent_events, (b"data: a\n\nevent: x\r\ndata: b\rdata\n\n", b"error: no\n{}\n: c"), 120),
        Target(lines_of_json, (b'{"a": [1]}\n\xef\xbb\xbfdata: {}{"b": "\\ud800"}\r\n',), 160),
        Target(realtime_events, (bytes(range(100)),)),
        Target(talk_events, (bytes(range(200)), bytes(range(0, 250, 3)))),
        Target(realtime_requests, (bytes(range(200)),)),
        Target(answers, (bytes(range(100)),)),
        Target(tools, (bytes(range(100)), b'\x01{"prompt": "a pig", "size": "\\ud800"}')),
        Target(complaints, (b'{"error": {"message": "no", "code": 7}}', b"<html><title>502</title>", b"120")),
        Target(wav_headers, (WAV, b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + WAV[20:])),
        Target(sound_files, (WAV, b"fLaC\0\0\0\x22", b"OggS\0\2", b"FORM\0\0\0\0AIFF"), 256),
        Target(saved_transcripts, (bytes(range(100)),)),
        Target(saved_texts, (_SAVED,), 256),
        Target(configurations, (_CONFIG, bytes(range(40)))),
        Target(sentences, (_PROSE,), 200),
        Target(passages, (_PROSE, b"# a\n\nb\n---\n* c\n" + _PROSE), 200),
        Target(spoken, (_PROSE,), 200),
        Target(screen, (bytes(range(200)), bytes(range(0, 250, 7))), 200),
        Target(subtitled, (bytes(range(200)), bytes(range(0, 250, 7))), 200),
        Target(kept, (bytes(range(200)), bytes(range(0, 250, 7))), 200),
        Target(words, (bytes(range(200)), bytes(range(0, 250, 7))), 200),
        Target(readings, (_PROSE, b"what is 3 plus five", "十二乘以三".encode(), b"yes, please", "好的".encode()), 200),
    )
}
