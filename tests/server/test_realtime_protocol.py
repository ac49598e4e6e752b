"""The realtime protocol without a socket: whatever a client sends and a conversation tells, the events make sense."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from voicecli.audio.telephone import compressed, expanded
from voicecli.dialogue import events as ev
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.book import MOST_ITEMS, Book, Response, dialect
from voicecli.server.realtime.settings import Json, as_beta, merged, read
from voicecli.server.realtime.telling import Telling

TYPES = [*asked._ACTS, "no.such", ""]
NAMES = "session item response audio item_id id role content call_id output text instructions turn_detection".split()
NAMES += "type input format tools transcription modalities conversation metadata audio_end_ms name function".split()
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "user",
    "message",
    "x" * 99,
    "audio/pcmu",
    "\ud800",
    [],
    {},
    ["text"],
]
VALUES += ["item_s000001", "none", "function_call_output", base64.b64encode(bytes(9600)).decode(), "null"]
HAPPENS: list[ev.Event] = [ev.PhaseChanged(phase) for phase in ("listening", "hearing", "thinking", "speaking")]
HAPPENS += [ev.UserPartial("one"), ev.UserSaid("one two"), ev.UserSaid("typed", typed=True), ev.AssistantDelta("yes")]
HAPPENS += [ev.AssistantSaid("yes"), ev.AssistantSaid("y", True), ev.Interrupted(), ev.Interrupted("key")]
HAPPENS += [ev.TurnLost("a secret"), ev.TakenBack("one"), ev.Level(-20, True), ev.Notice("n")]


def some(chance: random.Random, depth: int = 0) -> Any:
    if depth > 3 or chance.random() < 0.4:
        return chance.choice(VALUES)
    if chance.random() < 0.3:
        return [some(chance, depth + 1) for _ in range(chance.randrange(3))]
    return {chance.choice(NAMES): some(chance, depth + 1) for _ in range(chance.randrange(5))}


def message(chance: random.Random) -> str:
    event = {name: some(chance, 1) for name in chance.sample(NAMES, chance.randrange(6))}
    text = json.dumps(event | {"type": chance.choice(TYPES)})
    return text[: chance.randrange(len(text))] if chance.random() < 0.05 else text


class Judge:
    """What no client may ever see: a response that ends twice or was never begun, numbers that come again."""

    def __init__(self, book: Book) -> None:
        self.numbers, self.open, self.book = set[str](), set[str](), book

    def sees(self, event: Json) -> None:
        assert event["event_id"] not in self.numbers
        self.numbers.add(event["event_id"])
        if event["type"] == "response.created":
            assert self.open <= set(self.book.apart)
            self.open.add(event["response"]["id"])
        elif event["type"] == "response.done":
            self.open.remove(event["response"]["id"])
        elif event["type"].startswith("response."):
            assert event["response_id"] in self.open, event
        assert "secret" not in json.dumps(event)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_that_a_client_sends_breaks_a_session(seed: int) -> None:
    chance = random.Random(seed)
    book = Book("s", "gpt-realtime", transcribes=seed % 4 == 3, beta=seed % 2 == 1)
    client, telling, judge = asked.Client(book), Telling(book), Judge(book)
    for _ in range(3000):
        if chance.random() < 0.5:
            steps = client.receive(message(chance))
        else:
            steps = [*telling.happened(chance.choice(HAPPENS)), *(telling.sound(b"\0\0") if book.answer else [])]
        events = [each for each in steps if isinstance(each, dict)]
        for event in events:
            judge.sees(event)
        assert all(each["type"] for each in dialect(events, beta=book.beta))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"type":' * 50_000, "\0", "NaN", '{"type": 3}', "x" * 2_000_000])
def test_frames_that_are_no_events(text: str) -> None:
    steps = asked.Client(Book("s", "m")).receive(text)
    assert [each["type"] for each in steps if isinstance(each, dict)] == ["error"]


def test_of_many_answers_the_oldest_are_gone_and_what_is_deleted_takes_no_room() -> None:
    book = Book("s", "m")
    for _ in range(MOST_ITEMS + 9):
        answer = Response(book, book.number("resp"))
        answer.says("Yes.")
        answer.ends("completed")
    assert len(book.items) == MOST_ITEMS
    oldest, last = next(iter(book.items)), list(book.items)[-1]
    book.forget(last)
    book.add({"id": "new"})
    assert (oldest in book.items, last in book.items) == (True, False)


def test_an_answer_is_due_when_nobody_speaks_for_so_long() -> None:
    book = Book("s", "m")
    client, telling = asked.Client(book), Telling(book)
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    client.receive(json.dumps({"type": "session.update", "session": {"turn_detection": detection}}))
    telling.happened(ev.PhaseChanged("listening"))
    assert not any(quiet(telling) for _ in range(300)), "nobody has answered anything yet"
    telling.happened(ev.AssistantDelta("Yes."))
    telling.happened(ev.AssistantSaid("Yes."))
    found = [each for _ in range(300) if (each := quiet(telling))]
    assert [each["type"] for each in found[0]][:2] == ["input_audio_buffer.timeout_triggered", COMMITTED]
    place = found[0][0]
    assert (place["audio_end_ms"] - place["audio_start_ms"], len(found)) == (5000, 1)
    assert book.answer is not None and book.answer.id == found[0][-1]["response"]["id"]


COMMITTED = "input_audio_buffer.committed"


def quiet(telling: Telling) -> list[Json]:
    """Another frame without a voice."""
    telling.happened(ev.Level(-60, False))
    return telling.idles()


def test_a_session_in_both_dialects() -> None:
    wishes = {
        "modalities": ["audio", "text"],
        "input_audio_format": "g711_ulaw",
        "voice": "ash",
        "turn_detection": None,
    }
    session = merged(Book("s", "m").session, wishes | {"of_next_year": 1})
    found = read(session)
    assert (found.heard_as, found.spoken_as, found.voice, found.detection) == ("pcmu", "pcm", "ash", None)
    assert session["of_next_year"] == 1
    assert as_beta(session).items() >= wishes.items()


def test_a_detection_without_a_type_changes_the_one_that_there_is() -> None:
    silent = {"type": "semantic_vad", "create_response": False}
    session = merged(Book("s", "m").session, {"audio": {"input": {"turn_detection": silent}}})
    tuned = merged(session, {"audio": {"input": {"turn_detection": {"threshold": 0.8}}}})
    assert read(tuned).detection == silent | {"threshold": 0.8}
    assert read(merged(tuned, {"turn_detection": {"type": "server_vad"}})).detection == {"type": "server_vad"}


def test_speech_over_a_reply_is_told_once_the_reply_stops() -> None:
    book = Book("s", "m")
    telling = Telling(book)
    told: list[str] = []
    script: list[ev.Event] = [ev.PhaseChanged("hearing"), ev.UserSaid("one"), ev.PhaseChanged("thinking")]
    script += [ev.AssistantDelta("A long answer."), ev.PhaseChanged("speaking"), ev.PhaseChanged("hearing")]
    for each in script:
        told += [event["type"] for event in telling.happened(each)]
    assert told.count("input_audio_buffer.speech_started") == 1
    last = [event["type"] for event in telling.happened(ev.Interrupted())]
    assert (last[0], last[-1]) == ("input_audio_buffer.speech_started", "response.done")


def test_who_goes_on_before_the_reply_sounds_takes_the_question_back() -> None:
    book = Book("s", "m")
    telling = Telling(book)
    for each in (ev.PhaseChanged("hearing"), ev.PhaseChanged("thinking"), ev.UserSaid("one")):
        telling.happened(each)
    told = telling.happened(ev.PhaseChanged("hearing"))
    kinds = ["input_audio_buffer.speech_started", "response.done", "conversation.item.deleted"]
    assert [each["type"] for each in told] == kinds
    assert told[1]["response"]["status"] == "cancelled"


@pytest.mark.parametrize(("law", "codes"), [("pcmu", (0xFF, 0x80, 0x00)), ("pcma", (0xD5, 0xAA, 0x2A))])
def test_telephone_sound_is_that_of_the_standard(law: Any, codes: tuple[int, ...]) -> None:
    """Silence, the loudest and the most negative value of G.711."""
    values = memoryview(expanded(bytes(codes), law)).cast("h").tolist()
    assert values == ([0, 32124, -32124] if law == "pcmu" else [8, 32256, -32256])
    every = bytes(range(256))
    again = compressed(expanded(every, law), law)
    assert expanded(again, law) == expanded(every, law)
