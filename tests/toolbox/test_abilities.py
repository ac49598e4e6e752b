"""Tools over strict services: pictures, videos, documents, texts; files that are read and made; leave that is asked."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.gov_media import GovMedia
from tests.fakes.openai_pictures import OpenAIPictures
from tests.fakes.pictures import doubled, mp4, mp4_digits, pdf, plus_one, png, png_digits
from tests.fakes.selfhosted_meaning import SelfHostedMeaning
from tests.fakes.server import STALL, Reply
from voicecli.config import Config
from voicecli.config.resolve import parse, resolve
from voicecli.terminal.console import Console
from voicecli.toolbox.abilities import TOOLS
from voicecli.toolbox.offer import ToolWish, known, open_toolbox, server_of
from voicecli.toolbox.places import Places
from voicecli.toolbox.together import NOBODY, Allowed, Together, Unattended
from voicecli.types import ToolCall, ToolResult

pytestmark = pytest.mark.anyio

DIGITS = "4071"


def configured(text: str) -> Config:
    return resolve({}, parse(text, Path("voice.toml")))


class Person:
    """Somebody in a folder of files, with a configuration."""

    def __init__(self, folder: Path, text: str, server: Any) -> None:
        self.folder, self.server, self.config = folder, server, configured(text)
        self.console = Console({}, io.StringIO(), io.StringIO())
        self.places = Places(folder)
        for name, data in (("photo.png", png(DIGITS)), ("street.mp4", mp4(DIGITS)), ("a.pdf", pdf("12"))):
            (folder / name).write_bytes(data)
        self.inputs = self.files()

    @asynccontextmanager
    async def tools(self, *names: str) -> AsyncIterator[Together]:
        wish = ToolWish()
        served = names or [name for name in known() if name in TOOLS and server_of(name, self.config)]  # type: ignore[arg-type]
        async with open_toolbox(served, self.config, wish, self.places, {}, self.console) as toolbox:
            yield toolbox

    async def uses(self, name: str, **arguments: Any) -> ToolResult:
        async with self.tools() as toolbox:
            return await toolbox.use(call(name, **arguments))

    async def asked(self, name: str, *, chinese: bool = False, **arguments: Any) -> str:
        async with self.tools() as toolbox:
            return toolbox.question(call(name, **arguments), chinese=chinese)

    def files(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()}


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("1", name, json.dumps(arguments))


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    with GovMedia() as gov:
        table = f'[backends.city]\nfamily = "gov"\nbase_url = "{gov.url}/v1"\ntimeout_s = 2.0\ncategory = "hr"\n'
        yield Person(tmp_path, table, gov)


@pytest.fixture
def artist(tmp_path: Path) -> Iterator[Person]:
    with OpenAIPictures() as server:
        table = f'[backends.work]\nfamily = "openai"\nbase_url = "{server.base_url}"\n'
        models = 'image_model = "digits-draw"\nchat_model = "digits-chat"\nembed_model = "letters-embed"\n'
        yield Person(tmp_path, table + models, server)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Person]:
    with SelfHostedMeaning() as server:
        text = (
            f'[use]\nembed = "lab"\n[backends.lab]\nfamily = "selfhosted"\nembedding_url = "{server.embedding.url}"\n'
        )
        yield Person(tmp_path, text, server)


# -- what they do ----------------------------------------------------------------------------------


async def test_a_picture_is_made(person: Person) -> None:
    result = await person.uses("image_make", prompt="the digits 407")
    told = json.loads(result.text)
    data = (person.folder / "picture-1.png").read_bytes()
    assert told == {"file": "picture-1.png", "kind": "image/png", "bytes": len(data)}
    assert result.ok and result.shown.startswith("picture-1.png (")
    assert png_digits(data) == "407"
    assert person.files() == person.inputs | {"picture-1.png"}


FILES = {
    "image_enhance": ({"picture": "photo.png"}, "enhanced-1.png", png_digits, plus_one(DIGITS)),
    "image_animate": ({"picture": "photo.png"}, "animated-1.mp4", mp4_digits, DIGITS),
    "video_track": ({"video": "street.mp4"}, "tracked-1.mp4", mp4_digits, plus_one(DIGITS)),
    "video_smooth": ({"video": "./street.mp4"}, "smoothed-1.mp4", mp4_digits, doubled(DIGITS)),
}


@pytest.mark.parametrize("name", FILES)
async def test_a_file_becomes_another(person: Person, name: str) -> None:
    arguments, made, digits, found = FILES[name]
    result = await person.uses(name, **arguments)
    assert result.ok, result.text
    assert json.loads(result.text)["file"] == made
    assert digits((person.folder / made).read_bytes()) == found
    assert person.files() == person.inputs | {made}


async def test_a_picture_is_described(person: Person) -> None:
    result = await person.uses("image_describe", picture="photo.png")
    assert json.loads(result.text) == {"description": f"图中的数字是{DIGITS}", "kinds": ["叉车", "加油泵"]}
    assert result.shown == f"图中的数字是{DIGITS}"


async def test_a_document_is_learnt_under_its_own_name(person: Person) -> None:
    result = await person.uses("learn", document="a.pdf", category="bj_gov")
    assert (result.ok, result.shown) == (True, "a.pdf was learnt.")
    assert person.server.learnt == [("bj_gov", "a.pdf", "12")]


async def test_texts_are_compared_and_ranked(reader: Person) -> None:
    near = json.loads((await reader.uses("similar", a="good morning", b="good morning")).text)["similarity"]
    assert near == pytest.approx(1.0, abs=0.01)
    ranked = json.loads((await reader.uses("rerank", query="red pig", candidates=["blue sky", "red pigs"])).text)
    assert [each["text"] for each in ranked] == ["red pigs", "blue sky"]


async def test_a_picture_is_made_and_looked_at_by_one_service(artist: Person) -> None:
    async with artist.tools() as toolbox:
        made = json.loads((await toolbox.use(call("image_make", prompt="the digits 59"))).text)
        seen = await toolbox.use(call("image_describe", picture=made["file"]))
    assert "60" in seen.text, "the server says what comes next"
    assert len({each.connection for each in artist.server.requests}) <= 2, "adapters are opened once"


# -- leave -----------------------------------------------------------------------------------------


async def test_what_writes_uploads_or_spends_asks_first(person: Person) -> None:
    assert (
        await person.asked("image_make", prompt="a pig\x1b[2J\n in the rain")
        == r'May I make a picture with this machine: "a pig\\x1b[2J in the rain", kept as "picture-1"?'
    )
    assert (
        await person.asked("image_make", chinese=True, prompt="一只猪")
        == '可以用本机画一张图吗："一只猪"，存为"picture-1"？'
    )
    for name, (arguments, *_) in FILES.items():
        (path,) = arguments.values()
        assert path.removeprefix("./") in await person.asked(name, chinese=False, **arguments)
    assert (
        await person.asked("image_describe", picture="photo.png")
        == 'May I send "photo.png" to this machine to be described?'
    )
    assert (
        await person.asked("learn", document="a.pdf", category="hr")
        == 'May I teach "a.pdf" to this machine, category "hr"?'
    )
    assert await person.asked("learn", chinese=True, document="a.pdf") == '可以让本机学习"a.pdf"吗？'
    assert person.server.requests == []


async def test_a_question_repeats_no_novel(person: Person) -> None:
    question = await person.asked("image_make", prompt="pig " * 2000)
    assert 'pig " + 7,839 characters, kept' in question and len(question) < 260


async def test_a_service_is_named_where_it_is_elsewhere(tmp_path: Path) -> None:
    person = Person(tmp_path, '[backends.city]\nfamily = "gov"\nbase_url = "https://city.example/v1"\n', None)
    question = await person.asked("image_enhance", picture="photo.png")
    assert question == 'May I send "photo.png" to city.example to be made sharper, kept as "enhanced-1"?'


async def test_who_made_a_picture_may_see_it_again(person: Person) -> None:
    """It is asked again where another service would see it."""
    async with person.tools() as toolbox:
        await toolbox.use(call("image_make", prompt="7"))
        assert toolbox.question(call("image_describe", picture="picture-1.png"), chinese=False) == ""
        assert toolbox.question(call("image_enhance", picture="picture-1.png"), chinese=False) != ""
    (person.folder / "picture-2.png").write_bytes(png("1"))
    assert await person.asked("image_describe", picture="picture-2.png") != ""


async def test_another_service_than_the_one_that_made_it_has_to_be_asked_for(tmp_path: Path) -> None:
    with GovMedia() as gov, OpenAIPictures() as pictures:
        text = f'[use]\nimage = "city"\n[backends.city]\nfamily = "gov"\nbase_url = "{gov.url}/v1"\n'
        text += f'[backends.work]\nfamily = "openai"\nbase_url = "{pictures.base_url}"\nimage_model = "digits-draw"\n'
        person = Person(tmp_path, text, gov)
        with person.places.result("picture", "work") as file:
            file.write(png("1"))
            file.keep("png")
        assert await person.asked("image_describe", picture="picture-1.png") != ""


async def test_nobody_is_asked_about_a_call_that_cannot_be(person: Person) -> None:
    assert await person.asked("image_make") == await person.asked("image_enhance", picture="../x.png") == ""
    assert await person.asked("no_such_tool") == ""


async def test_where_nobody_can_be_asked_it_is_not_done(person: Person) -> None:
    told: list[str] = []
    async with person.tools() as toolbox:
        result = await Unattended(toolbox, told.append).use(call("image_make", prompt="a pig"))
        assert (result, told) == (
            ToolResult(NOBODY, ok=False),
            ['May I make a picture with this machine: "a pig", kept as "picture-1"?'],
        )
        assert person.server.requests == []
        assert Allowed(toolbox).question(call("image_make", prompt="a pig"), chinese=False) == ""
        assert (await Allowed(toolbox).use(call("image_make", prompt="a pig"))).ok


# -- what goes wrong -------------------------------------------------------------------------------

WRONG = {
    "no such file": ("image_enhance", {"picture": "nowhere.png"}, "nowhere.png is not there"),
    "outside": ("image_enhance", {"picture": "/etc/passwd"}, "may not be read"),
    "no picture": ("image_enhance", {"picture": "street.mp4"}, "is no picture"),
    "no video": ("video_track", {"video": "photo.png"}, "is no video"),
    "no document": ("learn", {"document": "photo.png"}, "is no document that the service takes"),
    "whatever its name says": ("learn", {"document": "fake.pdf"}, "is no pdf"),
    "empty": ("image_describe", {"picture": "empty.png"}, "is empty"),
    "a wrong field": ("image_make", {"prompt": "x", "path": "/tmp/x"}, "image_make takes a JSON object"),
    "an option that the service has not": ("image_make", {"prompt": "x", "size": "1x1"}, "It takes no size"),
    "a category that is unknown": ("learn", {"document": "a.pdf", "category": "zoo"}, "did not learn"),
    "no such tool": ("draw", {}, "There is no tool draw. There are: image_make"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_is_wrong_is_a_result_that_says_so(person: Person, case: str) -> None:
    (person.folder / "empty.png").write_bytes(b"")
    (person.folder / "fake.pdf").write_bytes(b"no pdf")
    before = person.files()
    name, arguments, told = WRONG[case]
    result = await person.uses(name, **arguments)
    assert not result.ok
    assert told in result.text.replace("nowhere.png:", "nowhere.png")
    assert person.files() == before


async def test_a_service_that_fails_is_a_result_too(person: Person) -> None:
    person.server.on("/v1/images/generations", Reply.text("no paint left", 503))
    result = await person.uses("image_make", prompt="a pig")
    assert not result.ok
    assert "no paint left" in result.text and result.shown
    assert person.files() == person.inputs


async def test_cancelled_it_leaves_nothing(person: Person) -> None:
    """In the middle of the picture that comes back."""
    head = png(DIGITS)[:20]
    person.server.store.on("/half.png", Reply([head, STALL], 200, {"content-type": "image/png"}))
    address = {"data": [{"url": person.server.store.url + "/half.png"}]}
    person.server.on("/v1/images/generations", Reply.json(address))
    async with person.tools() as toolbox:
        task = asyncio.create_task(toolbox.use(call("image_make", prompt="a pig")))
        await person.server.store.eventually(lambda: person.server.store.to("/half.png"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await person.server.store.hung_up("/half.png")
        assert person.files() == person.inputs
        assert (await toolbox.use(call("image_enhance", picture="photo.png"))).ok, "the rest goes on"


# -- what a model is told --------------------------------------------------------------------------


async def test_a_model_is_told_which_files_there_are(person: Person) -> None:
    person.places.give(person.folder / "photo.png")
    async with person.tools() as toolbox:
        await toolbox.use(call("image_make", prompt="7"))
        specs = {each.name: each.parameters["properties"] for each in toolbox.specs}
    assert specs["image_enhance"]["picture"]["description"].endswith("There are: photo.png, picture-1.png.")
    assert set(specs["image_make"]) == {"prompt"}, "this service knows no sizes"


async def test_sizes_are_offered_where_they_are_honoured(artist: Person) -> None:
    async with artist.tools() as toolbox:
        specs = {each.name: each.parameters["properties"] for each in toolbox.specs}
        assert set(specs["image_make"]) == {"prompt", "size"}
        assert (await toolbox.use(call("image_make", prompt="8", size="1024x1024"))).ok
    assert b"1024x1024" in artist.server.requests[-1].body
