"""Which sound devices there are, how one is named, and how a stream on one is opened.

Belongs here: PortAudio's door (sounddevice), its errors in our words.
Does not belong here: what is done with the samples (capture, playback).

PortAudio sees devices only when it starts: one that was plugged in later appears after `rescan`, which
must not be called while a stream is open. Devices are therefore chosen by name, again at every opening.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any, Literal

from voicecli.audio.quiet import begin, end, hushed
from voicecli.audio.threads import on_thread
from voicecli.errors import DeviceError

Kind = Literal["input", "output"]
Wanted = int | str | None

MICROPHONE_OR_SPEAKER: dict[Kind, str] = {"input": "microphone", "output": "loudspeaker"}


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device as PortAudio lists it; `inputs` and `outputs` count channels, `rate` is its own."""

    index: int
    name: str
    host: str
    inputs: int
    outputs: int
    rate: int
    default_input: bool = False
    default_output: bool = False

    def channels(self, kind: Kind) -> int:
        return self.inputs if kind == "input" else self.outputs

    def is_default(self, kind: Kind) -> bool:
        return self.default_input if kind == "input" else self.default_output


# ------------------------------------------------------------------------------- choosing one


def list_devices() -> tuple[Device, ...]:
    """All devices. DeviceError: PortAudio is missing."""
    sd = portaudio()
    with _portaudio_errors("sound devices"):
        hosts = sd.query_hostapis()
        default_input, default_output = sd.default.device
        return tuple(
            Device(
                *(index, str(each["name"]), str(hosts[each["hostapi"]]["name"])),
                *(each["max_input_channels"], each["max_output_channels"], int(each["default_samplerate"])),
                *(index == default_input, index == default_output),
            )
            for index, each in enumerate(sd.query_devices())
        )


def find(kind: Kind, wanted: Wanted = None) -> Device:
    """The device that `wanted` means: an index, a part of a name, or (None, "") the system's default.

    DeviceError: there is none, or the name fits several.
    """
    return choose(list_devices(), kind, wanted)


def choose(devices: tuple[Device, ...], kind: Kind, wanted: Wanted = None) -> Device:
    """`find` among given devices."""
    able = [each for each in devices if each.channels(kind) > 0]
    if not able:
        raise DeviceError(f"no {MICROPHONE_OR_SPEAKER[kind]} found", who="audio", cure=NONE_FOUND[kind])
    if wanted is None or wanted == "":
        return next((each for each in able if each.is_default(kind)), able[0])
    found = _by_index(able, wanted) if isinstance(wanted, int) else _by_name(able, wanted)
    if len(found) == 1:
        return found[0]
    what = "fits several devices" if found else "is not there"
    names = ", ".join(f"{each.index} {each.name!r} ({each.host})" for each in found or able)
    raise DeviceError(
        f"the {MICROPHONE_OR_SPEAKER[kind]} {wanted!r} {what}",
        who="audio",
        cure=f"Choose one of: {names}.",
    )


def _by_index(devices: list[Device], index: int) -> list[Device]:
    return [each for each in devices if each.index == index]


def _by_name(devices: list[Device], wanted: str) -> list[Device]:
    """Whole names before parts of names; the same name under several hosts counts once."""
    text = wanted.strip().casefold()
    whole = [each for each in devices if each.name.casefold() == text]
    found = whole or [each for each in devices if text in f"{each.name}, {each.host}".casefold()]
    if not found and text.isdigit():
        return _by_index(devices, int(text))
    return found[:1] if len({each.name for each in found}) == 1 else found


NONE_FOUND: dict[Kind, str] = {
    "input": "Connect one and see that your user may record (macOS: Privacy & Security > Microphone; Linux: is "
    "PulseAudio or PipeWire running?). `voice devices` lists what is found; --input FILE needs none.",
    "output": "Connect one and see that the sound server runs (Linux: PulseAudio or PipeWire). "
    "`voice devices` lists what is found; an output file needs none.",
}

# -------------------------------------------------------------------------- PortAudio's door

_door = threading.RLock()
"""One thread at a time opens or closes."""

OPEN_S = 10.0
CLOSE_S = 0.4

_open_streams = 0


