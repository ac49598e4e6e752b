"""The gap of a turn beside the peers' in one sitting: the same people, the same local service, the same silence.

    make bench-peers [ARGS="--turns 5"]
    python benchmarks/peers_talk.py --peers PYTHON [--turns 30] [--people digits|speech] [--row NAME …]

PYTHON is that of an environment with requirements/peers-talk.txt in it; `make bench-peers` sets one up. Every
product has a process of its own and talks over real sockets to the service of talk.py: 150 ms to recognise an
upload, 200 ms to the first token, 15 ms a token, 150 ms to the first sound; a turn ends after 500 ms of silence.
The peers use their own plugins for such a service and the voice detection that comes in their packages.

People say digits as tones over speech, or utterances: real ones where ../shared/recordings is there, otherwise
synthesised. A turn detector that listens to intonation deserves the latter.

The gap is the time from the last voiced sample to the first sound of the reply. `voice talk` is heard and played
through virtual sound devices, whose 40 ms are in its figures. The peers get their sound in frames of 10 ms in
real time and hand theirs over, through the interfaces that they have for that: no sound card is in their figures.
Nothing but loopback is reachable for them.

Default: what their packages choose, turn detectors of their own that judge the sound included; they wait longer
for what does not sound finished to them. 500 ms: their voice detection, and that silence ends a turn. Tuned: the
same, but recognition starts 120 ms after the person stops, as ours does, and what a product offers to be faster is
on (livekit-agents: reply and speech ahead of the turn's end, no MP3; pipecat: it knows how soon recognition
answers, and puts out 10 ms at a time).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
AUDIBLE = 1000
"""The quietest sample that counts, as on the recordings of talk.py."""
FRAME_S, QUIET_S, PATIENCE_S = 0.01, 1.2, 10.0
SILENCE_S, SOFT_END_S = 0.5, 0.12
HOW = ("default", "500 ms", "tuned")


# -- in a peer's process: a room with one person and one clock --------------------------------------------


@dataclass
class Room:
    """Feeds a person's turns in real time and takes the time of the first sound that answers each."""

    rate: int
    turns: list[np.ndarray]
    push: Callable[[bytes], Any] = print
    gaps: list[float | None] = field(default_factory=list)
    _spoke: float | None = None
    _sounded: float = 0.0

    def heard(self, pcm: bytes | memoryview, rate: int) -> None:
        """What the product would now begin to play."""
        loud = np.flatnonzero(np.abs(np.frombuffer(pcm, np.int16).astype(np.int32)) >= AUDIBLE)
        if not loud.size:
            return
        now = time.perf_counter()
        if self._spoke is not None:
            self.gaps.append((now + loud[0] / rate - self._spoke) * 1000)
            self._spoke = None
        self._sounded = now + loud[-1] / rate

    async def hold(self) -> None:
        size = round(self.rate * FRAME_S)
        began, frames = time.perf_counter(), 0

        async def frame(samples: np.ndarray) -> None:
            nonlocal frames
            frames += 1
            await asyncio.sleep(max(0.0, began + frames * FRAME_S - time.perf_counter()))
            sent = self.push(np.pad(samples, (0, size - len(samples))).astype(np.int16).tobytes())
            if asyncio.iscoroutine(sent):
                await sent

        for turn in [np.zeros(self.rate, np.int16), *self.turns]:
            begin = began + frames * FRAME_S
            for at in range(0, len(turn), size):
                await frame(turn[at : at + size])
            if not turn.any():
                continue
            self._spoke = begin + len(turn) / self.rate  # a turn ends with its last voiced sample
            while self._spoke is not None or time.perf_counter() < self._sounded + QUIET_S:
                if self._spoke is not None and time.perf_counter() > self._spoke + PATIENCE_S:
                    self.gaps.append(None)
                    self._spoke, self._sounded = None, time.perf_counter()
                await frame(np.zeros(0, np.int16))


