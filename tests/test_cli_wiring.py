"""Who serves a verb, what is refused before any work, what is said about where words go, what a guess becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.server import FakeServer, Reply
from voicecli import wiring
from voicecli.backends.family import Capabilities, Family, options_of
from voicecli.backends.gov_settings import GovSettings
from voicecli.backends.local.settings import LocalSettings
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.registry import FAMILIES
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.config import Config, Use, load
from voicecli.config.model import ChatSettings
from voicecli.errors import ConfigError, UsageError
from voicecli.types import (
    Backend,
    ChatOptions,
    Secret,
    SpeechRequest,
    TranscribeOptions,
    Verb,
)


class Told:
    """What wiring said to the person."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.notes: list[str] = []
        self.details: list[str] = []
        self.hidden: list[object] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def detail(self, text: str) -> None:
        self.details.append(text)

    warn = note

    @contextmanager
    def progress(self, label: str, total: float | None = None, unit: str = "") -> Iterator[Callable[[float], object]]:
        yield lambda done: None

    def hide(self, secret: object) -> None:
        self.hidden.append(secret)


WORK = Backend("work", "openai", base_url="https://api.example.org/v1")
OPENAI = FAMILIES["openai"].at_best


def config(tmp_path: Path, *backends: Backend, use: str = "work", **also: Any) -> Config:
    tables = {each.name: each for each in (*backends, LocalSettings("local", "local"))}
    return Config(use=Use(use, use, use), backends=tables, state_dir=tmp_path / "state", config_dir=tmp_path, **also)


# -- choosing --------------------------------------------------------------------------------------


def test_use_decides_and_a_name_overrides(tmp_path: Path) -> None:
    home = Backend("home", "openai")
    cfg = config(tmp_path, WORK, home)
    assert wiring.choose("chat", cfg) == (FAMILIES["openai"].of(WORK), WORK)
    assert wiring.choose("chat", cfg, "home")[1] is home


CITY = GovSettings("city", "gov", base_url="http://127.0.0.1:9")
LAB = SelfhostedSettings("lab", "selfhosted", embedding_url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("verb", "backends", "use", "found"),
    [
        ("image_make", (WORK, CITY), Use("work", "work", "work"), "work"),
        ("image_make", (WORK, CITY), Use("work", "work", "work", image="city"), "city"),
        ("image_enhance", (WORK, CITY), Use("work", "work", "work"), "city"),
        ("image_make", (WORK, CITY), Use("local", "local", "city"), "city"),
        ("image_make", (WORK, CITY), Use("work", "local", "city"), "city"),
        ("embed", (WORK, LAB), Use("lab", "lab", "lab"), "lab"),
        ("similar", (WORK, CITY), Use("city", "city", "city"), "work"),
        ("learn", (CITY, Backend("odd", "mute")), Use("local", "local", "local"), "city"),
    ],
)
def test_what_nobody_named_goes_to_one_that_can(
    tmp_path: Path, verb: Verb, backends: tuple[Backend, ...], use: Use, found: str
) -> None:
    cfg = replace(config(tmp_path, *backends), use=use)
    assert wiring.choose(verb, cfg)[1].name == found


def test_of_several_that_are_not_used_none_is_guessed(tmp_path: Path) -> None:
    cfg = replace(config(tmp_path, CITY, replace(CITY, name="town")), use=Use("local", "local", "local"))
    with pytest.raises(ConfigError, match=r"'local' does not offer learn\. .*backends city, town; families gov"):
        wiring.choose("learn", cfg)


def test_a_server_without_embeddings_is_no_server_of_embeddings(tmp_path: Path) -> None:
    cfg = replace(config(tmp_path, replace(LAB, embedding_url="")), use=Use("lab", "lab", "lab"))
    with pytest.raises(ConfigError, match="'selfhosted' does not offer rerank"):
        wiring.choose("rerank", cfg)


def test_an_unknown_backend_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no backend is called 'wrok'\. Known are: .*work.*Did you mean 'work'"):
        wiring.choose("chat", config(tmp_path, WORK), "wrok")


