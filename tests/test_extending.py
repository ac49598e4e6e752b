"""docs/extending.md holds: its family passes the contract suite, and works, with no other table touched."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests import test_contracts
from tests.conftest import ROOT
from tests.contracts import DIGITS, KEY, Cell, answers, chat
from tests.fakes.server import FakeServer, Reply, Request
from voicecli import wiring
from voicecli.backends.family import Family
from voicecli.backends.registry import FAMILIES
from voicecli.commands.backends import capabilities
from voicecli.config import load
from voicecli.errors import ConfigError, UsageError
from voicecli.terminal.console import Console
from voicecli.types import Backend, ChatOptions, Secret
from voicecli.wiring.services import Services

pytestmark = pytest.mark.anyio

(CODE,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), re.DOTALL)


class ParrotServer(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.on("/say", self.say)

    def say(self, request: Request) -> Reply:
        asked = request.json()
        assert set(asked) == {"text", "tone"}
        return Reply.json({"text": f"{asked['text']} ({asked['tone']})"})


@pytest.fixture(scope="module")
def family() -> Iterator[Family]:
    module = ModuleType("parrot")
    sys.modules["parrot"] = module  # where dataclasses look for their annotations
    exec(compile(CODE, "docs/extending.md", "exec"), vars(module))  # noqa: S102
    FAMILIES["parrot"] = module.FAMILY
    yield module.FAMILY
    del FAMILIES["parrot"], sys.modules["parrot"]


def backend(server: FakeServer, **settings: object) -> Backend:
    kind = FAMILIES["parrot"].settings
    return kind("bird", "parrot", base_url=server.url, key=Secret(KEY), **settings)  # type: ignore[arg-type]


CELL = Cell("parrot", "chat", ParrotServer, backend, lambda server: server, ("/say",), chat, answers(DIGITS))


def suite() -> Iterator[object]:
    """The tests that hold of every cell which answers whole over HTTP, with each of their other parameters."""
    for name, test in vars(test_contracts).items():
        wants = list(inspect.signature(test).parameters) if name.startswith("test_") else []
        marks = [mark.args for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        if "cell" not in wants or any(names == "cell" and cells is test_contracts.STREAMED for names, cells in marks):
            continue
        others: list[dict[str, Any]] = next(
            ([{names: value} for value in values] for names, values in marks if names != "cell"), [{}]
        )
        yield from (pytest.param(test, other, id="-".join([name, *map(str, other.values())])) for other in others)


def test_the_whole_suite_is_meant() -> None:
    assert len(list(suite())) > 20


@pytest.mark.parametrize(("test", "other"), list(suite()))
async def test_a_family_of_one_file_passes_the_suite(test: object, other: dict[str, str], family: Family) -> None:
    await test(cell=CELL, **other)  # type: ignore[operator]


async def test_it_is_configured_chosen_and_told_of_like_any_other(family: Family, tmp_path: Path) -> None:
    path = tmp_path / "voice.toml"
    with ParrotServer() as server:
        table = f'[backends.bird]\nfamily = "parrot"\nbase_url = "{server.url}"\n'
        path.write_text(f'{table}tone = "kind"\n[use]\nchat = "bird"\n')
        services = Services(load({}, path=path), {}, Console({}))
        async with services.open("chat") as parrot, chat(parrot) as said:
            assert [each.text async for each in said] == [f"After {DIGITS}? (kind)"]
        path.write_text(f'{table}tonne = "kind"\n')
        with pytest.raises(ConfigError, match=r"Did you mean backends\.bird\.tone\?"):
            load({}, path=path)
    assert capabilities(family.at_best)["chat"] == "yes" and capabilities(family.at_best)["speak"] == "-"
    assert wiring.hosts("chat", family.plain()) == []
    with pytest.raises(UsageError, match="parrot: does not take --seed to chat"):
        wiring.check_options(family.at_best, "chat", ChatOptions(seed=1))
