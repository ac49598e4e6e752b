"""People who pause inside their turns: labelled utterances, their sound, and what becomes of them.

Belongs here: where people pause (`|`), how such a turn sounds, and the real detector and endpointer over it,
with the wait that the text decides, on the clock of the samples. Does not belong here: what is asserted of it.

The utterances were written, and their pauses marked, before the rules were run over them; one that is cut off
keeps its mark. Marks stand where speakers are known to pause: after a filler or a function word while the next
word is looked for, before what is named, inside numbers and lists, and between clauses. The length of a pause
is dealt out in turn, whatever stands before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import cycle, islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.people import recording
from voicecli.audio.endpointer import START_MS, Ended, Endpointer, Paused, Resumed, Timing
from voicecli.audio.files import read_pcm
from voicecli.audio.pcm import resample
from voicecli.audio.vad import Detector, Voicing
from voicecli.backends.local.settings import LocalSettings
from voicecli.dialogue.parts import Rules
from voicecli.dialogue.waiting import Patience
from voicecli.types import MIC, AudioFrame, PcmFormat, SpeechRequest

Samples = NDArray[np.int16]
RATE = 16_000
FRAME = 320
PAUSES_MS = (150, 350, 250, 450, 200, 400, 300)
"""Dealt out in this order, over and over."""
HEAR_MS = 150
"""From a pause being noticed to the text."""
NOISE_DBFS, SPEECH_PEAK = -52.0, 0.25
SLACK_S = 0.1
"""A word's last, quiet sounds are no voice to the endpointer, but it has been said."""
QUIETEST = 0.03
"""Of a piece's peak: below it, its ends are silence. The pause is what lies between two such ends."""

ENGLISH = """
i'd like to | book a table for two
can you tell me | what the weather is like | in paris
set a timer for | twenty minutes
remind me to | call my mother | tomorrow evening
what's the | capital of australia
um | what time is it
i want to go to the | airport
turn off the | lights in the kitchen
my number is | five five five | one two three four
play | something by the beatles
could you | read me the news
i was thinking that | we could go to the beach
we need eggs and | milk and | some bread
how do i get to | the central station
please send an email to | my brother
because | i missed the bus this morning
i don't know | maybe the second one
what is seven | times eight
if it rains tomorrow | we will stay at home
let me think | the blue one
well | it depends on the price
tell me a story about | a dragon and | a small boy
the thing is | i never got the letter
i'm looking for a | hotel near the station
add butter | and cheese to the shopping list
she told me that | the meeting was moved
when does the | next train to london leave
i have a question about | my last bill
so | what should i do now
my name is | john miller
do you have any | tables by the window
how many | people live in china
it's a | kind of small engine
i need a flight from berlin | to madrid | on friday
write a letter to | the landlord
i think | you are right
please | repeat that
it was in nineteen | eighty four
where can i buy | a good umbrella
could you explain | how a vaccine works
the code is four | seven | nine one
yes | i would like that
we stayed there for | three weeks
what do you | think about it
call | doctor brown
i used to | live in the city but | now i live in the country
she has two brothers | and a sister
wake me up at | half past six
um | i'd like the | chicken please
is there a | pharmacy near here
i forgot my password | so i can't log in
before you go | could you close the window
actually | make that three
give me the | number of the hotel
i would like a coffee | with milk
what happens if | i press this button
uh | can you say that again
there are | seven days in a week
i bought it last week | and it's already broken
the second | on the left
"""

CHINESE = """
我想 | 订一张桌子
明天 | 天气怎么样
请帮我 | 打开客厅的灯
那个 | 我想问一下
因为 | 今天下雨了
提醒我 | 明天早上 | 给妈妈打电话
我的电话是一三八 | 零零一二
你能不能 | 再说一遍
我觉得 | 这个办法很好
如果明天下雨 | 我们就不去了
去机场 | 要多长时间
就是 | 有一个问题
我要买苹果 | 还有牛奶
播放 | 一首安静的歌
他说 | 会议改到星期五了
把音量 | 调小一点
"""


