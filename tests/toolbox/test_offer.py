"""Which tools a conversation is offered: the flags, `[tools]`, and what the configuration serves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from voicecli.backends.registry import FAMILIES
from voicecli.config import Config
from voicecli.config.resolve import parse, resolve
from voicecli.errors import ConfigError, UsageError
from voicecli.toolbox.offer import ToolWish, chosen, known, server_of
from voicecli.toolbox.skills import BY_NAME
from voicecli.verbs import abilities

OPENAI = FAMILIES["openai"].at_best
WORK = '[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:1/v1"\nchat_model = "m"\n'
CITY = '[backends.city]\nfamily = "gov"\nbase_url = "http://127.0.0.1:2"\n'
USED = '[use]\nchat = "work"\n'
OFFLINE = ("clock", "convert", "calculate")


def configured(*parts: str) -> Config:
    return resolve({}, parse("".join(parts), Path("voice.toml")))


def offered(*parts: str, wish: ToolWish = ToolWish()) -> set[str]:  # noqa: B008
    return set(chosen(configured(*parts), OPENAI, wish))


def test_what_is_configured_is_offered() -> None:
    """A service with many models does what it has a model for."""
    assert offered(USED, WORK) == {*OFFLINE, "image_describe"}
    assert offered(USED, WORK, 'image_model = "draw"\n') == {*OFFLINE, "image_describe", "image_make"}
    assert offered(USED, WORK, 'embed_model = "near"\n') == {*OFFLINE, "image_describe", "similar", "rerank"}


def test_another_backend_may_serve_the_rest() -> None:
    used = '[use]\nchat = "work"\nimage = "city"\nvideo = "city"\nlearn = "city"\n'
    pictures = {"image_make", "image_describe", "image_enhance", "image_animate"}
    assert offered(used, WORK, CITY) == {*OFFLINE, *pictures, "video_track", "video_smooth", "learn"}


def test_the_one_that_answers_serves_what_nobody_else_is_named_for() -> None:
    cfg = configured(USED, CITY, WORK.replace("work", "other"), 'image_model = "draw"\n', WORK)
    assert server_of("image_make", cfg, "other") == "other"
    assert server_of("image_make", replace(cfg, use=replace(cfg.use, image="city")), "other") == "city"


def test_a_family_that_there_is_not_serves_nothing() -> None:
    used = '[use]\nchat = "work"\nimage = "odd"\n[backends.odd]\nfamily = "opnai"\n'
    assert offered(used, WORK) == set(OFFLINE)


def test_timers_are_offered_where_they_ring() -> None:
    assert "timer" in offered(USED, WORK, wish=ToolWish(rings=True))
    with pytest.raises(UsageError, match="--tool timer: timers ring only in voice talk"):
        offered(USED, WORK, wish=ToolWish(only=("timer",)))


def test_settings_and_flags_choose() -> None:
    some = '[tools]\nenabled = ["clock", "image_make", "timer"]\n'
    assert offered(USED, WORK, some) == {"clock"}
    assert offered(USED, WORK, "[tools]\nenabled = []\n") == set()
    assert offered(USED, WORK, some, wish=ToolWish(only=("calculate", "convert"))) == {"calculate", "convert"}
    assert offered(USED, WORK, wish=ToolWish(none=True)) == set()


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (ToolWish(only=("clokc",)), "there is no tool 'clokc'. Did you mean clock"),
        (ToolWish(only=("zzz",)), "there is no tool 'zzz'. There are: clock, timer"),
        (ToolWish(only=("embed",)), "there is no tool 'embed'"),
        (
            ToolWish(only=("video_track",)),
            "--tool video_track: no backend serves it as they are configured. There are: clock",
        ),
        (ToolWish(only=("clock",), none=True), "contradict each other"),
    ],
)
def test_what_cannot_be_offered_is_refused(wish: ToolWish, told: str) -> None:
    with pytest.raises(UsageError) as failure:
        offered(USED, WORK, wish=wish)
    assert told in str(failure.value)


def test_a_setting_that_names_no_tool_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[tools\] enabled: there is no tool 'clokc'"):
        offered(USED, WORK, '[tools]\nenabled = ["clokc"]\n')


@pytest.mark.parametrize("name", ["gov", "selfhosted", "local"])
def test_a_family_that_calls_no_functions_is_offered_nothing(name: str) -> None:
    cfg = configured(USED, WORK)
    assert chosen(cfg, FAMILIES[name].at_best, ToolWish()) == ()
    with pytest.raises(UsageError, match=r"does not take tools \(--tool\)") as failure:
        chosen(cfg, FAMILIES[name].at_best, ToolWish(only=("clock",)))
    assert "openai" in failure.value.cure


def test_every_ability_but_vectors_and_every_group_of_skills_is_a_tool() -> None:
    assert list(known()) == [*BY_NAME, *(verb for verb, _ in abilities() if verb != "embed")]
    assert all(known().values())
