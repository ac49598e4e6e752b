"""What agents' hooks give is spoken short, and the newest ends what is still being read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import Voice
from voicecli.storage.floor import newest
from voicecli.usecases.speaking.hooks import hooked, once

CLAUDE = {"session_id": "s", "hook_event_name": "Stop", "stop_hook_active": False, "last_assistant_message": "Done."}
CODEX = {"type": "agent-turn-complete", "turn-id": "1", "input-messages": ["x"], "last-assistant-message": "Done."}
GEMINI = {"prompt": "x", "prompt_response": "Done.\nIt is 1 file.Done. It is 1 file.", "stop_hook_active": False}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (CLAUDE, "Done."),
        (CODEX, "Done."),
        (GEMINI, "Done.\nIt is 1 file."),
        ({"type": "session.idle", "text": "Done."}, "Done."),
        ({"prompt_response": "no no, never"}, "no no, never"),
        ({"hook_event_name": "Stop"}, ""),
        ({"last_assistant_message": None}, ""),
    ],
)
def test_each_hook_is_known_by_its_keys(given: dict[str, object], text: str) -> None:
    assert hooked(json.dumps(given)) == text


@pytest.mark.parametrize("text", ["", " ", "a", "aa b", "好好。好好", "xyxy"])
def test_what_is_given_twice_is_said_once(text: str) -> None:
    assert len(once(text + text)) <= max(1, len(text)) or not text.strip()


@pytest.mark.anyio
async def test_the_newest_ends_what_is_being_read(tmp_path: Path) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def say(name: str) -> str:
        begun.set()
        try:
            if name == "old":
                await asyncio.Event().wait()
            return name
        finally:
            ended.append(name)

    async with asyncio.TaskGroup() as tasks:
        old = tasks.create_task(newest(lambda: say("old"), tmp_path))
        await begun.wait()
        new = tasks.create_task(newest(lambda: say("new"), tmp_path))
    assert (old.result(), new.result(), ended) == (None, "new", ["old", "new"])


def test_a_hook_never_stops_an_agent(voice: Voice) -> None:
    for given in (b"", b"no json", b"[1]", b'{"hook_event_name": "Stop"}'):
        done = voice("speak", "--hook", input=given)
        assert (done.returncode, done.stdout) == (0, b"")
