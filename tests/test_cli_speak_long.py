"""`voice speak` of long texts: pieces ahead of time and in order, text that still arrives, subtitles, what is kept."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Voice
from tests.fakes.forms import heard, spoken
from tests.fakes.server import FakeServer, Reply, Request
from tests.test_cli_speak import PATH, RATE, Speaking, configured, served, tones, working

COMMAND = [sys.executable, "-m", "voicecli", "speak"]
BOOK = " ".join(f"This is sentence number {n % 10}, which is here to make the text long." for n in range(150))
DIGITS = "".join(str(n % 10) for n in range(150))


speaking, work, folder = map(pytest.fixture, (served, configured, working))


@contextmanager
def running(*args: str, stdin: int, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, killed when it takes longer than anything here may."""
    with subprocess.Popen([*COMMAND, *args], stdin=stdin, stdout=subprocess.PIPE, env=env) as process:
        timer = threading.Timer(30, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()


def sentences(speaking: Speaking) -> list[str]:
    return [each["input"] for each in speaking.asked]


# -- ahead of time ---------------------------------------------------------------------------------


class Slow:
    """A service that takes `seconds` for every piece, the later ones less: order is not theirs to decide."""

    def __init__(self, server: FakeServer, seconds: float) -> None:
        self.seconds, self.times = seconds, list[tuple[float, float]]()
        self.busy = self.most = 0
        server.on(PATH, self.answer)

    def answer(self, request: Request) -> Reply:
        wait = self.seconds / (1 + len(self.times) % 3)
        self.times.append((time.monotonic(), wait))
        return Reply([wait, tones(request.json()["input"])], headers={"content-type": "audio/pcm"})


def test_the_next_pieces_are_asked_for_while_one_is_made(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    slow = Slow(speaking.server, 0.6)
    run = voice("speak", "-o", "-", "-f", "pcm", input=BOOK[:3000].encode(), env=work)
    assert run.returncode == 0
    asked = [at for at, _ in slow.times]
    one_by_one = sum(wait for _, wait in slow.times)
    assert asked[1] - asked[0] >= 0.5, "the first has the service to itself"
    assert asked[-1] - asked[0] < one_by_one - 0.6
    digits = re.sub(r"\D", "", BOOK[:3000])
    samples = np.frombuffer(run.stdout, np.int16)
    out = io.BytesIO()
    soundfile.write(out, samples, RATE, format="WAV")
    assert heard(out.getvalue()) == digits


def test_a_long_file_holds_every_digit_in_order(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    Slow(speaking.server, 0.2)
    run = voice("speak", "-o", "a.wav", "--json", input=BOOK.encode(), env=work)
    assert heard((folder / "a.wav").read_bytes()) == DIGITS
    told = json.loads(run.stdout)
    assert told["seconds"] == round(soundfile.info(folder / "a.wav").duration, 3)


def test_a_failure_in_the_middle_leaves_no_file(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    def answer(request: Request) -> Reply:
        if not request.json()["input"].startswith("This is sentence number 0"):
            return Reply.json({"error": {"message": "too much"}}, 400)
        return speaking.answer(request)

    speaking.server.on(PATH, answer)
    run = voice("speak", "-o", "a.mp3", "--srt", "a.srt", input=BOOK.encode(), env=work)
    assert run.returncode == 5
    assert b"too much" in run.stderr
    assert list(folder.iterdir()) == []


def test_pieces_of_different_rates_are_joined_at_the_first_ones(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    rates = iter((22_050, 48_000, 16_000))

    def answer(request: Request) -> Reply:
        return Reply(spoken(request.json()["input"], "wav", next(rates)), headers={"content-type": "audio/wav"})

    speaking.server.on(PATH, answer)
    run = voice("speak", "--by-line", "-o", "a.wav", input=b"One 123.\nTwo 456.\nThree 789.\n", env=work)
    assert run.returncode == 0, run.stderr
    assert soundfile.info(folder / "a.wav").samplerate == 22_050
    assert heard((folder / "a.wav").read_bytes()) == "123456789"


# -- text that still arrives -----------------------------------------------------------------------


def test_a_sentence_is_spoken_while_the_next_is_still_written(
    speaking: Speaking, work: dict[str, str], home: dict[str, str]
) -> None:
    with running("-o", "-", "-f", "pcm", stdin=subprocess.PIPE, env=home | work) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        for sentence, sound in (("The first is 12. ", tones("12")), ("And then 34. ", tones("34"))):
            run.stdin.write(sentence.encode())
            run.stdin.flush()
            # What a fade may need of a piece's end is held back until it is known what follows.
            size = len(sound) - 2 * 48 if sentence.startswith("The first") else len(sound)
            assert len(run.stdout.read(size)) == size
        run.stdin.write(b"The end: 5")
        run.stdin.close()
        assert run.stdout.read()
        assert run.wait(timeout=30) == 0
    assert sorted(sentences(speaking)) == ["And then 34.", "The end: 5", "The first is 12."]


def test_by_line_says_each_line_whatever_stands_at_its_end(
    speaking: Speaking, work: dict[str, str], home: dict[str, str]
) -> None:
    with running("-o", "-", "-f", "pcm", "--by-line", stdin=subprocess.PIPE, env=home | work) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        run.stdin.write(b"* first 1\n\nsecond\t2. With two\n")
        run.stdin.flush()
        assert run.stdout.read(len(tones("1")) + len(tones("2")) - 2 * 48)
        run.stdin.close()
        run.stdout.read()
        assert run.wait(timeout=30) == 0
    assert [each.replace("\t", " ") for each in sentences(speaking)] == ["first 1.", "second 2. With two"]


@pytest.mark.parametrize("text", [b"", b" \n\n", b"***\n"])
def test_a_stream_with_nothing_to_say_is_told(
    text: bytes, speaking: Speaking, work: dict[str, str], voice: Voice
) -> None:
    run = voice("speak", "-o", "-", input=text, env=work)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.startswith(b"error: there is nothing to say")
    assert not speaking.asked


def test_a_stream_that_turns_out_to_be_binary_is_told(speaking: Speaking, work: dict[str, str], voice: Voice) -> None:
    run = voice("speak", "-o", "-", input=b"RIFF\x00\x01\x02" * 1000, env=work)
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"stdin: is binary" in run.stderr
    assert not speaking.asked


def test_a_reader_that_leaves_ends_a_text_of_50_mb_quietly(work: dict[str, str], home: dict[str, str]) -> None:
    words = "{ yes 'Sentence number 5 stands here.' | head -c 50000000; } 2>/dev/null"
    script = f'{words} | "{sys.executable}" -m voicecli speak -o - | head -c 100 | wc -c; echo ${{PIPESTATUS[1]}}'
    began = time.monotonic()
    run = subprocess.run(["bash", "-c", script], capture_output=True, env=home | work, timeout=60, check=False)
    assert (run.stdout.split(), run.stderr) == ([b"100", b"0"], b"")
    assert time.monotonic() - began < 30


def test_50_mb_that_a_service_refuses_leave_no_file(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    speaking.server.on(PATH, Reply.json({"error": {"message": "quota"}}, 403))
    run = voice("speak", "-o", "a.wav", input=b"Sentence number 5 stands here.\n" * 1_700_000, env=work)
    assert run.returncode == 3
    assert run.stderr.startswith(b"error: work")
    assert list(folder.iterdir()) == []


def test_a_text_in_utf_16_is_read(speaking: Speaking, work: dict[str, str], voice: Voice) -> None:
    voice("speak", "-o", "-", input="Größe 5".encode("utf-16"), env=work)
    assert sentences(speaking) == ["Größe 5"]


# -- streams of every format -----------------------------------------------------------------------


@pytest.mark.parametrize("container", ["wav", "flac", "ogg", "opus", "mp3", "aiff"])
def test_a_stream_can_be_read_though_nobody_sought_in_it(container: str, work: dict[str, str], voice: Voice) -> None:
    run = voice("speak", "Call 0123456789. And 987.", "-o", "-", "-f", container, env=work)
    assert (run.returncode, run.stderr) == (0, b"")
    data = run.stdout
    if container == "wav":
        data = data[:40] + (len(data) - 44).to_bytes(4, "little") + data[44:]
    assert heard(data) == "0123456789987"


def test_an_mp3_leaves_before_its_end_has_come(speaking: Speaking, work: dict[str, str], home: dict[str, str]) -> None:
    gate = threading.Event()

    def answer(request: Request) -> Reply:
        if len(speaking.server.to(PATH)) > 1:
            gate.wait(30)
        return Reply(tones("0123456789" * 3), headers={"content-type": "audio/pcm"})

    speaking.server.on(PATH, answer)
    words = ("One is here.\nTwo is there.", "-o", "-", "-f", "mp3", "--by-line")
    with running(*words, stdin=subprocess.DEVNULL, env=home | work) as run:
        assert run.stdout is not None
        assert len(run.stdout.read(4000)) == 4000
        gate.set()
        run.stdout.read()
        assert run.wait(timeout=30) == 0


# -- subtitles -------------------------------------------------------------------------------------


def times(text: str) -> list[tuple[int, int]]:
    """Start and end of every cue, in milliseconds."""
    clock = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})")
    found = [list(map(int, each)) for each in clock.findall(text)]
    return [
        (((a * 60 + b) * 60 + c) * 1000 + d, ((e * 60 + f) * 60 + g) * 1000 + h) for a, b, c, d, e, f, g, h in found
    ]


def test_subtitles_are_where_the_samples_are(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    said = [f"Number {'123456789'[: 1 + n % 9]} is here." for n in range(40)]
    run = voice("speak", " ".join(said), "-o", "a.flac", "--srt", "a.srt", "--vtt", "a.vtt", env=work)
    assert run.returncode == 0, run.stderr
    assert sorted(sentences(speaking)) == sorted(said)
    ends = np.cumsum([len(tones(each)) // 2 for each in said])
    wanted = [
        (round(1000 * int(start) / RATE), round(1000 * int(end) / RATE))
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    text = (folder / "a.srt").read_text()
    assert times(text) == wanted
    assert [block.split("\n", 2)[2].strip() for block in text.strip().split("\n\n")] == said
    assert times((folder / "a.vtt").read_text()) == wanted
    assert soundfile.info(folder / "a.flac").frames == ends[-1]


def test_two_hours_are_exact_to_the_sample(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    """Sentences of odd lengths, so that any rounding would add up."""
    length, count = 100 * RATE + 7, 72
    sound = bytes(2 * length)
    speaking.server.on(PATH, Reply(sound, headers={"content-type": "audio/pcm"}))
    text = "\n".join(f"Sentence {n}." for n in range(count))
    run = voice("speak", "--by-line", text, "-o", "a.flac", "--srt", "a.srt", env=work, timeout=120)
    assert run.returncode == 0, run.stderr
    assert soundfile.info(folder / "a.flac").frames == length * count
    found = times((folder / "a.srt").read_text())
    assert [end for _, end in found] == [round(1000 * length * (n + 1) / RATE) for n in range(count)]
    assert found[-1][1] > 7_200_000


# -- what a person may ask for ---------------------------------------------------------------------


def test_the_volume_is_changed_here(speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path) -> None:
    voice("speak", "5", "-o", "a.wav", "--volume", "0.5", env=work)
    samples, _ = soundfile.read(folder / "a.wav", dtype="int16")
    sent = np.frombuffer(tones("5"), np.int16)
    assert np.abs(samples - np.rint(sent / 2)).max() <= 1
    assert "volume" not in speaking.asked[0]


def test_the_same_words_are_paid_for_once(speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path) -> None:
    for name in ("a.wav", "b.wav"):
        assert voice("speak", "Number 147.", "-o", name, "--cache", env=work).returncode == 0
    assert len(speaking.asked) == 1
    assert (folder / "a.wav").read_bytes() == (folder / "b.wav").read_bytes()
    assert heard((folder / "b.wav").read_bytes()) == "147"
    voice("speak", "Number 147.", "-o", "c.wav", "--cache", "--voice", "other", env=work)
    voice("speak", "Number 147.", "-o", "c.wav", env=work)
    assert len(speaking.asked) == 3


def test_nothing_is_kept_unasked_nor_what_broke_off(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path, tmp_path: Path
) -> None:
    voice("speak", "1", "-o", "a.wav", env=work)
    speaking.server.on(PATH, Reply.json({"error": {"message": "no"}}, 400))
    voice("speak", "1", "-o", "a.wav", "--cache", env=work)
    assert [each for each in (tmp_path / "cache").rglob("*") if each.is_file()] == []


def test_what_is_kept_is_for_its_owner_alone_and_damage_costs_a_request(
    speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path, tmp_path: Path
) -> None:
    voice("speak", "12", "-o", "a.wav", "--cache", env=work)
    (kept,) = (each for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes()[:-2])
    assert voice("speak", "12", "-o", "a.wav", "--cache", env=work).returncode == 0
    assert len(speaking.asked) == 2
    assert heard((folder / "a.wav").read_bytes()) == "12"


VOICES = {"voices": [{"id": "alloy", "name": "alloy"}, {"id": "shimmer", "name": "shimmer"}]}


@pytest.mark.parametrize(("name", "hint"), [("aloy", b"Did you mean the voice 'alloy'?"), ("qqq", b"no voice 'qqq'")])
def test_an_unknown_voice_suggests_the_nearest(
    name: str, hint: bytes, speaking: Speaking, work: dict[str, str], voice: Voice
) -> None:
    speaking.server.on(PATH, Reply.json({"error": {"message": f"Invalid voice: {name}"}}, 400))
    speaking.server.on("/v1/audio/voices", Reply.json(VOICES))
    run = voice("speak", "1", "-o", "a.wav", "--voice", name, env=work)
    assert run.returncode == 5
    assert b"Invalid voice" in run.stderr
    assert hint in run.stderr
    assert b"'voice voices' lists them" in run.stderr


def test_a_voice_that_is_listed_is_not_to_blame(speaking: Speaking, work: dict[str, str], voice: Voice) -> None:
    speaking.server.on(PATH, Reply.json({"error": {"message": "text too long"}}, 400))
    speaking.server.on("/v1/audio/voices", Reply.json(VOICES))
    assert b"voice voices" not in voice("speak", "1", "-o", "a.wav", "--voice", "alloy", env=work).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("hi", "--play"), b"--play is for -o"),
        (("hi", "-o", "a.aac", "--play"), b"aac is passed on"),
        (("hi", "-o", "a.aac", "--volume", "2"), b"aac is passed on"),
        (("hi", "-o", "a.wav", "--srt", "a.wav"), b"are both"),
        (("hi", "-o", "a.wav", "--srt", "none/a.srt"), b"no such folder"),
        (("hi", "-o", "a.wav", "--volume", "-1"), b"--volume"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: tuple[str, ...], told: bytes, speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    run = voice("speak", *words, env=work)
    assert run.returncode == 2
    assert told in run.stderr
    assert not speaking.asked
    assert list(folder.iterdir()) == []
