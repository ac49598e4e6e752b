"""A value as one line of JSON.

Pure. Belongs here: what a terminal can show of it. Does not belong here: reading JSON, schemas.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

_SHOWN = {
    code: f"\\u{code:04x}"
    for each in (range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A), range(0xD800, 0xE000))
    for code in each
}
"""What JSON leaves as it is and a terminal obeys, or nothing can write."""


def dump_json(value: object) -> str:
    """`value` as one line of JSON that a terminal can show: controls are escaped, nothing is lost."""
    return json.dumps(value, ensure_ascii=False, default=_plain).translate(_SHOWN)


def _plain(value: object) -> object:
    """Frozen dataclasses as objects, anything else that JSON lacks as text."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)
