"""A sound server elsewhere is found by its socket, and what is missing has its one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from voicecli.audio.soundserver import sound_server
from voicecli.usecases.checkup import sound_server as finding

pytestmark = pytest.mark.needs_posix
SSH = {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}


@pytest.mark.parametrize("beside", [{}, SSH])
def test_a_forwarded_socket_is_tried(tmp_path: Path, beside: dict[str, str]) -> None:
    path = tmp_path / "pulse"
    env = beside | {"PULSE_SERVER": f"unix:{path}"}
    gone = sound_server(env, tmp_path)
    assert gone is not None and not gone.answers and finding(gone)[0].problems[0].exit_code == 8
    assert gone.cure.startswith("Over SSH: ssh -R" if beside else "Start it")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        there = sound_server(env, tmp_path)
    assert there is not None and there.answers and finding(there)[0].words.startswith(f"unix:{path} answers")


@pytest.mark.parametrize(
    ("env", "mark", "cure"),
    [(SSH, "", "Over SSH"), ({"WSL_DISTRO_NAME": "Debian"}, "", "In WSL"), ({}, ".dockerenv", "In a container")],
)
def test_each_place_has_its_cure(tmp_path: Path, env: dict[str, str], mark: str, cure: str) -> None:
    if mark:
        (tmp_path / mark).touch()
    found = sound_server(env, tmp_path)
    assert found is not None and (found.socket, found.answers) == ("", False) and found.cure.startswith(cure)


def test_at_ones_own_machine_nothing_is_told(tmp_path: Path) -> None:
    assert sound_server({"XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path) is None and finding(None) == ()


def test_a_server_of_the_network_is_tried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = sound_server({"PULSE_SERVER": f"tcp:127.0.0.1:{port}"}, tmp_path)
    assert found is not None and found.answers
