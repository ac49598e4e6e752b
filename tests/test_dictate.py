"""Dictation: what a person says, stretch by stretch and in order, from frames and out of a microphone."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import long
from tests.conftest import Voice
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.server import Reply
from tests.people import says
from tests.reliability.terminal import Terminal as RealTerminal
from tests.serving import serving
from tests.test_cli_transcribe_long import configured
from tests.test_talk_devices import settings
from tests.usecases.here import Listener
from tests.virtual import RATE, VirtualDevices
from tests.waiting import eventually, until
from voicecli.audio.vad import Detector, Voicing
from voicecli.backends.registry import FAMILIES
from voicecli.errors import NoSpeechError, RefusedError, ServiceError, VoiceError
from voicecli.terminal.console import Console
from voicecli.terminal.dictating import Manner, shown
from voicecli.types import MIC, AudioFrame, Backend, Segment, TranscribeOptions, Transcript
from voicecli.usecases.dictation import Detect, Dictation, Said
from voicecli.wiring.bridges import FileAsLive

pytestmark = pytest.mark.anyio

PAUSE = np.zeros(16_000, np.int16)


@pytest.fixture(scope="module", autouse=True)
def person() -> None:
    """Speech is made once, and outside of any loop."""
    says("1", 16_000)


recogniser = serving(long.Recogniser)


@asynccontextmanager
async def ears(server: long.Recogniser) -> AsyncIterator[Any]:
    """The adapter for files, lifted to live sound."""
    factory = FAMILIES["openai"].at_best.transcribe
    assert factory is not None
    async with factory(Backend("w", "openai", base_url=server.base_url, transcribe_model="m1")) as adapter:
        yield FileAsLive(adapter)


async def frames(samples: NDArray[np.int16]) -> AsyncIterator[AudioFrame]:
    data, step = samples.tobytes(), MIC.bytes_for(20)
    for at in range(0, len(data) - step + 1, step):
        yield AudioFrame(data[at : at + step], MIC, at / 32_000)
        await asyncio.sleep(0)


class Page:
    """What was dictated, and what failed."""

    def __init__(self, ears: Any, detect: Detect | None = None) -> None:
        self.finals: list[Segment] = []
        self.failures: list[VoiceError] = []
        self.dictation = Dictation(
            ears,
            TranscribeOptions(),
            detect or Detector().detect,
            report=Listener(),
            heard=self.heard,
            failed=self.failures.append,
        )

    def heard(self, segment: Segment, final: bool) -> None:
        if final:
            self.finals.append(segment)

    @property
    def text(self) -> str:
        return " | ".join(each.text for each in self.finals)


async def test_each_stretch_of_speech_is_a_sentence_at_its_time(recogniser: long.Recogniser) -> None:
    spoken = np.concatenate([PAUSE, says("4071", 16_000), PAUSE, PAUSE, says("938", 16_000), PAUSE])
    async with ears(recogniser) as live:
        page = Page(live)
        await page.dictation.run(frames(spoken), asyncio.Event())
    assert page.text == "4 0 7 1 | 9 3 8"
    first, second = page.finals
    assert 0.6 <= first.start <= 1.0
    assert 3.0 <= second.start <= 1.0 + len(says("4071", 16_000)) / 16_000 + 2.0
    assert first.end <= second.start


async def test_what_is_being_said_at_the_end_is_heard(recogniser: long.Recogniser) -> None:
    async with ears(recogniser) as live:
        page = Page(live)
        await page.dictation.run(frames(np.concatenate([PAUSE, says("55", 16_000)])), asyncio.Event())
    assert page.text == "5 5"


async def test_it_ends_after_silence(recogniser: long.Recogniser) -> None:
    taken = 0

    async def counted() -> AsyncIterator[AudioFrame]:
        nonlocal taken
        async for frame in frames(np.concatenate([says("123", 16_000), np.tile(PAUSE, 60)])):
            taken += 1
            yield frame

    async with ears(recogniser) as live:
        page = Page(live)
        await page.dictation.run(counted(), asyncio.Event(), 3.0)
    assert page.text == "1 2 3"
    assert taken * 0.02 < 6


async def test_texts_stay_in_order_and_a_failure_costs_one(recogniser: long.Recogniser) -> None:
    """The first answer comes last, the second not at all."""
    usual, count, third = recogniser.transcribed, iter(range(9)), asyncio.Event()

    async def slow_then_broken(request: Any) -> Any:
        number = next(count)
        if number == 1:
            return Reply.json({"error": {"message": "broken"}}, 400)
        reply = await usual(request)
        if number == 2:
            third.set()
        await third.wait()
        return reply

    recogniser.on("/v1/audio/transcriptions", slow_then_broken)
    parts = [part for digit in "123" for part in (says(digit * 3, 16_000), PAUSE)]
    async with ears(recogniser) as live:
        page = Page(live)
        await page.dictation.run(frames(np.concatenate(parts)), asyncio.Event())
    assert page.text == "1 1 1 | 3 3 3"
    assert ["broken" in str(each) for each in page.failures] == [True]


class Choosy:
    """A recogniser that finds no speech in 222."""

    def __init__(self, live: Any) -> None:
        self.live, self.done = live, list[str]()

    @asynccontextmanager
    async def transcribe_live(
        self, sound: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        async with self.live.transcribe_live(sound, options) as transcripts:
            yield self.chosen(transcripts)

    async def chosen(self, transcripts: AsyncIterator[Transcript]) -> AsyncIterator[Transcript]:
        async for each in transcripts:
            if each.text == "2 2 2":
                raise NoSpeechError("nothing was said")
            yield each
            self.done.append(each.text)


async def test_a_stretch_without_speech_lets_no_text_pass_the_one_before(recogniser: long.Recogniser) -> None:
    """The first answer comes when the third is there."""
    usual, count = recogniser.transcribed, iter(range(9))

    async def slow_at_first(request: Any) -> Any:
        if next(count) == 0:
            await eventually(lambda: choosy.done)
        return await usual(request)

    recogniser.on("/v1/audio/transcriptions", slow_at_first)
    parts = [part for digit in "123" for part in (says(digit * 3, 16_000), PAUSE)]
    async with ears(recogniser) as live:
        choosy = Choosy(live)
        page = Page(choosy)
        await page.dictation.run(frames(np.concatenate(parts)), asyncio.Event())
    assert (page.text, page.failures) == ("1 1 1 | 3 3 3", [])


async def test_what_was_too_quiet_for_speech_is_not_lost_where_it_fails(recogniser: long.Recogniser) -> None:
    recogniser.on("/v1/audio/transcriptions", Reply.json({"error": {"message": "broken"}}, 400))
    heard = iter([Voicing(True, 0.9, -69.0)] * 50)
    async with ears(recogniser) as live:
        page = Page(live, lambda pcm: next(heard, Voicing(False, 0.0, -90.0)))
        await page.dictation.run(frames(np.tile(PAUSE, 3)), asyncio.Event())
    assert recogniser.requests and not page.failures


async def test_noise_is_no_sentence(recogniser: long.Recogniser) -> None:
    """A recogniser that writes what it hears where nobody spoke, and punctuation."""
    said = iter(["[BLANK_AUDIO]", "。", "Go on."])

    async def noisy(request: Any) -> Any:
        return Reply.json({"text": next(said)})

    recogniser.on("/v1/audio/transcriptions", noisy)
    parts = [part for digit in "123" for part in (says(digit * 3, 16_000), PAUSE)]
    async with ears(recogniser) as live:
        page = Page(live)
        await page.dictation.run(frames(np.concatenate(parts)), asyncio.Event())
    assert (page.text, page.failures) == ("Go on.", [])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Watched:
    """As much of a session as showing needs: a console whose streams are terminals."""

    def __init__(self) -> None:
        self.console = Console({"TERM": "xterm"}, Terminal(), Terminal())


def test_what_may_still_change_is_shown_beside_the_result() -> None:
    """And nothing that a service says moves the cursor or is taken for markup."""
    watched = Watched()
    with shown(watched.console, Manner()) as show:
        show(Segment("hel [/x] \x1b[31m", 0, 1), False)
        show(Segment("hello", 0, 1), True)
    assert isinstance(watched.console.out, io.StringIO)
    assert isinstance(watched.console.err, io.StringIO)
    assert watched.console.out.getvalue() == "hello\n"
    assert "hel [/x]" in watched.console.err.getvalue()
    assert "\x1b[31m" not in watched.console.err.getvalue()


@pytest.mark.parametrize(
    ("understood", "lost", "code", "words"),
    [
        (2, [], 0, ""),
        (2, [ServiceError("broken")], 9, "1 of 3 sentences was lost"),
        (1, [ServiceError("broken"), RefusedError("no key")], 9, "2 of 3 sentences were lost"),
        (0, [ServiceError("broken"), RefusedError("no key")], 3, "2 of 2 sentences were lost"),
        (0, [], 10, "nothing was said"),
    ],
)
def test_what_a_dictation_comes_to(understood: int, lost: list[VoiceError], code: int, words: str) -> None:
    said = Said([Segment("a", 0, 1)] * understood, lost)
    try:
        said.judge()
    except VoiceError as exc:
        assert (exc.exit_code, words in str(exc)) == (code, True)
    else:
        assert code == 0


# -- the program -----------------------------------------------------------------------------------


@pytest.mark.needs_sound
def test_a_person_dictates_until_ctrl_c(
    recogniser: long.Recogniser, voice: Voice, home: dict[str, str], devices: VirtualDevices, tmp_path: Path
) -> None:
    env = home | devices.env | configured(recogniser, tmp_path)
    command = [sys.executable, "-m", "voicecli", "transcribe", "--mic", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"listening to ")
        silence = np.zeros(RATE, np.int16).tobytes()
        spoken = silence + says("4071").tobytes() + silence + says("93").tobytes() + silence
        # Much is handed over at once: on a busy machine a player that is late would tear a tone.
        with devices.player(latency_ms=500) as player:
            player.communicate(spoken, timeout=60)
        until(lambda: len(recogniser.log) >= 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["4 0 7 1", "9 3"]


@pytest.mark.needs_sound
def test_a_lost_sentence_is_9_and_the_others_are_written(
    recogniser: long.Recogniser, home: dict[str, str], devices: VirtualDevices, tmp_path: Path
) -> None:
    """A quota that is used up ends it; what was understood before stands in the file."""
    usual, count = recogniser.transcribed, iter(range(9))

    async def once(request: Any) -> Any:
        return await usual(request) if next(count) == 0 else Reply.json({"error": {"message": "no quota"}}, 403)

    recogniser.on("/v1/audio/transcriptions", once)
    env = home | devices.env | configured(recogniser, tmp_path)
    letter = tmp_path / "letter.txt"
    command = [sys.executable, "-m", "voicecli", "transcribe", "--mic", "-o", str(letter)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"listening to ")
        silence = np.zeros(RATE, np.int16).tobytes()
        spoken = silence + says("4071").tobytes() + silence + says("93").tobytes() + silence
        with devices.player(latency_ms=500) as player:
            player.communicate(spoken, timeout=60)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, letter.read_text()) == (9, b"", "4 0 7 1\n")
    assert b"no quota (HTTP 403)" in err and b"What you said is kept: voice transcribe" in err
    assert err.endswith(b"error: 1 of 2 sentences was lost\n")


@pytest.mark.needs_sound
def test_the_terminal_is_put_back_and_what_was_understood_is_written(
    home: dict[str, str], devices: VirtualDevices, tmp_path: Path
) -> None:
    """In the middle of a sentence, the line of interim text being drawn; three listen at once to the same."""
    config = tmp_path / "config.toml"
    codes = {signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129}
    with OpenAIServer() as server, ExitStack() as listening:
        config.write_text(
            settings(server).replace("[backends.work]", f'[backends.work]\nlive_url = "{server.live_url}"')
        )
        env = home | devices.env | {"VOICE_CONFIG": str(config)}
        command = [sys.executable, "-m", "voicecli", "transcribe", "--mic", "-o"]
        terminals = {
            number: listening.enter_context(RealTerminal([*command, f"{number.name}.txt"], env, tmp_path))
            for number in codes
        }
        for each in terminals.values():
            each.until(lambda text: "listening to" in text)
        with devices.player(latency_ms=500) as player:
            assert player.stdin is not None
            silence = np.zeros(RATE, np.int16).tobytes()
            player.stdin.write(silence + says("4071").tobytes() + silence + says("938271645" * 3).tobytes())
            player.stdin.flush()
            for number, each in terminals.items():
                each.until(lambda text: "938" in text)
                each.send(number)
            ended = {number: each.ended() for number, each in terminals.items()}
            player.kill()  # nobody hears the rest
        assert ended == codes
        for number, each in terminals.items():
            assert each.faults() == [] and "Traceback" not in each.text
            assert (tmp_path / f"{number.name}.txt").read_text().startswith("4071")


@pytest.mark.needs_sound
def test_silence_ends_it_and_is_10(
    recogniser: long.Recogniser, voice: Voice, devices: VirtualDevices, tmp_path: Path
) -> None:
    env = devices.env | configured(recogniser, tmp_path)
    run = voice("transcribe", "--mic", "--stop-after", "0.5", "-q", env=env)
    assert (run.returncode, run.stdout) == (10, b"")
    assert run.stderr == b"error: microphone: nothing was said\n"
