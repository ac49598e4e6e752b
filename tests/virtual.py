"""Virtual sound devices: a private PulseAudio whose one stereo bus holds person and assistant on one clock.

    person speaks  ──► micfeed (left of the bus)  ──► mic, the microphone of the program under test
    the program    ──► speaker (right of the bus), its loudspeaker
    bus.monitor    ──► a stereo recording: person left, assistant right, sample for sample

Belongs here: the daemon, its layout, the ALSA configuration that leads PortAudio to it, playing into
and recording from it, and reading a recording. Does not belong here: what is tested with it.
Needs pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2; no sound card, no root.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.waiting import until

RATE = 48_000
"""The bus's rate: what is played or recorded at it passes unchanged."""

PACKAGES = "pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"

LAYOUT = (
    "load-module module-null-sink sink_name=bus rate=48000 channels=2",
    "load-module module-remap-sink sink_name=micfeed master=bus channels=1 channel_map=mono "
    "master_channel_map=front-left remix=no",
    "load-module module-remap-sink sink_name=speaker master=bus channels=1 channel_map=mono "
    "master_channel_map=front-right remix=no",
    "load-module module-remap-source source_name=mic master=bus.monitor channels=1 channel_map=mono "
    "master_channel_map=front-left remix=no",
    "set-default-sink speaker",
    "set-default-source mic",
)
"""What the daemon does before it has a door: a program that knocks while it starts finds all of it, or nobody."""

ASOUND = """
pcm.!default { type pulse }
ctl.!default { type pulse }
pcm.virtual-mic { type pulse device mic hint { show on description "the person" } }
pcm.virtual-speaker { type pulse device speaker hint { show on description "the assistant" } }
"""

Samples = NDArray[np.int16]


def available() -> str | None:
    """None if virtual devices can be made here, otherwise what is missing."""
    missing = [tool for tool in ("pulseaudio", "pactl", "pacat", "parec") if shutil.which(tool) is None]
    if ctypes.util.find_library("portaudio") is None:
        missing.append("libportaudio2")
    if not missing and not any(_alsa_plugins()):
        missing.append("libasound2-plugins")
    return f"missing: {', '.join(missing)} (Debian: apt-get install -y {PACKAGES})" if missing else None


def _alsa_plugins() -> Iterator[Path]:
    for root in ("/usr/lib", "/usr/lib64", "/usr/local/lib"):
        yield from Path(root).glob("**/alsa-lib/libasound_module_pcm_pulse.so")