def test_an_unknown_family_is_told_with_the_nearest(tmp_path: Path) -> None:
    odd = Backend("odd", "opnai")
    with pytest.raises(ConfigError, match=r"\[backends\.odd\]: no family is called 'opnai'.*Did you mean 'openai'"):
        wiring.choose("chat", config(tmp_path, odd, use="odd"))


def test_a_family_that_cannot_is_refused_by_name_of_those_that_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "mute", Family("mute", "says nothing", lambda it: Capabilities(it, chat=OPENAI.chat)))
    cfg = config(tmp_path, Backend("dumb", "mute"), WORK, use="dumb")
    with pytest.raises(ConfigError, match=r"dumb: 'mute' does not offer speak.*backends work.*families .*openai"):
        wiring.choose("speak", cfg)


def test_a_bridge_makes_a_file_recogniser_live(tmp_path: Path) -> None:
    family, _ = wiring.choose("transcribe_live", config(tmp_path, WORK))
    assert not family.can("transcribe_live")
    assert wiring.able(family, "transcribe_live")


def test_a_setting_makes_a_native_capability(tmp_path: Path) -> None:
    live = replace(WORK, live_url="wss://api.example.org/v1/realtime")
    family, _ = wiring.choose("transcribe_live", config(tmp_path, live))
    assert family.can("transcribe_live")


# -- refusing options ------------------------------------------------------------------------------


def test_an_option_that_a_family_lacks_is_refused_before_work() -> None:
    plain = Capabilities(Backend("", "plain"))
    with pytest.raises(UsageError, match=r"plain: does not take --max-tokens to chat\. Families that do: .*openai"):
        wiring.check_options(plain, "chat", ChatOptions(max_tokens=5))
    with pytest.raises(UsageError, match=r"--hotword to transcribe"):
        wiring.check_options(plain, "transcribe", TranscribeOptions(hotwords=("x",)))


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("chat", ChatOptions()),
        ("chat", ChatOptions(temperature=0.0, stop=("x",), seed=0)),
        ("speak", SpeechRequest("text", voice="alloy", speed=1.0)),
        ("transcribe", TranscribeOptions(language="de")),
    ],
)
def test_what_a_family_takes_is_let_through(verb: Verb, options: Any) -> None:
    wiring.check_options(OPENAI, verb, options)


def test_a_value_of_nought_counts_as_set() -> None:
    with pytest.raises(UsageError, match="--temperature"):
        wiring.check_options(Capabilities(Backend("", "plain")), "chat", ChatOptions(temperature=0.0))


def test_a_bridged_verb_takes_what_stands_behind_the_bridge() -> None:
    family = Capabilities(WORK, transcribe=OPENAI.transcribe, takes={"transcribe": frozenset({"language"})})
    wiring.check_options(family, "transcribe_live", TranscribeOptions(language="de"))


def test_a_language_that_a_family_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    english = Capabilities(
        Backend("", "english"),
        transcribe=OPENAI.transcribe,
        languages={"transcribe": frozenset({"en"})},
        notices={"transcribe": "English only"},
    )
    monkeypatch.setitem(FAMILIES, "english", Family("english", "", lambda it: english))
    told = Told()
    wiring.check_language(english, "transcribe", "en_GB", told)
    assert told.notes == []
    with pytest.raises(UsageError, match=r"english: can transcribe only en, not 'zh'\. Families that have it:.*openai"):
        wiring.check_language(english, "transcribe", "zh", told)
    wiring.check_language(english, "transcribe", None, told)
    assert told.notes == ["english: English only."]


def test_every_option_of_every_family_exists() -> None:
    """A misspelt name in `takes` would refuse an option for ever."""
    for family in FAMILIES.values():
        can = family.at_best
        for verb, names in can.takes.items():
            options = options_of(verb)
            assert options is not None and names <= {each.name for each in fields(options)}, f"{family.name} {verb}"
            assert wiring.able(can, verb), f"{family.name} takes options for {verb}, which it lacks"
        assert set(can.needs.values()) <= {each.name for each in fields(family.settings)}


