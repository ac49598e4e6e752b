"""The history file: what is written is there, whole, for every process; what is removed is gone; damage is told."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.waiting import until
from voicecli.errors import InputError, UsageError
from voicecli.storage import conversations
from voicecli.storage.conversations import Conversation, Message, Store, bounded, check_name, storable
from voicecli.storage.kept import LONGEST

CHAT = Conversation("chat")
HELLO = (Message("user", "hello"), Message("assistant", "Hi, what is it?"))
ROOT = Path(__file__).parents[1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as store:
        yield store


def said(store: Store, number: int) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in store.messages(number)]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


# -- writing and asking ----------------------------------------------------------------------------


def test_a_conversation_comes_into_being_with_its_first_message(store: Store) -> None:
    assert store.recent() == []
    assert store.last() is None
    kept, numbers = store.write(Conversation("talk", "trip", "Be brief.", "work", "m1"), HELLO)
    (found,) = store.recent()
    assert (found.id, found.kind, found.name, found.system) == (kept.id, "talk", "trip", "Be brief.")
    assert (found.backend, found.model, found.messages, found.opening) == ("work", "m1", 2, "hello")
    assert [each.id for each in store.messages(kept.id)] == numbers
    assert said(store, kept.id) == [("user", "hello"), ("assistant", "Hi, what is it?")]


def test_it_is_there_when_opened_again(path: Path) -> None:
    with Store.open(path) as first:
        first.write(CHAT, [Message("user", "a", at=5.0), Message("assistant", "b", interrupted=True, at=6.0)])
    with Store.open(path) as second:
        asked, answered = second.messages(1)
    assert (asked.at, asked.interrupted, answered.at, answered.interrupted) == (5.0, False, 6.0, True)


def test_messages_are_exchanged_at_once(store: Store) -> None:
    kept, (_, answer) = store.write(CHAT, HELLO)
    store.write(kept, [Message("assistant", "Hi …", interrupted=True), Message("user", "stop")], [answer])
    assert said(store, kept.id) == [("user", "hello"), ("assistant", "Hi …"), ("user", "stop")]


def test_it_is_gone_with_its_last_message_and_its_number_is_not_given_again(store: Store) -> None:
    kept, numbers = store.write(CHAT, HELLO)
    store.write(kept, [], numbers)
    assert store.recent() == []
    other, others = store.write(CHAT, HELLO)
    assert other.id > kept.id
    assert min(others) > max(numbers)
    store.write(kept, [Message("user", "again")])
    assert said(store, kept.id) == [("user", "again")]


def test_what_was_removed_meanwhile_stays_removed(store: Store) -> None:
    kept, _ = store.write(Conversation("chat", "trip"), HELLO)
    store.remove([kept.id])
    kept, _ = store.write(kept, [Message("user", "and then?")])
    assert said(store, kept.id) == [("user", "and then?")]
    found = store.named("trip")
    assert found is not None
    assert found.id == kept.id


def test_a_name_that_another_process_took_first_is_the_same_conversation(path: Path) -> None:
    with Store.open(path) as one, Store.open(path) as other:
        first, _ = one.write(Conversation("chat", "trip"), HELLO)
        second, _ = other.write(Conversation("talk", "trip"), [Message("user", "me too")])
        assert first.id == second.id
        assert one.count() == 1
        assert one.recent()[0].messages == 3


def test_the_one_that_went_on_last_is_the_last(path: Path) -> None:
    clock = Clock()
    with Store.open(path, now=clock) as store:
        first, _ = store.write(CHAT, HELLO)
        clock.now += 1
        second, _ = store.write(CHAT, HELLO)
        clock.now += 1
        assert store.last() == store.find(str(second.id))
        store.write(first, [Message("user", "more")])
        assert [each.id for each in store.recent()] == [first.id, second.id]
        assert [each.id for each in store.recent(1)] == [first.id]


def test_finding_by_number_and_by_name(store: Store) -> None:
    kept, _ = store.write(Conversation("chat", "trip to Rome"), HELLO)
    assert store.find(str(kept.id)).id == store.find("trip to Rome").id == kept.id
    with pytest.raises(UsageError, match=r"no conversation 'trip to Rom'\. Did you mean 'trip to Rome'"):
        store.find("trip to Rom")
    for ref in ("99", "", "٣", "9" * 40, "a" * 500):
        with pytest.raises(UsageError, match="there is no conversation"):
            store.find(ref)


@pytest.mark.parametrize("name", ["", "12", " a", "a\n", "a" * 65, "\x1b[2J", "\ud800", "a\0"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a conversation"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "trip to Rome", "旅行", "2nd", "v1.2", "a" * 64])
def test_what_is_a_name(name: str) -> None:
    assert check_name(name) == name


def test_a_message_too_long_is_kept_in_part_and_says_so(store: Store) -> None:
    kept, _ = store.write(CHAT, [Message("user", "x" * (LONGEST + 7)), Message("assistant", "y" * LONGEST)])
    first, second = store.messages(kept.id)
    assert first.content == "x" * LONGEST + "\n[… 7 characters are not kept]"
    assert second.content == "y" * LONGEST


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(), st.booleans()), max_size=6))
def test_every_text_comes_back(messages: list[tuple[str, str, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "h.db") as store:
        written = [Message(role, text, broken) for role, text, broken in messages]  # type: ignore[arg-type]
        kept, _ = store.write(CHAT, written)
        back = [(each.role, each.content, each.interrupted) for each in store.messages(kept.id)]
        assert back == [(role, bounded(storable(text)), broken) for role, text, broken in messages]


def test_halves_of_surrogate_pairs_do_no_harm(store: Store) -> None:
    """A command line in another encoding brings them."""
    kept, _ = store.write(Conversation("chat", system="\udcff"), [Message("user", "a\udcffb\0c")])
    assert said(store, kept.id) == [("user", "a?bc")]
    assert store.search("\udcff") != store.search("b\udcffc")


# -- searching -------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["indexed", "unindexed"])
def either(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    with Store.open(path, index=request.param) as store:
        assert store.indexed is request.param
        yield store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("whale", ["A whale sings"]),
        ("WHALE SINGS", ["A whale sings"]),
        ("hale", ["A whale sings"]),
        ("sings whale", ["A whale sings"]),
        ("a", ["50% of a_b", "A whale sings"]),
        ("天空", ["为什么天空是蓝色的"]),
        ("蓝色的", ["为什么天空是蓝色的"]),
        ("50%", ["50% of a_b"]),
        ("a_b", ["50% of a_b"]),
        ("a%b", []),
        ('"', []),
        ('"""', []),
        ("whale OR NOT", []),
        ("whale*", []),
        ("", []),
        (" ", []),
    ],
)
def test_searching(either: Store, text: str, found: list[str]) -> None:
    for each in ("A whale sings", "为什么天空是蓝色的", "50% of a_b"):
        either.write(CHAT, [Message("user", each)])
    assert [each.message.content for each in either.search(text)] == found


