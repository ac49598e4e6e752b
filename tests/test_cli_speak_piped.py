"""`voice speak` of text that still arrives: when it sounds, what is no text, who leaves early."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.server import Reply, Request
from tests.test_cli_speak import PATH, Speaking, configured, served, tones, working

COMMAND = [sys.executable, "-m", "voicecli", "speak"]


speaking, work, folder = pytest.fixture(served), pytest.fixture(configured), pytest.fixture(working)


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
        assert run.wait(timeout=60) == 0
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
        assert run.wait(timeout=60) == 0
    assert [each.replace("\t", " ") for each in sentences(speaking)] == ["first 1.", "second 2. With two"]


@pytest.mark.parametrize("text", [b"", b" \n\n", b"***\n"])
def test_a_stream_with_nothing_to_say_is_told(
    text: bytes, speaking: Speaking, work: dict[str, str], voice: Voice
) -> None:
    run = voice("speak", "-o", "-", input=text, env=work)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.startswith(b"error: there is nothing to say")
    assert not speaking.asked


FOREIGN = {
    "binary": (b"RIFF\x00\x01\x02" * 1000, b": is binary, not text. "),
    "gb18030": (
        "你好，今天天气不错。".encode("gb18030"),
        b": is no UTF-8 text. Convert it, for instance: iconv -f GB18030",
    ),
    "latin-1": ("Größe fünf, und so weiter.".encode("latin-1"), b"iconv -f WINDOWS-1252"),
    "cut": ("Größe fünf ü".encode()[:-1], b"is no UTF-8 text"),
}


@pytest.mark.parametrize("output", ["-", "a.wav"])
@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_text_we_know_is_refused_alike_as_a_stream_and_as_a_file(
    name: str, output: str, speaking: Speaking, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    data, told = FOREIGN[name]
    (folder.parent / "t.txt").write_bytes(data)
    for flags, input in (((), data), (("-i", str(folder.parent / "t.txt")), b"")):
        run = voice("speak", "-o", output, *flags, input=input, env=work)
        assert (run.returncode, run.stdout) == (2, b"")
        assert told in run.stderr
    assert not speaking.asked and list(folder.iterdir()) == []


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("output", ["-", "a.wav"])
def test_texts_of_windows_are_read(
    encoding: str, output: str, speaking: Speaking, work: dict[str, str], voice: Voice
) -> None:
    voice("speak", "-o", output, input="Größe 5 für alle".encode(encoding), env=work)
    assert sentences(speaking) == ["Größe 5 für alle"]


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
        assert run.wait(timeout=60) == 0
