"""A conversation over `/v1/realtime`, with `voice serve` in a process of its own: digits in, digits out."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests import dtmf
from tests.fakes.pictures import png
from tests.server.conftest import CONFIG, Served, keep_key, serving
from tests.waiting import until
from voicecli.audio.telephone import compressed, expanded
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.client import Client

RATE = 24_000
ADDED = "conversation.item.added"
MANUAL = {"audio": {"input": {"turn_detection": None}}}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Tones are no speech for Silero."""
    with serving(tmp_path_factory.mktemp("served"), config=CONFIG + "[talk]\nvad = 'webrtc'\n") as server:
        yield server


class Talk:
    """A client: `heard` are all events so far."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.heard = socket, list[Event]()

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def until(self, *types: str) -> Event:
        async with asyncio.timeout(60):
            while True:
                event: Event = json.loads(await self.socket.recv())
                self.heard.append(event)
                if event["type"] in types:
                    return event

    async def speak(self, digits: str, *, quiet_s: float = 1.5, paced: bool = True) -> None:
        """As a microphone would, in real time."""
        sound = np.concatenate([dtmf.encode(digits, RATE), np.zeros(int(quiet_s * RATE), np.int16)])
        for at in range(0, len(sound), RATE // 10):
            await self.append(sound[at : at + RATE // 10].tobytes())
            await asyncio.sleep(0.1 if paced else 0)

    async def append(self, data: bytes) -> None:
        await self.say("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    async def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    def sound(self, name: str = "response.output_audio.delta") -> bytes:
        return b"".join(base64.b64decode(each["delta"]) for each in self.heard if each["type"] == name)

    def digits(self, name: str = "response.output_audio.delta") -> str:
        return dtmf.decode(np.frombuffer(self.sound(name), np.int16), RATE)

    def of(self, type: str) -> list[Event]:
        return [each for each in self.heard if each["type"] == type]

    def order(self) -> list[str]:
        """The types, each once where it repeats."""
        types = [each["type"] for each in self.heard]
        return [each for at, each in enumerate(types) if not at or types[at - 1] != each]


@asynccontextmanager
async def talking(server: Served, query: str = "?model=gpt-realtime", **session: Any) -> AsyncIterator[Talk]:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/realtime{query}", proxy=None, **session) as socket:
        talk = Talk(socket)
        assert (await talk.until("session.created"))["session"]["id"]
        yield talk


def shown(digits: str) -> dict[str, str]:
    """A picture of digits, as a part of an item."""
    return {"type": "input_image", "image_url": f"data:image/png;base64,{base64.b64encode(png(digits)).decode()}"}


def run(server: Served, act: Callable[[Talk], Any], query: str = "?model=gpt-realtime", **session: Any) -> Talk:
    async def work() -> Talk:
        async with talking(server, query, **session) as talk:
            await act(talk)
            return talk

    return asyncio.run(work())


def test_speech_is_answered(served: Served) -> None:
    async def act(talk: Talk) -> None:
        speaking = asyncio.create_task(talk.speak("189", quiet_s=2))
        done = await talk.until("response.done")
        await speaking
        assert done["response"]["status"] == "completed"

    talk = run(served, act)
    assert talk.of("conversation.item.input_audio_transcription.completed")[0]["transcript"].strip(" .") == "189"
    assert talk.digits() == "290"
    assert talk.of("response.output_audio_transcript.done")[0]["transcript"] == "290."
    begun = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert talk.order()[1:6] == begun
    ended = ["response.content_part.done", "response.output_item.done", "conversation.item.done", "response.done"]
    assert talk.order()[-4:] == ended


def test_the_client_says_when_a_turn_ends(served: Served) -> None:
    async def act(talk: Talk) -> None:
        await talk.say("session.update", session=MANUAL)
        await talk.speak("189", quiet_s=0, paced=False)
        await talk.say("input_audio_buffer.commit")
        await talk.until("conversation.item.input_audio_transcription.completed")
        assert not talk.of("response.created")
        await talk.say("response.create", response={"metadata": {"client_event_id": "mine"}})
        assert (await talk.until("response.created"))["response"]["metadata"] == {"client_event_id": "mine"}
        assert (await talk.until("response.done"))["response"]["status"] == "completed"

    assert run(served, act).digits() == "290"


def test_a_typed_item_is_answered_in_text_alone(served: Served) -> None:
    async def act(talk: Talk) -> None:
        await talk.say("session.update", session={"output_modalities": ["text"], "instructions": "Be brief."})
        await talk.type("472")
        await talk.say("response.create")
        await talk.until("response.done")

    talk = run(served, act)
    assert not talk.sound()
    assert talk.of("response.output_text.done")[0]["text"] == "583."


def test_an_answer_is_cancelled(served: Served) -> None:
    async def act(talk: Talk) -> None:
        await talk.type("1234567890" * 3)
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        await talk.say("response.cancel", event_id="first")
        assert (await talk.until("response.done"))["response"]["status"] == "cancelled"
        await talk.say("response.cancel", event_id="second")
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "second")
        talk.heard.clear()
        await talk.type("472")
        await talk.say("response.create")
        await talk.until("response.done")
        assert talk.digits().endswith("583")

    run(served, act)


def test_answers_outside_of_the_conversation(served: Served) -> None:
    """While another is in work; they leave no trace, and may be cancelled."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "472"}]}
    apart = {"conversation": "none", "input": [item], "metadata": {"topic": "mine"}, "output_modalities": ["text"]}

    async def act(talk: Talk) -> None:
        await talk.type("1234567890")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        await talk.say("response.create", response=apart)
        done = (await talk.until("response.done"))["response"]
        assert (done["metadata"], done["output"][0]["content"][0]["text"]) == ({"topic": "mine"}, "583.")
        assert (await talk.until("response.done"))["response"]["output"][0]["content"][0]["transcript"] == "2345678901."
        assert all(each["item"]["id"] != done["output"][0]["id"] for each in talk.of("conversation.item.added"))
        await talk.say("response.create", response=apart | {"input": [{"type": "item_reference", "id": "nobody"}]})
        assert (await talk.until("error"))["error"]["code"] == "item_not_found"

    run(served, act)


