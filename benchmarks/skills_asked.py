"""Questions to the skills, asked aloud: Kokoro asks, Moonshine hears, Piper answers, and nothing is configured.

Belongs here: the questions, what a right answer says, asking them on virtual devices. Does not belong here: holding
the conversation (people), the table (talk).
"""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import datetime

import numpy as np
from people import hold

from tests import weights
from tests.people import UTTERANCE_RATE, Utterance, utterance
from tests.virtual import VirtualDevices
from voicecli.audio.pcm import resample
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.backends.local.settings import LocalSettings
from voicecli.types import PcmFormat, SpeechRequest

VOICE = "af_heart"
ASKED = (
    ("What is seven and a half times twelve?", "90"),
    ("What is one hundred and forty four divided by twelve?", "12"),
    ("How much is fifteen percent of eighty?", "12"),
    ("What is the square root of eighty one?", "9"),
    ("What is twenty three plus nineteen?", "42"),
    ("What is one hundred minus thirty seven?", "63"),
    ("Convert one hundred degrees Fahrenheit to Celsius.", "37.78"),
    ("How many kilometers are five miles?", "8.05"),
    ("How many pounds are ten kilos?", "22.05"),
    ("Convert six feet to meters.", "1.83"),
    ("How many grams are in two pounds?", "907"),
    ("How many liters are three gallons?", "11.36"),
    ("Set a timer for ten minutes.", "(10|ten) minutes"),
    ("Cancel the timer.", "cancel|stopped"),
    ("What day is it today?", "TODAY"),
    ("What time is it?", r"\d+:\d\d"),
    ("What can you do?", "convert units"),
    ("How do you spell necessary?", "N, E, C, E, S, S, A, R, Y"),
    ("How many inches are in a meter?", "39.37"),
    ("What is nine times eight?", "72"),
)
"""Questions, and a pattern of the answer that is right."""


def ask(devices: VirtualDevices) -> tuple[list[float], list[float], str]:
    """Gaps on the recording and as told, in ms, and how many answers are right; what is wrong goes to stderr."""
    for trouble in (weights.missing(), weights.missing(weights.JUDGED, weights.JUDGED_FOLDER)):
        if trouble:
            sys.exit(trouble)
    held = hold(devices, asyncio.run(_questions()), "", (), **weights.ENV)
    right = 0
    for (question, pattern), reply in zip(ASKED, held.replies, strict=True):
        wanted = pattern.replace("TODAY", f"{datetime.now():%A}")
        if re.search(wanted, reply):
            right += 1
        else:
            print(f"{question} -> {reply}", file=sys.stderr)
    return *held.both, f"{right} of {len(ASKED)} answers are right"


async def _questions() -> list[Utterance]:
    mouth = LocalSpeaker(LocalSettings("local", "local", models_folder=str(weights.JUDGED_FOLDER)))
    return [utterance(await _said(mouth, text), text) for text, _ in ASKED]


async def _said(mouth: LocalSpeaker, text: str) -> np.ndarray:
    async with mouth.speak(SpeechRequest(text, voice=VOICE)) as chunks:
        found = [each async for each in chunks]
    form = found[0].encoding
    assert isinstance(form, PcmFormat)
    return np.frombuffer(resample(b"".join(each.data for each in found), form.rate, UTTERANCE_RATE), np.int16)
