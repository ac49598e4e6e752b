"""How good and how quick the models of this machine are: ears on recordings and on an hour, voices by a judge.

    python benchmarks/local.py [ears|hour|voices …] [--minutes 60] [--recordings FOLDER]

Models are fetched once (tests/weights.py), the judge is Whisper base on CTranslate2. `ears`: word errors over
../shared/recordings, clean and with its room noise at 10 dB, noise alone, 88 s at once, a short file from the command
line. `hour`: sentences by Piper in an order drawn by lot, transcribed by the program, killed at half and begun again.
`voices`: sentences read back by the judge, and how soon they sound. Prints bars; the exit code is how many were missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import weights  # noqa: E402
from tests.backends.local.test_ears import RECORDED  # noqa: E402
from tests.judge import Judge, floats, parts, sounds_of, wrong  # noqa: E402
from voicecli.audio.files import read_pcm  # noqa: E402
from voicecli.audio.pcm import resample  # noqa: E402
from voicecli.backends.local.ears import Ears  # noqa: E402
from voicecli.backends.local.mouth import LocalSpeaker  # noqa: E402
from voicecli.backends.local.settings import LocalSettings  # noqa: E402
from voicecli.errors import NoSpeechError  # noqa: E402
from voicecli.types import AudioClip, PcmFormat, SpeechRequest, TranscribeOptions  # noqa: E402

RATE = 16_000
RUNS = 5
# Without numbers: the judge writes them in digits.
ENGLISH = (
    "The weather in Paris is sunny today.",
    "Please remind me to water the plants in the kitchen tomorrow morning.",
    "Your tea is ready now, and so is the cake.",
    "Three quarters of the visitors came by train.",
    "She asked whether the museum would open again before the summer.",
    "Light travels so much faster than the sound of thunder.",
    "He put the letters into a blue envelope and closed the door.",
    "There are more trees than houses in this quiet valley.",
    "The old bridge across the river was built of stone.",
    "I will call you back when the meeting is over.",
)
CHINESE = (
    "今天北京天气晴朗，下午可能有小雨。",
    "请提醒我明天早上给妈妈打电话。",
    "这本书的作者住在上海的一条小街上。",
    "火车马上就要开了，我们走快一些吧。",
    "他每天晚上都在公园里跑步，然后回家看书。",
)
WHO = ("my brother", "the young doctor", "our teacher", "the captain", "a friend of mine", "the old gardener")
DID = ("found", "carried", "described", "remembered", "painted", "repaired")
WHAT = ("a heavy wooden box", "the garden behind the house", "the small white boat", "an empty glass bottle")
WHEN = ("on Monday morning", "late in the evening", "before the winter came", "while it was raining")


def bar(text: str, held: bool) -> int:
    print(f"{'ok    ' if held else 'MISSED'}  {text}", flush=True)
    return not held


# -- ears ------------------------------------------------------------------------------------------


async def text_of(ears: Ears, pcm: bytes) -> str:
    text = ""
    with suppress(NoSpeechError):
        async with ears.transcribe(AudioClip(pcm, "pcm"), TranscribeOptions()) as transcripts:
            async for each in transcripts:
                text = each.text
    return text


def noisy(pcm: bytes, noise: bytes, snr_db: float = 10) -> bytes:
    """Speech with room noise so many dB below it."""
    speech = np.frombuffer(pcm, np.int16).astype(float)
    room = np.resize(np.frombuffer(noise, np.int16), len(speech)).astype(float)
    room *= np.sqrt(np.mean(speech**2) / np.mean(room**2)) / 10 ** (snr_db / 20)
    return bytes(np.clip(speech + room, -32768, 32767).astype("<i2"))


async def ears(folder: Path) -> int:
    """Word errors, noise, 88 s, time and memory."""
    sounds = {name: read_pcm(folder / name, RATE) for name in RECORDED}
    noise = read_pcm(folder / "noise1.wav", RATE)
    count = sum(len(parts(text)) for text in RECORDED.values())
    opened = Ears(LocalSettings("local", "local", models_folder=str(weights.FOLDER)))
    began = time.monotonic()
    await opened.warm()
    print(f"        loaded in {time.monotonic() - began:.2f} s")
    missed = 0
    for what, most, way in (
        ("clean", 3, lambda pcm: pcm),
        ("room noise at 10 dB", 5, lambda pcm: noisy(pcm, noise)),
    ):
        lost, took, sounded = 0, [], 0.0
        for name, text in RECORDED.items():
            began = time.monotonic()
            heard = await text_of(opened, way(sounds[name]))
            took.append(time.monotonic() - began)
            sounded += len(sounds[name]) / 2 / RATE
            if errors := wrong(parts(text), parts(heard)):
                print(f"        {name}: {errors}: {heard}")
            lost += errors
        figures = f"{statistics.median(took):.2f} s each, {sum(took) / sounded:.3f} of real time"
        missed += bar(f"{what}: {100 * lost / count:.1f} % of {count} words, {figures}", 100 * lost / count <= most)
    missed += bar("noise alone: no word", not await text_of(opened, noise))
    heard = await text_of(opened, sounds["jfk.wav"] * 8)
    told = parts(RECORDED["jfk.wav"]) * 8
    lost = wrong(told, parts(heard))
    missed += bar(f"88 s at once: {lost} of {len(told)} words wrong", lost <= 0.03 * len(told))
    return missed + short_file(folder / "cards-001.wav", noise)


def short_file(path: Path, noise: bytes) -> int:
    """The program's own time for a short file, and what it says of noise."""
    with tempfile.TemporaryDirectory() as name:
        env = {"PATH": os.environ["PATH"], "HOME": name, **weights.ENV}
        command = [sys.executable, "-m", "voicecli", "transcribe", "-q", "--no-cache"]
        took = []
        for _ in range(RUNS):
            began = time.monotonic()
            subprocess.run([*command, str(path)], env=env, check=True, stdout=subprocess.DEVNULL)
            took.append(time.monotonic() - began)
        soundfile.write(f"{name}/noise.wav", np.frombuffer(noise, np.int16), RATE)
        done = subprocess.run([*command, f"{name}/noise.wav"], env=env, capture_output=True)
    text = f"a short file from the command line: {statistics.median(took):.2f} s, at best {min(took):.2f} s"
    return bar(text, statistics.median(took) <= 1.0) + bar(
        f"noise alone from the command line: exit {done.returncode}", done.returncode == 10 and not done.stdout
    )