def test_chat_settings_go_where_they_are_taken_and_a_flag_beats_them(tmp_path: Path) -> None:
    cfg = config(tmp_path, WORK, chat=ChatSettings(temperature=0.5, max_tokens=9))
    told = Told()
    asked = ChatOptions(temperature=1.0)
    assert wiring.with_chat_settings(OPENAI, asked, cfg, told) == ChatOptions(temperature=1.0, max_tokens=9)
    assert told.details == []
    plain = wiring.with_chat_settings(FAMILIES["selfhosted"].at_best, ChatOptions(), cfg, told)
    assert plain == ChatOptions()
    assert sorted(told.details) == [
        f"[chat] {name} is not for this backend and stays unsent." for name in ("max_tokens", "temperature")
    ]


# -- saying where words go -------------------------------------------------------------------------


def announce(tmp_path: Path, backend: Backend, verb: Verb = "chat", **also: Any) -> list[str]:
    told = Told(**also)
    wiring.announce(verb, FAMILIES[backend.family].of(backend), backend, tmp_path / "state", told)
    return told.notes


def test_the_host_is_named_once_per_configuration(tmp_path: Path) -> None:
    assert announce(tmp_path, WORK) == ["text goes to api.example.org (backend work; said once)."]
    assert announce(tmp_path, WORK) == []
    assert announce(tmp_path, WORK, "speak") == []
    assert announce(tmp_path, WORK, "transcribe") == ["audio goes to api.example.org (backend work; said once)."]
    moved = replace(WORK, base_url="https://other.example.org/v1")
    assert announce(tmp_path, moved) == ["text goes to other.example.org (backend work; said once)."]


def test_quiet_says_nothing_and_does_not_count_as_said(tmp_path: Path) -> None:
    assert announce(tmp_path, WORK, quiet=True) == []
    assert announce(tmp_path, WORK) != []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:11434/v1",
        "http://127.0.0.1:8000",
        "http://127.5.5.5",
        "http://[::1]:80/v1",
        "http://a.localhost",
        "",
    ],
)
def test_this_very_machine_is_not_announced(tmp_path: Path, url: str) -> None:
    assert announce(tmp_path, replace(WORK, base_url=url)) == []


@pytest.mark.parametrize("verb", ["voices", "models", "health"])
def test_a_list_request_carries_no_words(tmp_path: Path, verb: Verb) -> None:
    assert announce(tmp_path, WORK, verb) == []


def test_every_host_that_may_be_reached_is_named(tmp_path: Path) -> None:
    many = QiniuSettings("work", "qiniu", base_urls=("https://a.example/v1", "https://b.example/v1"))
    assert announce(tmp_path, many) == ["text goes to a.example or b.example (backend work; said once)."]
    assert wiring.hosts("transcribe", replace(LAB, asr_url="http://asr.lan:7205")) == ["asr.lan"]
    assert wiring.hosts("transcribe_live", replace(WORK, live_url="wss://live.lan/x")) == ["live.lan"]
    assert wiring.hosts("transcribe", replace(WORK, live_url="wss://live.lan/x")) == ["api.example.org"]


