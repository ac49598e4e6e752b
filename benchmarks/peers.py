"""What `voice` costs beside its peers: start-up, and one question to a local service that answers at once.

    .venv/bin/python benchmarks/peers.py FOLDER [RUNS]

FOLDER is a virtual environment with the peers in it, made once:

    python -m venv FOLDER && FOLDER/bin/pip install llm edge-tts

Each round runs every program once, in turn, so that whatever slows the machine slows all of them. No traffic
leaves the machine: edge-tts speaks only to its own service, so that only its start-up is compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fakes.openai_server import Habits, OpenAIServer, echo

MODEL = """
- model_id: local
  model_name: digits-chat
  api_base: "{base}"
  api_key_name: local
"""


def commands(peers: Path) -> dict[str, list[str]]:
    """Every program that is there, by what it does."""
    voice, llm, edge = Path(sys.executable).with_name("voice"), peers / "bin" / "llm", peers / "bin" / "edge-tts"
    found: dict[str, list[Path | str]] = {
        "voice --version": [voice, "--version"],
        "llm --version": [llm, "--version"],
        "edge-tts --version": [edge, "--version"],
        "voice --help": [voice, "--help"],
        "llm --help": [llm, "--help"],
        "edge-tts --help": [edge, "--help"],
        "voice chat": [voice, "chat", "--private", "-q", "hello"],
        "llm": [llm, "--no-log", "-m", "local", "hello"],
    }
    return {name: [str(each) for each in words] for name, words in found.items() if Path(words[0]).exists()}


def environment(folder: Path, base: str) -> dict[str, str]:
    """Folders of their own for all programs, with the local service set up in each."""
    (folder / "voice.toml").write_text(
        f'[use]\nchat = "work"\n[backends.work]\nfamily = "openai"\nbase_url = "{base}"\n'
        'api_key_env = "KEY"\nchat_model = "digits-chat"\n'
    )
    (folder / "extra-openai-models.yaml").write_text(MODEL.format(base=base))
    (folder / "keys.json").write_text('{"local": "k"}')
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    return kept | {"VOICE_CONFIG": str(folder / "voice.toml"), "LLM_USER_PATH": str(folder), "KEY": "k"}


def main() -> int:
    """Prints the table."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    programs = commands(Path(sys.argv[1]))
    times: dict[str, list[float]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder, OpenAIServer(Habits(answer=echo)) as server:
        env = environment(Path(folder), server.base_url)
        for _ in range(runs + 1):
            for name, command in programs.items():
                began = time.perf_counter()
                done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
                times[name].append(time.perf_counter() - began)
                if done.returncode:
                    print(f"{name} failed: {done.stderr.decode()[-300:]}", file=sys.stderr)
                    return 1
    print(f"{'program':<20} {'median ms':>9} {'best ms':>8}")
    for name, each in times.items():
        warm = each[1:]
        print(f"{name:<20} {1000 * statistics.median(warm):>9.0f} {1000 * min(warm):>8.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