def livekit_devices(room: Room) -> tuple[Any, Any]:
    """An audio input and output as livekit-agents' console has, that lead into the room."""
    from livekit import rtc
    from livekit.agents.voice import io

    frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
    size = round(room.rate * FRAME_S)
    room.push = lambda pcm: frames.put_nowait(rtc.AudioFrame(pcm, room.rate, 1, size))

    class Microphone(io.AudioInput):
        async def __anext__(self) -> rtc.AudioFrame:
            return await frames.get()

    class Loudspeaker(io.AudioOutput):
        """Plays at once what comes; tells when it has sounded."""

        def __init__(self) -> None:
            super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False))
            self.began, self.pushed = 0.0, 0.0
            self.ending: asyncio.TimerHandle | None = None

        async def capture_frame(self, frame: rtc.AudioFrame) -> None:
            await super().capture_frame(frame)
            room.heard(frame.data.tobytes(), frame.sample_rate)
            if not self.pushed:
                self.began = time.monotonic()
                self.on_playback_started(created_at=time.time())
            self.pushed += frame.duration

        def flush(self) -> None:
            super().flush()
            if self.pushed:
                left = max(0.0, self.began + self.pushed - time.monotonic())
                self.ending = asyncio.get_running_loop().call_later(left, self.finish, self.pushed, False)
            self.pushed = 0.0

        def clear_buffer(self) -> None:
            played = self.pushed
            if self.ending is not None and not self.ending.cancelled():
                self.ending.cancel()
                self.finish(played, True)
            self.ending = None

        def finish(self, played: float, interrupted: bool) -> None:
            self.ending = None
            self.on_playback_finished(playback_position=played, interrupted=interrupted)

    return Microphone(label="microphone"), Loudspeaker()


async def livekit(room: Room, base_url: str, how: str) -> None:
    """livekit-agents without a room of its own."""
    from livekit.agents import Agent, AgentSession
    from livekit.plugins import openai, silero

    service: dict[str, Any] = {"base_url": base_url, "api_key": "k"}
    turns: dict[str, Any] = {"turn_detection": "vad", "endpointing": {"min_delay": SILENCE_S}}
    # Recognition begins when the voice detection lets go: as its plugin has it after 550 ms, tuned at our soft end.
    settings: dict[str, dict[str, Any]] = {
        "default": {},
        "500 ms": {"vad": silero.VAD.load(), "turn_handling": turns},
        "tuned": {
            "vad": silero.VAD.load(min_silence_duration=SOFT_END_S),
            "turn_handling": turns | {"preemptive_generation": {"enabled": True, "preemptive_tts": True}},
        },
    }
    session: AgentSession[None] = AgentSession(
        stt=openai.STT(**service),
        llm=openai.LLM(model="digits-chat", **service),
        tts=openai.TTS(**service, **({"response_format": "pcm"} if how == "tuned" else {})),
        **settings[how],
    )
    session.input.audio, session.output.audio = livekit_devices(room)
    await session.start(Agent(instructions="Answer."), record=False)
    try:
        await room.hold()
    finally:
        await session.aclose()


def pipecat_devices(room: Room, how: str, ready: asyncio.Event) -> tuple[Any, Any]:
    """A transport's two ends that take and give sound as pipecat's local one does; `ready` when they do."""
    from pipecat.frames.frames import InputAudioRawFrame
    from pipecat.transports.base_input import BaseInputTransport
    from pipecat.transports.base_output import BaseOutputTransport
    from pipecat.transports.base_transport import TransportParams

    class Microphone(BaseInputTransport):
        async def start(self, frame: Any) -> None:
            await super().start(frame)
            await self.set_transport_ready(frame)
            ready.set()

    class Loudspeaker(BaseOutputTransport):
        """Takes as long as the sound does, as a sound card with an empty buffer: the first frame at once."""

        free = 0.0

        async def start(self, frame: Any) -> None:
            await super().start(frame)
            await self.set_transport_ready(frame)

        async def write_audio_frame(self, frame: Any) -> bool:
            now = time.perf_counter()
            self.free = max(self.free, now)
            room.heard(frame.audio, frame.sample_rate)
            self.free += len(frame.audio) / 2 / frame.sample_rate
            await asyncio.sleep(max(0.0, self.free - now))
            return True

    out = {"audio_out_10ms_chunks": 1} if how == "tuned" else {}
    params = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_in_sample_rate=room.rate, **out)
    microphone, loudspeaker = Microphone(params), Loudspeaker(params)

    async def push(pcm: bytes) -> None:
        await microphone.push_audio_frame(InputAudioRawFrame(audio=pcm, sample_rate=room.rate, num_channels=1))

    room.push = push
    return microphone, loudspeaker