def test_a_picture_goes_with_the_next_answer(served: Served) -> None:
    """In the conversation, and outside of it; it stands in the item, its bytes do not."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look."}, shown("778")]}
    apart = {"conversation": "none", "input": [{**item, "content": [shown("472")]}], "output_modalities": ["text"]}

    async def act(talk: Talk) -> None:
        await talk.say("session.update", session={"output_modalities": ["text"]})
        await talk.say("conversation.item.create", item=item)
        added = (await talk.until("conversation.item.added"))["item"]
        assert added["content"][1] == {"type": "input_image"}
        await talk.say("response.create")
        await talk.until("response.done")
        await talk.type("1")
        await talk.say("response.create")
        await talk.until("response.done")
        await talk.say("response.create", response=apart)
        await talk.until("response.done")
        reference = {"type": "item_reference", "id": added["id"]}
        await talk.say("response.create", response=apart | {"input": [reference]})
        assert (await talk.until("response.done"))["response"]["status"] == "completed"

    assert [each["text"] for each in run(served, act).of("response.output_text.done")][:3] == ["889.", "2.", "583."]


@pytest.mark.parametrize(
    ("role", "url", "told"),
    [
        ("user", "https://example.org/a.png", "data:image/"),
        ("user", "file:///etc/passwd", "data:image/"),
        ("user", "data:image/png;base64,*", "no base64"),
        ("user", f"data:image/png;base64,{'A' * (8 << 20)}AAAA", "8 MB"),
        ("assistant", "data:image/png;base64,AAAA", "the user's"),
        ("user", None, "must be a text"),
    ],
)
def test_a_picture_that_is_not_taken_is_no_item(role: str, url: str | None, told: str) -> None:
    book = Book("s", "m")
    item = {"type": "message", "role": role, "content": [{"type": "input_image", "image_url": url}]}
    (error,) = Client(book).receive(json.dumps({"type": "conversation.item.create", "item": item, "event_id": "e"}))
    assert isinstance(error, dict)
    assert (told in error["error"]["message"], error["error"]["event_id"], book.items) == (True, "e", {})


def test_pictures_that_nobody_has_answered_are_bounded() -> None:
    client = Client(Book("s", "m"))
    half = {"type": "input_image", "image_url": f"data:image/png;base64,{'A' * (4 << 20)}"}
    event = json.dumps(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [half]}}
    )
    told = [step for _ in range(3) for step in client.receive(event) if isinstance(step, dict)]
    assert [each["type"] for each in told if each["type"] != "conversation.item.done"] == [ADDED, ADDED, "error"]


def test_a_model_that_takes_no_pictures_says_so(tmp_path: Path) -> None:
    """What was said with it is not remembered; the session goes on."""
    urls = "".join(f"{name}_url = '{{base}}'\n" for name in ("asr", "chat", "tts"))
    blind = f"[backends.blind]\nfamily = 'selfhosted'\n{urls}"

    async def act(talk: Talk) -> None:
        content = [{"type": "input_text", "text": "Look."}, shown("778")]
        item = {"type": "message", "role": "user", "content": content, "id": "mine"}
        await talk.say("conversation.item.create", item=item, event_id="e1")
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("unsupported_content", "e1")
        assert "takes no pictures" in error["message"]
        assert (await talk.until("conversation.item.deleted"))["item_id"] == "mine"
        await talk.say("response.create", response={"conversation": "none", "input": [item]})
        details = (await talk.until("response.done"))["response"]["status_details"]
        assert "takes no pictures" in details["error"]["message"]

    with serving(tmp_path, config=CONFIG + blind) as server:
        run(server, act, "?model=blind")


def test_the_assistant_speaks_up_after_a_while(served: Served) -> None:
    async def act(talk: Talk) -> None:
        detection = {"type": "server_vad", "idle_timeout_ms": 1000}
        await talk.say("session.update", session={"audio": {"input": {"turn_detection": detection}}})
        await talk.type("472")
        await talk.say("response.create")
        await talk.until("response.done")
        await talk.speak("", quiet_s=1.4, paced=False)
        await talk.until("input_audio_buffer.timeout_triggered")
        assert (await talk.until("response.done"))["response"]["status"] == "completed"

    run(served, act)


def test_speech_interrupts_an_answer(served: Served) -> None:
    async def act(talk: Talk) -> None:
        await talk.type("1234567890" * 3)
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        speaking = asyncio.create_task(talk.speak("18912345", quiet_s=2))
        await talk.until("input_audio_buffer.speech_started")
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        assert not talk.of("output_audio_buffer.paused"), "a wish of its own"
        talk.heard.clear()
        assert (await talk.until("response.done"))["response"]["status"] == "completed"
        await speaking

    assert run(served, act).digits().endswith("29023456")


def test_a_client_that_wants_to_know_stands_still_for_what_is_no_speech(served: Served) -> None:
    """It has not lost a sample of the answer when that goes on."""
    noise = np.random.default_rng(1).normal(0, 4000, RATE // 4).astype(np.int16)

    async def act(talk: Talk) -> None:
        await talk.say("session.update", session={"audio": {"output": {"pauses": True}}})
        await talk.type("1234567890")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        await talk.append(noise.tobytes() + bytes(RATE))
        await talk.until("output_audio_buffer.paused")
        sounded = len(talk.sound())
        await talk.until("output_audio_buffer.resumed")
        assert len(talk.sound()) == sounded
        assert (await talk.until("response.done"))["response"]["status"] == "completed"

    assert len(run(served, act).digits()) == 10


def test_words_alone(served: Served) -> None:
    async def act(talk: Talk) -> None:
        await talk.say("session.update", session={"type": "transcription"} | MANUAL)
        for digits in ("189", "472"):
            await talk.speak(digits, quiet_s=0, paced=False)
            await talk.say("input_audio_buffer.commit")
        for _ in range(2):
            await talk.until("conversation.item.input_audio_transcription.completed")

    talk = run(served, act, "?intent=transcription")
    texts = [each["transcript"] for each in talk.of("conversation.item.input_audio_transcription.completed")]
    assert [each.strip(" .") for each in texts] == ["189", "472"]
    assert not talk.of("response.created")


def test_a_client_of_the_beta(served: Served) -> None:
    async def act(talk: Talk) -> None:
        update = {"modalities": ["text", "audio"], "input_audio_format": "pcm16", "turn_detection": None}
        await talk.say("session.update", session=update)
        assert (await talk.until("session.updated"))["session"]["modalities"] == ["audio", "text"]
        await talk.type("472")
        await talk.say("response.create")
        await talk.until("response.done")

    talk = run(served, act, additional_headers={"OpenAI-Beta": "realtime=v1"})
    assert talk.digits("response.audio.delta") == "583"
    assert talk.of("conversation.item.created")


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_a_telephones_sound(served: Served, law: Any) -> None:
    async def act(talk: Talk) -> None:
        kind = {"format": {"type": f"audio/{law}"}}
        await talk.say("session.update", session={"audio": {"input": kind | {"turn_detection": None}, "output": kind}})
        await talk.append(compressed(dtmf.encode("189", 8000).tobytes(), law))
        await talk.say("input_audio_buffer.commit")
        await talk.say("response.create")
        await talk.until("response.done")

    talk = run(served, act)
    assert dtmf.decode(np.frombuffer(expanded(talk.sound(), law), np.int16), 8000) == "290"


def test_what_makes_no_sense_is_told(served: Served) -> None:
    async def act(talk: Talk) -> None:
        for wrong, code in (("{", "invalid_json"), ("[]", "invalid_event"), ('{"type": "dance"}', "unknown_event")):
            await talk.socket.send(wrong)
            assert (await talk.until("error"))["error"]["code"] == code
        await talk.socket.send(b"\xff\xfe")
        assert (await talk.until("error"))["error"]["code"] == "invalid_json"
        await talk.type("472")
        await talk.say("response.create")
        await talk.until("response.done")

    assert run(served, act).digits() == "583"


def test_a_client_that_vanishes_leaves_nothing(served: Served) -> None:
    """In the middle of an answer, without a word; and a model that nobody has ends the session with its reason."""

    async def act(talk: Talk) -> None:
        await talk.type("1234567890" * 3)
        await talk.say("response.create")
        await talk.until("response.output_audio.delta")
        talk.socket.transport.abort()

    run(served, act)
    with pytest.raises(ConnectionClosed, match="does not exist"):
        run(served, lambda talk: talk.until("never"), "?model=nobodys")
    with served.client() as client:
        until(lambda: "voice_requests_now 1.0" in client.get("/metrics").text, what="the session ends")


def test_the_clients_tools_are_used(served: Served) -> None:
    """The service wants the tool called once; what the client says came of it is told to the model."""
    tool = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}

    async def act(talk: Talk) -> None:
        await talk.say("session.update", session={"tools": [tool], "output_modalities": ["text"]})
        await talk.type("189")
        await talk.say("response.create")
        call = (await talk.until("response.function_call_arguments.done"))["call_id"]
        first = (await talk.until("response.done"))["response"]
        assert (first["status"], first["output"][-1]["name"]) == ("completed", "look")
        output = {"type": "function_call_output", "call_id": call, "output": "It is 472."}
        await talk.say("conversation.item.create", item=output)
        await talk.say("response.create")
        assert (await talk.until("response.done"))["response"]["status"] == "completed"

    served.behind.habits.calls = lambda messages: [] if messages[-1]["role"] == "tool" else [("look", "{}")]
    try:
        talk = run(served, act)
    finally:
        served.behind.habits.calls = lambda messages: ()
    assert len(talk.of("response.created")) == 2
    asked = [each for each in served.behind.log if each["verb"] == "chat"][-1]
    assert "It is 472." in json.dumps(asked, default=str)


def test_without_the_key_nobody_talks(tmp_path: Path) -> None:
    keep_key(tmp_path)

    async def nothing(_talk: Talk) -> None:
        """To be let in is enough."""

    with serving(tmp_path) as server:
        for query in ("", "?api_key=other"):
            with pytest.raises(InvalidStatus):
                run(server, nothing, query)
        run(server, nothing, "?api_key=sesame-1234")
        protocols = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sesame-1234")]
        run(server, nothing, subprotocols=protocols)


def test_an_end_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as server:

        async def act() -> int | None:
            async with talking(server) as talk:
                server.process.send_signal(signal.SIGTERM)
                with pytest.raises(ConnectionClosed) as closed:
                    await talk.until("never")
                return closed.value.rcvd.code if closed.value.rcvd else None

        assert asyncio.run(act()) == 1001
