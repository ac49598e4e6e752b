"""The set-up as data: who may be chosen, what is asked, what is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voicecli.config import Config
from voicecli.config.edit import FoundBackend
from voicecli.config.resolve import File, resolve
from voicecli.errors import UsageError
from voicecli.types import Voice
from voicecli.usecases.setup import (
    OTHER,
    Answers,
    Candidate,
    Walk,
    address,
    changes,
    choices,
    chosen,
    is_first_run,
    keyed_by,
    steps,
    three,
    usual,
    with_keys,
    with_models,
)

OLLAMA = FoundBackend(
    "ollama", {"family": "openai", "base_url": "http://127.0.0.1:11434/v1", "chat_model": "m"}, ("chat",)
)


@pytest.fixture
def plain() -> Config:
    return resolve({}, File())


def candidates(config: Config) -> list[Candidate]:
    return choices(config, [OLLAMA], {})


def test_who_may_be_chosen(plain: Config) -> None:
    names = [each.name for each in candidates(plain)]
    assert names[:2] == ["local", "ollama"]
    assert {"openai", "qiniu", "dashscope", "groq", "deepseek"} < {*names}
    assert names[-1] == OTHER


@pytest.mark.parametrize(
    ("env", "name"), [({}, "ollama"), ({"GROQ_API_KEY": "k"}, "ollama"), ({"OPENAI_API_KEY": "k"}, "ollama")]
)
def test_what_enter_takes_where_a_server_runs_here(plain: Config, env: dict[str, str], name: str) -> None:
    found = choices(plain, [OLLAMA], env)
    at = usual(found, plain, env)
    assert at is not None
    assert found[at].name == name


def test_what_enter_takes_else(plain: Config) -> None:
    assert usual(choices(plain, [], {}), plain, {}) == 0
    found = choices(plain, [], {"GROQ_API_KEY": "k"})
    assert found[usual(found, plain, {"GROQ_API_KEY": "k"}) or 0].name == "groq"


@pytest.mark.parametrize(
    ("text", "names"),
    [("1", ["local"]), ("groq, 2", ["groq", "ollama"]), ("2 2", ["ollama"]), ("http://10.0.0.5:8000", ["server8000"])],
)
def test_choosing_by_number_name_and_address(plain: Config, text: str, names: list[str]) -> None:
    assert [each.name for each in chosen(text, candidates(plain))] == names


@pytest.mark.parametrize("text", ["0", "99", "nobody", "", "http://"])
def test_nobody_of_that_name(plain: Config, text: str) -> None:
    with pytest.raises(UsageError):
        chosen(text, candidates(plain))


def test_of_several_the_first_serves_and_this_machine_does_the_rest(plain: Config) -> None:
    assert Answers(chosen("ollama groq", candidates(plain))).serving == {
        "transcribe": "groq",
        "chat": "ollama",
        "speak": "local",
    }


@pytest.mark.parametrize(
    ("use", "env", "stored", "asked"),
    [
        ("local", {}, [], []),
        ("ollama", {}, [], []),
        ("groq openai", {}, [], [("key", "groq"), ("key", "openai")]),
        ("groq openai", {"GROQ_API_KEY": "k"}, ["openai"], []),
    ],
)
def test_a_key_is_asked_only_where_there_is_none(
    plain: Config, use: str, env: dict[str, str], stored: list[str], asked: list[tuple[str, str]]
) -> None:
    answers = Answers(chosen(use, candidates(plain)))
    sound = [("microphone", ""), ("loudspeaker", ""), ("voice", "")]
    assert steps(answers, env, stored, Answers()) == [("who", ""), *asked, ("models", ""), *sound]


def test_what_flags_gave_is_not_asked(plain: Config) -> None:
    given = Answers(chosen("local", candidates(plain)), {}, "USB", "", "en")
    assert steps(given, {}, [], given) == [("models", "")]


def test_going_back_undoes_an_answer_and_passes_over_what_asked_nothing() -> None:
    walk, one = Walk(Answers()), Answers(microphone="a")
    walk.back()
    walk.on(("microphone", ""), one)
    walk.on(("models", ""), one, asked=False)
    walk.on(("loudspeaker", ""), replace(one, loudspeaker="b"))
    walk.back()
    assert (walk.done, walk.answers) == ((("microphone", ""), ("models", "")), one)
    walk.back()
    assert (walk.done, walk.answers) == ((), Answers())


@pytest.mark.parametrize("said", ["groq http://127.0.0.1:8000/v1", "groq"])
def test_an_address_that_is_told_or_skipped_costs_no_other_question(plain: Config, said: str) -> None:
    """The step of the address is gone once it is answered: the one behind it is not taken for done."""
    found, walk = candidates(plain), Walk(Answers())
    walk.on(("who", ""), Answers((found[-1], *chosen("groq", found))))
    step = walk.next(steps(walk.answers, {}, [], Answers()))
    assert step == ("address", OTHER)
    walk.on(step, Answers(chosen(said, found)))
    assert walk.next(steps(walk.answers, {}, [], Answers())) == ("key", "groq")


def test_what_is_written(plain: Config) -> None:
    assert changes(Answers(microphone="", loudspeaker="USB"), plain) == {("audio", "output"): "USB"}
    found = changes(replace(Answers(chosen("ollama", candidates(plain))), voice="en"), plain)
    assert found["use", "chat"] == "ollama"
    assert found["backends", "ollama", "base_url"] == OLLAMA.table["base_url"]
    assert found["backends", "local", "voice"] == "en"
    assert changes(Answers(), plain) == {}


def test_a_key_by_its_variable_and_a_typed_one_that_is_not_stored_yet(plain: Config) -> None:
    answers = keyed_by(Answers(chosen("groq", candidates(plain))), "MINE")
    assert changes(answers, plain)["backends", "groq", "api_key_env"] == "MINE"
    config, env = with_keys(plain, {}, {"local": "secret"})
    assert env[config.backends["local"].api_key_env] == "secret"
    assert not plain.backends["local"].api_key_env


def test_a_server_serves_what_it_lists() -> None:
    found = with_models(address("box.lab:8000/v1"), {"chat": "m"})
    assert found.table == {"family": "openai", "base_url": "http://box.lab:8000/v1", "chat_model": "m"}
    assert found.uses == ("chat",)


def test_three_voices() -> None:
    voices = [Voice("a", language="en-US"), Voice("b", language="zh"), Voice("c", language="en"), Voice("d")]
    assert three(voices, "en", "b") == ["b", "a", "c"]
    assert three(voices, "fr", "") == ["d"]
    assert three([], "en", "x") == ["x"]


@pytest.mark.parametrize(
    ("there", "declined", "env", "first"),
    [
        (False, False, {}, True),
        (True, False, {}, False),
        (False, True, {}, False),
        (False, False, {"GROQ_API_KEY": "k"}, False),
        (False, False, {"VOICE_CONFIG": "a.toml"}, False),
    ],
)
def test_when_set_up_is_offered(there: bool, declined: bool, env: dict[str, str], first: bool) -> None:
    assert is_first_run(there, declined, env) is first
