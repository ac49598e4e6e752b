"""Configuration to opened adapters: who serves a verb, is it able to, and where do the words go.

Each question has a room: choosing, guessing, refusing, addresses, announcing, opening; the parts of a conversation
are put together in devices, talk and notes. Belongs here: what commands and use cases call. Does not belong here:
talking to a service, printing, flags.
"""

from __future__ import annotations

from voicecli.wiring.addresses import addresses, hosts
from voicecli.wiring.announcing import announce
from voicecli.wiring.choosing import able, backend_named, choose, family_of, used_for
from voicecli.wiring.guessing import is_for, settle
from voicecli.wiring.opening import open_adapter, with_key
from voicecli.wiring.refusing import check_language, check_options, takes, with_chat_settings

__all__ = [
    "able",
    "addresses",
    "announce",
    "backend_named",
    "check_language",
    "check_options",
    "choose",
    "family_of",
    "hosts",
    "is_for",
    "open_adapter",
    "settle",
    "takes",
    "used_for",
    "with_chat_settings",
    "with_key",
]
