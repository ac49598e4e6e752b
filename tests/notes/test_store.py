"""What is kept of notes: for its owner alone, by any number of processes, and gone when it is removed."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicecli.errors import InputError
from voicecli.notes import store as kept
from voicecli.notes.store import Entry, NoteStore, VectorMaker

ME, OTHER = VectorMaker("lab", "m1", "here"), VectorMaker("lab", "m2", "here")
VECTOR = bytes(8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "notes.db"


@pytest.fixture
def store(path: Path) -> Iterator[NoteStore]:
    with NoteStore.open(path, ME) as store:
        yield store


def entry(
    path: bytes = b"/a.md", hash: bytes = b"1", place: int = 0, text: str = "x", mark: str | None = None
) -> Entry:
    return Entry(path, hash, place, "", text, VECTOR, mark)


def texts(store: NoteStore) -> list[str]:
    numbers = [number for number, _ in store.vectors(store.notes(lambda path: True))]
    return [each.text for each in store.passages(numbers)]


def test_a_note_is_whole_with_its_last_passage(store: NoteStore) -> None:
    store.add([entry(place=0)], 2)
    assert (store.mark(b"/a.md"), store.places(b"/a.md", b"1")) == ("", {0})
    store.add([entry(place=1, mark="m")], 2)
    assert (store.mark(b"/a.md"), store.places(b"/a.md", b"1")) == ("m", {0, 1})
    assert store.mark(b"/b.md") == ""


def test_another_content_replaces_the_first(path: Path, store: NoteStore) -> None:
    store.add([entry(text="old", mark="m")], 2)
    with NoteStore.open(path, OTHER) as other:
        other.add([entry(text="old", mark="m")], 2)
        store.add([entry(hash=b"2", text="new")], 2)
        assert texts(store) == ["new"]
        assert (store.mark(b"/a.md"), store.places(b"/a.md", b"1")) == ("", set())
        assert texts(other) == [], "nothing is left of what was in the file"


def test_who_embeds_keeps_apart(path: Path, store: NoteStore) -> None:
    store.add([entry(text="mine", mark="m")], 2)
    with NoteStore.open(path, OTHER) as other:
        assert (texts(other), other.mark(b"/a.md"), other.width) == ([], "", 0)
        other.add([entry(text="theirs", mark="m")], 2)
        assert (texts(store), texts(other)) == (["mine"], ["theirs"])
    with NoteStore.open(path, ME) as again:
        assert (texts(again), again.width) == (["mine"], 2)


def test_vectors_of_another_width_are_of_another_model(store: NoteStore) -> None:
    store.add([entry(), entry(b"/b.md")], 2)
    store.add([Entry(b"/c.md", b"1", 0, "", "wide", bytes(12))], 3)
    assert texts(store) == ["wide"]


def test_a_vector_of_a_wrong_length_is_left_out(path: Path, store: NoteStore) -> None:
    store.add([entry(text="good"), entry(place=1, text="damaged")], 2)
    db = sqlite3.connect(path)
    db.execute("UPDATE passages SET vector = x'00' WHERE text = 'damaged'")
    db.commit()
    db.close()
    assert texts(store) == ["good"]


def test_what_is_gone_is_forgotten_by_all(path: Path, store: NoteStore) -> None:
    store.add([entry(b"/n/%d.md" % at) for at in range(1200)], 2)
    with NoteStore.open(path, OTHER) as other:
        other.add([entry(b"/n/7.md"), entry(b"/m/7.md")], 2)
        assert store.forget(lambda path: path.startswith(b"/n/") and path != b"/n/8.md") == 1200
        assert (len(texts(store)), len(texts(other))) == (1, 1)


def test_clearing_leaves_no_trace(path: Path) -> None:
    now = [1e9]
    with NoteStore.open(path, ME, now=lambda: now[0]) as store:
        store.add([entry(text="qxzjvkwyq" * 500, mark="m")], 2)
        now[0] += 10 * 86_400
        store.add([entry(b"/b.md", text="recent", mark="m")], 2)
        found = store.contents()
        assert (found.entries, found.passages, found.newest - found.oldest) == (2, 2, 10 * 86_400)
        assert found.bytes >= path.stat().st_size > 0
        assert store.clear(5) == 1
        assert b"qxzjvk" not in b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert texts(store) == ["recent"]
        assert store.clear() == 1
        store.add([entry(text="again")], 2)  # whoever has it open goes on
        assert texts(store) == ["again"]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    assert kept.contents(tmp_path).entries == kept.clear(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_in_memory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with NoteStore.open(None, ME) as store:
        store.add([entry(mark="m")], 2)
        assert texts(store) == ["x"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs_posix
def test_only_the_owner_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        with NoteStore.open(path, ME) as store:
            store.add([entry()], 2)
            assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_what_is_no_index_and_what_is_newer_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it is long enough to be one" * 100)
    with pytest.raises(InputError, match=r"notes\.db: is damaged\. Move it away"):
        NoteStore.open(path, ME)
    path.unlink()
    NoteStore.open(path, ME).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(InputError, match="newer version of voice"):
        NoteStore.open(path, ME)


def test_a_writer_that_does_not_let_go_is_told(path: Path, store: NoteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BUSY_S", 0.05)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with NoteStore.open(path, ME) as late, pytest.raises(InputError, match="in use by another program"):
        late.add([entry()], 2)
    db.close()
    store.add([entry()], 2)


def test_closed_under_a_threads_hands_it_ends(store: NoteStore) -> None:
    """SQLite itself would crash: a search that nobody waits for any more may still be under way."""
    store.add([entry(b"/%d.md" % at) for at in range(500)], 2)
    begun, ended = threading.Event(), threading.Event()

    def wanted(path: bytes) -> bool:
        begun.set()
        return True

    def search() -> None:
        with pytest.raises(sqlite3.ProgrammingError):
            while True:
                store.notes(wanted)
        ended.set()

    thread = threading.Thread(target=search)
    thread.start()
    assert begun.wait(10)
    store.close()
    thread.join(10)
    assert ended.is_set()