def portaudio() -> ModuleType:
    """The sounddevice module, started quietly. DeviceError: PortAudio is not installed."""
    with _door:
        if "sounddevice" not in sys.modules:
            with hushed():
                _import()
        return sys.modules["sounddevice"]


def _import() -> None:
    try:
        import sounddevice  # noqa: F401
    except OSError as exc:
        raise DeviceError("PortAudio is not installed", who="audio", cure=f"Install it: {install_command()}") from exc
    except Exception as exc:
        # sounddevice starts PortAudio while it is imported, and its error type is not there yet.
        raise DeviceError(f"PortAudio does not start ({exc})", who="audio", cure=NONE_FOUND["output"]) from exc


INSTALLERS = {
    "apt-get": "apt-get install -y libportaudio2",
    "dnf": "dnf install -y portaudio",
    "pacman": "pacman -S --noconfirm portaudio",
    "zypper": "zypper install -y libportaudio2",
    "apk": "apk add portaudio",
    "xbps-install": "xbps-install -y portaudio",
    "brew": "brew install portaudio",
}


def version() -> str:
    """PortAudio's own name and version. DeviceError: it is missing."""
    return str(portaudio().get_portaudio_version()[1]).partition(",")[0]


def install_command(which: Callable[[str], str | None] = shutil.which, root: bool | None = None) -> str:
    """The command that installs PortAudio on this system."""
    command = next((line for tool, line in INSTALLERS.items() if which(tool)), "")
    if not command:
        return "the package is called portaudio or libportaudio2"
    if root is None:
        root = hasattr(os, "geteuid") and os.geteuid() == 0
    return command if root or command.startswith("brew") else f"sudo {command}"


def rescan() -> bool:
    """Looks for devices anew (one was plugged in). False: a stream is open, which it would kill."""
    sd = portaudio()
    with _door:
        if _open_streams:
            return False
        with hushed(), _portaudio_errors("sound devices"):
            sd._terminate()
            sd._initialize()
        return True


# ------------------------------------------------------------------------------ opened streams


@dataclass(slots=True)
class Opened:
    """A running stream and how it was opened. `channels` and `rate` are the device's, not ours."""

    stream: Any
    device: Device
    rate: int
    channels: int

    @property
    def active(self) -> bool:
        return bool(self.stream.active)


Callback = Callable[[Any, int, Any, Any], None]
"""Given the block's bytes, its samples, PortAudio's times and what was lost."""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A 16-bit stream that is wanted, at `rate` and mono if the device can, else as it can.

    `make(rate, channels)` returns the callback for what was opened; `ended` is called (on another thread) when the
    stream has stopped.
    """

    kind: Kind
    device: Wanted
    rate: int
    make: Callable[[int, int], Callback]
    ended: Callable[[], None]
    buffering: Buffering


def open_stream(request: StreamRequest) -> Opened:
    """Opens and starts a stream. Blocks: call it in a thread. DeviceError: not found, busy, refused."""
    global _open_streams
    sd = portaudio()
    device = find(request.kind, request.device)
    with _door, hushed(), _portaudio_errors(device.name):
        stream, rate, channels = _first_that_opens(sd, device, request)
        try:
            stream.start()
        except BaseException:
            stream.close()
            raise
        _open_streams += 1
        begin()  # a device that vanishes makes PortAudio chatter from its own threads
        return Opened(stream, device, rate, channels)


@dataclass(frozen=True, slots=True)
class Buffering:
    """The callbacks' blocks, and what PortAudio is asked to hold, in seconds."""

    block_s: float
    latency_s: float


CAPTURE = Buffering(0.01, 0.03)
"""Half a frame: a sound server hands over what it has once a block, whenever in a frame that is. Of 20 ms, a frame came
6 ms after its end (median of 20 on PulseAudio), of 10 ms 4. With more latency PortAudio takes blocks of 20 again."""
DROWSY = Buffering(0.06, 0.06)
"""For a conversation that mostly sleeps: a third of the blocks costs less than half, and hears 20 ms later."""
QUICK = Buffering(0.005, 0.01)
"""For a conversation: a new sound is heard 15 to 20 ms sooner than with STEADY. A machine that has no time to spare
stutters with it: 7 of 187 sounds beside two programs that took both its cores, 1 with STEADY."""
STEADY = Buffering(0.01, 0.02)
"""What waits in front of a new sound is 20 to 30 ms (PulseAudio)."""
WHOLE = Buffering(0.01, 0.2)
"""For a sound that nobody interrupts: on a busy machine 20 ms lost pieces of 5 in 12 sounds, 200 ms none."""


