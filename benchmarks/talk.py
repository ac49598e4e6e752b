"""The gap of a turn: from the person's last sample to the first sound of the reply, on one stereo recording.

    python benchmarks/talk.py [--turns 30] [--row NAME …] [--virtual | --local]
    python benchmarks/talk.py --realtime URL [--model NAME] [--dialect NAME]

`voice talk` runs as a process on virtual sound devices against a local server that takes 150 ms to recognise an
upload, 200 ms to the first token, 15 ms a token and 150 ms to the first sound. A live recogniser shows words as they
are spoken and has its final text 50 ms after the last packet. The sound card's own 40 ms are in the figures. People
say digits as tones over speech; in one row they are real people where ../shared/recordings is there, the embedded
voice otherwise. Speech to speech answers 150 ms after a turn was committed; with --realtime that is a service of yours,
whose key is in VOICE_BENCH_KEY. With --local nothing is configured: a local voice asks the skills, the local ears hear
it, another local voice answers, and it is told how many answers are right. Prints a table, and how many words of a
slow voice were broken; gates nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from people import converse  # noqa: E402
from skills_asked import ask  # noqa: E402
from virtual_talk import gaps, rates  # noqa: E402

from tests import dtmf  # noqa: E402
from tests.fakes.openai_server import Habits, OpenAIServer, _OpenAITalk  # noqa: E402
from tests.fakes.recordings import HearingServer  # noqa: E402
from tests.fakes.talking_server import TalkingServer  # noqa: E402
from tests.people import says, speech_utterances  # noqa: E402
from tests.test_talk_devices import settings, talking  # noqa: E402
from tests.virtual import RATE, Recording, VirtualDevices, gaps_ms, sounds, virtual_devices  # noqa: E402

REPLY = "Sure, I can help you with that today. Here is the second sentence of the reply. And a third one."
SHORT = "Sure. I can help you with that today. Here is the second sentence of the reply."
CHINESE = "好的，我来帮你看看今天的天气。今天是晴天，最高气温二十五度。明天会下雨。"
LONG = "1234567890, 1234567890 1234567890. 1234567890 1234567890 1234567890."
"""A reply of digits: its sound is as long as they are."""

HABITS = Habits(hear_s=0.15, first_token_s=0.2, token_s=0.015, first_sound_s=0.15)
LIVE_HABITS = replace(HABITS, hear_s=0.05)
QUICKER = replace(LIVE_HABITS, first_token_s=0.1, first_sound_s=0.05)


class LiveServer(OpenAIServer):
    """Recognises while one speaks: what stands 20 ms is shown, every 40 ms."""

    async def realtime(self, socket: Any) -> None:
        await _LiveTalk(self, socket).run()


class _LiveTalk(_OpenAITalk):
    async def append(self, audio: Any) -> None:
        before, self.looked = self.looked, self.bytes
        await super().append(audio)
        self.looked = before
        if self.bytes - before >= self.rate * 2 * 0.04:
            self.looked = self.bytes
            await self.listen(0.02)

    async def delta(self, text: str) -> None:
        """What is new of the text so far."""
        heard = self.server.habits.heard
        await super().delta(heard(self.heard).removeprefix(heard(self.heard.removesuffix(text))))


@dataclass(frozen=True)
class Row:
    """One conversation: how the service behaves, what is answered, the flags."""

    habits: Habits = field(default_factory=lambda: HABITS)
    reply: str = REPLY
    flags: tuple[str, ...] = ()
    live: bool = False
    heard: Callable[[str], str] = str
    direct: bool = False
    """One service hears and speaks."""
    people: bool = False
    """Somebody talks without tones in the voice: real people where ../shared/recordings is there."""
    after: Callable[[Recording], str] = field(default=lambda _: "")


def names(digits: str) -> str:
    """A text that reads complete at any length; one that ends in a number does not, as more of it may come."""
    known = ("Anna", "Berta", "Clara", "Dora", "Emma", "Frida", "Greta", "Hanna", "Ida", "Julia")
    return " ".join(["tell me about", *(known[int(each)] for each in digits if each.isdigit())]) if digits else ""


def stutters(recording: Recording) -> str:
    """Sounds of the assistant that are shorter than a digit is: it was broken in two, however long the silence."""
    lengths = [(last - first) * 1000 / RATE for first, last in sounds(recording.assistant, quietest=200, gap_ms=1)]
    return f"{sum(each < dtmf.TONE_MS - 3 for each in lengths)} stutters in {len(lengths)} digits"


ROWS = {
    "uploads": Row(),
    "uploads, drafts off": Row(flags=("--draft", "off")),
    "uploads, drafts to chat": Row(flags=("--draft", "chat")),
    "uploads, “Sure.” first": Row(reply=SHORT),
    "uploads, a Chinese reply": Row(reply=CHINESE),
    "uploads, a voice at pace 1.0": Row(habits=replace(HABITS, pace=1.0), reply=LONG, after=stutters),
    "uploads, a voice at pace 0.95": Row(habits=replace(HABITS, pace=0.95), reply=LONG, after=stutters),
    "uploads, the same at once": Row(reply=LONG, after=stutters),
    "uploads, people's own words": Row(people=True),
    "live": Row(habits=LIVE_HABITS, live=True),
    "live, drafts off": Row(habits=LIVE_HABITS, live=True, flags=("--draft", "off")),
    "live, reads complete": Row(habits=LIVE_HABITS, live=True, heard=names),
    "live, complete, quicker": Row(habits=QUICKER, live=True, heard=names),
    "speech to speech": Row(direct=True),
    "speech to speech, complete": Row(direct=True, heard=names),
    "speech to speech, no drafts": Row(direct=True, flags=("--draft", "off")),
}


def config(row: Row, server: OpenAIServer) -> str:
    return settings(server) + (f'live_url = "{server.live_url}?intent=transcription"\n' if row.live else "")


def hold(devices: VirtualDevices, row: Row, turns: int) -> tuple[list[float], list[float], str]:
    """The gaps on the recording and those that the program told, in ms, and what else the row looks at."""
    return converse_with_people(devices, row, turns) if row.people else say_digits(devices, row, turns)


def converse_with_people(devices: VirtualDevices, row: Row, turns: int) -> tuple[list[float], list[float], str]:
    """Utterances of which some read complete and some do not: their turns end after different silences."""
    habits = replace(row.habits, script=[row.reply] * turns * 4)
    held = converse(devices, HearingServer(speech_utterances(), habits), row.flags, turns)
    return *held.both, f"{held.whole} of {turns} recognised whole"


def served(row: Row, turns: int, stack: ExitStack) -> str:
    """The configuration for servers of ours, which run as long as `stack`."""
    if row.direct:
        server = stack.enter_context(TalkingServer(first_s=0.15, transcript_s=0.05, hears=row.heard))
        return one_service(server.talk_url, "digits", "openai")
    habits = replace(row.habits, script=[row.reply] * turns * 4, heard=row.heard)
    return config(row, stack.enter_context((LiveServer if row.live else OpenAIServer)(habits)))


def one_service(url: str, model: str, dialect: str) -> str:
    table = f'talk_url = "{url}"\ntalk_model = "{model}"\ntalk_dialect = "{dialect}"\napi_key_env = "VOICE_BENCH_KEY"\n'
    return f'[use]\ntalk = "one"\n[backends.one]\nfamily = "openai"\n{table}'


def say_digits(devices: VirtualDevices, row: Row, turns: int, asked: str = "") -> tuple[list[float], list[float], str]:
    """`asked` is a configuration to be used in place of servers of ours."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        home = {"PATH": os.environ["PATH"], "HOME": name, "VOICE_BENCH_KEY": os.environ.get("VOICE_BENCH_KEY", "none")}
        with talking(devices, home, Path(name), asked or served(row, turns, stack), *row.flags) as talk:
            talk.until("ready")
            with devices.recording() as recording:
                time.sleep(0.6)
                for _ in range(turns):
                    devices.play_into("micfeed", says("".join(rng.choices("0123456789", k=6))).tobytes())
                    talk.until("turn_metrics")
                    time.sleep(0.45)
            told = [each["gap_ms"] for each in talk.of("turn_metrics")]
    return gaps_ms(recording, quietest=1000), told, row.after(recording)