def pipecat_context(how: str) -> Any:
    """What the person and the model said, and when the person's turn ends."""
    from pipecat.audio.vad.silero import SileroVADAnalyzer
    from pipecat.audio.vad.vad_analyzer import VADParams
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import (
        LLMContextAggregatorPair,
        LLMUserAggregatorParams,
    )
    from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
    from pipecat.turns.user_turn_strategies import UserTurnStrategies

    # The voice detection waits first, the strategy then: together the silence that ends a turn.
    first = SOFT_END_S if how == "tuned" else VADParams().stop_secs
    then = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=SILENCE_S - first)
    users = LLMUserAggregatorParams(
        vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=first)),
        **({} if how == "default" else {"user_turn_strategies": UserTurnStrategies(stop=[then])}),
    )
    return LLMContextAggregatorPair(LLMContext(), user_params=users)


async def pipecat(room: Room, base_url: str, how: str) -> None:
    """pipecat as a pipeline of its own services."""
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.services.openai.llm import OpenAILLMService
    from pipecat.services.openai.stt import OpenAISTTService
    from pipecat.services.openai.tts import OpenAITTSService
    from pipecat.workers.runner import WorkerRunner

    ready = asyncio.Event()
    microphone, loudspeaker = pipecat_devices(room, how, ready)
    context = pipecat_context(how)
    service: dict[str, Any] = {"base_url": base_url, "api_key": "k"}
    pipeline = Pipeline(
        [
            microphone,
            OpenAISTTService(**service, **({"ttfs_p99_latency": 0.35} if how == "tuned" else {})),
            context.user(),
            OpenAILLMService(**service, settings=OpenAILLMService.Settings(model="digits-chat")),
            OpenAITTSService(**service),
            loudspeaker,
            context.assistant(),
        ]
    )
    worker = PipelineWorker(
        pipeline, params=PipelineParams(audio_in_sample_rate=room.rate, audio_out_sample_rate=24_000)
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await ready.wait()
    try:
        await room.hold()
    finally:
        await worker.cancel()
        await running


PRODUCTS: dict[str, tuple[Callable[[Room, str, str], Any], int, str]] = {
    "livekit": (livekit, 48_000, "livekit-agents"),
    "pipecat": (pipecat, 16_000, "pipecat-ai"),
}
"""By name: how to run it, the rate of the sound it is fed, what it is called on PyPI."""


def only_loopback(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: no name is looked up and no socket connected but on this machine."""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name not in ("127.0.0.1", "::1", "localhost", "None"):
        raise PermissionError(f"{name} is not on this machine")


def child(product: str, how: str, base_url: str, folder: Path) -> None:
    """Prints the gaps as JSON; everything else that the packages print goes to stderr."""
    sys.addaudithook(only_loopback)
    answer, sys.stdout = sys.stdout, sys.stderr
    run, rate, package = PRODUCTS[product]
    turns = [np.fromfile(path, np.int16) for path in sorted(folder.glob(f"*.{rate}"))]
    room = Room(rate, turns)
    asyncio.run(run(room, base_url, how))
    from importlib.metadata import version

    answer.write(json.dumps({"version": version(package), "gaps": room.gaps}) + "\n")
    answer.flush()
    os._exit(0)  # some of their threads outlive their session


# -- in our process ---------------------------------------------------------------------------------------


def people(folder: Path, turns: int, kind: str) -> list[str]:
    """The turns as files, at each product's rate; what is said in each."""
    from tests.people import says, speech_utterances
    from voicecli.audio.pcm import resample

    rates = {rate for _, rate, _ in PRODUCTS.values()}
    rng = random.Random(1)
    said = ["".join(rng.choices("0123456789", k=6)) for _ in range(turns)]
    sound = {text: {rate: says(text, rate).tobytes() for rate in rates} for text in said}
    if kind == "speech":
        spoken = {each.text: each.samples.tobytes() for each in speech_utterances()}
        sound = {text: {rate: resample(pcm, 48_000, rate) for rate in rates} for text, pcm in spoken.items()}
        said = (list(sound) * turns)[:turns]
    for index, text in enumerate(said):
        for rate in rates:
            (folder / f"{index:03}.{rate}").write_bytes(sound[text][rate])
    return said


def service(kind: str, turns: int) -> Any:
    """The local service, that hears tones or knows the utterances."""
    from dataclasses import replace

    import talk

    from tests.fakes.openai_server import OpenAIServer
    from tests.fakes.recordings import HearingServer
    from tests.people import speech_utterances

    habits = replace(talk.HABITS, script=[talk.REPLY] * turns * 4)
    return HearingServer(speech_utterances(), habits) if kind == "speech" else OpenAIServer(habits)


def ours(name: str, turns: int, kind: str) -> tuple[str, list[float | None], str]:
    """`voice talk` on virtual sound devices."""
    import talk
    from people import converse

    from tests.virtual import virtual_devices

    row = talk.ROWS[name]
    with virtual_devices() as devices:
        if kind == "digits":
            gaps, *_ = talk.hold(devices, row, turns)
            return f"voice talk, {name}", list(gaps), "with the sound card"
        held = converse(devices, service(kind, turns), row.flags, turns)
    return f"voice talk, {name}", held.gaps, f"{held.whole} of {turns} recognised whole, with the sound card"


def peer(python: Path, product: str, how: str, turns: int, kind: str) -> tuple[str, list[float | None], str]:
    """One product's name, gaps in ms, and how many of its turns were recognised whole."""
    with tempfile.TemporaryDirectory() as name, service(kind, turns) as server:
        said = people(Path(name), turns, kind)
        command = [str(python), __file__, "--child", product, how, server.base_url, name]
        kept = {"PATH": os.environ["PATH"], "HOME": name, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=kept, timeout=120 + 20 * turns)
        if done.returncode or not done.stdout.strip():
            raise SystemExit(f"{product}, {how}, failed:\n{done.stderr[-4000:]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        heard = [each["heard"] for each in server.log if each["verb"] == "transcribe"]
    if os.environ.get("PEERS_LOG"):
        print(done.stderr, server.log, file=sys.stderr)
    whole = sum(digits in heard for digits in said)
    package = PRODUCTS[product][2]
    return f"{package} {found['version']}, {how}", found["gaps"], f"{whole} of {turns} recognised whole"


def line(name: str, gaps: list[float | None], more: str) -> str:
    import talk

    known = [each for each in gaps if each is not None]
    if not known:
        return f"{name:<40}{'no answer':>20}  {more}"
    lost = f", {len(gaps) - len(known)} unanswered" if len(known) < len(gaps) else ""
    return f"{name:<40}{statistics.median(known):>10.0f}{talk.late(known):>10.0f}  {more}{lost}"


OURS = ("uploads", "uploads, drafts off")


def main() -> None:
    names = [*OURS, *(f"{product}, {how}" for product in PRODUCTS for how in HOW)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--people", choices=("digits", "speech"), default="digits")
    parser.add_argument("--row", action="append", choices=names)
    args = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    print(f"{'':<40}{'median ms':>10}{'95 % ms':>10}")
    for name in args.row or names:
        if name in OURS:
            found = ours(name, args.turns, args.people)
        else:
            product, _, how = name.partition(", ")
            found = peer(args.peers, product, how, args.turns, args.people)
        print(line(*found), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        product, how, url, folder = sys.argv[2:6]
        child(product, how, url, Path(folder))
    else:
        main()
