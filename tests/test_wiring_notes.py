"""Who embeds and who ranks, and when vectors are of somebody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.config.model import Config, Use
from voicecli.errors import ConfigError
from voicecli.types import Backend
from voicecli.wiring import notes as wiring_notes

CHAT = SelfhostedSettings("chat", "selfhosted", chat_url="http://127.0.0.1:1")
LAB = SelfhostedSettings("lab", "selfhosted", embedding_url="http://127.0.0.1:2")
WORK = Backend("work", "openai", base_url="http://127.0.0.1:3/v1", embed_model="e1")


def config(*backends: Backend, embed: str = "") -> Config:
    return Config(
        use=Use("chat", "chat", "chat", embed=embed), backends={each.name: each for each in (CHAT, *backends)}
    )


def names(cfg: Config, answering: str | None = None) -> tuple[str, str | None]:
    embeds = wiring_notes.embedding(cfg, answering)
    ranks = wiring_notes.ranking(cfg, embeds)
    return embeds[1].name, ranks and ranks[1].name


def test_the_setting_decides_then_who_answers_then_who_can() -> None:
    assert names(config(LAB, WORK, embed="work"), "lab") == ("work", "lab")
    assert names(config(LAB, WORK), "work") == ("work", "lab")
    assert names(config(LAB), "chat") == ("lab", "lab")
    assert names(config(WORK)) == ("work", None), "what only compares vectors has nothing to add"
    with pytest.raises(ConfigError, match="does not offer embed"):
        names(config())


def test_of_two_that_rank_none_is_guessed() -> None:
    other = SelfhostedSettings("other", "selfhosted", embedding_url="http://127.0.0.1:4")
    assert names(config(LAB, WORK, other, embed="work")) == ("work", None)
    assert names(config(LAB, WORK, other, embed="other")) == ("other", "other")


def test_what_changes_the_vectors_changes_whose_they_are() -> None:
    def identity(backend: Backend) -> object:
        return wiring_notes.identity(wiring_notes.embedding(config(backend, embed=backend.name), None))

    same = Backend("work", "openai", base_url="http://127.0.0.1:3/v1", embed_model="e1", chat_model="m", timeout_s=3)
    assert identity(same) == identity(WORK)
    assert identity(replace(WORK, embed_model="e2")) != identity(WORK)
    assert identity(replace(WORK, base_url="http://127.0.0.1:9/v1")) != identity(WORK)
    assert identity(replace(WORK, extra={"embed": {"dimensions": 9}})) != identity(WORK)