def _first_that_opens(sd: ModuleType, device: Device, request: StreamRequest) -> tuple[Any, int, int]:
    """Tries mono at our rate first, then two channels, then the same at the device's own rate."""
    stream_of = sd.RawInputStream if request.kind == "input" else sd.RawOutputStream
    attempts = dict.fromkeys(product((request.rate, device.rate), (1, min(2, device.channels(request.kind)))))
    refused = (sd.PortAudioError, ValueError)
    for number, (at_rate, channels) in enumerate(attempts, start=1):
        try:
            stream = stream_of(
                device=device.index,
                samplerate=at_rate,
                channels=channels,
                dtype="int16",
                blocksize=round(at_rate * request.buffering.block_s),
                latency=request.buffering.latency_s,
                callback=request.make(at_rate, channels),
                finished_callback=request.ended,
            )
        except refused as exc:
            if number == len(attempts) or not _is_format(exc):
                raise
        else:
            return stream, at_rate, channels
    raise AssertionError("no attempts")


def close_stream(opened: Opened, *, drain: bool = False) -> None:
    """Stops and closes; `drain` first plays what the device still holds. Blocks. Never raises."""
    global _open_streams
    with suppress(Exception):
        (opened.stream.stop if drain else opened.stream.abort)()
    with _door, hushed(), suppress(Exception):
        opened.stream.close()
    with _door:
        _open_streams -= 1
        end()


async def opened(request: StreamRequest) -> Opened:
    """`open_stream` without blocking the loop. DeviceError also when the sound system does not answer."""
    try:
        return await on_thread(lambda: open_stream(request), within=OPEN_S, undo=close_stream)
    except asyncio.CancelledError:
        _give_up()  # the thread is still inside PortAudio: ending it meanwhile crashes the program
        raise
    except TimeoutError:
        _give_up()
        raise DeviceError(
            f"the sound system did not answer within {OPEN_S:.0f} s", who="audio", cure="Restart the sound server."
        ) from None


async def closed(stream: Opened, *, drain: bool = False) -> None:
    """`close_stream` without blocking the loop, and for less than a second whatever the device does."""
    try:
        await on_thread(lambda: close_stream(stream, drain=drain), within=CLOSE_S)
    except TimeoutError:
        _give_up()


def _give_up() -> None:
    """The sound system hangs: the program's end must not wait for PortAudio, which would wait for it."""
    if (sd := sys.modules.get("sounddevice")) is not None:
        atexit.unregister(sd._exit_handler)


# --------------------------------------------------------------------------------------- errors

INVALID_RATE, INVALID_CHANNELS = -9997, -9998

WORDS = {
    -9996: ("is not a usable device", "`voice devices` lists what there is."),
    INVALID_RATE: ("takes no sample rate that we know", "Choose another device: `voice devices`."),
    INVALID_CHANNELS: ("has no fitting channels", "Choose another device: `voice devices`."),
    -9985: ("is in use or gone", "Close the program that holds it, or choose another: `voice devices`."),
    -9999: ("was refused by the sound system", "Is the sound server running? `voice devices` lists what there is."),
}
"""PortAudio's error codes in our words: what, and the cure."""


def _is_format(exc: BaseException) -> bool:
    """Whether another rate or channel count may help. PortAudio's ALSA side calls much a host error."""
    code = exc.args[1] if len(exc.args) > 1 else INVALID_RATE
    return code in (INVALID_RATE, INVALID_CHANNELS, -9999)


@contextmanager
def _portaudio_errors(who: str) -> Iterator[None]:
    try:
        yield
    except DeviceError:
        raise
    except Exception as exc:
        if type(exc).__name__ != "PortAudioError" and not isinstance(exc, ValueError):
            raise
        code = exc.args[1] if len(exc.args) > 1 else 0
        what, cure = WORDS.get(code, ("does not work", "`voice devices` lists what there is."))
        raise DeviceError(f"{what} ({exc})", who=who, cure=cure) from exc
