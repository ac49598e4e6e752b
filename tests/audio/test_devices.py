"""Choosing a device, PortAudio's absence and its errors, and what happens when the sound system hangs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.virtual import VirtualDevices
from voicecli.audio import devices
from voicecli.audio.devices import Device, Kind, Wanted, choose
from voicecli.audio.threads import inside, on_thread
from voicecli.errors import DeviceError

PC = (
    Device(0, "Monitor HDMI", "ALSA", 0, 8, 48_000),
    Device(1, "HDA Intel: Analog", "ALSA", 2, 2, 44_100),
    Device(2, "USB Headset", "ALSA", 1, 2, 48_000),
    Device(3, "USB Headset Pro", "ALSA", 1, 2, 48_000),
    Device(4, "default", "ALSA", 32, 32, 48_000, default_input=True, default_output=True),
)

WINDOWS = (
    Device(0, "Mikrofon (Realtek)", "MME", 2, 0, 44_100, default_input=True),
    Device(1, "Mikrofon (Realtek)", "Windows WASAPI", 2, 0, 48_000),
    Device(2, "7 Speakers", "MME", 0, 2, 44_100),
)


@pytest.mark.parametrize(
    ("them", "kind", "wanted", "index"),
    [
        (PC, "input", None, 4),
        (PC, "output", "", 4),
        (PC, "input", 2, 2),
        (PC, "input", "2", 2),
        (PC, "output", "hdmi", 0),
        (PC, "input", "usb headset", 2),
        (PC, "input", "Headset Pro", 3),
        (PC, "input", "ANALOG", 1),
        (WINDOWS, "input", "realtek", 0),
        (WINDOWS, "input", "wasapi", 1),
        (WINDOWS, "output", "7", 2),
        (WINDOWS, "output", None, 2),
    ],
)
def test_a_device_is_found(them: tuple[Device, ...], kind: Kind, wanted: Wanted, index: int) -> None:
    assert choose(them, kind, wanted).index == index


@pytest.mark.parametrize(
    ("them", "kind", "wanted", "told"),
    [
        ((), "input", None, "no microphone found.*macOS"),
        ((), "output", "usb", "no loudspeaker found"),
        (PC, "input", "usb", "fits several devices.*2 'USB Headset'.*3 'USB Headset Pro'"),
        (PC, "input", "hdmi", "is not there.*1 'HDA Intel"),
        (PC, "input", 0, "is not there"),
        (PC, "output", "17", "is not there"),
    ],
)
def test_a_device_is_not_found_and_the_others_are_named(
    them: tuple[Device, ...], kind: Kind, wanted: Wanted, told: str
) -> None:
    with pytest.raises(DeviceError, match=f"(?s){told}"):
        choose(them, kind, wanted)


@pytest.mark.parametrize(
    ("tools", "root", "command"),
    [
        ({"apt-get"}, False, "sudo apt-get install -y libportaudio2"),
        ({"apt-get"}, True, "apt-get install -y libportaudio2"),
        ({"dnf"}, False, "sudo dnf install -y portaudio"),
        ({"pacman"}, False, "sudo pacman -S --noconfirm portaudio"),
        ({"brew"}, False, "brew install portaudio"),
        (set(), False, "the package is called portaudio or libportaudio2"),
    ],
)
def test_the_command_that_installs_portaudio(tools: set[str], root: bool, command: str) -> None:
    def which(tool: str) -> str | None:
        return f"/usr/bin/{tool}" if tool in tools else None

    assert devices.install_command(which, root) == command


def test_without_portaudio_the_cure_is_told(tmp_path: Path) -> None:
    """A machine without the library: importing sounddevice fails as it does there."""
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    code = (
        "from voicecli.audio import devices\n"
        "try: devices.list_devices()\n"
        "except devices.DeviceError as exc: print(exc.exit_code, exc)"
    )
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=30)
    assert run.stdout.startswith("8 audio: PortAudio is not installed. Install it: ")
    assert devices.install_command() in run.stdout


# ------------------------------------------------------------------- blocking calls on threads


@pytest.mark.anyio
async def test_a_result_and_an_error_come_back_from_the_thread() -> None:
    assert await on_thread(lambda: threading.current_thread().daemon, within=5)
    with pytest.raises(ZeroDivisionError):
        await on_thread(lambda: 1 // 0, within=5)


@pytest.mark.anyio
async def test_a_call_that_hangs_is_left_and_its_late_result_undone() -> None:
    release, undone = threading.Event(), threading.Event()
    results: list[str] = []

    def call() -> str:
        release.wait(10)
        return "opened"

    def undo(result: str) -> None:
        results.append(result)
        undone.set()

    with pytest.raises(TimeoutError):
        await on_thread(call, within=0.01, undo=undo)
    assert inside()
    release.set()
    assert await asyncio.to_thread(undone.wait, 10)
    assert results == ["opened"]


LEAVING = """
import asyncio, atexit, sys, threading
from contextlib import suppress
from voicecli import cli
from voicecli.audio.threads import on_thread