def test_capitals_of_every_script_do_not_matter_to_the_index(store: Store) -> None:
    store.write(CHAT, [Message("user", "Ärger in ΑΘΗΝΑ")])
    assert len(store.search("ärger αθηνα")) == 1


def test_a_find_tells_where_and_what(either: Store) -> None:
    either.write(CHAT, HELLO)
    kept, _ = either.write(Conversation("talk", "trip"), [Message("user", "x " * 100 + "the\n needle" + " y" * 100)])
    (found,) = either.search("needle")
    assert (found.conversation.id, found.conversation.name, found.message.role) == (kept.id, "trip", "user")
    assert "the needle y" in found.excerpt
    assert found.excerpt.startswith("…")
    assert found.excerpt.endswith("…")
    assert len(found.excerpt) < 150
    assert len(either.search("e", 1)) == 1


def test_what_is_removed_or_exchanged_is_not_found(either: Store) -> None:
    kept, (first, _) = either.write(CHAT, [Message("user", "apple"), Message("user", "banana")])
    either.write(kept, [Message("user", "cherry")], [first])
    assert [len(either.search(each)) for each in ("apple", "banana", "cherry")] == [0, 1, 1]
    either.remove([kept.id])
    assert [len(either.search(each)) for each in ("apple", "banana", "cherry")] == [0, 0, 0]


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.lists(WORDS, min_size=1, max_size=5), data=st.data())
def test_every_part_of_a_word_is_found(either: Store, text: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(text))
    start = data.draw(st.integers(0, len(word) - 1))
    part = word[start : data.draw(st.integers(start + 1, len(word)))]
    kept, _ = either.write(CHAT, [Message("user", " ".join(text))])
    if part.split():
        assert kept.id in [each.conversation.id for each in either.search(part)]


def test_an_index_that_was_not_kept_up_is_made_anew(path: Path) -> None:
    """A history that goes back and forth between two SQLites, of which one has no index."""
    with Store.open(path) as store:
        store.write(CHAT, [Message("user", "apple pie")])
    with Store.open(path, index=False) as store:
        kept, _ = store.write(CHAT, [Message("user", "banana split")])
        assert len(store.search("apple")) == len(store.search("banana")) == 1
        store.remove([1])
    with Store.open(path) as store:
        assert store.indexed
        assert [len(store.search(each)) for each in ("apple", "banana")] == [0, 1]
        assert store.find(str(kept.id)).messages == 1


