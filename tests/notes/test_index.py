"""What is embedded, and what is not: new and changed notes, once, whoever was killed or came at the same time."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fakes.meaning import vector
from tests.fakes.selfhosted_meaning import SelfHostedMeaning
from tests.notes.world import LATER, ME, Counting, Place
from tests.waiting import until
from voicecli.errors import InputError, ProtocolError
from voicecli.notes.folder import LeftOut
from voicecli.notes.index import BATCH, Index
from voicecli.notes.store import VectorMaker
from voicecli.storage.atomic import take_turn
from voicecli.text.decoding import as_text

pytestmark = pytest.mark.anyio

LONG = " ".join(f"Sentence {at} of the story tells what the lighthouse keeper saw that evening." for at in range(1500))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def fill(place: Place, count: int) -> None:
    for at in range(count):
        place.write(f"{at % 7}/{at}.md", f"Note {at}. 第{at}条笔记。")


async def test_the_second_run_sends_nothing(place: Place) -> None:
    fill(place, 200)
    service = Counting()
    done = await place.refresh(service)
    assert (done.notes, done.embedded, done.passages) == (200, 200, 200)
    assert [len(each) for each in service.asked] == [BATCH, BATCH, BATCH, 200 - 3 * BATCH]
    again = Counting()
    done = await place.refresh(again)
    assert (done.notes, done.embedded, again.opened) == (200, 0, 0)


async def test_only_what_changed_is_sent_and_what_is_gone_is_forgotten(place: Place) -> None:
    fill(place, 20)
    await place.refresh(Counting())
    place.write("3/3.md", "Now about whales.")
    place.write("new.md", "A new one.")
    (place.folder / "4" / "4.md").unlink()
    service = Counting()
    done = await place.refresh(service, now=LATER + 1)
    assert sorted(service.texts) == ["3\nNow about whales.", "new\nA new one."]
    assert done.notes == 20
    files = place.files()
    assert files["3.md"] == ["Now about whales."]
    assert "4.md" not in files


async def test_a_file_that_was_only_touched_or_is_fresh_is_read_and_not_sent(place: Place) -> None:
    fill(place, 3)
    await place.refresh(Counting(), now=time.time_ns())
    os.utime(place.folder / "1" / "1.md", (5, 5))
    service = Counting()
    for now in (time.time_ns(), LATER):
        assert (await place.refresh(service, now=now)).notes == 3
    assert service.asked == []


async def test_a_change_that_times_do_not_show_is_seen(place: Place) -> None:
    path = place.write("a.md", "one")
    await place.refresh(Counting(), now=time.time_ns())
    about = path.stat()
    path.write_text("two")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    await place.refresh(Counting(), now=time.time_ns())
    assert place.files() == {"a.md": ["two"]}


async def test_another_model_embeds_everything(place: Place) -> None:
    fill(place, 10)
    await place.refresh(Counting())
    for other in (
        VectorMaker("lab", "m2", "here"),
        VectorMaker("work", "m1", "here"),
        VectorMaker("lab", "m1", "there"),
    ):
        service = Counting()
        await place.refresh(service, other)
        assert len(service.texts) == 10
    back = Counting()
    await place.refresh(back, ME)
    assert back.asked == [], "going back costs nothing"


async def test_a_model_that_changed_behind_its_name_embeds_everything(place: Place) -> None:
    fill(place, 10)
    await place.refresh(Counting())
    place.write("new.md", "A new one.")
    service = Counting(lambda text: [*vector(text), 1.0])
    done = await place.refresh(service)
    assert len(place.files()) == done.notes == 11
    assert sorted(service.texts) == sorted(set(service.texts))


@pytest.mark.parametrize("others", [150, 0], ids=["between notes", "within a long one"])
async def test_a_run_that_broke_off_goes_on_where_it_stopped(place: Place, others: int) -> None:
    fill(place, others)
    place.write("long.md", LONG)
    first, second, third = Counting(fail_at=2), Counting(), Counting()
    with pytest.raises(ConnectionError):
        await place.refresh(first)
    for service in (second, third):
        await place.refresh(service)
    assert len(first.asked[0]) == BATCH
    assert not set(first.asked[0]) & set(second.texts), "nothing is paid for twice"
    assert third.asked == []
    assert len(place.files()) == others + 1
    assert sum(map(len, place.files().values())) == BATCH + len(second.texts)


async def test_what_is_no_text_is_read_once(place: Place) -> None:
    place.write("a.md", "text")
    (place.folder / "picture.png").write_bytes(b"\x89PNG\0")
    (place.folder / "empty.md").touch()
    for _ in range(2):
        done = await place.refresh(Counting())
        assert (done.notes, str(done.left_out)) == (2, "1 file was left out: 1 no text")
    (place.folder / "picture.png").write_text("now a text")
    assert (await place.refresh(Counting(), now=LATER + 1)).embedded == 1


async def test_a_text_that_became_none_is_forgotten(place: Place) -> None:
    place.write("b.md", "stays")
    path = place.write("a.md", "secret")
    await place.refresh(Counting())
    path.write_bytes(b"\0\0")
    await place.refresh(Counting())
    assert list(place.files()) == ["b.md"]


async def test_no_notes_at_all_is_told_and_forgets_nothing(place: Place) -> None:
    path = place.write("a.md", "text")
    await place.refresh(Counting())
    path.rename(place.folder.parent / "a.md")
    with pytest.raises(InputError, match="there are no notes"):
        await place.refresh(Counting())
    assert list(place.files()) == ["a.md"], "a disk that is not mounted is an empty folder"
    (place.folder / "x.png").write_bytes(b"\0")
    with pytest.raises(InputError, match="1 file was left out: 1 no text"):
        await place.refresh(Counting())


async def test_other_folders_are_left_alone(place: Place, tmp_path: Path) -> None:
    place.write("a.md", "text")
    await place.refresh(Counting())
    other = Place(tmp_path / "notes")  # inside the first, with a kept file of its own
    other.kept = place.kept
    other.write("b.md", "other text")
    await other.refresh(Counting())
    assert sorted(place.files()) == ["a.md", "b.md"]


@pytest.mark.parametrize(
    "make",
    [lambda text: [], lambda text: [math.nan] * 3, lambda text: [1.0] * (1 + len(text)), lambda text: [math.inf, 1.0]],
)
async def test_vectors_that_are_none_are_refused(place: Place, make: object) -> None:
    place.write("a.md", "one")
    place.write("b.md", "three")
    with pytest.raises(ProtocolError, match="other than one vector per text"):
        await place.refresh(Counting(make))  # type: ignore[arg-type]
    assert place.files() == {}


async def test_a_service_that_changes_its_mind_in_one_run_is_refused(place: Place) -> None:
    fill(place, BATCH + 1)
    service = Counting()
    service.make = lambda text: [1.0] * (2 if len(service.asked) == 1 else 3)
    with pytest.raises(ProtocolError):
        await place.refresh(service)


async def test_one_process_at_a_time_embeds(place: Place) -> None:
    fill(place, 5)
    lock = place.kept.with_name("lock")
    place.kept.parent.mkdir()
    leave = take_turn(lock)
    assert leave is not None
    waited: list[object] = []
    service = Counting()
    with place.store() as store:
        index = Index(store, place.roots, as_text, service.opening, lock=lock, waiting=lambda: waited.append(leave()))
        await index.refresh()
    assert len(waited) == 1
    assert len(service.texts) == 5


RUN = """
    import asyncio, sys
    from pathlib import Path
    from tests.notes.world import ME
    from voicecli.backends.selfhosted.vectors import open_meaning
    from voicecli.text.decoding import as_text
    from voicecli.notes.folder import roots
    from voicecli.notes.index import Index
    from voicecli.notes.store import NoteStore
    from voicecli.backends.selfhosted.settings import SelfhostedSettings

    async def main(kept: Path, folder: Path, url: str) -> None:
        backend = SelfhostedSettings("lab", "selfhosted", embedding_url=url)
        with NoteStore.open(kept, ME) as store:
            lock = kept.with_name("lock")
            await Index(store, roots([folder]), as_text, lambda: open_meaning(backend), lock=lock).refresh()

    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""


