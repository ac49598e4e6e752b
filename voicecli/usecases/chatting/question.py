"""What is asked: a question within its template, the schema that its answer has to fit.

Belongs here: templates, schemas, putting the parts together. Does not belong here: where the parts come from (flags,
stdin), files that go along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from voicecli.errors import InputError, UsageError
from voicecli.usecases.inputs import read_text

PLACE = "$input"
"""Where a template takes the question; at its end where it has no such place."""


def joined(*parts: str) -> str:
    """One text of several: an empty line between those that are not empty."""
    return "\n\n".join(part for part in parts if part)


def framed(frame: str, question: str) -> str:
    """The template with the question in its place."""
    return frame.replace(PLACE, question) if PLACE in frame else joined(frame, question)


def template(folder: Path, name: str) -> str:
    """The text of a template in `folder`, or of a file. Raises UsageError naming what there is."""
    for path in (folder / name, folder / f"{name}.md", folder / f"{name}.txt", Path(name)):
        if path.is_file():
            return read_text(path).strip()
    known = sorted(each.stem for each in folder.glob("*") if each.is_file()) if folder.is_dir() else []
    there = f"There are: {', '.join(known)}." if known else f"Put files into {folder}."
    raise UsageError(f"there is no template '{name}'", cure=there)


def schema(path: Path) -> Mapping[str, object]:
    """The JSON schema in a file. Raises InputError where it is none."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as exc:
        raise InputError(f"is not JSON ({exc})", who=str(path), cure="Give it a JSON schema.") from None
    if not isinstance(found, dict):
        raise InputError("is not a JSON schema", who=str(path), cure="A schema is an object.")
    return found