# -- an hour ---------------------------------------------------------------------------------------


async def said(mouth: LocalSpeaker, text: str, voice: str | None = None) -> tuple[bytes, float, float, float]:
    """A text's samples at 16 kHz; seconds to its first sound, of CPU, and of its sound."""
    began, busy, first, found = time.monotonic(), time.process_time(), 0.0, []
    async with mouth.speak(SpeechRequest(text, voice=voice)) as chunks:
        async for each in chunks:
            first = first or time.monotonic() - began
            found.append(each)
    form = found[0].encoding
    assert isinstance(form, PcmFormat)
    pcm = resample(b"".join(each.data for each in found), form.rate, RATE)
    return pcm, first, time.process_time() - busy, len(pcm) / 2 / RATE


async def script(path: Path, minutes: float) -> list[str]:
    """Writes so many minutes of sentences with pauses; their words."""
    rng = random.Random(1)
    texts = [" ".join(each).capitalize() + "." for each in rng.sample(list(product(WHO, DID, WHAT, WHEN)), 60)]
    mouth = LocalSpeaker(LocalSettings("local", "local", models_folder=str(weights.FOLDER)))
    sentences = [(text, (await said(mouth, text))[0]) for text in texts]
    words: list[str] = []
    at = 0.0
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        while at < 60 * minutes:
            text, pcm = rng.choice(sentences)
            sound = np.concatenate(
                [np.frombuffer(pcm, np.int16), np.zeros(int(rng.uniform(0.3, 1.2) * RATE), np.int16)]
            )
            file.write(sound)
            at += len(sound) / RATE
            words += parts(text)
    return words


