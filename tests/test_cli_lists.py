"""`voice voices`, `models`, `backends` and `devices`: what there is, for people and for scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.server import FakeServer, Reply
from tests.serving import serving
from tests.work import written
from voicecli.backends.registry import FAMILIES
from voicecli.commands.backends import capabilities
from voicecli.commands.voices import wanted
from voicecli.types import Voice as Spoken
from voicecli.verbs import ALL_VERBS

server = serving(FakeServer)


@pytest.fixture
def work(server: FakeServer, tmp_path: Path) -> dict[str, str]:
    return written(tmp_path, server.url, ["chat"])


def test_models_one_a_line(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on("/v1/models", Reply.json({"data": [{"id": "b"}, {"id": "a\x1b[31m\nx"}]}))
    run = voice("models", env=work)
    assert run.returncode == 0
    assert run.stdout.startswith(b"b\n")
    assert run.stdout.count(b"\n") == 2
    assert b"\x1b" not in run.stdout
    assert len(json.loads(voice("models", "--json", env=work).stdout)) == 2


def test_models_of_a_backend_that_is_not_used_for_anything(
    server: FakeServer, work: dict[str, str], voice: Voice
) -> None:
    Path(work["VOICE_CONFIG"]).write_text(
        Path(work["VOICE_CONFIG"]).read_text().replace('chat = "work"', 'chat = "local"')
    )
    server.on("/v1/models", Reply.json({"data": [{"id": "m"}]}))
    assert voice("models", "-b", "work", env=work).stdout == b"m\n"


def test_voices_as_columns_and_as_json(server: FakeServer, work: dict[str, str], voice: Voice) -> None:
    server.on("/v1/audio/voices", Reply.json({"voices": ["zoe", "al"]}))
    run = voice("voices", "-b", "work", env=work)
    assert [line.split(b"\t")[0] for line in run.stdout.splitlines()] == [b"voice", b"zoe", b"al"]
    found = json.loads(voice("voices", "-b", "work", "--json", env=work).stdout)
    assert [each["name"] for each in found] == ["zoe", "al"]


@pytest.mark.parametrize(
    ("language", "category", "found"),
    [
        (None, None, ["a", "b", "c", "d"]),
        ("en", None, ["a", "b"]),
        ("EN_gb", None, ["b"]),
        ("e", None, []),
        (None, "child", ["c"]),
        ("zh", None, ["c", "d"]),
        ("zh", "Child", ["c"]),
        ("zh", "news", []),
    ],
)
def test_voices_are_filtered(language: str | None, category: str | None, found: list[str]) -> None:
    voices = [
        Spoken("a", language="en", category="news"),
        Spoken("b", language="en-GB"),
        Spoken("c", language="zh-CN", category="Children"),
        Spoken("d", language="cmn-latn-pinyin"),
    ]
    assert [each.name for each in voices if wanted(each, language, category)] == found


def test_a_backend_without_a_list_is_refused_by_name_of_those_with_one(tmp_path: Path, voice: Voice) -> None:
    file = tmp_path / "voice.toml"
    file.write_text('[backends.city]\nfamily = "gov"\nbase_url = "http://127.0.0.1:9"\n')
    run = voice("voices", "-b", "city", env={"VOICE_CONFIG": str(file)})
    assert run.returncode == 2
    assert run.stderr.startswith(b"error: city: 'gov' does not offer voices. ")
    assert b"openai" in run.stderr


def test_backends_tells_what_is_configured_and_what_each_family_can(work: dict[str, str], voice: Voice) -> None:
    found = json.loads(voice("backends", "--json", env=work).stdout)
    configured = {each["name"]: each for each in found["backends"]}
    assert configured["work"] == {"name": "work", "family": "openai", "host": "127.0.0.1", "used for": "chat"}
    assert configured["local"]["host"] == "-"
    assert {each["name"] for each in found["families"]} == set(FAMILIES)
    lines = voice("backends", env=work).stdout.decode().splitlines()
    assert "work\topenai\t127.0.0.1\tchat" in lines


@pytest.mark.parametrize("name", FAMILIES)
def test_the_capability_table_is_what_the_factories_say(name: str) -> None:
    family = FAMILIES[name].at_best
    told = capabilities(family)
    assert tuple(told) == ALL_VERBS
    assert {verb for verb, can in told.items() if can not in ("bridge", "-")} == {v for v in ALL_VERBS if family.can(v)}
    assert {verb for verb, can in told.items() if can.startswith("with ")} == set(family.needs)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_factory_can_be_imported(name: str) -> None:
    """A factory's module and function exist; entering it would need a server."""
    family = FAMILIES[name]
    for verb in ALL_VERBS:
        if factory := family.at_best.opening(verb):
            opened = factory(replace(family.plain(), base_url="http://127.0.0.1:9/v1"))
            assert hasattr(opened, "__aenter__"), verb


def test_devices_are_listed_or_the_cure_is_told(voice: Voice) -> None:
    run = voice("devices", "--json")
    if run.returncode == 8:
        assert b"PortAudio" in run.stderr
        assert run.stdout == b""
    else:
        assert run.returncode == 0
        assert isinstance(json.loads(run.stdout), list)
