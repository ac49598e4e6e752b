"""What fits a question is found and told, and nothing that fails in it costs the answer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.notes.world import Counting, Place
from voicecli.errors import ServiceError, UnreachableError
from voicecli.notes.choosing import FoundPassage
from voicecli.notes.finding import Finder, WithNotes
from voicecli.notes.store import NoteStore
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, EmbedOptions, Ranked

pytestmark = pytest.mark.anyio

NOTES = {
    "rome.md": "The hotel in Rome is by the river, and breakfast is at eight.",
    "boat.md": "The ferry to the island leaves at nine.",
    "牛奶.txt": "记得买牛奶、鸡蛋和面包。",
}
ASKED = [ChatMessage("user", "When is breakfast at the hotel in Rome?")]


class Model:
    """A chat model that answers, and remembers what it was asked. `warm` is counted."""

    def __init__(self) -> None:
        self.asked: list[list[ChatMessage]] = []
        self.more: dict[str, Any] = {}
        self.warmed = 0

    async def warm(self) -> None:
        self.warmed += 1

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions, **more: Any
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        self.asked.append(list(messages))
        self.more = more
        yield self.deltas()

    async def deltas(self) -> AsyncIterator[ChatDelta]:
        for word in ("At ", "eight."):
            yield ChatDelta(word)


class Backwards:
    """Ranks from the last to the first."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def rerank(self, query: str, candidates: Sequence[str], options: EmbedOptions) -> list[Ranked]:
        if self.failure:
            raise self.failure
        return [Ranked(at, text, float(at)) for at, text in reversed(list(enumerate(candidates)))]


class Asking:
    """A model over the notes of `place`."""

    def __init__(self, place: Place, store: NoteStore, **more: Any) -> None:
        self.service, self.model, self.details = Counting(), Model(), []  # type: ignore[var-annotated]
        self.finder = Finder(store, place.roots, self.service, budget=2000, detail=self.details.append, **more)
        self.told = WithNotes(self.model, self.finder)

    async def ask(self, messages: Sequence[ChatMessage] = ASKED, **more: Any) -> list[ChatDelta]:
        async with self.told.chat(messages, ChatOptions(), **more) as deltas:
            return [delta async for delta in deltas]


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    for name, text in NOTES.items():
        place.write(name, text)
    await place.refresh(Counting())
    return place


@pytest.fixture
async def store(place: Place) -> AsyncIterator[NoteStore]:
    with place.store() as store:
        yield store


@pytest.fixture
async def asking(place: Place, store: NoteStore) -> Asking:
    return Asking(place, store)


def news(deltas: Sequence[ChatDelta]) -> tuple[str, str]:
    """The state and the text of the news that comes before the answer."""
    assert deltas[0].news is not None
    return deltas[0].news.state, deltas[0].news.text


async def test_the_best_passages_come_first_and_the_answer_says_which(asking: Asking) -> None:
    deltas = await asking.ask()
    (system, question) = asking.model.asked[0]
    assert question == ASKED[0]
    assert system.content.index("rome.md") < system.content.index("boat.md")
    assert NOTES["rome.md"] in system.content
    assert [each.text for each in deltas] == ["", "At ", "eight."]
    state, text = news(deltas)
    assert (state, text.partition(",")[0]) == ("done", "notes: rome.md")
    assert asking.told.used[0] == FoundPassage("rome.md", "", NOTES["rome.md"], asking.told.used[0].score)
    assert 0.5 < asking.told.used[0].score <= 1


async def test_a_question_in_another_language_of_writing(asking: Asking) -> None:
    await asking.ask([ChatMessage("user", "要买牛奶和鸡蛋吗？记得买面包。")])
    assert asking.told.used[0].file == "牛奶.txt"


async def test_the_same_question_is_embedded_once(asking: Asking) -> None:
    await asking.ask([ChatMessage("user", "when is breakfast at the hotel")])
    await asking.ask([ChatMessage("user", "When is breakfast at the hotel?")])
    assert asking.service.asked == [["when is breakfast at the hotel"]]
    assert asking.model.asked[0][0] == asking.model.asked[1][0]


async def test_between_rounds_of_tools_there_is_no_news(asking: Asking) -> None:
    first = await asking.ask()
    second = await asking.ask([*ASKED, ChatMessage("assistant", "Let me see."), ChatMessage("tool", "42", call_id="1")])
    assert [each.news is not None for each in first + second] == [True, False, False, False, False]
    assert asking.model.asked[1][0].content == asking.model.asked[0][0].content