@dataclass(frozen=True)
class Turn:
    """What one person says before it is the other's turn: pieces of text, and the pause after each but the last."""

    pieces: tuple[str, ...]
    pauses_ms: tuple[float, ...]
    voice: str = "en-us+f2"

    @property
    def text(self) -> str:
        return self.joined(len(self.pieces))

    def joined(self, pieces: int) -> str:
        return ("" if self.voice.startswith("cmn") else " ").join(self.pieces[:pieces])


def deal(first: int = 0) -> Iterator[float]:
    """The lengths of pauses in turn, beginning with another one for each of as many `first` as there are."""
    return islice(cycle(PAUSES_MS), first, None)


def labelled(first: int = 0) -> list[Turn]:
    """Every utterance above with its pauses."""
    lengths = deal(first)
    return [
        Turn(pieces, tuple(next(lengths) for _ in pieces[1:]), voice)
        for texts, voice in ((ENGLISH, "en-us+f2"), (CHINESE, "cmn+f2"))
        for line in texts.strip().splitlines()
        if (pieces := tuple(each.strip() for each in line.split("|")))
    ]


# -- sound ---------------------------------------------------------------------------------------------


@cache
def spoken(text: str, voice: str) -> Samples:
    """`text` by espeak-ng at 16 kHz, without silence at its ends."""
    return trimmed(np.frombuffer(asyncio.run(_spoken(text, voice)), np.int16))


async def _spoken(text: str, voice: str) -> bytes:
    from voicecli.backends.espeak.voice import EspeakVoice

    pcm, rate = b"", RATE
    speaker = EspeakVoice(LocalSettings("local", "local", voice=voice))
    async with speaker.speak(SpeechRequest(text)) as chunks:
        async for chunk in chunks:
            assert isinstance(chunk.encoding, PcmFormat)
            pcm, rate = pcm + chunk.data, chunk.encoding.rate
    return resample(pcm, rate, RATE)


def trimmed(samples: Samples) -> Samples:
    """From the first to the last sample that is loud enough, at the usual level."""
    size = np.abs(samples.astype(np.float64))
    loud = np.flatnonzero(size > QUIETEST * size.max())
    whole = samples[loud[0] : loud[-1] + 1]
    level: Samples = (whole * (SPEECH_PEAK * 32767 / size.max())).astype(np.int16)
    return level


@cache
def room(recording: Path | None = None) -> Samples:
    """Half a minute of a quiet room: recorded, or made (a hum and a rumble)."""
    if recording is not None:
        sound = np.frombuffer(read_pcm(recording, RATE), np.int16).astype(np.float64)
    else:
        rng = np.random.default_rng(1)
        white = rng.standard_normal(RATE * 30)
        brown = np.cumsum(white - white.mean())
        hum = np.sin(2 * np.pi * 50 * np.arange(len(white)) / RATE)
        sound = brown / np.abs(brown).max() + 0.1 * white / np.abs(white).max() + 0.1 * hum
    quiet: Samples = (sound * (10 ** (NOISE_DBFS / 20) * 32768 / np.sqrt((sound**2).mean()))).astype(np.int16)
    return quiet


@dataclass(frozen=True)
class Take:
    """How a turn sounded: 16 kHz samples with quiet around, and where each piece begins and ends in them."""

    turn: Turn
    samples: Samples
    spans: tuple[tuple[int, int], ...]

    @property
    def last(self) -> float:
        """When the person had finished, in seconds."""
        return self.spans[-1][1] / RATE

    def said(self, at: float) -> str:
        """The text up to `at` (seconds); of a piece that still sounds, as many words as fit."""
        done = sum(end / RATE <= at + SLACK_S for _, end in self.spans)
        if done == len(self.spans) or at * RATE <= self.spans[done][0]:
            return self.turn.joined(done)
        begin, end = self.spans[done]
        text = self.turn.pieces[done]
        words = text.split(" ") if " " in text else list(text)
        share = round(len(words) * (at * RATE - begin) / (end - begin))
        part = ("" if self.turn.voice.startswith("cmn") else " ").join(words[:share])
        return Turn((*self.turn.pieces[:done], part), (), self.turn.voice).text.strip()