# -- removing --------------------------------------------------------------------------------------


def traces(path: Path, *words: str) -> list[str]:
    """The words of which a piece is still in any of the files: the index keeps pieces of three characters."""
    content = b"".join(each.read_bytes() for each in path.parent.iterdir()).lower()
    return [word for word in words if any(word[at : at + 3].encode() in content for at in range(len(word) - 2))]


def test_nothing_is_left_of_what_was_removed(path: Path) -> None:
    with Store.open(path) as store:
        secret, _ = store.write(CHAT, [Message("user", "qxzjvkwyq"), Message("assistant", "zzxqjjkvw " * 3000)])
        store.write(CHAT, [Message("user", "harmless"), Message("assistant", "fine")])
        assert store.remove([secret.id, 77]) == 1
        assert traces(path, "qxzjvkwyq", "zzxqjjkvw", "harmless") == ["harmless"]
    assert traces(path, "qxzjvkwyq", "zzxqjjkvw", "harmless") == ["harmless"]


def test_all_can_be_removed(store: Store) -> None:
    for _ in range(3):
        store.write(CHAT, HELLO)
    assert store.remove() == 3
    assert store.remove() == 0
    assert store.recent() == []
    assert store.search("hello") == []


def test_the_old_is_forgotten_when_the_file_is_opened(path: Path) -> None:
    clock = Clock()
    with Store.open(path, now=clock) as store:
        store.write(Conversation("chat", "old"), [Message("user", "qxzjvk")])
        went_on, _ = store.write(Conversation("chat", "went on"), HELLO)
        clock.now += 20 * 86_400
        store.write(went_on, HELLO)
    clock.now += 15 * 86_400
    with Store.open(path, now=clock, keep_days=36) as store:
        assert store.count() == 2
    with Store.open(path, now=clock, keep_days=30) as store:
        assert [each.name for each in store.recent()] == ["went on"]
    assert traces(path, "qxzjvk") == []


# -- the file --------------------------------------------------------------------------------------


def test_only_the_owner_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        with Store.open(path) as store:
            store.write(CHAT, HELLO)
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
            assert modes.pop("history.db") == 0o600
            assert set(modes.values()) <= {0o600}
            assert modes, "SQLite keeps its log beside the file while it is open"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.chmod(0o644)
        Store.open(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    "content",
    [b"this is no database, but it is long enough to be one" * 100, b"SQLite format 3\0" + b"\xff" * 5000],
)
def test_what_is_no_history_is_told(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"history\.db: is damaged\. Move it away"):
        Store.open(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE messages(a)")
    other.close()
    with pytest.raises(InputError, match=r"history\.db: is not what voice wrote"):
        Store.open(path)


def test_a_newer_history_is_left_alone(path: Path) -> None:
    Store.open(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(InputError, match=r"written by a newer version of voice\. Update voice"):
        Store.open(path)


@pytest.mark.parametrize("place", ["folder", "file for a folder"])
def test_a_place_where_no_file_can_be_is_told(tmp_path: Path, place: str) -> None:
    where = tmp_path / "x"
    where.mkdir() if place == "folder" else where.write_text("")
    with pytest.raises(InputError, match=r"cannot be opened|cannot be written"):
        Store.open(where if place == "folder" else where / "history.db", reading=True)


def test_a_full_disk_is_told_and_nothing_half_is_kept(store: Store) -> None:
    kept, _ = store.write(CHAT, HELLO)
    pages = store.db.execute("PRAGMA page_count").fetchone()[0]
    store.db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(InputError, match="the disk is full"):
        store.write(kept, [Message("user", "more"), Message("assistant", "x" * 100_000)])
    assert len(said(store, kept.id)) == 2
    store.db.execute("PRAGMA max_page_count = 100000")
    store.write(kept, [Message("user", "again")])
    assert len(said(store, kept.id)) == 3


def test_a_writer_that_does_not_let_go_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "BUSY_S", 0.05)
    with Store.open(path) as one, Store.open(path) as other:
        kept, _ = one.write(CHAT, HELLO)
        one.db.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match=r"is in use by another program\. Try again"):
            other.write(kept, HELLO)
        assert len(said(other, kept.id)) == 2, "a reader waits for nobody"
        one.db.execute("ROLLBACK")
        other.write(kept, HELLO)


def test_said_once_is_once_for_all_processes(path: Path) -> None:
    with Store.open(path) as one, Store.open(path) as other:
        assert [one.first_time("x"), other.first_time("x"), one.first_time("x"), other.first_time("y")] == [
            True,
            False,
            False,
            True,
        ]


