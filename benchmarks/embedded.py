"""What the embedded backends understand, and what they cost.

    python benchmarks/embedded.py [--repeat 3] [--human] [--phrases] [--cost]

Phrases: questions to the offline skills and sentences that are none, spoken by the embedded voice (en-us+f2,
160 words a minute, 0.3 s of silence on both sides) and heard by the grammar. Its sound differs a little every
time, so each is said several times. Human: word errors of dictation on ../shared/recordings where they are,
else on the embedded voice. Cost: start, memory, processor time, and how long the text takes after the last
sound of an utterance that came in real time. Prints tables; gates nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
import wave
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.backends.embedded.speech import frames, heard, said  # noqa: E402
from voicecli.audio.pcm import resample  # noqa: E402
from voicecli.backends.embedded import espeak  # noqa: E402
from voicecli.backends.embedded import family as embedded  # noqa: E402
from voicecli.backends.embedded.recogniser import Recogniser, open_recogniser  # noqa: E402
from voicecli.backends.embedded.settings import EmbeddedSettings  # noqa: E402
from voicecli.types import MIC, AudioClip, AudioFrame, SpeechRequest, TranscribeOptions, Transcript  # noqa: E402

BACKEND = EmbeddedSettings("embedded", "embedded")
RECORDINGS = ROOT.parent / "shared" / "recordings"
GRAMMAR = TranscribeOptions(grammar=embedded.grammar())

PHRASES = """
what time is it
tell me the time
what day is it today
what is the date
what day of the week is it
what year is it
what is tomorrow's date
what is twelve times seven
what is twenty five plus seventeen
how much is ninety six divided by eight
what is one hundred minus thirty seven
what is three point five times two
what is fifteen percent of eighty
what is the square root of eighty one
what is two hundred and fifty plus seven hundred
calculate one thousand divided by eight
convert five miles to kilometers
convert ten kilograms to pounds
convert seventy two inches to centimeters
how many feet are in a mile
how many meters are in two miles
how many minutes are there in two days
what is twenty degrees celsius in fahrenheit
set a timer for five minutes
set a timer for half an hour
set a twenty minute timer
remind me in one hour
cancel the timer
how much time is left
spell necessary
how do you spell chocolate
say that again
what can you do
help
good morning
thank you
""".strip().splitlines()

OTHERS = """
the quick brown fox jumps over the lazy dog
please turn on the kitchen light
who was the first president of america
i would like to order a pizza with cheese
play some music by the beatles
what is the weather in paris
what is the capital of france
what is the meaning of life
how many people live in china
how many days until christmas
how tall is the eiffel tower
tell me a joke about computers
set the table for dinner
cancel my appointment with the doctor
remind me to buy milk
say something funny
write a poem about spring
where is the nearest train station
the meeting was moved to next tuesday
yes
no
maybe later
never mind
call my mother
""".strip().splitlines()

HUMAN = {
    "cards-001": "ten of clubs",
    "cards-003": "seven of clubs",
    "cards-005": "eight of spades four of clubs seven of hearts",
    "goforward-16k-s16le": "go forward ten meters",
    "austen-0880": "he was not an ill disposed young man",
    "weather-paris": "what is the weather in paris",
    "child-small-dog": "the child almost hurt the small dog",
    "LJ001-0002": "in being comparatively modern",
    "jfk": "and so my fellow americans ask not what your country can do for you ask what you can do for your country",
}


async def phrases(ears: Recogniser, repeat: int) -> None:
    right, wrong, seconds, begin = 0, Counter[tuple[str, str]](), 0.0, time.perf_counter()
    for _ in range(repeat):
        said.cache_clear()
        for phrase in PHRASES:
            found = (await heard(ears, said(phrase), GRAMMAR))[-1]
            seconds += MIC.seconds(said(phrase))
            if found.text == phrase:
                right += 1
            else:
                wrong[phrase, found.text if found.tags else f"({found.text})"] += 1
    share = (time.perf_counter() - begin) / seconds
    print(f"\nphrases by grammar: {right} of {repeat * len(PHRASES)} right, {share:.2f} x real time")
    for (phrase, text), count in wrong.items():
        print(f"  {count}/{repeat}  {phrase} -> {text}   (in brackets: by dictation)")
    taken = [(other, (await heard(ears, said(other), GRAMMAR))[-1]) for other in OTHERS]
    taken = [(other, found) for other, found in taken if found.tags]
    print(f"sentences of no skill that were taken for one: {len(taken)} of {len(OTHERS)}")
    for other, found in taken:
        print(f"  {other} -> {found.text}")
    await noise(ears)


async def noise(ears: Recogniser) -> None:
    with suppress(FileNotFoundError):
        pcm, step = recording("noise1"), MIC.bytes_for(2000)
        pieces = [pcm[at : at + step] for at in range(0, len(pcm) - step, step)]
        taken = [found.text for each in pieces if (found := (await heard(ears, each, GRAMMAR))[-1]).tags]
        print(f"stretches of room noise that were taken for a skill: {len(taken)} of {len(pieces)} {taken or ''}")


def recording(name: str) -> bytes:
    """s16le at 16 kHz."""
    raw = RECORDINGS / f"{name}.raw"
    if raw.exists():
        return raw.read_bytes()
    with wave.open(str(RECORDINGS / f"{name}.wav")) as file:
        return resample(file.readframes(file.getnframes()), file.getframerate(), MIC.rate)


def errors(said_words: list[str], heard_words: list[str]) -> int:
    """Words to insert, delete or change."""
    row = list(range(len(heard_words) + 1))
    for at, word in enumerate(said_words, 1):
        before, row = row, [at]
        for index, other in enumerate(heard_words):
            row.append(min(before[index + 1] + 1, row[-1] + 1, before[index] + (word != other)))
    return row[-1]


async def whole(ears: Recogniser, pcm: bytes) -> Transcript:
    async with ears.transcribe(AudioClip(pcm, "pcm"), TranscribeOptions()) as transcripts:
        return [each async for each in transcripts][-1]


async def human(ears: Recogniser) -> None:
    people = RECORDINGS.exists()
    source = HUMAN if people else {text: text for text in (*PHRASES[:4], *OTHERS[:6])}
    totals, words, took, seconds = Counter[str](), 0, Counter[str](), 0.0
    doubt = Counter[tuple[bool, bool]]()
    who = "people" if people else "the embedded voice (no recordings of people here)"
    print(f"\n{who}, by dictation: word errors live / of the whole recording")
    for name, text in source.items():
        pcm, expected = recording(name) if people else said(text), text.split()
        counts = {}
        for way in ("live", "whole"):
            begin = time.perf_counter()
            found = (await heard(ears, pcm))[-1] if way == "live" else await whole(ears, pcm)
            took[way] += time.perf_counter() - begin  # type: ignore[assignment]
            counts[way] = errors(expected, found.text.split())
        totals.update(counts)
        words, seconds = words + len(expected), seconds + MIC.seconds(pcm)
        for word in found.words:
            doubt[word.text in expected, word.unsure] += 1
        print(f"  {counts['live']:>2} / {counts['whole']:>2} of {len(expected):>2}  {name}: {found.text}")
    for way in ("live", "whole"):
        print(f"  {way}: {totals[way] / words:.0%} word errors, {took[way] / seconds:.2f} x real time")
    print(
        f"  marked unsure: {doubt[False, True]} of {doubt[False, True] + doubt[False, False]} words that were not said,"
    )
    print(f"  {doubt[True, True]} of {doubt[True, True] + doubt[True, False]} that were")


def resident_mib(pid: int | str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def cost() -> None:
    begin = time.perf_counter()
    async with open_recogniser(BACKEND) as ears:
        await ears.check()
        print(f"\nrecogniser: ready after {(time.perf_counter() - begin) * 1000:.0f} ms", end="")
        with suppress(OSError):
            print(f", {resident_mib(ears.pid or 'self'):.0f} MiB", end="")
            await heard(ears, said(PHRASES[0]), GRAMMAR)
            print(f", {resident_mib(ears.pid or 'self'):.0f} MiB with the grammar of the skills", end="")
        print()
        await delays(ears)
    async with embedded.speak(BACKEND) as mouth:
        begin, sounded = time.perf_counter(), 0.0
        async with mouth.speak(SpeechRequest("It is five past three. " * 40)) as chunks:
            async for chunk in chunks:
                if not sounded:
                    print(f"voice: first sound after {(time.perf_counter() - begin) * 1000:.0f} ms", end="")
                sounded += len(chunk.data) / 2 / espeak.RATE
        print(f", {sounded / (time.perf_counter() - begin):.0f} x real time")


async def after_the_end(ears: Recogniser, pcm: bytes, options: TranscribeOptions) -> float:
    """Seconds from the last frame, all of them given in real time, to the final text."""
    ended = 0.0

    async def speaking() -> AsyncIterator[AudioFrame]:
        nonlocal ended
        begin, given = time.perf_counter(), 0.0
        async for frame in frames(pcm):
            given += MIC.seconds(frame.pcm)
            await asyncio.sleep(max(0.0, begin + given - time.perf_counter()))
            yield frame
        ended = time.perf_counter()

    async with ears.transcribe_live(speaking(), options) as transcripts:
        async for _ in transcripts:
            pass
    return time.perf_counter() - ended


async def delays(ears: Recogniser) -> None:
    """The first of each kind loads the model and the grammar: it is not counted."""
    print("from the end of an utterance to its text (median, longest):")
    ways = (("a skill's", PHRASES[7:13], GRAMMAR), ("no skill's", OTHERS[:5], GRAMMAR))
    for name, texts, options in (*ways, ("by dictation", OTHERS[:5], TranscribeOptions())):
        _, *found = [1000 * await after_the_end(ears, said(text), options) for text in texts]
        print(f"  {name}: {statistics.median(found):.0f} ms, {max(found):.0f} ms")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    for name in ("human", "phrases", "cost"):
        parser.add_argument(f"--{name}", action="store_true", help="only this (and what else is named)")
    chosen = parser.parse_args()
    everything = not (chosen.human or chosen.phrases or chosen.cost)
    if chosen.cost or everything:
        await cost()
    async with open_recogniser(BACKEND) as ears:
        if chosen.phrases or everything:
            await phrases(ears, chosen.repeat)
        if chosen.human or everything:
            await human(ears)


if __name__ == "__main__":
    asyncio.run(main())