with suppress(TimeoutError):
    asyncio.run(on_thread(lambda: threading.Event().wait(30), within=0.01))
sys.stdout.write("said")
atexit.register(print, "cleaned up")
cli.leave(2)
"""


def test_a_program_that_ends_while_a_call_hangs_runs_no_clean_up_under_it(home: dict[str, str]) -> None:
    """Libraries free what the thread still uses: that crashed now and then on a busy machine."""
    done = subprocess.run([sys.executable, "-c", LEAVING], env=home, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (2, b"said"), done.stderr


@pytest.mark.anyio
async def test_a_call_nobody_waits_for_any_more_is_undone() -> None:
    release, undone = threading.Event(), threading.Event()

    def call() -> bool:
        return release.wait(10)

    task = asyncio.create_task(on_thread(call, within=10, undo=lambda _: undone.set()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert await asyncio.to_thread(undone.wait, 10)


@pytest.mark.anyio
@pytest.mark.parametrize("first", ["the cancellation", "the result"])
async def test_a_result_in_the_very_moment_of_the_cancellation_is_undone(first: str) -> None:
    """Dropped, an opened stream ran on and called what was freed: `voice talk` died of it after `voice setup`."""
    release, undone = threading.Event(), threading.Event()
    before = set(threading.enumerate())
    task = asyncio.create_task(on_thread(lambda: release.wait(10), within=10, undo=lambda _: undone.set()))
    await asyncio.sleep(0)
    release.set()
    for each in set(threading.enumerate()) - before:
        each.join()  # its result is on the way, and the loop has not seen it
    if first == "the result":
        asyncio.get_running_loop().call_soon(task.cancel)
    else:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(undone.wait, 10)


# --------------------------------------------------------------------------- on virtual devices


@pytest.mark.needs_sound
def test_virtual_devices_are_listed(sound: VirtualDevices) -> None:
    found = {each.name: each for each in devices.list_devices()}
    assert {"virtual-mic", "virtual-speaker", "default"} <= set(found)
    assert devices.find("input").name == devices.find("output").name == "default"
    assert devices.find("input", "VIRTUAL-m") == found["virtual-mic"]


MIC = devices.StreamRequest(
    "input", "virtual-mic", 16_000, lambda rate, channels: lambda *_: None, lambda: None, devices.CAPTURE
)


@pytest.mark.needs_sound
def test_devices_are_not_searched_anew_under_an_open_stream(sound: VirtualDevices) -> None:
    stream = devices.open_stream(MIC)
    try:
        assert (stream.rate, stream.channels, stream.active) == (16_000, 1, True)
        assert not devices.rescan()
    finally:
        devices.close_stream(stream)
    assert devices.rescan()


@pytest.mark.needs_sound
def test_a_sound_server_that_is_gone_is_told_and_found_again(
    own_sound: VirtualDevices, capfd: pytest.CaptureFixture[str]
) -> None:
    own_sound.stop()
    with pytest.raises(DeviceError, match="voice devices"):
        devices.open_stream(MIC)
    own_sound.start()
    assert devices.rescan()
    devices.close_stream(devices.open_stream(MIC))
    assert capfd.readouterr().err == ""
