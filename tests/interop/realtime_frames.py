"""OpenAI's own types judge what voice sends to a realtime session, in the SDK's environment.

    python realtime_frames.py < FRAMES      a frame a line; prints a line for each fault

A field that the types do not know is a fault too: the SDK itself would keep it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from openai.types.realtime import RealtimeClientEvent
from pydantic import BaseModel, TypeAdapter, ValidationError

EVENT: TypeAdapter[object] = TypeAdapter(RealtimeClientEvent)


def unknown(value: object, place: str) -> Iterator[str]:
    """Fields that no type has, below `value`."""
    if isinstance(value, BaseModel):
        yield from (f"{place}.{name} is unknown" for name in value.model_extra or ())
        for name, each in value:
            yield from unknown(each, f"{place}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from unknown(each, place)


def faults(frame: str) -> Iterator[str]:
    kind = json.loads(frame)["type"]
    try:
        event = EVENT.validate_json(frame, strict=True)
    except ValidationError as exc:
        deepest = max(exc.errors(include_url=False), key=lambda each: len(each["loc"]))
        yield f"{kind}: {deepest}"
    else:
        yield from unknown(event, kind)


if __name__ == "__main__":
    for line in sys.stdin:
        for fault in faults(line):
            sys.stdout.write(fault + "\n")