async def test_what_else_the_model_takes_is_passed_on(asking: Asking) -> None:
    await asking.ask(gate=len)
    assert asking.model.more == {"gate": len}
    await asking.ask()
    assert asking.model.more == {}


async def test_a_service_that_fails_does_not_cost_the_answer(asking: Asking) -> None:
    asking.service.fail_at, asking.service.failure = 1, UnreachableError("is not there", who="lab")
    deltas = await asking.ask()
    assert asking.model.asked == [ASKED]
    assert news(deltas) == ("failed", "answered without the notes: lab: is not there")
    assert "".join(each.text for each in deltas) == "At eight."
    assert asking.told.used == ()
    await asking.ask()
    assert asking.told.used, "the next question is tried again"


async def test_a_service_that_does_not_answer_is_not_waited_for(asking: Asking, place: Place, store: NoteStore) -> None:
    class Silent(Counting):
        async def embed(self, texts: Sequence[str], options: EmbedOptions) -> list[Sequence[float]]:
            await asyncio.Event().wait()
            return []

    asking.finder = asking.told.finder = Finder(store, place.roots, Silent(), budget=2000, patience_s=0.05)
    assert "did not embed the question within 0.05 s" in news(await asking.ask())[1]


@pytest.mark.parametrize("width", [1, 25])
async def test_a_vector_of_another_width_is_told(asking: Asking, width: int) -> None:
    asking.service.make = lambda text: [1.0] * width
    assert "'voice cache clear' has them made anew" in news(await asking.ask())[1]


async def test_a_service_that_ranks_has_the_last_word(place: Place, store: NoteStore) -> None:
    plain, ranked = Asking(place, store), Asking(place, store, reranker=Backwards())
    await plain.ask()
    await ranked.ask()
    files = [each.file for each in plain.told.used]
    assert [each.file for each in ranked.told.used] == files[::-1]
    assert [each.score for each in ranked.told.used] == [float(at) for at in reversed(range(len(files)))]


async def test_without_its_word_the_cosines_count(place: Place, store: NoteStore) -> None:
    plain, failing = Asking(place, store), Asking(place, store, reranker=Backwards(ServiceError("is on fire")))
    await plain.ask()
    await failing.ask()
    assert failing.told.used == plain.told.used
    assert failing.details == ["the notes are not ranked: is on fire"]


async def test_a_question_without_words_finds_nothing(asking: Asking) -> None:
    assert [each.news for each in await asking.ask([ChatMessage("user", "?!")])] == [None, None]
    assert asking.service.asked == []


async def test_what_another_process_removed_is_not_given(asking: Asking, place: Place, store: NoteStore) -> None:
    await asking.finder.warm()
    with place.store() as other:
        other.forget(lambda path: path.endswith(b"rome.md"))
    await asking.ask()
    assert "rome.md" not in {each.file for each in asking.told.used}
    with place.store() as other:
        other.clear()
    assert await asking.finder.find("Is there anything left at all?") == ()


async def test_warming_opens_everything(asking: Asking) -> None:
    await asking.told.warm()
    assert asking.model.warmed == 1
    assert asking.service.asked == []


async def test_an_index_that_breaks_meanwhile_costs_the_notes_only(asking: Asking, place: Place) -> None:
    db = sqlite3.connect(place.kept)
    db.execute("DROP TABLE passages")
    db.close()
    await asking.told.warm()
    assert "notes.db: is not what voice wrote" in news(await asking.ask())[1]
    assert asking.model.asked == [ASKED]


async def test_a_withdrawn_draft_leaves_nothing_behind(place: Place, store: NoteStore) -> None:
    """Cancelled while the question is embedded; asked again, it is answered."""

    class Slow(Counting):
        began, done = asyncio.Event(), asyncio.Event()

        async def embed(self, texts: Sequence[str], options: EmbedOptions) -> list[Sequence[float]]:
            self.began.set()
            await self.done.wait()
            return await super().embed(texts, options)

    asking, slow = Asking(place, store), Slow()
    asking.told.finder = Finder(store, place.roots, slow, budget=2000)
    async with asyncio.TaskGroup() as tasks:
        draft = tasks.create_task(asking.ask())
        await slow.began.wait()
        draft.cancel()
    slow.done.set()
    assert (await asking.ask())[0].news is not None
    assert len(asking.model.asked) == 1
