"""Texts said in this process: pieces ahead of time and in order, goals, subtitles, what is kept, what is told."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.fakes.forms import heard, spoken
from tests.fakes.server import CUT, FakeServer, Reply, Request
from tests.test_cli_speak import PATH, RATE, Speaking, served, tones
from tests.usecases.here import services
from voicecli.errors import ServiceError, UsageError, VoiceError
from voicecli.types import SpeechRequest
from voicecli.usecases.speaking.goals import Goal
from voicecli.usecases.speaking.saying import Saying
from voicecli.usecases.speaking.track import ToldSound

pytestmark = pytest.mark.anyio

BOOK = " ".join(f"This is sentence number {n % 10}, which is here to make the text long." for n in range(150))
DIGITS = "".join(str(n % 10) for n in range(150))

Say = Callable[..., Awaitable[ToldSound]]

speaking = pytest.fixture(served)


class Person:
    """Says texts; `out` is what went to stdout, `told` what was said beside it."""

    def __init__(self, folder: Path, speaking: Speaking) -> None:
        self.folder, self.speaking = folder, speaking
        self.services, self.listener = services(folder, speaking.url, ["speak"], speak_model="m1", voice="v1")
        self.out = bytearray()

    async def say(
        self, text: Any, output: str = "", *, voice: str | None = None, goal: Any = None, **how: Any
    ) -> ToldSound:
        goal = Goal.named(str(self.folder / output) if output not in ("", "-") else output or None, None)
        goal = replace(goal, **{name: how.pop(name) for name in ("titles", "volume") if name in how})
        return await Saying(self.services, SpeechRequest("", voice=voice), goal, stdout=self.out.extend, **how).say(
            text
        )

    def made(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def answers(self, *replies: Any) -> None:
        self.speaking.server.on(PATH, *replies)


@pytest.fixture
def person(tmp_path: Path, speaking: Speaking) -> Iterator[Person]:
    yield Person(tmp_path, speaking)


def sound(data: bytes, kind: str = "pcm") -> Reply:
    return Reply(data, headers={"content-type": f"audio/{kind}"})


# -- ahead of time ---------------------------------------------------------------------------------


class Slow:
    """A service that takes `seconds` for every piece, the later ones less: order is not theirs to decide."""

    def __init__(self, server: FakeServer, seconds: float) -> None:
        self.seconds, self.times = seconds, list[tuple[float, float]]()
        server.on(PATH, self.answer)

    def answer(self, request: Request) -> Reply:
        wait = self.seconds / (1 + len(self.times) % 3)
        self.times.append((time.monotonic(), wait))
        return Reply([wait, tones(request.json()["input"])], headers={"content-type": "audio/pcm"})


async def test_the_next_pieces_are_asked_for_while_one_is_made(person: Person) -> None:
    slow = Slow(person.speaking.server, 0.6)
    await person.say(BOOK[:3000], "-")
    asked = [at for at, _ in slow.times]
    assert asked[1] - asked[0] >= 0.5, "the first has the service to itself"
    assert asked[-1] - asked[0] < sum(wait for _, wait in slow.times) - 0.6
    samples = np.frombuffer(bytes(person.out[44:]), np.int16)
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format="WAV")
    assert heard(out.getvalue()) == re.sub(r"\D", "", BOOK[:3000])


async def test_a_long_file_holds_every_digit_in_order(person: Person) -> None:
    Slow(person.speaking.server, 0.2)
    told = await person.say(BOOK, "a.wav")
    assert heard(person.made("a.wav")) == DIGITS
    assert told.seconds == pytest.approx(soundfile.info(person.folder / "a.wav").duration)
    assert person.listener.shown[-1] == pytest.approx(len(BOOK), rel=0.01)
    assert all(len(each["input"]) <= 4096 for each in person.speaking.asked)


async def test_pieces_of_different_rates_are_joined_at_the_first_ones(person: Person) -> None:
    rates = iter((22_050, 48_000, 16_000))
    person.answers(lambda request: sound(spoken(request.json()["input"], "wav", next(rates)), "wav"))
    await person.say("One 123.\rTwo 456.\r\nThree 789.\n", "a.wav", by_line=True)
    assert soundfile.info(person.folder / "a.wav").samplerate == 22_050
    assert heard(person.made("a.wav")) == "123456789"


# -- goals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["wav", "flac", "ogg", "opus", "mp3", "aiff"])
async def test_what_is_written_is_told_in_a_line(container: str, person: Person) -> None:
    """Once as a file, and once more over it."""
    path = person.folder / f"a.{container}"
    for word in ("wrote", "replaced"):
        await person.say("Call 0123456789 now.", path.name)
        assert heard(path.read_bytes()) == "0123456789"
        size = f"{path.stat().st_size / 1000:.{path.stat().st_size < 10_000:d}f} kB"
        assert person.listener.notes.pop() == f"{word} {path} (1.4 s, {size})"


@pytest.mark.parametrize("container", ["wav", "flac", "ogg", "opus", "mp3", "aiff"])
async def test_a_stream_can_be_read_though_nobody_sought_in_it(container: str, person: Person) -> None:
    saying = Saying(person.services, SpeechRequest(""), Goal.named("-", container), stdout=person.out.extend)
    await saying.say("Call 0123456789. And 987.")
    data = bytes(person.out)
    if container == "wav":
        data = data[:40] + (len(data) - 44).to_bytes(4, "little") + data[44:]
    assert heard(data) == "0123456789987"
    assert person.listener.notes == []


def endless(data: bytes) -> bytes:
    """A WAV whose writer did not know its length."""
    at = data.find(b"data") + 4
    return data[:at] + bytes(4) + data[at + 4 :]


@pytest.mark.parametrize("output", ["a.wav", "a.mp3", "a.flac"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("mpeg", spoken("123", "mp3") + spoken("456", "mp3")),
        ("wav", spoken("123", "wav") + spoken("456", "wav")),
        ("wav", endless(spoken("123456", "wav"))),
        ("ogg", spoken("123", "ogg") + spoken("456", "ogg")),
    ],
    ids=["several mp3s", "several wavs", "a wav of no size", "chained ogg"],
)
async def test_speech_in_several_files_in_one_body_is_whole(
    kind: str, body: bytes, output: str, person: Person
) -> None:
    person.answers(sound(body, kind))
    told = await person.say("123456", output)
    assert heard(person.made(output)) == "123456"
    assert told.seconds == pytest.approx(soundfile.info(person.folder / output).duration, abs=0.06)


async def test_one_mp3_is_passed_on_as_the_service_made_it(person: Person) -> None:
    made = spoken("123", "mp3")
    person.answers(sound(made, "mpeg"))
    assert (await person.say("123", "a.mp3")).seconds == pytest.approx(0.42, abs=0.1)
    assert person.made("a.mp3") == made


async def test_a_service_that_ignores_the_format_is_told_of(person: Person) -> None:
    person.answers(sound(spoken("123", "wav"), "wav"))
    await person.say("123", "a.xyz")
    assert person.speaking.asked[0]["response_format"] == "xyz"
    assert person.listener.warnings == [f"{person.folder / 'a.xyz'} holds what the service sent: wav."]


async def test_what_cannot_be_joined_is_not_asked_for_in_pieces(person: Person) -> None:
    with pytest.raises(UsageError, match="xyz can't be joined"):
        await person.say(BOOK, "a.xyz")
    assert person.speaking.asked == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply([tones("12"), CUT], headers={"content-type": "audio/pcm"}), {4, 5}),
        (sound(b""), {5}),
        (Reply.json({"error": {"message": "no such voice"}}, 400), {5}),
        (Reply.json({"error": {"message": "no"}}, 401), {3}),
        (sound(b"ID3 but no mp3 at all" * 50, "mpeg"), {5}),
    ],
)
async def test_a_failure_leaves_no_half_file_and_an_old_one_whole(reply: Reply, code: set[int], person: Person) -> None:
    (person.folder / "a.wav").write_bytes(b"old")
    person.answers(reply)
    with pytest.raises(VoiceError, match=r"^work") as failure:
        await person.say("12", "a.wav", titles=((person.folder / "a.srt", "srt"),))
    assert failure.value.exit_code in code
    assert person.made("a.wav") == b"old"
    assert not (person.folder / "a.srt").exists() and not list(person.folder.glob(".*.part"))


async def test_a_failure_in_the_middle_leaves_no_file(person: Person) -> None:
    def answer(request: Request) -> Reply:
        first = request.json()["input"].startswith("This is sentence number 0")
        return person.speaking.answer(request) if first else Reply.json({"error": {"message": "too much"}}, 400)

    person.answers(answer)
    with pytest.raises(ServiceError, match="too much"):
        await person.say(BOOK, "a.mp3")
    assert not (person.folder / "a.mp3").exists()


# -- subtitles -------------------------------------------------------------------------------------


def times(text: str) -> list[tuple[int, int]]:
    """Start and end of every cue, in milliseconds."""
    clock = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")
    found = [list(map(int, each)) for each in clock.findall(text)]
    return [
        (((a * 60 + b) * 60 + c) * 1000 + d, ((e * 60 + f) * 60 + g) * 1000 + h) for a, b, c, d, e, f, g, h in found
    ]


async def test_subtitles_are_where_the_samples_are(person: Person) -> None:
    said = [f"Number {'123456789'[: 1 + n % 9]} is here." for n in range(40)]
    srt, vtt = person.folder / "a.srt", person.folder / "a.vtt"
    await person.say(" ".join(said), "a.flac", titles=((srt, "srt"), (vtt, "vtt")))
    assert sorted(each["input"] for each in person.speaking.asked) == sorted(said)
    ends = np.cumsum([len(tones(each)) // 2 for each in said])
    wanted = [
        (round(1000 * int(start) / RATE), round(1000 * int(end) / RATE))
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    assert times(srt.read_text()) == times(vtt.read_text()) == wanted
    assert [block.split("\n", 2)[2].strip() for block in srt.read_text().strip().split("\n\n")] == said
    assert soundfile.info(person.folder / "a.flac").frames == ends[-1]
    assert [note.split()[1] for note in person.listener.notes] == [str(person.folder / "a.flac"), str(srt), str(vtt)]


async def test_many_minutes_are_exact_to_the_sample(person: Person) -> None:
    """Sentences of odd lengths, so that any rounding would add up."""
    length, count = 100 * RATE + 7, 12
    person.answers(sound(bytes(2 * length)))
    text = "\n".join(f"Sentence {n}." for n in range(count))
    told = await person.say(text, "-", by_line=True, titles=((person.folder / "a.srt", "srt"),))
    assert (told.samples, len(person.out)) == (length * count, 44 + 2 * length * count)
    found = times((person.folder / "a.srt").read_text())
    assert [end for _, end in found] == [round(1000 * length * (n + 1) / RATE) for n in range(count)]
    assert found[-1][1] > 1_200_000


# -- what a person may ask for ---------------------------------------------------------------------


async def test_the_volume_is_changed_here(person: Person) -> None:
    await person.say("5", "a.wav", volume=0.5)
    samples, _ = soundfile.read(person.folder / "a.wav", dtype="int16")
    assert np.abs(samples - np.rint(np.frombuffer(tones("5"), np.int16) / 2)).max() <= 1
    assert "volume" not in person.speaking.asked[0]


async def test_the_same_words_are_paid_for_once(person: Person) -> None:
    for name in ("a.wav", "b.wav"):
        await person.say("Number 147.", name, cache=True)
    assert len(person.speaking.asked) == 1
    assert person.made("a.wav") == person.made("b.wav")
    assert heard(person.made("b.wav")) == "147"
    await person.say("Number 147.", "c.wav", cache=True, voice="other")
    await person.say("Number 147.", "c.wav")
    assert len(person.speaking.asked) == 3


def kept(person: Person) -> list[Path]:
    return [each for each in (person.folder / "cache").rglob("*") if each.is_file()]


async def test_nothing_is_kept_unasked_nor_what_broke_off(person: Person) -> None:
    await person.say("1", "a.wav")
    person.answers(Reply.json({"error": {"message": "no"}}, 400))
    with pytest.raises(ServiceError):
        await person.say("1", "a.wav", cache=True)
    assert kept(person) == []


async def test_what_is_kept_is_for_its_owner_alone_and_damage_costs_a_request(person: Person) -> None:
    await person.say("12", "a.wav", cache=True)
    (file,) = kept(person)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes()[:-2])
    await person.say("12", "a.wav", cache=True)
    assert len(person.speaking.asked) == 2
    assert heard(person.made("a.wav")) == "12"


VOICES = {"voices": [{"id": "alloy", "name": "alloy"}, {"id": "shimmer", "name": "shimmer"}]}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("aloy", "Did you mean the voice 'alloy'? 'voice voices' lists them"), ("qqq", "no voice 'qqq'"), ("alloy", "")],
)
async def test_an_unknown_voice_suggests_the_nearest(name: str, hint: str, person: Person) -> None:
    person.answers(Reply.json({"error": {"message": f"Invalid voice: {name}"}}, 400))
    person.speaking.server.on("/v1/audio/voices", Reply.json(VOICES))
    with pytest.raises(ServiceError, match="Invalid voice") as failure:
        await person.say("1", "a.wav", voice=name)
    assert hint in (failure.value.cure or "") if hint else "voice voices" not in str(failure.value)