def take(turn: Turn, sounds: Sequence[Samples], noise: Samples, after_s: float = 1.6) -> Take:
    """The pieces' sounds with the turn's pauses between them, over the noise of the room."""
    at, spans = RATE // 2, []
    for sound, pause in zip(sounds, (*turn.pauses_ms, 0), strict=True):
        spans.append((at, at + len(sound)))
        at += len(sound) + round(pause * RATE / 1000)
    total = (spans[-1][1] + round(after_s * RATE)) // FRAME * FRAME
    mixed = np.resize(noise, total).astype(np.int32)
    for (begin, end), sound in zip(spans, sounds, strict=True):
        mixed[begin:end] += sound
    return Take(turn, np.clip(mixed, -32768, 32767).astype(np.int16), tuple(spans))


def synthesised(turn: Turn) -> Take:
    return take(turn, [spoken(piece, turn.voice) for piece in turn.pieces], room())


# -- what becomes of it --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """A take and what the real detector made of every frame: the costly part, done once for every setting."""

    take: Take
    frames: tuple[tuple[AudioFrame, Voicing], ...]


def watch(take: Take) -> Watched:
    detector, pcm = Detector(), take.samples.tobytes()
    parts = [pcm[at : at + 2 * FRAME] for at in range(0, len(pcm), 2 * FRAME)]
    frames = (AudioFrame(part, MIC, i * FRAME / RATE) for i, part in enumerate(parts))
    return Watched(take, tuple((frame, detector.detect(frame.pcm)) for frame in frames))


@dataclass(frozen=True)
class Outcome:
    """How a turn ended. `wait_ms`: the silence before that.

    `cut`: it ended before the person had finished, who had said `after` by then and went on after `pause_ms`.
    """

    cut: bool
    after: str
    wait_ms: float
    pause_ms: float


def conversation(takes: Iterable[Watched], rules: Rules | None = None) -> list[Outcome]:
    """The turns of one person, whose pauses are learnt. Who was cut off goes on, and takes the turn back."""
    rules = rules or Rules()
    patience = Patience(rules.end_ms_min)
    return [run(each, rules, patience=patience) for each in takes]


def run(
    watched: Watched, rules: Rules | None = None, *, by_text: bool = True, patience: Patience | None = None
) -> Outcome:
    """One turn through the endpointer, frame by frame; with `by_text` false only `end_ms` counts."""
    rules, take = rules or Rules(), watched.take
    factor = patience.factor if patience is not None else 1.0
    patience = patience or Patience(rules.end_ms_min)
    endpointer = Endpointer(replace(rules.timing, end_ms=rules.timing.end_ms * max(1.0, factor)))
    texts: list[tuple[float, int, str]] = []
    silent_since, dangles = 0.0, False
    for frame, voicing in watched.frames:
        now = frame.at + FRAME / RATE
        events = endpointer.feed(frame, speech=voicing.speech, level=voicing.level)
        for event in events:
            if isinstance(event, Paused):
                silent_since, dangles = event.last_voiced, False
                texts += [(now + HEAR_MS / 1000, event.segment, take.said(event.last_voiced))] if by_text else []
            if isinstance(event, Resumed) and not dangles:
                patience.paused((now - silent_since) * 1000 - START_MS)
        while texts and texts[0][0] <= now:
            _, segment, text = texts.pop(0)
            dangles = segment == endpointer.segment and not rules.may_be_over(text)
            events += endpointer.heard(segment, rules.wait_ms(text, factor=factor))
        if ended := next((each for each in events if isinstance(each, Ended)), None):
            outcome = _outcome(take, now, ended.last_voiced)
            patience.paused(outcome.pause_ms)
            patience.ended(ended.voiced_ms)
            return outcome
    raise AssertionError(f"never ended: {take.turn.text}")


def _outcome(take: Take, now: float, last_voiced: float) -> Outcome:
    resumes = next((begin / RATE for begin, _ in take.spans if begin / RATE >= last_voiced), None)
    pause_ms = (resumes - last_voiced) * 1000 if resumes is not None else 0.0
    cut = resumes is not None or now < take.last
    return Outcome(cut, take.said(last_voiced), (now - last_voiced) * 1000, pause_ms)


