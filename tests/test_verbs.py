"""One definition for command, schema and grammar: each verb's words, inputs and costs, held against the program."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from voicecli import cli, ports
from voicecli.backends.family import options_of
from voicecli.backends.registry import FAMILIES
from voicecli.toolbox.arguments import schema_of
from voicecli.verbs import ALL_VERBS, COMMANDS, VERBS, Row, ability_of, meaning
from voicecli.wiring import bridges

EACH = pytest.mark.parametrize("row", [row for row in VERBS.values() if row.ability], ids=lambda row: row.name)


def command_of(row: Row) -> Any:
    name, _, part = row.commands[0].partition(" ")
    found = cli.load(name)
    return found.commands[part] if part else found


def test_every_verb_has_a_row_that_holds() -> None:
    assert tuple(VERBS) == ALL_VERBS
    for row in VERBS.values():
        assert all(name.partition(" ")[0] in COMMANDS for name in row.commands)
        assert row.name in vars(getattr(ports, row.promise)) or row.name == "health"
        options = options_of(row.name)
        assert set(row.flags) <= ({each.name for each in fields(options)} if options else set())
        if row.lifted:
            assert callable(getattr(getattr(bridges, row.bridge), row.name))
    assert {row.name for row in VERBS.values() if row.ability} == {
        row.name for row in VERBS.values() if row.use in ("embed", "image", "video", "learn")
    }


@EACH
def test_a_command_is_there_and_says_the_same(row: Row) -> None:
    ability, command = ability_of(row.name), command_of(row)
    assert command.help.startswith(ability.meaning.removesuffix("."))
    helps = " ".join(each.help or "" for each in command.params)
    assert all(each.meaning in helps.replace("\\[", "[") for each in ability.takes)


@EACH
def test_what_is_an_option_is_a_field_of_the_verbs_options(row: Row) -> None:
    ability, options = ability_of(row.name), options_of(row.name)
    known = {each.name for each in fields(options)} if options else set()
    asked = {each.name for each in ability.takes if each.option}
    assert asked <= known
    assert all(not each.required for each in ability.takes if each.option)
    assert any(
        asked <= able.takes.get(row.name, set()) for each in FAMILIES.values() if (able := each.at_best).can(row.name)
    )


@EACH
def test_the_schema_is_a_strict_object(row: Row) -> None:
    ability = ability_of(row.name)
    schema = schema_of(ability)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"]) == {each.name for each in ability.takes}
    assert all(each["type"] in ("string", "array") and each["description"] for each in schema["properties"].values())


@EACH
def test_what_sends_or_makes_a_file_is_known_to_cost(row: Row) -> None:
    """Whoever offers it to a model asks a person first."""
    ability = ability_of(row.name)
    sends = {each.kind for each in ability.takes} & {"picture", "video", "document"}
    assert ("uploads" in ability.costs) is bool(sends)
    assert ("writes" in ability.costs) is (ability.gives in ("picture", "video", "nothing"))


def test_meanings() -> None:
    assert meaning("image_make") == "Make a picture after a text."
    assert meaning("image_make", "prompt") == "What the picture shows."


@EACH
def test_whatever_does_more_than_ask_has_its_question(row: Row) -> None:
    ability = ability_of(row.name)
    assert all(map(bool, ability.question)) is bool(ability.costs - {"asks"})
    assert bool(ability.stem) is (ability.gives in ("picture", "video"))
