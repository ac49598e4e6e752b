"""Resolving the configuration: which layer wins, what is guessed, and what each mistake is told.

Belongs here: load() as its callers see it. The schema's details are in test_config_schema, editing in
test_config_edit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import ROOT
from voicecli.config import BASIC_VERBS, Config, TalkSettings, Use, load
from voicecli.config.files import read
from voicecli.config.keys import stored
from voicecli.config.layers import Given, Layer, overlay
from voicecli.config.resolve import OPENAI_DEFAULTS, parse, resolve, unknown_variables, variables
from voicecli.errors import ConfigError

FILE = Path("/somewhere/config.toml")
WORK = '[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:1/v1"\n'


def from_text(text: str, env: dict[str, str] | None = None, profile: str = "", **flags: Any) -> Config:
    return resolve(env or {}, parse(text, FILE), profile, {k.replace("__", "."): v for k, v in flags.items()})


def mistake(text: str, env: dict[str, str] | None = None, profile: str = "", **flags: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        from_text(text, env, profile, **flags)
    assert caught.value.exit_code == 2
    return str(caught.value)


# -- which layer wins ------------------------------------------------------------------------------

LAYERS = ("file", "profile", "variable", "flag")
SOURCES = {
    "file": f"file {FILE}",
    "profile": "profile travel",
    "variable": "VOICE_TALK_END_MS",
    "flag": "flag --end-ms",
    "default": "default",
}


@given(st.dictionaries(st.sampled_from(LAYERS), st.integers(300, 1200)))
def test_the_strongest_layer_that_speaks_wins_and_is_named(said: dict[str, int]) -> None:
    text = "[profiles.travel]\n"
    text = (f"[talk]\nend_ms = {said['file']}\n" if "file" in said else "") + text
    text += f"talk.end_ms = {said['profile']}\n" if "profile" in said else ""
    env = {"VOICE_TALK_END_MS": str(said["variable"])} if "variable" in said else {}
    config = resolve(env, parse(text, FILE), "travel", {"talk.end_ms": said.get("flag")})
    winner = next((each for each in reversed(LAYERS) if each in said), "default")
    assert config.talk.end_ms == said.get(winner, TalkSettings().end_ms)
    assert config.sources["talk.end_ms"] == SOURCES[winner]


leaves = st.builds(Given, st.integers(), st.sampled_from(["file", "flag"]))
flat: st.SearchStrategy[Layer] = st.dictionaries(st.sampled_from("abc"), leaves)
layers: st.SearchStrategy[Layer] = st.recursive(
    flat,  # small letters are values and capitals tables, as in a schema
    lambda inner: st.builds(dict.__or__, flat, st.dictionaries(st.sampled_from("TU"), inner)),
    max_leaves=8,
)


@given(layers, layers, layers)
def test_layers_may_be_laid_in_any_grouping(a: Layer, b: Layer, c: Layer) -> None:
    assert overlay(overlay(a, b), c) == overlay(a, overlay(b, c))
    assert overlay(a, {}) == overlay({}, a) == overlay(a, a) == a


@given(layers, layers)
def test_what_is_laid_over_is_there_whole(under: Layer, over: Layer) -> None:
    def inside(part: Any, whole: Any) -> bool:
        if not isinstance(part, dict):
            return bool(part == whole)
        return isinstance(whole, dict) and all(inside(value, whole.get(key)) for key, value in part.items())

    assert inside(over, overlay(under, over))


def test_a_profile_changes_one_key_of_a_backend_and_leaves_the_others() -> None:
    text = f"""[use]\nchat = "work"\n{WORK}chat_model = "big"\nextra.chat.top_k = 3
    [profiles.travel.backends.work]\nchat_model = "small"\nextra.chat.min_p = 0.1"""
    at_home, away = from_text(text), from_text(text, profile="travel")
    assert (at_home.backends["work"].chat_model, away.backends["work"].chat_model) == ("big", "small")
    assert away.backends["work"].base_url == at_home.backends["work"].base_url
    assert away.backends["work"].extra == {"chat": {"top_k": 3, "min_p": 0.1}}
    assert away.sources["backends.work.extra.chat.min_p"] == "profile travel"
    assert away.profile == "travel" and at_home.profiles == ("travel",)


def test_every_setting_tells_its_source() -> None:
    config = from_text(f'[use]\nchat = "work"\n{WORK}')
    for section in ("use", "chat", "audio", "talk"):
        for key in getattr(config, section).__dataclass_fields__:
            assert config.sources[f"{section}.{key}"]
    assert config.sources["backends.work.family"] == f"file {FILE}"
    assert config.sources["backends.work.voice"] == "default"


def test_the_variables_are_derived_from_the_sections() -> None:
    names = variables()
    assert names["VOICE_CHAT"] == ("use", "chat") and names["VOICE_CHAT_SYSTEM"] == ("chat", "system")
    assert names["VOICE_TALK_END_MS"] == ("talk", "end_ms") and names["VOICE_AUDIO_INPUT"] == ("audio", "input")
    assert len(set(names.values())) == len(names)


def test_unknown_variables_are_let_be_and_empty_ones_are_not_set() -> None:
    env = {"VOICE_ODD": "1", "VOICE_TALK_VAD": "", "VOICE_TALK_ENDMS": "3", "VOICE_CONFIG": "x"}
    config = from_text("", env)
    assert unknown_variables(env) == [
        "VOICE_ODD is no variable of voice.",
        "VOICE_TALK_ENDMS is no variable of voice. Did you mean 'VOICE_TALK_END_MS'?",
    ]
    assert config.talk.vad == "silero" and config.sources["talk.vad"] == "default"


def test_variables_are_read_as_the_type_that_the_setting_has() -> None:
    env = {
        "VOICE_TALK_HEADPHONES": "yes",
        "VOICE_CHAT_TEMPERATURE": "1",
        "VOICE_AUDIO_INPUT": "3",
        "VOICE_AUDIO_OUTPUT": "USB 3",
        "VOICE_CHAT_SYSTEM": "42",
    }
    config = from_text("", env)
    assert config.talk.headphones is True and config.chat.temperature == 1.0
    assert (config.audio.input, config.audio.output, config.chat.system) == (3, "USB 3", "42")


# -- what nobody named -----------------------------------------------------------------------------


def test_with_nothing_configured_everything_stays_on_this_machine() -> None:
    config = from_text("")
    assert config.use == Use("local", "local", "local") and not config.guessed
    assert config.backends["local"].family == "local"


def test_a_key_in_the_environment_is_a_service_and_its_verbs_are_guesses() -> None:
    config = from_text("", {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1/"})
    service = config.backend_for("chat")
    assert config.use == Use("openai", "openai", "openai") and config.guessed == set(BASIC_VERBS)
    assert (service.base_url, service.api_key_env) == ("http://127.0.0.1:9/v1", "OPENAI_API_KEY")
    assert service.chat_model == OPENAI_DEFAULTS["chat_model"] and service.key is None
    assert config.sources["backends.openai.base_url"] == "OPENAI_BASE_URL"
    assert config.sources["use.chat"] == "OPENAI_API_KEY"
    assert "local" in config.backends


def test_a_verb_that_a_variable_names_is_no_guess() -> None:
    config = from_text("", {"OPENAI_API_KEY": "sk-1", "VOICE_CHAT": "local"})
    assert config.use == Use("openai", "local", "openai") and config.guessed == {"transcribe", "speak"}


def test_a_file_that_names_some_verbs_leaves_the_others_on_this_machine() -> None:
    config = from_text(f'[use]\nchat = "work"\nspeak = ""\n{WORK}', {"OPENAI_API_KEY": "sk-1"})
    assert config.use == Use("local", "work", "local") and not config.guessed


def test_the_only_backend_of_a_file_is_meant() -> None:
    config = from_text(WORK, {"OPENAI_API_KEY": "sk-1"})
    assert config.use == Use("work", "work", "work") and config.guessed == set(BASIC_VERBS)
    assert config.sources["use.chat"] == "the only backend"


def test_a_file_without_backends_does_not_hide_the_key_in_the_environment() -> None:
    assert from_text("[talk]\nend_ms = 600\n", {"OPENAI_API_KEY": "sk-1"}).use.chat == "openai"


def test_a_bad_openai_address_matters_only_where_it_is_used() -> None:
    env = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "ftp://x"}
    assert from_text('[use]\nchat = "local"\n', env).use.chat == "local"
    assert mistake("", env).startswith("OPENAI_BASE_URL must begin with http:// or https://")


def test_a_backend_called_openai_in_the_file_is_the_file_s() -> None:
    text = '[use]\nchat = "openai"\n[backends.openai]\nfamily = "openai"\nbase_url = "http://127.0.0.1:1"\n'
    service = from_text(text, {"OPENAI_API_KEY": "sk-1"}).backends["openai"]
    assert service.api_key_env == "" and service.base_url == "http://127.0.0.1:1"


def test_the_embedded_backend_can_be_adjusted_without_being_defined() -> None:
    adjusted = from_text('[backends.local]\nvoice = "en-gb"\n').backends["local"]
    assert (adjusted.family, adjusted.voice) == ("local", "en-gb")


# -- what mistakes are told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[talk]\nend_mss = 1", "talk.end_mss is not a setting. Did you mean talk.end_ms?"),
        ("end_ms = 1", "end_ms is not a setting. Did you mean talk.end_ms?"),
        ("[chat]\nchat_modle = 'x'", "Did you mean backends.NAME.chat_model?"),
        ("[backend.x]\nfamily = 'openai'", "backend is not a setting. Did you mean backends?"),
        ("[profiles.a.tlak]\nvad = 'webrtc'", "profiles.a.tlak is not a setting. Did you mean profiles.a.talk?"),
        ("[use]\nqqq = 1", "There are: chat, embed, image, learn, speak, talk, transcribe, video."),
        ("[talk]\nend_ms = 'soon'", "talk.end_ms must be a whole number from 50 to 10000, not text"),
        ("[talk]\nend_ms = 5", "talk.end_ms is 5; it must be from 50 to 10000"),
        ("[talk]\nend_ms = true", "talk.end_ms must be a whole number from 50 to 10000, not true or false"),
        ("[talk]\nend_ms = 500.0", "talk.end_ms must be a whole number from 50 to 10000, not a number"),
        ("[talk]\nend_ms = 0x" + "f" * 99, "talk.end_ms is too large a number"),
        ("[talk]\nvad = 'slero'", 'talk.vad is "slero"; it must be "silero" or "webrtc"; did you mean "silero"?'),
        ("[talk]\nvad = 2020-01-01", 'talk.vad must be "silero" or "webrtc", not a date or time'),
        ("[talk]\ncues = 'lost'", 'talk.cues must be a list of "listening", "taken" or "lost", not text'),
        ("[chat]\ntemperature = nan", "chat.temperature must be a finite number"),
        ("[audio]\ninput = -1", "audio.input is -1; it must be from 0 to 9999"),
        ("[audio]\ninput = []", "audio.input must be a whole number from 0 to 9999 or text, not a list"),
        ("talk = 3", "talk must be a table, as in [talk], not a whole number"),
        ("[[backends.work]]\nfamily = 'x'", "backends.work must be a table, as in [backends.work], not a list"),
        ("[backends.work]\nvoice = 'x'", "backends.work.family is missing. Add it to [backends.work]."),
        ("[backends.'a b']\nfamily = 'x'", 'backends."a b" is no usable name'),
        ("[backends.w]\nfamily='x'\nheaders = 3", "backends.w.headers must be a table"),
        ("[backends.w]\nfamily='x'\nheaders.a = 3", "backends.w.headers.a must be text, not a whole number"),
        ("[backends.w]\nfamily='x'\nextra.day = 2020-01-01", "backends.w.extra.day must be text, a number"),
        ("[backends.w]\nfamily='x'\nextra" + ".a" * 40 + " = 1", "backends.w.extra is nested too deeply"),
        ("[backends.w]\nfamily='x'\nbase_urls = 'http://a'", "base_urls must be a list of addresses, not text"),
        ("[backends.w]\nfamily='x'\ntimeout_s = 0", "backends.w.timeout_s is 0.0; it must be from 0.1 to 3600"),
        (f"{WORK}[use]\nchat = 'wrk'", "Did you mean 'work'? There are: local, work."),
        ("[use]\nchat = 'openai'", "OPENAI_API_KEY is not set. There are: local."),
        (
            "[talk]\nend_ms = 1500",
            "talk.end_ms (1500, file /somewhere/config.toml) must not be more than talk.end_ms_max",
        ),
        ("a = 1\nb = = 2", "line 2, column 5"),
        ("a = 'x", "line 1, column 7"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "holds a value that cannot be read"),
    ],
)
def test_a_mistake_in_the_file_names_file_key_and_cure(text: str, told: str) -> None:
    message = mistake(text)
    assert told in message and str(FILE) in message and message.isprintable()


def test_a_mistake_in_a_profile_is_found_before_the_profile_is_used() -> None:
    assert "profiles.travel.talk.vad" in mistake("[profiles.travel.talk]\nvad = 'x'")


def test_an_unknown_profile_names_those_there_are() -> None:
    assert mistake("[profiles.travel.talk]\n[profiles.desk.talk]", profile="trvl") == (
        f'{FILE}: there is no profile "trvl". There are: desk, travel.'
    )
    with pytest.raises(ConfigError, match=r'no configuration file: there is no profile "x"\. None is defined'):
        load({"VOICE_PROFILE": "x", "VOICE_CONFIG": ""}, flags={}, profile=None)


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    assert mistake("", {"VOICE_TALK_END_MS": "soon\x1b[31m"}) == (
        'VOICE_TALK_END_MS must be a whole number from 50 to 10000, not "soon\\x1b[31m"'
    )
    assert mistake("", {"VOICE_TALK_END_MS": "9"}).startswith("VOICE_TALK_END_MS is 9; it must be from")
    assert mistake("", {"VOICE_CHAT": "wrk"}) == 'VOICE_CHAT: there is no backend "wrk". There are: local.'


def test_a_mistake_in_a_flag_names_the_flag() -> None:
    assert mistake("", use__chat="wrk") == '--backend: there is no backend "wrk". There are: local.'
    assert mistake("", talk__draft="later").startswith('--draft is "later"; it must be "auto", "off"')


@pytest.mark.parametrize("key", ["api_key", "key", "API_KEY", "token"])
def test_a_key_in_the_file_is_refused_and_not_repeated(key: str) -> None:
    message = mistake(f"{WORK}{key} = 'sk-marked'")
    assert "a key does not belong in this file" in message and "voice keys set work" in message
    assert "sk-marked" not in message


@pytest.mark.parametrize(
    "line",
    [
        "base_url = 'http://user:marked@host/v1'",
        "base_url = 'http://host/v1?key=marked'",
        "base_url = 'http://host:marked/v1'",
        "base_url = 'marked://host/v1'",
        "base_url = 'http://ho st/marked'",
        "base_urls = ['http://host', 'marked']",
        "base_url = ['marked']",
        "api_key_env = ['marked']",
        "api_key_cmd = {a = 'marked'}",
        "headers.Authorization = ['marked']",
        "family = ['marked']",
    ],
)
def test_no_message_repeats_what_may_be_a_secret(line: str) -> None:
    assert "marked" not in mistake(f"[backends.work]\n{line}")


# -- files -----------------------------------------------------------------------------------------


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    for path, env, asked in ((gone, {}, "--config"), (None, {"VOICE_CONFIG": str(gone)}, "VOICE_CONFIG")):
        with pytest.raises(ConfigError) as caught:
            load(env, path=path)
        assert str(caught.value) == f"{gone}: there is no such file ({asked}). voice config init writes one."


def test_the_flag_beats_the_variable_and_the_file_is_named(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[talk]\nend_ms = 301\n")
    two.write_bytes(b"\xef\xbb\xbf[talk]\r\nend_ms = 302\r\n")  # as an editor on Windows writes it
    config = load({"VOICE_CONFIG": str(one)}, path=two)
    assert (config.talk.end_ms, config.path) == (302, two)
    assert load({"VOICE_CONFIG": str(one)}).talk.end_ms == 301


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"a = 1\nb = '\xff'\n", "line 2 is not UTF-8"), (b"#" * ((1 << 20) + 1), "is larger than 1 MiB")],
)
def test_a_file_that_is_no_text_is_told_so(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load({}, path=path)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        load({}, path=tmp_path)


# -- whatever is in it -----------------------------------------------------------------------------

names = st.sampled_from(["use", "backends", "talk", "chat", "profiles", "work", "end_ms", "extra", "family", "x y", ""])
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def toml(value: Any) -> str:
    """Any value as TOML writes it inline; None as something that no TOML is."""
    import json

    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if not isinstance(value, (str, bool)) else json.dumps(value)


@given(st.dictionaries(names, values, max_size=4), st.sampled_from(["", "work"]))
def test_tables_of_any_shape_load_or_are_our_error(tables: dict[str, Any], profile: str) -> None:
    text = "\n".join(f'"{name}" = {toml(value)}' for name, value in tables.items())
    loads_or_tells(text, profile)


EXAMPLE = (Path(__file__).parents[1] / "config.example.toml").read_text(encoding="utf-8").replace("\n#", "\n")


@given(st.integers(0, len(EXAMPLE)), st.integers(0, 40), st.text(max_size=6))
@example(0, 0, "\x00")
@example(0, 0, "a = '''")
def test_a_damaged_file_loads_or_is_our_error(at: int, length: int, junk: str) -> None:
    loads_or_tells(EXAMPLE[:at] + junk + EXAMPLE[at + length :], "travel")


@given(st.text())
def test_any_text_loads_or_is_our_error(text: str) -> None:
    loads_or_tells(text, "")


def loads_or_tells(text: str, profile: str) -> None:
    try:
        from_text(text, profile=profile)
    except ConfigError as exc:
        assert str(FILE) in str(exc) or "must not be more than" in str(exc)
        assert str(exc).isprintable() and len(str(exc)) < 2000


@given(st.dictionaries(st.sampled_from(sorted(variables())), st.text(min_size=1), min_size=1, max_size=3))
def test_any_variable_is_read_or_named(env: dict[str, str]) -> None:
    try:
        from_text("", env)
    except ConfigError as exc:
        assert any(name in str(exc) for name in env) and str(exc).isprintable()


# -- what may stay without a backend ---------------------------------------------------------------


def test_the_other_verbs_may_be_named_and_need_not_be() -> None:
    env = {"VOICE_VIDEO": "work"}
    config = from_text(f'{WORK}[use]\nimage = "work"\n', env)
    assert config.use == Use("work", "work", "work", image="work", video="work")
    assert config.sources["use.video"] == "VOICE_VIDEO" and config.sources["use.learn"] == "default"
    assert 'no backend "wrok"' in mistake(f'{WORK}[use]\nlearn = "wrok"\n')


@pytest.mark.needs_posix
def test_a_file_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o666)
    with pytest.raises(ConfigError, match=r"others on this machine may change it\. chmod o-w "):
        load({}, path=path)
    path.chmod(0o664)
    assert load({}, path=path).path == path


@pytest.mark.needs_posix
def test_folders_that_are_made_are_the_owners_alone(tmp_path: Path) -> None:
    from voicecli.storage.cache import keep

    before = os.umask(0)
    try:
        keep(tmp_path / "cache" / "voicecli" / "speech" / "ab" / "cd", b"x")
    finally:
        os.umask(before)
    made = [each for each in tmp_path.rglob("*") if each.is_dir()]
    assert len(made) == 4 and {each.stat().st_mode & 0o777 for each in made} == {0o700}


@pytest.mark.needs_posix
def test_whose_home_is_no_folder_has_no_settings_and_no_keys() -> None:
    """HOME=/dev/null, as services are given it."""
    with pytest.raises(FileNotFoundError):
        read(Path("/dev/null/voicecli/config.toml"))
    assert stored(Path("/dev/null/voicecli")) == {}


@pytest.mark.needs_posix
@pytest.mark.parametrize("xdg", [{}, {"XDG_STATE_HOME": "/tmp/state"}])
def test_who_has_no_home_finds_and_keeps_nothing(xdg: dict[str, str]) -> None:
    """No HOME, and a number that no user has: asked in a process of its own, where root can take one."""
    code = "import os, platformdirs.unix; from voicecli.config import files; os.getuid() or os.setuid(54321);"
    code += "print(files.folders().state)"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HOME", "XDG_"))} | xdg
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=ROOT)
    if os.getuid() == 0:
        assert run.stdout.strip() == ("/tmp/state/voicecli" if xdg else "/nonexistent/voicecli"), run.stderr
