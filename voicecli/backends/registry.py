"""Which families there are: each tells in its own room what its backends can do.

Belongs here: the list. Does not belong here: what a family is (family), any fact about one.
"""

from __future__ import annotations

from collections.abc import Iterator

from voicecli.backends.family import Family
from voicecli.backends.gov_family import FAMILY as GOV
from voicecli.backends.local.family import FAMILY as LOCAL
from voicecli.backends.openai.family import FAMILY as OPENAI
from voicecli.backends.qiniu.family import FAMILY as QINIU
from voicecli.backends.selfhosted.family import FAMILY as SELFHOSTED

FAMILIES: dict[str, Family] = {family.name: family for family in (OPENAI, QINIU, SELFHOSTED, GOV, LOCAL)}
"""Every family by name, in the order in which tables show them. A new one is a room below voicecli.backends, and a
name here."""


ENDPOINTS = {family.name: family.endpoints for family in FAMILIES.values() if family.endpoints}


def built_in() -> Iterator[str]:
    """The families that serve without a table in the configuration, by their name."""
    return (name for name, family in FAMILIES.items() if family.built_in)
