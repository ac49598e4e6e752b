"""One definition for command, schema and grammar: each verb's words, inputs and costs, held against the program."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from voicecli import cli, types
from voicecli.backends.registry import FAMILIES
from voicecli.verbs import ABILITIES, Ability, meaning, schema_of
from voicecli.wiring import USED_FOR

EACH = pytest.mark.parametrize("ability", ABILITIES.values(), ids=lambda each: each.verb)
OPTIONS = {
    "image_make": types.PictureOptions,
    "image_describe": types.DescribeOptions,
    "learn": types.LearnOptions,
}


def command_of(ability: Ability) -> Any:
    found = cli.load(ability.command[0])
    return found.commands[ability.command[1]] if len(ability.command) > 1 else found


def test_every_verb_beyond_a_conversation_is_defined() -> None:
    assert set(ABILITIES) == {verb for verb, use in USED_FOR.items() if use in ("embed", "image", "video", "learn")}
    assert len({each.command for each in ABILITIES.values()}) == len(ABILITIES)


@EACH
def test_a_command_is_there_and_says_the_same(ability: Ability) -> None:
    command = command_of(ability)
    assert command.help.startswith(ability.meaning.removesuffix("."))
    helps = " ".join(each.help or "" for each in command.params)
    assert all(each.meaning in helps.replace("\\[", "[") for each in ability.takes)


@EACH
def test_what_is_an_option_is_a_field_of_the_verbs_options(ability: Ability) -> None:
    known = {each.name for each in fields(OPTIONS[ability.verb])} if ability.verb in OPTIONS else set()
    asked = {each.name for each in ability.takes if each.option}
    assert asked <= known
    assert all(not each.required for each in ability.takes if each.option)
    assert any(
        asked <= family.takes.get(ability.verb, set()) for family in FAMILIES.values() if family.can(ability.verb)
    )


@EACH
def test_the_schema_is_a_strict_object(ability: Ability) -> None:
    schema = schema_of(ability)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) <= set(schema["properties"]) == {each.name for each in ability.takes}
    assert all(each["type"] in ("string", "array") and each["description"] for each in schema["properties"].values())


@EACH
def test_what_sends_or_makes_a_file_is_known_to_cost(ability: Ability) -> None:
    """Whoever offers it to a model asks a person first."""
    sends = {each.kind for each in ability.takes} & {"picture", "video", "document"}
    assert ("uploads" in ability.costs) is bool(sends)
    assert ("writes" in ability.costs) is (ability.gives in ("picture", "video", "nothing"))


def test_meanings() -> None:
    assert meaning("image_make") == "Make a picture after a text."
    assert meaning("image_make", "prompt") == "What the picture shows."
