"""A conversation of `voice talk` with people whose speech carries no tones, for the benchmarks.

Belongs here: holding it on virtual devices and taking its gaps from the labelled last samples. Does not belong
here: the utterances (tests.people), the tables.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from tests.fakes.recordings import HearingServer
from tests.people import Utterance, last_samples, speech_utterances
from tests.test_talk_devices import settings, talking
from tests.virtual import RATE, Samples, VirtualDevices, sounds

PLAYED_AHEAD_MS = 400
"""With less, a busy machine's sound server puts silence into what the person says."""


class Held(NamedTuple):
    """The gap of every turn in ms (None: no answer before the next turn), on the recording and as the program told it,
    and its reply's text; and how many turns were recognised whole."""

    gaps: list[float | None]
    told: list[float | None]
    replies: list[str]
    whole: int = 0

    @property
    def both(self) -> tuple[list[float], list[float]]:
        """Gaps on the recording and as told, of turns that have both."""
        pairs = [(gap, told) for gap, told in zip(self.gaps, self.told, strict=False) if gap is not None and told]
        return [gap for gap, _ in pairs], [told for _, told in pairs]


def converse(devices: VirtualDevices, server: HearingServer, flags: tuple[str, ...], turns: int) -> Held:
    """So many utterances of people, to a server that recognises them."""
    said = list(islice(cycle(speech_utterances()), turns))
    with server:
        held = hold(devices, said, settings(server), flags)
        heard = [each["heard"] for each in server.log if each["verb"] == "transcribe"]
    return held._replace(whole=sum(each.text in heard for each in said))


def hold(devices: VirtualDevices, said: list[Utterance], config: str, flags: tuple[str, ...] = (), **env: str) -> Held:
    """What is `said`, one turn after another, each when the reply to the last has sounded."""
    replies: list[str] = []
    marks: list[int] = []
    gaps: list[float | None] = []
    with tempfile.TemporaryDirectory() as name:
        home = {"PATH": os.environ["PATH"], "HOME": name} | env
        with talking(devices, home, Path(name), config, *flags) as talk:
            talk.until("ready")
            with devices.recording() as recording:
                time.sleep(0.6)
                for each in said:
                    marks.append(recording.path.stat().st_size // 4)
                    with devices.player(latency_ms=PLAYED_AHEAD_MS) as person:
                        person.communicate(each.samples.tobytes())
                    talk.until("turn_metrics")
                    replies.append("".join(each["text"] for each in talk.of("assistant_said")[-1:]))
                    time.sleep(0.45)
            told = [each["gap_ms"] for each in talk.of("turn_metrics")]
        track, begins = recording.person, [first for first, _ in sounds(recording.assistant, quietest=1000)]
        upto = [*marks[1:], len(track)]
    for each, mark, limit in zip(said, marks, upto, strict=True):
        end = _end(track[mark:limit], each)
        answer = next((at for at in begins if end is not None and mark + end < at < limit), None)
        gaps.append(None if answer is None or end is None else (answer - mark - end) * 1000 / RATE)
    return Held(gaps, told, replies)


def _end(track: Samples, said: Utterance) -> int | None:
    """Where an utterance ends in its part of the recording; None, and told: a busy machine put silence into it."""
    try:
        return last_samples(track, [said])[0]
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return None