@pytest.fixture(scope="module")
def sample() -> bytes:
    """A history with a few conversations, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with Store.open(path) as store:
            for at in range(20):
                store.write(Conversation("chat", f"n{at}"), [Message("user", f"question {at} " * 30), *HELLO])
        return path.read_bytes()


def use_everything(path: Path) -> None:
    with Store.open(path, keep_days=30_000) as store:
        for each in store.recent():
            store.messages(each.id)
        store.search("question he")
        store.write(CHAT, HELLO)
        store.remove([3])
        store.first_time("x")
        store.remove()


@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=200),
    length=st.floats(0, 1),
)
def test_a_damaged_file_is_told_whatever_the_damage(
    sample: bytes, flips: list[tuple[float, int]], length: float
) -> None:
    content = bytearray(sample)
    for where, byte in flips:
        content[int(where * len(content))] = byte
    if length < 0.5:
        content = content[: int(2 * length * len(content))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        path.write_bytes(content)
        try:
            use_everything(path)
        except (InputError, UsageError) as exc:
            assert str(path) in str(exc) or isinstance(exc, UsageError)


# -- processes -------------------------------------------------------------------------------------


def python(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


WRITER = """
    import sys
    from pathlib import Path
    from voicecli.storage.conversations import Conversation, Message, Store
    path, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    about = Conversation("chat", who if who != "-" else "")
    at = 0
    with Store.open(path) as store:
        while at != count:
            text = f"{who} {at} " + "word " * 50
            about, _ = store.write(about, [Message("user", text), Message("assistant", text)])
            at += 1
            print(at, flush=True)
"""


def sound(path: Path) -> bool:
    """Whether SQLite and its index find nothing wrong."""
    db = sqlite3.connect(path)
    try:
        db.execute("INSERT INTO words(words, rank) VALUES('integrity-check', 1)")
        return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    finally:
        db.close()


def test_four_processes_write_at_once_and_one_reads(path: Path) -> None:
    """All four also make the file; two of them hold the same conversation."""
    count = 60
    writers = [python(WRITER, path, who, count) for who in ("one", "two", "both", "both")]

    def whole() -> bool:
        if conversations.there(path):
            with Store.open(path, reading=True) as store:
                assert all(len(store.messages(each.id)) % 2 == 0 for each in store.recent())
        return all(each.poll() is not None for each in writers)

    until(whole, 120)
    assert [each.communicate()[0].split()[-1:] for each in writers] == [[str(count)]] * 4
    assert [each.returncode for each in writers] == [0] * 4
    with Store.open(path) as store:
        assert {each.name: each.messages for each in store.recent()} == {
            "one": 2 * count,
            "two": 2 * count,
            "both": 4 * count,
        }
        one = store.named("one")
        assert one is not None
        order = [int(each.content.split()[1]) for each in store.messages(one.id)]
        assert order == sorted(order)
    assert sound(path)


def test_a_process_killed_while_writing_leaves_whole_turns(path: Path) -> None:
    """Every turn that was reported kept is there, and the next process simply goes on."""
    told = 0
    for each in range(6):
        writer = python(WRITER, path, "killed", -1)
        assert writer.stdout is not None
        for _ in range(1 + 7 * each):
            assert writer.stdout.readline()
            told += 1
        writer.send_signal(signal.SIGKILL)
        told += len(writer.communicate()[0].splitlines())
        with Store.open(path) as store:
            (kept,) = store.recent()
            roles = [message.role for message in store.messages(kept.id)]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert told <= len(roles) // 2 <= told + each + 1
    assert sound(path)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_folder_that_may_only_be_read_is_read(closed: str) -> None:
    """As an ordinary person: root may write everywhere, so a root who tests becomes nobody."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        with Store.open(path) as store:
            store.write(CHAT, HELLO)
        path.chmod(0o444)
        Path(folder).chmod(0o555 if closed == "folder" else 0o755)
        if os.getuid() == 0:
            Path(folder).chmod(Path(folder).stat().st_mode | 0o005)
        assert as_nobody(lambda: read(path)) == "2 messages"
        assert as_nobody(lambda: write(path)).endswith("See who owns it and its folder, and whether the disk is full.")
        Path(folder).chmod(0o755)


def read(path: Path) -> str:
    with Store.open(path, reading=True) as store:
        assert store.search("hello")
        return f"{store.recent()[0].messages} messages"


def write(path: Path) -> str:
    try:
        with Store.open(path) as store:
            store.write(CHAT, HELLO)
    except InputError as exc:
        return str(exc)
    return "written"


def as_nobody(work: Callable[[], str]) -> str:
    """What `work` returns in a process without root's rights."""
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65_534)
                os.setuid(65_534)
            os.write(theirs, work().encode())
        except BaseException as exc:
            os.write(theirs, repr(exc).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours, "rb") as pipe:
        return pipe.read().decode()