def settings(end_ms: float, shortest: float = 400, longest: float = 1200) -> Rules:
    """Rules that differ from the default ones in how long they wait."""
    return Rules(Timing(end_ms=end_ms), end_ms_min=shortest, end_ms_max=longest)


def early(takes: Iterable[Watched], rules: Rules | None = None) -> list[tuple[Turn, Outcome]]:
    """The turns that ended before their person had finished."""
    outcomes = ((each.take.turn, run(each, rules)) for each in takes)
    return [(turn, outcome) for turn, outcome in outcomes if outcome.cut]


def spoken_over(outcome: Outcome, sounds_ms: float) -> bool:
    """Whether a reply that can sound `sounds_ms` after the last word would have met the person's going on.

    Who goes on before the reply sounds takes the turn back, and nobody hears of it.
    """
    return outcome.cut and outcome.pause_ms >= max(sounds_ms, outcome.wait_ms)


# -- real speech -----------------------------------------------------------------------------------------

JFK, CARDS, PARIS = "jfk.wav", "cards-005.wav", "weather-paris.wav"
Part = tuple[str, int, int, str]
"""A file, where in it (ms), and what is said there."""
EIGHT, FOUR, SEVEN = (
    (CARDS, 210, 1120, "eight of spades"),
    (CARDS, 1220, 2130, "four of clubs"),
    (CARDS, 2240, 3290, "seven of hearts"),
)
RECORDED: tuple[tuple[Part, ...], ...] = (
    (EIGHT, FOUR, SEVEN),
    (SEVEN, EIGHT),
    (("cards-001.wav", 180, 1000, "ten of clubs"), ("cards-003.wav", 100, 1390, "seven of clubs")),
    (
        ("goforward-16k-s16le.raw", 490, 1140, "go forward"),
        ("goforward-16k-s16le.raw", 1240, 2260, "ten meters"),
    ),
    (("austen-0880.wav", 240, 1700, "he was not an ill disposed"), ("austen-0880.wav", 1720, 2900, "young man")),
    (
        ("child-small-dog.wav", 40, 700, "the child"),
        ("child-small-dog.wav", 780, 1600, "almost hurt"),
        ("child-small-dog.wav", 1820, 2860, "the small dog"),
    ),
    (("LJ001-0002.wav", 10, 410, "in being"), ("LJ001-0002.wav", 470, 1810, "comparatively modern")),
    ((PARIS, 440, 1350, "what is the weather in"), (PARIS, 1390, 1840, "paris")),
    (
        (JFK, 330, 2110, "and so my fellow americans"),
        (JFK, 3290, 3660, "ask"),
        (JFK, 4020, 4290, "not"),
        (JFK, 5420, 7510, "what your country can do for you"),
    ),
    ((JFK, 330, 2110, "and so my fellow americans"), (JFK, 8190, 10400, "ask what you can do for your country")),
    (
        ("aishell-guangzhou.wav", 480, 1270, "广州市"),
        ("aishell-guangzhou.wav", 1550, 3190, "房地产中介协会"),
        ("aishell-guangzhou.wav", 3290, 3640, "分析"),
    ),
)
"""Taken apart at silences and closures, looked up by hand in the level of every 10 ms."""


def recorded(folder: Path | None, first: int = 0) -> list[Take]:
    """Real people, whose words were taken apart where they pause and put together with a room's noise between.

    Without the folder of recordings espeak-ng says the same.
    """
    lengths = deal(first)
    takes = []
    for parts in RECORDED:
        voice = "en-us+f2" if parts[0][-1].isascii() else "cmn+f2"
        turn = Turn(tuple(text for *_, text in parts), tuple(next(lengths) for _ in pairwise(parts)), voice)
        if folder is None:
            takes.append(synthesised(turn))
        else:
            sounds = [trimmed(recording(folder / name, begin, end, RATE)) for name, begin, end, _ in parts]
            takes.append(take(turn, sounds, room(folder / "noise1.wav")))
    return takes
