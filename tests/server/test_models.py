"""Models of this machine in a server: which a client may name, let go after a rest, fetched and removed over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests import weights
from tests.server.conftest import keep_key, serving
from tests.waiting import until
from voicecli.config import load
from voicecli.server.app import app_of
from voicecli.server.guard import AccessPolicy
from voicecli.server.reporting import Log
from voicecli.storage.models import catalogue
from voicecli.types import Secret
from voicecli.wiring.services import Services

EARS, VOICE = weights.NEEDED
LOCAL = '[use]\nchat = "local"\nspeak = "local"\ntranscribe = "local"\n[models]\nfolder = "{folder}"\nrest_s = {rest}\n'
KEY = {"authorization": "Bearer sesame-1234"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Models of one's own to remove."""
    if why := weights.missing():
        pytest.fail(why)
    for name in weights.NEEDED:
        shutil.copytree(weights.FOLDER / name, tmp_path / "models" / name, copy_function=os.link)
    return tmp_path / "models"


def ask(
    folder: Path, env: dict[str, str], act: Callable[[httpx.AsyncClient], Awaitable[None]], *, manages: bool = False
) -> None:
    """The application in this process, with models of its own."""
    env = env | {"VOICE_MODELS_FOLDER": str(folder), "VOICE_TRANSCRIBE": "local", "VOICE_SPEAK": "local"}
    app = app_of(Services(load(env), env, Log()), AccessPolicy(Secret("sesame-1234")), manages=manages)

    async def run() -> None:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=KEY)
        async with app.router.lifespan_context(app), client:
            await act(client)

    asyncio.run(run())


async def spoken(client: httpx.AsyncClient) -> bytes:
    wav = await client.post("/v1/audio/speech", json={"input": "Good morning.", "response_format": "wav"})
    assert wav.status_code == 200
    return wav.content


async def heard(client: httpx.AsyncClient, sound: bytes, model: str) -> httpx.Response:
    return await client.post("/v1/audio/transcriptions", files={"file": ("a.wav", sound)}, data={"model": model})


def test_a_model_is_named_never_its_folder(folder: Path, home: dict[str, str]) -> None:
    """A name leads to no files but those of installed models, and does not tell whether others are there."""

    async def act(client: httpx.AsyncClient) -> None:
        sound = await spoken(client)
        for name in (EARS, f"local/{EARS}"):
            assert "morning" in (await heard(client, sound, name)).json()["text"]
        for place in (folder / EARS, "/etc", "../x"):
            assert (await heard(client, sound, f"local/{place}")).status_code == 404

    ask(folder, home, act)


def test_models_are_removed_and_fetched_over_http(folder: Path, home: dict[str, str]) -> None:
    """The package that it comes from lies here already; its files are compared as ever."""
    source = catalogue()[EARS].sources[0]
    package = folder / ".downloads" / re.sub(r"[^\w.-]+", "-", source.packages[0])
    package.mkdir(parents=True)
    with zipfile.ZipFile(package / "a.whl", "w") as wheel:
        for each in source.files:
            wheel.write(folder / EARS / each.name, each.origin)

    async def act(client: httpx.AsyncClient) -> None:
        async def known() -> set[str]:
            return {each["id"] for each in (await client.get("/v1/models")).json()["data"]}

        sound = await spoken(client)
        assert (await heard(client, sound, EARS)).status_code == 200
        gone = await client.delete(f"/v1/models/{EARS}")
        assert gone.json() == {"id": EARS, "object": "model", "deleted": True}
        assert not (folder / EARS).exists() and EARS not in await known()
        assert (await heard(client, sound, EARS)).status_code == 404
        both = await asyncio.gather(*(client.post(f"/v1/models/{EARS}") for _ in range(2)))
        assert [each.json()["id"] for each in both] == [EARS, EARS]
        assert EARS in await known() and "morning" in (await heard(client, sound, EARS)).json()["text"]

    ask(folder, home, act, manages=True)


def test_who_may_change_models_and_which(folder: Path, home: dict[str, str]) -> None:
    tricks = ("../models", "..%2f..%2fetc", "/etc", ".downloads", ".", "en", "a%00b", "x" * 5000)

    async def refused(client: httpx.AsyncClient) -> None:
        for way in ("POST", "DELETE"):
            assert (await client.request(way, f"/v1/models/{VOICE}", headers={"authorization": ""})).status_code == 401
            found = [(await client.request(way, f"/v1/models/{name}")).status_code for name in tricks]
            assert set(found) <= {404, 405}, found

    async def not_allowed(client: httpx.AsyncClient) -> None:
        found = [(await client.request(way, f"/v1/models/{VOICE}")).status_code for way in ("POST", "DELETE")]
        assert set(found) <= {404, 405}, found

    ask(folder, home, refused, manages=True)
    ask(folder, home, not_allowed)
    assert {each.name for each in folder.iterdir() if each.name[0] != "."} == {EARS, VOICE}


def test_a_model_that_rests_gives_its_memory_back(folder: Path, tmp_path: Path) -> None:
    """And is loaded again when it is asked for."""
    with pytest.raises(AssertionError), serving(tmp_path, "--manage-models"):
        raise RuntimeError("models may be changed without a key")
    keep_key(tmp_path)
    config = LOCAL.format(folder=folder, rest=0.5)
    with serving(tmp_path, "--manage-models", config=config) as server, server.client(headers=KEY) as client:

        def held(kind: str) -> int:
            told = Path(f"/proc/{server.process.pid}/status").read_text()
            return int(re.findall(rf"{kind}:\s+(\d+)", told)[0]) // 1024

        def speaks() -> int:
            text = {"input": "Good morning.", "response_format": "wav"}
            return client.post("/v1/audio/speech", json=text).status_code

        assert speaks() == 200
        until(lambda: held("VmRSS") < held("VmHWM") - 40)  # the most that it ever had
        assert speaks() == 200


def test_without_models_it_says_so_and_serves_the_rest(tmp_path: Path) -> None:
    config = LOCAL.format(folder=tmp_path / "none", rest=0)
    with serving(tmp_path, config=config) as server, server.client() as client:
        assert "voice models pull" in (tmp_path / "log").read_text()
        asked = {"messages": [{"role": "user", "content": "What is seven times twelve?"}]}
        assert "84" in client.post("/v1/chat/completions", json=asked).text