def late(values: list[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(values, 95))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--row", action="append", choices=list(ROWS))
    parser.add_argument("--local", action="store_true", help="this machine's ears, skills and voice, and nothing else")
    parser.add_argument("--realtime", metavar="URL", help="speech to speech over this service, and nothing else")
    parser.add_argument("--model", default="", help="its model")
    parser.add_argument("--dialect", default="", help="its talk_dialect; left out, it tells")
    parser.add_argument("--virtual", action="store_true", help="on a virtual clock, where the machine may be busy")
    args = parser.parse_args()
    if args.virtual:
        gaps(args.turns)
        rates(args.turns)
        return
    asked = one_service(args.realtime, args.model, args.dialect) if args.realtime else ""
    print(f"{'':<30}{'median ms':>10}{'95 % ms':>10}{'told, error ms':>16}")
    with virtual_devices() as devices:
        for name in ["local"] if args.local else [args.realtime] if asked else args.row or ROWS:
            if args.local:
                heard, told, more = ask(devices)
            elif asked:
                heard, told, more = say_digits(devices, ROWS["speech to speech"], args.turns, asked)
            else:
                heard, told, more = hold(devices, ROWS[name], args.turns)
            errors = [abs(a - b) for a, b in zip(heard, told, strict=False)]
            figures = f"{statistics.median(heard):>10.0f}{late(heard):>10.0f}{statistics.median(errors):>16.0f}"
            print(f"{name:<30}{figures}  {more}", flush=True)


if __name__ == "__main__":
    main()