def run(command: list[str], env: dict[str, str], after: float | None = None) -> tuple[float, float]:
    """CPU seconds and peak MiB of a run; killed `after` so many seconds."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    if after is not None:
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert after is not None or process.returncode == 0, process.returncode
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


async def hour(minutes: float) -> int:
    with tempfile.TemporaryDirectory() as name:
        words = await script(Path(name) / "long.flac", minutes)
        env = {"PATH": os.environ["PATH"], "HOME": name, **weights.ENV}
        command = [sys.executable, "-m", "voicecli", "transcribe", "-q", f"{name}/long.flac", "-o"]
        began = time.monotonic()
        busy, peak = run([*command, f"{name}/a.txt"], env | {"XDG_CACHE_HOME": f"{name}/a"})
        took = time.monotonic() - began
        heard = parts((Path(name) / "a.txt").read_text())
        lost = wrong(words, heard)
        missed = bar(
            f"{minutes:g} min: {lost} of {len(words)} words wrong ({100 * lost / len(words):.2f} %)",
            lost <= 0.03 * len(words),
        )
        missed += bar(f"{busy:.0f} s of CPU, {took:.0f} s of wall time", busy <= 4 * minutes)
        missed += bar(f"peak memory {peak:.0f} MiB", peak <= 600)
        env["XDG_CACHE_HOME"] = f"{name}/b"
        run([*command, f"{name}/b.txt"], env, after=took / 2)
        rest, _ = run([*command, f"{name}/b.txt"], env)
        same = (Path(name) / "a.txt").read_bytes() == (Path(name) / "b.txt").read_bytes()
        return missed + bar(f"killed at half: the same text after {rest:.0f} s of CPU more", same and rest < 0.8 * busy)


# -- voices ----------------------------------------------------------------------------------------


async def voices() -> int:
    judge = Judge(weights.JUDGED_FOLDER / "whisper-base-ct2")
    settings = LocalSettings("local", "local", models_folder=str(weights.JUDGED_FOLDER))
    rows = (
        ("piper-en-joe", ENGLISH, "en", 7.0),
        ("kokoro-v1.0:af_heart", ENGLISH, "en", 3.5),
        ("zf_xiaobei", CHINESE, "zh", 6.0),
    )
    missed = 0
    mouth = LocalSpeaker(settings)
    for voice, texts, language, most in rows:
        await said(mouth, texts[0][:6], voice)
        lost, busy, length = 0, 0.0, 0.0
        firsts: list[float] = []
        for text in texts:
            pcm, first, cpu, seconds = await said(mouth, text, voice)
            heard = judge.read(floats(pcm), language)
            if errors := wrong(sounds_of(text), sounds_of(heard)):
                print(f"        {voice}: {errors}: {heard}")
            lost, busy, length, firsts = lost + errors, busy + cpu, length + seconds, [*firsts, first]
        count = sum(len(sounds_of(text)) for text in texts)
        text = f"{voice}: {100 * lost / count:.1f} % of {count} wrong, {busy / length:.2f} CPU-seconds a second"
        missed += bar(text, 100 * lost / count <= most)
        text = f"{voice}: first sound of a sentence {statistics.median(firsts):.2f} s, at most {max(firsts):.2f} s"
        missed += bar(text, "piper" not in voice or statistics.median(firsts) <= 0.3)
    return missed


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["ears", "hour", "voices"])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--recordings", type=Path, default=ROOT.parent / "shared" / "recordings")
    args = parser.parse_args()
    for trouble in (weights.missing(), weights.missing(weights.JUDGED, weights.JUDGED_FOLDER)):
        if trouble:
            sys.exit(trouble)
    parts_ = {"ears": lambda: ears(args.recordings), "hour": lambda: hour(args.minutes), "voices": voices}
    return sum([await parts_[each]() for each in args.what])


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
