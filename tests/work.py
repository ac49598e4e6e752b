"""A backend called "work" for tests of the program: an OpenAI-compatible service at a local server.

Belongs here: the configuration that selects it. Does not belong here: what the server answers (tests/fakes).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


def written(folder: Path, url: str, verbs: Sequence[str], more: str = "", **settings: str) -> dict[str, str]:
    """Writes a configuration in which "work" serves `verbs`; the variables that make the program read it.

    `settings` are the backend's own, `more` is TOML behind them.
    """
    file = folder / "voice.toml"
    use = "".join(f'{verb} = "work"\n' for verb in verbs)
    table = {"family": "openai", "base_url": f"{url}/v1", **settings}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
    file.write_text(f"[use]\n{use}[backends.work]\n{lines}{more}\n")
    return {"VOICE_CONFIG": str(file)}
