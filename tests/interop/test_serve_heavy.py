"""`voice serve` judged by large clients that nobody here wrote: agents in JavaScript, pipecat, livekit, LiteLLM."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests import dtmf
from tests.interop.test_litellm import QUIET
from tests.interop.test_serve import DIGITS, HERE, NEXT, Judged, answers_sounded, judged
from tests.interop.tools import ROOT, TOOLS, environment, free_port, running
from tests.people import says

__all__ = ["judged"]

RATES = (16_000, 24_000, 48_000)
SERVED = {"gpt-4o-mini": "chat", "gpt-4o-mini-tts": "audio_speech", "gpt-realtime": "realtime"}


def test_openais_agents_in_javascript(tmp_path: Path, judged: Judged) -> None:
    home = TOOLS / "openai-agents-js"
    client = shutil.copy(HERE / "agents_client.mjs", home)
    command = ["node", str(client), f"ws://127.0.0.1:{judged.server.port}/v1/realtime", str(tmp_path)]
    done = subprocess.run(command, cwd=home, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {"interrupted": True, "said": ["583.", f"{NEXT}."]}
    answers_sounded(tmp_path, "js-")


def test_litellm_in_front(tmp_path: Path, judged: Judged) -> None:
    """OpenAI's SDK through it: chat and speech streamed, a spoken conversation."""
    ours = {"api_base": f"{judged.server.url}/v1", "api_key": "-"}
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", **ours}, "model_info": {"mode": mode}}
        for name, mode in SERVED.items()
    ]
    alone = {"dangerously_permit_weak_or_unset_master_key": True}  # on the loopback
    (tmp_path / "config.yaml").write_text(json.dumps({"model_list": listed, "general_settings": alone}))
    port = free_port()
    command = [str(TOOLS / "litellm" / "bin" / "litellm"), "--config", "config.yaml"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}/health/liveliness", tmp_path / "litellm.log", QUIET) as url:
        found = judged.by("sdk", "sdk_async_client.py", f"{url}/v1", "chat", "speech", "realtime")
    assert found.pop("speech")
    assert found == {
        "chat": "583.",
        "realtime": {"typed": "583.", "spoken": f"{NEXT}.", "cancelled": "cancelled"},
    }
    answers_sounded(tmp_path, "async-")


@pytest.mark.parametrize("product", ["livekit", "livekit-realtime", "pipecat", "pipecat-realtime"])
def test_products_that_talk(tmp_path: Path, judged: Judged, product: str) -> None:
    """Their own recogniser, model and voice plug-ins for OpenAI; and their own realtime ones."""
    for rate in RATES:
        says(DIGITS, rate).tofile(tmp_path / f"said.{rate}")
    home = {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    command = [str(TOOLS / "peers" / "bin" / "python"), str(ROOT / "benchmarks" / "peers_serve.py"), product]
    command += [f"{judged.server.url}/v1", str(tmp_path)]
    done = subprocess.run(command, env=environment() | home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["answered"] == 1, done.stderr[-3000:]
    sound = np.frombuffer((tmp_path / "answer.pcm").read_bytes(), np.int16)
    # Of an MP3 livekit's decoder loses the first 14 ms, which are sound here; ffmpeg and PyAV read the same whole.
    lost = product == "livekit"
    assert dtmf.decode(sound, found["rate"])[lost:] == NEXT[lost:]
