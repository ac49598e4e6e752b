"""What one run keeps: the file follows the conversation, whatever becomes of its turns; trouble is told once."""

from __future__ import annotations

import io
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clock import run
from tests.dialogue.talking import Brain, Ears, Manner, Room, Voice
from voicecli.audio.endpointer import Timing
from voicecli.commands.session import Session
from voicecli.dialogue import events as ev
from voicecli.dialogue.history import History
from voicecli.errors import ConfigError, ServiceError, UsageError
from voicecli.storage.conversations import Conversation, Message, Store
from voicecli.terminal.console import Console
from voicecli.terminal.hosting import KeptTalk
from voicecli.types import ChatMessage, Secret
from voicecli.usecases.chatting.keeping import Keeper

RULES = Manner(timing=Timing(end_ms=500), end_ms_min=500, end_ms_max=500, barge_in=True)
TURN = [("quiet", 0.5), ("loud", 1.0), ("quiet", 0.7), ("reply", 0)]
Person = Callable[..., Session]


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """`person(VOICE_…="…")`: a run of `voice` of one and the same person; what it says is in `.console.err`."""
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return lambda **env: Session(env, Console(env, io.StringIO(), io.StringIO()))


def keeper_of(session: Session, kind: str, **more: Any) -> Keeper:
    return Keeper(session.services(), kind, session.console.masked, **more)


def told(session: Session) -> str:
    assert isinstance(session.console.err, io.StringIO)
    return session.console.err.getvalue()


def file(session: Session) -> Path:
    return session.config().state_dir / "history.db"


def chat(*texts: str) -> list[ChatMessage]:
    """Messages of both sides in turn, the person's first."""
    return [ChatMessage(("user", "assistant")[at % 2], text) for at, text in enumerate(texts)]


def kept(session: Session, which: str | None = None) -> list[tuple[str, str, bool]]:
    """Everything that is kept of a conversation (the last one), read from the file by a connection of its own."""
    with Store.open(file(session)) as store:
        found = store.find(which) if which else store.last()
        messages = store.messages(found.id) if found else []
    return [(each.role, each.content, each.interrupted) for each in messages]


# -- following a conversation ----------------------------------------------------------------------


def test_a_conversation_is_kept_and_goes_on(person: Person) -> None:
    first = keeper_of(person(), "chat")
    assert first.earlier == ()
    first.sync([ChatMessage("system", "Rhyme."), *chat("hello", "Hi.")])
    first.close()
    again = person()
    second = keeper_of(again, "chat", continued=True)
    assert list(second.earlier) == chat("hello", "Hi.")
    second.sync([*second.earlier, *chat("more", "Yes.")])
    second.close()
    assert [text for _, text, _ in kept(again)] == ["hello", "Hi.", "more", "Yes."]
    with Store.open(file(again)) as store:
        assert store.count() == 1


def test_without_continue_each_run_is_a_conversation_of_its_own(person: Person) -> None:
    for text in ("one", "two"):
        keeper = keeper_of(person(), "chat")
        keeper.sync(chat(text, "Yes."))
        keeper.close()
    with Store.open(file(person())) as store:
        assert [each.opening for each in store.recent()] == ["two", "one"]


MESSAGES = st.lists(st.builds(ChatMessage, st.sampled_from(["user", "assistant"]), st.sampled_from("abcd")), max_size=5)