@dataclass
class VirtualDevices:
    """A running daemon. `env` is what a subprocess needs, added to its own, to see its devices.

    In it the default devices are the virtual ones; by name they are `virtual-mic` and `virtual-speaker`.
    """

    folder: Path
    env: dict[str, str]
    daemon: subprocess.Popen[bytes] = field(init=False)

    def stop(self) -> None:
        """Ends the daemon: every device is gone."""
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(5)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait(5)

    def start(self) -> None:
        """Starts it again, in the same place; returns when it answers and its layout stands."""
        server = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        (self.folder / "native").unlink(missing_ok=True)
        self.daemon = _start(self.folder, self.env | server)
        until(lambda: _answers(self), what="PulseAudio answers")

    def pactl(self, *args: str) -> str:
        done = subprocess.run(["pactl", *args], env=os.environ | self.env, capture_output=True, timeout=10)
        if done.returncode:
            raise RuntimeError(f"pactl {' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode()

    def load(self, module: str) -> str:
        """Loads a module ("module-loopback source=… sink=…"); its index, for `unload`."""
        return self.pactl("load-module", *module.split()).strip()

    def unload(self, index: str) -> None:
        self.pactl("unload-module", index)

    def module(self, needle: str) -> str:
        """The index of the loaded module whose line contains `needle`."""
        lines = self.pactl("list", "short", "modules").splitlines()
        return next(line.split("\t")[0] for line in lines if needle in line)

    def player(self, sink: str = "micfeed", *, rate: int = RATE, latency_ms: int = 30) -> subprocess.Popen[bytes]:
        """A process that plays what is written to its stdin (s16le mono), until it is closed."""
        return subprocess.Popen(
            [
                *("pacat", "--playback", f"--device={sink}", "--raw", "--format=s16le", "--channels=1"),
                *(f"--rate={rate}", f"--latency-msec={latency_ms}"),
            ],
            stdin=subprocess.PIPE,
            env=os.environ | self.env,
        )

    def say(self, spoken: NDArray[np.int16] | None = None, *, after_s: float = 0) -> None:
        """A person who is silent for so long, then speaks; returns as `play_into` does."""
        silence = np.zeros(int(after_s * RATE), np.int16)
        self.play_into("micfeed", (silence if spoken is None else np.concatenate([silence, spoken])).tobytes())

    def play_into(self, sink: str, pcm: bytes, *, rate: int = RATE) -> None:
        """Plays s16le mono and returns when all of it has sounded, but for some 50 ms.

        Much of it is handed over at once: a busy machine put silence into what came in pieces of 30 ms. The sound
        server does not always tell that the last of it was played: that is not waited for beyond its length.
        """
        with self.player(sink, rate=rate, latency_ms=400) as player:
            try:
                player.communicate(pcm, timeout=5 + len(pcm) / rate)
            except subprocess.TimeoutExpired:
                player.kill()
                return
        if player.returncode:
            raise RuntimeError(f"pacat ended with {player.returncode}")

    @contextmanager
    def recording(self, source: str = "bus.monitor", channels: int = 2) -> Iterator[Recording]:
        """Records while the block runs. The recording is read after it, or during it as far as it goes."""
        path = Path(tempfile.mkstemp(suffix=".raw", dir=self.folder)[1])
        with path.open("wb") as file:
            recorder = subprocess.Popen(
                [
                    *("parec", f"--device={source}", "--raw", "--format=s16le", f"--channels={channels}"),
                    *(f"--rate={RATE}", "--latency-msec=20"),
                ],
                stdout=file,
                env=os.environ | self.env,
            )
            try:
                until(lambda: path.stat().st_size > 0, what="the recorder records")
                made = Recording(path, channels)
                yield made
                made.passes(0.3)  # what still is under way from the bus to the file
            finally:
                recorder.terminate()
                recorder.wait(5)


@dataclass(frozen=True)
class Recording:
    """s16le at 48 kHz, interleaved: the person left, the assistant right."""

    path: Path
    channels: int = 2

    def passes(self, seconds: float) -> None:
        """Returns when so much more was recorded: the time of the sound server itself."""
        enough = self.path.stat().st_size + seconds * RATE * 2 * self.channels
        until(lambda: self.path.stat().st_size >= enough, 10 + 5 * seconds, "the recorder records")

    @property
    def frames(self) -> NDArray[np.int16]:
        """(samples, channels)"""
        data = self.path.read_bytes()
        return np.frombuffer(data, np.int16, len(data) // (2 * self.channels) * self.channels).reshape(
            -1, self.channels
        )

    @property
    def person(self) -> Samples:
        return np.ascontiguousarray(self.frames[:, 0])

    @property
    def assistant(self) -> Samples:
        return np.ascontiguousarray(self.frames[:, 1])


def sounds(samples: Samples, *, quietest: int = 300, gap_ms: float = 300) -> list[tuple[int, int]]:
    """Where sound is: (first, one past last) sample of every stretch, split at `gap_ms` of quiet."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= quietest)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > RATE * gap_ms / 1000)
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [loud.size - 1]))]
    return [(int(first), int(last) + 1) for first, last in zip(firsts, lasts, strict=True)]


def gaps_ms(recording: Recording, *, quietest: int = 300, gap_ms: float = 300) -> list[float]:
    """Milliseconds from each end of the person's sound to the assistant's next beginning.

    Only where the assistant begins before the person does again.
    """
    person = sounds(recording.person, quietest=quietest, gap_ms=gap_ms)
    begins = [first for first, _ in sounds(recording.assistant, quietest=quietest, gap_ms=gap_ms)]
    resumes = [first for first, _ in person[1:]] + [len(recording.person)]
    turns = [(last, resume) for (_, last), resume in zip(person, resumes, strict=True)]
    answers = [next((each - last for each in begins if last <= each < resume), None) for last, resume in turns]
    return [samples * 1000 / RATE for samples in answers if samples is not None]


@contextmanager
def virtual_devices(folder: Path | None = None) -> Iterator[VirtualDevices]:
    """A private PulseAudio with the layout above, gone when the block is left. Works as root too."""
    with tempfile.TemporaryDirectory(prefix="voice-sound-", dir=folder) as name:
        home = Path(name)
        (home / "run").mkdir(mode=0o700)
        (home / "asound.conf").write_text(ASOUND)
        env = {
            "XDG_RUNTIME_DIR": str(home / "run"),
            "PULSE_RUNTIME_PATH": str(home / "run"),
            "PULSE_SERVER": f"unix:{home / 'native'}",
            "ALSA_CONFIG_PATH": str(home / "asound.conf"),
            "JACK_NO_START_SERVER": "1",
        }
        devices = VirtualDevices(home, env)
        try:
            devices.start()
            yield devices
        finally:
            devices.stop()


def _start(home: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    door = f"load-module module-native-protocol-unix auth-anonymous=1 socket={home / 'native'}"
    (home / "layout.pa").write_text("\n".join((*LAYOUT, door, "")))
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--system=no", "--disallow-exit"),
                *("--exit-idle-time=-1", "--realtime=yes", "--high-priority=yes", "--log-target=stderr"),
                *("-F", str(home / "layout.pa")),
            ],
            env=os.environ | env,
            stdout=log,
            stderr=log,
        )


def _answers(devices: VirtualDevices) -> bool:
    if devices.daemon.poll() is not None:
        raise RuntimeError(f"PulseAudio ended: {(devices.folder / 'log').read_text(errors='replace')}")
    try:
        return "mic" in devices.pactl("list", "short", "sources")
    except RuntimeError:
        return False
