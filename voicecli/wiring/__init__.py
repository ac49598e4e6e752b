"""Configuration to opened adapters: who serves a verb, is it able to, and where do the words go.

Each question has a room: choosing, guessing, refusing, announcing, opening; the parts of a conversation are put
together in devices, cascade, direct, talk and notes. Belongs here: what commands and use cases call. Does not belong
here: talking to a service, printing, flags.
"""

from __future__ import annotations

from voicecli.wiring.announcing import announce as announce
from voicecli.wiring.announcing import hosts as hosts
from voicecli.wiring.choosing import able as able
from voicecli.wiring.choosing import backend_named as backend_named
from voicecli.wiring.choosing import choose as choose
from voicecli.wiring.choosing import family_of as family_of
from voicecli.wiring.choosing import used_for as used_for
from voicecli.wiring.guessing import is_for as is_for
from voicecli.wiring.guessing import settle as settle
from voicecli.wiring.opening import open_adapter as open_adapter
from voicecli.wiring.opening import with_key as with_key
from voicecli.wiring.refusing import check_language as check_language
from voicecli.wiring.refusing import check_options as check_options
from voicecli.wiring.refusing import takes as takes
from voicecli.wiring.refusing import with_chat_settings as with_chat_settings