@settings(max_examples=60, deadline=None)
@given(before=MESSAGES, states=st.lists(MESSAGES, max_size=6))
def test_the_file_is_what_the_conversation_is(before: list[ChatMessage], states: list[list[ChatMessage]]) -> None:
    """Whatever was added, joined, taken back or cut; and another conversation is never touched."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", folder)
        session = Session({}, Console({}, io.StringIO(), io.StringIO()))
        with Store.open(file(session)) as store:
            other, _ = store.write(Conversation("chat"), [Message("user", "mine"), Message("user", "too")])
            store.write(Conversation("talk", "it"), [Message(each.role, each.content) for each in before])
        keeper = keeper_of(session, "chat", name="it")
        for state in states:
            keeper.sync(state)
        keeper.close()
        with Store.open(file(session)) as store:
            found = store.named("it")
            now = [(each.role, each.content) for each in store.messages(found.id)] if found else []
            last = states[-1] if states else None
            # Messages of one side in a row are one for a model; in the file they stay as they were until they change.
            assert (
                History(messages=[ChatMessage(*each) for each in now]).messages
                == History(messages=before if last is None else last).messages
            )
            assert len(store.messages(other.id)) == 2


def test_a_reply_that_broke_off_is_marked_and_sent_as_such(person: Person) -> None:
    keeper = keeper_of(person(), "chat")
    keeper.sync(chat("hello", "Well, I"), interrupted=True)
    keeper.close()
    assert kept(person()) == [("user", "hello", False), ("assistant", "Well, I", True)]
    assert list(keeper_of(person(), "chat", continued=True).earlier) == chat("hello", "Well, I…")


def test_what_two_processes_said_at_once_is_one_message_a_side_for_a_model(person: Person) -> None:
    with Store.open(file(person())) as store:
        both = [Message("user", "one"), Message("user", "two"), Message("assistant", "1"), Message("assistant", "2")]
        store.write(Conversation("chat"), both)
    keeper = keeper_of(person(), "chat", continued=True)
    assert list(keeper.earlier) == chat("one two", "1 2")


def test_a_session_is_found_by_its_name(person: Person) -> None:
    for name, text in (("a", "in a"), ("b", "in b")):
        new = person()
        keeper = keeper_of(new, "chat", name=name)
        assert f"'{name}' is a new conversation" in told(new)
        keeper.sync(chat(text, "Yes."))
        keeper.close()
    again = person()
    assert list(keeper_of(again, "talk", name="a").earlier) == chat("in a", "Yes.")
    assert "going on with conversation 1 (chat, 2 messages)" in told(again)
    with pytest.raises(UsageError, match="no name for a conversation"):
        keeper_of(person(), "chat", name="12")


def test_continuing_takes_the_last_one_of_either_kind_and_says_when_it_is_the_other(person: Person) -> None:
    spoken = keeper_of(person(), "talk")
    spoken.sync(chat("said", "Heard."))
    spoken.close()
    typed, spoken_again = person(), person()
    assert list(keeper_of(typed, "chat", continued=True).earlier) == chat("said", "Heard.")
    assert "(talk, 2 messages)" in told(typed)
    keeper_of(spoken_again, "talk", continued=True)
    assert told(spoken_again) == ""


def test_nothing_to_continue_is_a_new_conversation(person: Person) -> None:
    new = person()
    assert keeper_of(new, "chat", continued=True).earlier == ()
    assert told(new) == "There is no earlier conversation.\n"
    assert not file(new).exists()


def test_the_system_prompt_goes_on_until_another_is_wished_for(person: Person) -> None:
    first = keeper_of(person(), "chat")
    assert first.settle("Rhyme.", "the default", "m1") == "Rhyme."
    first.sync(chat("hello", "Hi."))
    first.close()
    assert keeper_of(person(), "chat", continued=True).settle(None, "the default", None) == "Rhyme."
    other = keeper_of(person(), "chat", continued=True)
    assert other.settle("", "the default", None) == ""
    other.sync([*other.earlier, *chat("more", "Yes.")])
    other.close()
    assert keeper_of(person(), "chat", continued=True).settle(None, "the default", None) == "the default"
    with Store.open(file(person())) as store:
        assert store.recent()[0].backend == "local"


def test_keys_are_masked_in_what_is_kept(person: Person) -> None:
    session = person()
    session.console.hide(Secret("sk-marked-12345"))
    keeper = keeper_of(session, "chat")
    keeper.settle("Use sk-marked-12345.", "", None)
    keeper.sync(chat("my key is sk-marked-12345", "Yes, sk-marked-12345!"))
    assert [text for _, text, _ in kept(session)] == ["my key is ****", "Yes, ****!"]
    keeper.close()
    for each in file(session).parent.iterdir():
        assert b"marked" not in each.read_bytes()


# -- keeping nothing, and trouble ------------------------------------------------------------------


def everything(session: Session) -> dict[str, bytes]:
    folder = file(session).parent
    return {each.name: each.read_bytes() for each in folder.rglob("*")} if folder.exists() else {}


def test_private_keeps_nothing_but_may_go_on_from_what_was_kept(person: Person) -> None:
    nothing = keeper_of(person(), "chat", private=True, continued=True)
    nothing.begin()
    nothing.sync(chat("psst", "Ok."))
    assert everything(person()) == {}
    keeper = keeper_of(person(), "chat")
    keeper.sync(chat("hello", "Hi."))
    keeper.close()
    before = everything(person())
    session = person()
    secret = keeper_of(session, "chat", private=True, continued=True)
    assert list(secret.earlier) == chat("hello", "Hi.")
    secret.sync([*secret.earlier, *chat("psst", "Ok.")])
    secret.close()
    assert everything(person()) == before
    assert told(session) == ""


def test_switched_off_nothing_is_kept_and_nothing_can_go_on(person: Person) -> None:
    off = {"VOICE_HISTORY_ENABLED": "false"}
    keeper = keeper_of(person(**off), "chat")
    keeper.begin()
    keeper.sync(chat("hello", "Hi."))
    assert everything(person()) == {}
    for wish in ({"continued": True}, {"name": "a"}):
        with pytest.raises(ConfigError, match=r"VOICE_HISTORY_ENABLED: conversations are not kept.*enabled = true"):
            keeper_of(person(**off), "chat", **wish)


def test_it_is_said_once_where_conversations_are_kept(person: Person) -> None:
    runs = [person() for _ in range(3)]
    runs[0].console.quiet = True
    for each in runs:
        keeper = keeper_of(each, "chat")
        keeper.begin()
        keeper.sync(chat("hello", "Hi."))
        keeper.close()
    line = f"conversations are kept in {file(runs[1])} (said once): --private leaves one out, [history] enabled = false"
    assert [told(each).startswith(line) for each in runs] == [False, True, False]
    assert [told(each).count("\n") for each in runs] == [0, 1, 0]


@pytest.mark.parametrize("wish", [{}, {"continued": True}, {"name": "a"}])
def test_a_damaged_file_is_told_once_and_the_conversation_goes_on(person: Person, wish: dict[str, Any]) -> None:
    session = person()
    file(session).parent.mkdir(parents=True)
    file(session).write_bytes(b"damaged" * 1000)
    keeper = keeper_of(session, "chat", **wish)
    keeper.begin()
    for at in range(3):
        keeper.sync(chat(*"hello"[: 2 * at]))
    keeper.close()
    assert told(session).startswith(f"warning: the conversation is not kept: {file(session)}: is damaged. Move it away")
    assert told(session).count("\n") == 1
    assert file(session).read_bytes() == b"damaged" * 1000


def test_a_write_that_failed_is_made_up_for_by_the_next(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicecli.storage.conversations.BUSY_S", 0.02)
    session = person()
    keeper = keeper_of(session, "chat")
    keeper.sync(chat("one", "1"))
    other = sqlite3.connect(file(session), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    keeper.sync(chat("one", "1", "two", "2"))
    keeper.sync(chat("one", "1", "two", "2", "three"))
    other.close()
    assert told(session).splitlines()[1:] == [
        f"warning: the conversation is not kept: {file(session)}: is in use by another program. Try again in a moment."
    ]
    keeper.sync(chat("one", "1", "two", "2", "three", "3"))
    assert [text for _, text, _ in kept(session)] == ["one", "1", "two", "2", "three", "3"]
    keeper.close()


# -- a spoken conversation -------------------------------------------------------------------------


class KeptRoom(Room):
    """A room whose conversation is kept; `seen` is what the file held when each event of a kind came."""

    def __init__(self, session: Session, ears: Sequence[Any], replies: Sequence[Any], **voice: Any) -> None:
        keeper = keeper_of(session, "talk", continued=True)
        history = History("Be brief.", messages=keeper.earlier)
        super().__init__(Ears(list(ears)), Brain(list(replies)), Voice(**voice), RULES, history=history)
        self.told: list[str] = []
        self.keeping = KeptTalk(keeper, self.talk.history, self.told.append)

    def emit(self, event: ev.Event, turn: int) -> None:
        super().emit(event, turn)
        self.keeping.emit(event, turn)

    def hold(self, script: Sequence[Any]) -> None:
        run(self.run(script))
        self.keeping.close()


def test_a_spoken_conversation_is_kept_turn_by_turn_and_goes_on(person: Person) -> None:
    first = KeptRoom(person(), ["hello", "how are you"], ["Hi.", "Fine."])
    first.hold(TURN * 2)
    room = KeptRoom(person(), ["and now"], ["Good night."])
    room.hold(TURN)
    assert [m.content for m in room.brain.asked[0][1:]] == ["hello", "Hi.", "how are you", "Fine.", "and now"]
    assert [text for _, text, _ in kept(person())] == ["hello", "Hi.", "how are you", "Fine.", "and now", "Good night."]


def test_the_question_is_kept_as_soon_as_the_reply_sounds(person: Person) -> None:
    """A process that is killed in the middle of a reply has kept what was asked."""
    session = person()
    room = KeptRoom(session, ["hello"], ["A long reply."], seconds_each=5.0)
    found: list[Any] = []

    def look(_room: Room) -> None:
        room.keeping.outlet.put(lambda: found.extend(kept(session)))

    room.hold([*TURN[:3], ("quiet", 2.0), look, ("quiet", 0.1), ("reply", 0)])
    assert found == [("user", "hello", False)]
    assert len(kept(session)) == 2


def test_an_interrupted_reply_is_kept_as_far_as_it_was_heard(person: Person) -> None:
    session = person()
    room = KeptRoom(session, ["hello", "stop that now"], ["One two three four.", "Fine."], seconds_each=4.0)
    room.hold([*TURN[:3], ("quiet", 3.0), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)])
    (_, _, first), (role, text, cut), (_, _, second), (*_, last) = kept(session)
    assert (first, role, cut, second, last) == (False, "assistant", True, False, False)
    assert text.endswith("…")
    assert "four" not in text


def test_a_turn_that_is_taken_back_is_kept_once_and_joined(person: Person) -> None:
    session = person()
    room = KeptRoom(
        session, ["i would like", "a cup of tea"], ["What would you like?", "Here is your tea."], seconds_each=3.0
    )
    room.hold([*TURN[:3], ("quiet", 0.6), ("loud", 1.0), ("quiet", 1.0), ("reply", 0)])
    assert room.of(ev.TakenBack)
    assert [text for _, text, _ in kept(session)] == ["i would like a cup of tea", "Here is your tea."]
    with Store.open(file(session)) as store:
        assert store.search("What would") == []


def test_a_lost_turn_is_not_kept_and_the_next_is(person: Person) -> None:
    session = person()
    KeptRoom(session, [ServiceError("overloaded"), "hello"], ["Hi."]).hold(TURN * 2)
    assert [text for _, text, _ in kept(session)] == ["hello", "Hi."]


def test_an_answer_that_breaks_off_keeps_what_was_heard(person: Person) -> None:
    session = person()
    KeptRoom(session, ["hello"], [["It", "is", "noon.", ServiceError("gone")]]).hold(TURN)
    asked, (role, text, cut) = kept(session)
    assert (asked, role, cut) == (("user", "hello", False), "assistant", True)
    assert text.startswith("It is noon")


def test_what_is_announced_is_kept(person: Person) -> None:
    session = person()
    room = KeptRoom(session, ["hello"], ["Hi."])
    room.hold([*TURN, lambda room: room.talk.keys.announce("The egg is done."), ("quiet", 1.0), ("reply", 0)])
    assert [text for _, text, _ in kept(session)] == ["hello", "Hi. The egg is done."]


def test_what_is_said_last_is_kept_when_the_person_leaves(person: Person) -> None:
    session = person()
    room = KeptRoom(session, ["hello"], ["A long reply indeed."], seconds_each=9.0)
    room.hold([*TURN[:3], ("quiet", 3.0), lambda room: room.talk.keys.end(), ("quiet", 0.1)])
    asked, answered = kept(session)
    assert asked == ("user", "hello", False)
    assert answered[2] is True


def test_a_conversation_goes_on_beside_a_file_that_is_held(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicecli.storage.conversations.BUSY_S", 0.02)
    session = person()
    room = KeptRoom(session, ["hello", "more"], ["Hi.", "Yes."])
    other = sqlite3.connect(file(session), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    room.hold(TURN * 2)
    other.close()
    assert len(room.told) == 1
    assert "is in use by another program" in room.told[0]
    assert len(room.of(ev.AssistantSaid)) == 2
