"""Replicas in Ray, as far as they go without it; `make serve-ray` runs them."""

from __future__ import annotations

import asyncio
import sys

import pytest

from voicecli.backends.local.family import FAMILY
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import ConfigError


@pytest.mark.parametrize(
    ("fewest", "most", "span"), [(3, 0, (3, 3)), (0, 3, (1, 3)), (2, 3, (2, 3)), (3, 2, (3, 3)), (3, 3, (3, 3))]
)
def test_replicas_take_whole_utterances_side_by_side(fewest: int, most: int, span: tuple[int, int]) -> None:
    backend = LocalSettings("local", "local", replicas=fewest, most_replicas=most)
    can = FAMILY.of(backend)
    assert (backend.span, can.transcribe_live, can.lanes, can.rehears) == (span, None, 6, False)
    assert FAMILY.at_best.transcribe_live is not None


@pytest.mark.parametrize("verb", ["transcribe", "speak"])
def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    backend = LocalSettings("local", "local", replicas=1)

    async def act() -> None:
        async with getattr(FAMILY.of(backend), verb)(backend):
            raise AssertionError("it opened")

    with pytest.raises(ConfigError, match=r"pip install 'voicecli\[ray\]'"):
        asyncio.run(act())
