"""Virtual sound devices for tests that open them in this process.

Belongs here: fixtures of tests/audio. Does not belong here: the daemon itself (tests/virtual.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.virtual import VirtualDevices, virtual_devices
from voicecli.audio import devices


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[VirtualDevices]:
    with virtual_devices() as them:
        yield them


@pytest.fixture
def sound(shared_daemon: VirtualDevices, monkeypatch: pytest.MonkeyPatch) -> VirtualDevices:
    """The session's virtual devices, seen by PortAudio in this process."""
    return seen_here(shared_daemon, monkeypatch)


@pytest.fixture
def own_sound(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDevices]:
    """Virtual devices that this test may break.

    No memory is shared with the daemon: of one that dies in the middle of a block, libpulse waits for ever to get it
    back, and the stream is never closed.
    """
    with virtual_devices() as them:
        config = them.folder / "client.conf"
        config.write_text("enable-shm = no\n")
        monkeypatch.setenv("PULSE_CLIENTCONFIG", str(config))
        yield seen_here(them, monkeypatch)


def seen_here(them: VirtualDevices, monkeypatch: pytest.MonkeyPatch) -> VirtualDevices:
    for name, value in them.env.items():
        monkeypatch.setenv(name, value)
    assert devices.rescan(), "an earlier test left a stream open"
    return them
