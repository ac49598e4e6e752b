"""The page of `voice serve` in a room: does an answer interrupt itself, and does a person interrupt it?

    python benchmarks/page.py [--runs 3] [--echo-db -6] [--digits 10]

Chromium with its own echo canceller on a private PulseAudio; what the loudspeaker plays comes back into the microphone,
so much weaker. Each run has a fresh browser. First an answer of some ten seconds (espeak-ng's voice, Silero listens)
must sound to its end; then, in another, a person speaks over it. Told are the milliseconds from the page's emptying its
player to the player's silence, and those from the person's first sample to the answer's last, as recorded. Before all,
digits are said as tones into a browser's microphone, and those of the answer must sound. Ends with 1 where an answer
interrupted itself, a person did not, or a digit was wrong. Needs chromium and pulseaudio.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.openai_server import echo  # noqa: E402
from tests.people import speech  # noqa: E402
from tests.server.chromium import FAKE_DEVICES, Tab, browsing  # noqa: E402
from tests.server.conftest import CONFIG, Served, serving  # noqa: E402
from tests.server.test_page import (  # noqa: E402
    ANSWERED,
    SOUNDING,
    digits_that_sounded,
    microphone,
    open_page,
    permit,
    said,
    type_in,
)
from tests.virtual import RATE, Recording, VirtualDevices, virtual_devices  # noqa: E402

SPOKEN = CONFIG.replace('speak = "work"', 'speak = "local"')
TEXT = (
    "This is a long answer about the weather of the coming week. On Monday it will rain in the north, and on Tuesday "
    "the sun will come out. Whoever wants to go for a walk should do so on Wednesday, before the wind turns again."
)
WATCH = """
window.silences = [];
const post = MessagePort.prototype.postMessage;
MessagePort.prototype.postMessage = function (data, ...rest) {
  if (data === null) {
    const since = performance.now(), done = new AbortController();
    const told = ({ data }) => data.sounding || (silences.push(performance.now() - since), done.abort());
    this.addEventListener("message", told, { signal: done.signal });
  }
  return post.call(this, data, ...rest);
};
"""
"""How many milliseconds after it was emptied the page's player tells that it is silent."""
LOUD = 9000
"""The person is louder than any echo."""


def answering(tab: Tab, url: str) -> None:
    """The page listens, and its long answer begins to sound."""
    open_page(tab, url, WATCH)
    tab.do("document.querySelector('#talk').click()")
    tab.until("document.querySelector('#talk').ariaPressed === 'true'")
    type_in(tab, TEXT)
    tab.until("document.querySelector('#status').textContent.startsWith('Speaking')", 60)


def undisturbed(server: Served, folder: Path, devices: VirtualDevices) -> bool:
    """Whether the answer sounded to its end."""
    with browsing(folder, "--use-fake-ui-for-media-stream", env=devices.env) as tab:
        answering(tab, server.url)
        tab.until(
            "document.querySelector('#status').textContent === 'I am listening.' || document.querySelector('.cut')", 60
        )
        return len(said(tab)) == 2 and not tab.do("!!document.querySelector('.cut')")


def interrupted(server: Served, folder: Path, devices: VirtualDevices) -> tuple[float, float]:
    """Milliseconds from the event, and from the person's first sample, to silence; inf where it went on."""
    with browsing(folder, "--use-fake-ui-for-media-stream", env=devices.env) as tab, devices.recording() as recording:
        answering(tab, server.url)
        recording.passes(4)
        devices.say(speech(rate=RATE)[: 2 * RATE])
        recording.passes(2)
        told = tab.do("silences.at(-1) ?? null")
    return float("inf") if told is None else told, silence_after(recording)


def silence_after(recording: Recording) -> float:
    """The answer's first second of silence after the person began."""
    began = int(np.flatnonzero(np.abs(recording.person.astype(np.int32)) > LOUD)[0])
    rest = np.abs(recording.assistant[began:].astype(np.int32)) > 100
    sounding = np.flatnonzero(rest)
    if not sounding.size:
        return 0.0
    breaks = np.flatnonzero(np.diff(np.append(sounding, len(rest))) > RATE)
    return 1000 * int(sounding[breaks[0]]) / RATE if breaks.size else float("inf")


def digits(folder: Path, runs: int) -> int:
    """How often a question in tones was heard, and its answer sounded, without a wrong digit."""
    right = 0
    with serving(folder, config=CONFIG + "[talk]\nvad = 'webrtc'\n") as server:
        mic = microphone(folder / "in.wav", 1.0, "189", 30.0)
        with browsing(folder, FAKE_DEVICES[0], mic) as tab:
            for _ in range(runs):
                tab.fresh()
                permit(tab, "granted")
                open_page(tab, server.url, SOUNDING)
                tab.do("document.querySelector('#talk').click()")
                tab.until(ANSWERED)
                tab.until("document.querySelector('#status').textContent === 'I am listening.'")
                right += (said(tab)[0], digits_that_sounded(tab)) == (["user", "189"], "290")
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--echo-db", type=float, default=-6)
    parser.add_argument("--digits", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        count = digits(Path(name), options.digits)
        print(f"digits through the browser: {count} of {options.digits}", flush=True)
    right = count == options.digits
    with tempfile.TemporaryDirectory() as name, virtual_devices() as devices:
        echo_path = devices.load("module-loopback source=speaker.monitor sink=micfeed latency_msec=40")
        lines = devices.pactl("list", "short", "sink-inputs").splitlines()
        room = next(each.split("\t")[0] for each in lines if "module-loopback" in each)
        devices.pactl("set-sink-input-volume", room, f"{options.echo_db}dB")
        with serving(Path(name), config=SPOKEN) as server:
            server.behind.habits.answer = echo
            for run in range(options.runs):
                whole = undisturbed(server, Path(name) / f"a{run}", devices)
                event, sound = interrupted(server, Path(name) / f"b{run}", devices)
                right = right and whole and event < float("inf")
                print(
                    f"echo {options.echo_db:.0f} dB: the answer {'sounded whole' if whole else 'interrupted itself'}; "
                    f"a person silenced it after {sound:.0f} ms, the page's player within {event:.0f} ms",
                    flush=True,
                )
        devices.unload(echo_path)
    sys.exit(not right)


if __name__ == "__main__":
    main()