def start(place: Place, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(place.kept), str(place.folder), url]
    return subprocess.Popen(command, cwd=ROOT)


def sent(servers: SelfHostedMeaning) -> list[str]:
    return [text for each in servers.embedding.requests for text in each.json()["texts"]]


def test_several_processes_at_once_pay_for_nothing_twice(place: Place) -> None:
    fill(place, 300)
    with SelfHostedMeaning() as servers:
        running = [start(place, servers.embedding.url) for _ in range(3)]
        assert [each.wait(60) for each in running] == [0, 0, 0]
        assert len(sent(servers)) == len(set(sent(servers))) == 300
    assert len(place.files()) == 300


@pytest.mark.needs_posix
def test_killed_in_the_middle_only_the_rest_is_embedded(place: Place) -> None:
    fill(place, 640)
    with SelfHostedMeaning() as servers:
        running = start(place, servers.embedding.url)
        until(lambda: len(servers.embedding.requests) >= 3)
        running.send_signal(signal.SIGKILL)
        running.wait(10)
        before = sent(servers)
        assert start(place, servers.embedding.url).wait(60) == 0
        twice = len(sent(servers)) - len(set(sent(servers)))
    assert BATCH < len(before) < 640
    assert twice <= BATCH, "at most the batch that was under way"
    assert len(place.files()) == 640


def test_what_is_left_out_is_said_in_one_line() -> None:
    found = LeftOut({"no text": 2, "larger than 2 MB": 1})
    assert str(found) == "3 files were left out: 2 no text, 1 larger than 2 MB"
