"""schemathesis against `voice serve`: no status, body or content type but those that its own OpenAPI declares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interop.tools import TOOLS, environment
from tests.server.conftest import CONFIG, serving

HERE = Path(__file__).parent


@pytest.mark.timeout(900)
def test_what_it_does_is_what_it_says(tmp_path: Path) -> None:
    config = CONFIG.replace("[use]", '[use]\nembed = "work"') + 'embed_model = "letters-embed"\n'
    with serving(tmp_path, config=config) as server:
        flags = ["--max-examples", "20", "--workers", "1", "--seed", "1", "--no-color"]
        program = [str(TOOLS / "schemathesis" / "bin" / "st"), "--config-file", str(HERE / "schemathesis.toml")]
        command = [*program, "run", f"{server.url}/openapi.json", *flags]
        done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout[-6000:]