def test_a_state_folder_that_cannot_be_written_costs_nothing_but_repetition(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    assert announce(tmp_path, WORK) == announce(tmp_path, WORK) != []


# -- settling a guess ------------------------------------------------------------------------------

EVERY: tuple[Verb, ...] = ("transcribe", "chat", "speak")


def guessed(server: FakeServer | None, tmp_path: Path, **env: str) -> Config:
    """What `load` makes of nothing but OPENAI_API_KEY and, perhaps, OPENAI_BASE_URL."""
    url = {"OPENAI_BASE_URL": f"{server.url}/v1"} if server else {}
    missing = {"VOICE_CONFIG": str(tmp_path / "empty.toml")}
    (tmp_path / "empty.toml").write_text("")
    return load({"OPENAI_API_KEY": "sk-test", **url, **missing, **env})


async def settled(server: FakeServer, tmp_path: Path, told: Told, verbs: tuple[Verb, ...] = EVERY) -> Config:
    cfg = guessed(server, tmp_path)
    return await wiring.settle(cfg, verbs, {"OPENAI_API_KEY": "sk-test"}, told)


def offering(*models: str) -> Reply:
    return Reply.json({"data": [{"id": model} for model in models]})


@pytest.mark.anyio
async def test_a_service_with_only_chat_leaves_sound_to_the_embedded_backend(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", offering("nomic-embed-text", "llama3.2"))
        told = Told()
        cfg = await settled(server, tmp_path, told)
    assert (cfg.use.chat, cfg.use.transcribe, cfg.use.speak) == ("openai", "local", "local")
    assert cfg.backends["openai"].chat_model == "llama3.2"
    assert told.notes == [
        "openai has nothing to transcribe with; the local backend does it.",
        "openai has nothing to speak with; the local backend does it.",
    ]
    assert len(server.to("/v1/models")) == 1


@pytest.mark.anyio
async def test_models_of_a_service_are_taken_by_the_sound_of_their_names(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", offering("Systran/faster-whisper-small", "Kokoro-82M", "qwen3"))
        cfg = await settled(server, tmp_path, Told())
    openai = cfg.backends["openai"]
    assert (openai.transcribe_model, openai.speak_model, openai.chat_model) == (
        "Systran/faster-whisper-small",
        "Kokoro-82M",
        "qwen3",
    )


@pytest.mark.anyio
async def test_the_usual_names_are_kept_where_they_are_listed(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", offering("zzz", "gpt-4o-mini", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts"))
        before = guessed(server, tmp_path)
        after = await settled(server, tmp_path, Told())
    assert after.backends == before.backends
    assert after.use == before.use


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [Reply.text("not found", 404), Reply.text("down", 503), Reply.json({"data": []})])
async def test_a_service_without_a_list_is_taken_at_its_word(tmp_path: Path, answer: Reply) -> None:
    with FakeServer() as server:
        server.on("/v1/models", answer)
        cfg = await settled(server, tmp_path, Told())
    assert cfg.use == Use("openai", "openai", "openai")


@pytest.mark.anyio
async def test_only_what_is_needed_is_settled(tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/models", offering("llama3.2"))
        told = Told()
        cfg = await settled(server, tmp_path, told, ("chat",))
    assert told.notes == []
    assert cfg.guessed == {"transcribe", "speak"}


@pytest.mark.anyio
async def test_the_well_known_service_is_not_asked(tmp_path: Path) -> None:
    cfg = guessed(None, tmp_path)
    settled = await wiring.settle(cfg, EVERY, {"OPENAI_API_KEY": "sk-test"}, Told())
    assert (settled.use, settled.backends) == (cfg.use, cfg.backends)


BARE = "the key goes unencrypted to {} (backend work; said once). Whoever is on the way can read it: use https."


@pytest.mark.parametrize("host", ["api.example.org", "8.8.8.8", "[2606:4700::1111]"])
def test_a_key_that_would_travel_unencrypted_is_told_once(tmp_path: Path, host: str) -> None:
    bare = replace(WORK, base_url=f"http://{host}/v1", key=Secret("sk-0123456789"))
    assert BARE.format(host.strip("[]")) in announce(tmp_path, bare, "models")
    assert announce(tmp_path, bare, "models") == []
    assert not any("unencrypted" in note for note in announce(tmp_path, replace(bare, key=None)))


NEAR = ("192.168.1.7:8000", "10.1.2.3", "nas.local", "nas", "127.0.0.1", "[fd00::1]")


@pytest.mark.parametrize("url", [*(f"http://{host}/v1" for host in NEAR), "https://api.example.org/v1"])
def test_a_key_that_stays_near_or_is_encrypted_is_no_matter(tmp_path: Path, url: str) -> None:
    assert announce(tmp_path, replace(WORK, base_url=url, key=Secret("sk-0123456789")), "models") == []
