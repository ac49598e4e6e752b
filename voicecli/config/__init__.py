"""Settings: from a file, a profile, variables and flags to frozen dataclasses, once, at the edge.

Belongs here: which settings exist (model), how values are checked (schema), how layers are merged
(layers), which outranks which (resolve), the file on disk (files) and its editing (edit).
Does not belong here: keys of services (voicecli.config.keys), what a family needs (its adapter), printing.
"""

from __future__ import annotations

from voicecli.config.files import config_path
from voicecli.config.model import AudioSettings, ChatSettings, Config, TalkSettings, Use
from voicecli.config.resolve import BASIC_VERBS, LOCAL, OPENAI, load, unknown_variables

__all__ = [
    "BASIC_VERBS",
    "LOCAL",
    "OPENAI",
    "AudioSettings",
    "ChatSettings",
    "Config",
    "TalkSettings",
    "Use",
    "config_path",
    "load",
    "unknown_variables",
]
