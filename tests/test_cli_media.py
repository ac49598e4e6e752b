"""`voice image`, `voice video` and `voice learn`: inputs, goals, what is said, what is left behind, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Voice
from tests.fakes.forms import multipart
from tests.fakes.gov_media import GovMedia
from tests.fakes.openai_pictures import OpenAIPictures
from tests.fakes.pictures import docx, doubled, mp4, mp4_digits, pdf, plus_one, png, png_digits
from tests.fakes.server import STALL, Reply
from tests.person import at_terminal
from tests.waiting import until
from voicecli.errors import InputError

DIGITS = "4071993825"
KEY = "sk-media-0123456789-never-shown"


INPUTS = {
    "photo.png": png(DIGITS),
    "street.mp4": mp4(DIGITS),
    "a.pdf": pdf("1"),
    "b.docx": docx("2"),
    "c.txt": b"3 pigs",
    "d.xlsx": b"PK\x03\x04",
    "fake.pdf": b"no pdf at all, whatever it says",
    "empty.txt": b"",
}


def files_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


class Person:
    """Somebody with the government's service, in a folder of inputs."""

    def __init__(self, server: Any, voice: Voice, folder: Path, table: str) -> None:
        self.server, self.voice, self.folder = server, voice, folder
        config = folder.parent / "voice.toml"
        config.write_text(table)
        self.env = {"VOICE_CONFIG": str(config), "CITY_KEY": KEY}
        for name, data in INPUTS.items():
            (folder / name).write_bytes(data)
        self.inputs = files_in(folder)

    def run(self, *args: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        done = self.voice(*args, input=input, env=self.env)
        assert KEY.encode() not in done.stdout + done.stderr
        assert b"Traceback" not in done.stderr
        return done

    def fails(self, code: int, told: str, *args: str, input: bytes = b"") -> str:
        """Fails so, in one message, and leaves no file behind."""
        done = self.run(*args, input=input)
        said = done.stderr.decode()
        assert (done.returncode, done.stdout.partition(b'{"error":')[0]) == (code, b""), said
        assert told in said and said.startswith("error: ")
        assert files_in(self.folder) == self.inputs
        return said

    def made(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def person(voice: Voice, tmp_path: Path) -> Iterator[Person]:
    with GovMedia() as gov:
        table = f'[backends.city]\nfamily = "gov"\nbase_url = "{gov.url}/v1"\n'
        yield Person(gov, voice, tmp_path / "work", table + 'category = "bj_gov"\napi_key_env = "CITY_KEY"\n')


@pytest.fixture
def artist(voice: Voice, tmp_path: Path) -> Iterator[Person]:
    with OpenAIPictures() as server:
        table = f'[backends.work]\nfamily = "openai"\nbase_url = "{server.base_url}"\n'
        yield Person(server, voice, tmp_path / "work", table + 'image_model = "draws"\nchat_model = "sees"\n')


# -- goals -----------------------------------------------------------------------------------------


def test_a_file_is_written_under_the_name_that_was_chosen(person: Person) -> None:
    done = person.run("image", "make", "a", "pig", "407", "-o", "pig.png")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert png_digits(person.made("pig.png")) == "407"
    assert files_in(person.folder) == person.inputs | {"pig.png"}
    assert b"text goes to" not in done.stderr, "this machine is not abroad"


def test_json_tells_what_was_written(person: Person) -> None:
    found = json.loads(person.run("image", "enhance", "photo.png", "-o", "sharp.jpg", "--json").stdout)
    assert found == {"output": "sharp.jpg", "format": "png", "bytes": len(person.made("sharp.jpg"))}
    assert png_digits(person.made("sharp.jpg")) == plus_one(DIGITS)


def test_a_name_that_says_something_else_is_told_of(person: Person) -> None:
    done = person.run("image", "enhance", "photo.png", "-o", "sharp.jpg")
    assert b"sharp.jpg holds what the service sent: png." in done.stderr
    assert person.run("-q", "image", "enhance", "photo.png", "-o", "sharp.jpg").stderr == b""


def test_through_pipes(person: Person) -> None:
    done = person.run("image", "enhance", "-", "-o", "-", input=png(DIGITS))
    assert done.returncode == 0, done.stderr
    assert png_digits(done.stdout) == plus_one(DIGITS)
    done = person.run("image", "make", "-o", "-", input=b"a pig\n407\n")
    assert png_digits(done.stdout) == "407"


GOALS = {
    "none": ((), "where to?"),
    "no folder": (("-o", "nowhere/a.png"), "there is no such folder"),
    "a folder": (("-o", "."), "is a folder"),
    "json and stdout": (("-o", "-", "--json"), "both want stdout"),
}


@pytest.mark.parametrize("goal", GOALS)
def test_a_goal_that_cannot_be_is_refused_before_anything_is_sent(person: Person, goal: str) -> None:
    flags, told = GOALS[goal]
    for line in (("image", "make", "x"), ("image", "enhance", "photo.png"), ("video", "track", "street.mp4")):
        person.fails(2, told, *line, *flags)
    assert person.server.requests == []


def test_the_input_is_not_written_over(person: Person) -> None:
    os.link(person.folder / "photo.png", person.folder / "same.png")
    person.inputs.add("same.png")
    for target in ("photo.png", "same.png"):
        person.fails(2, "is the input", "image", "enhance", "photo.png", "-o", target)
    person.fails(2, "is the input", "image", "describe", "photo.png", "--segments", "photo.png")
    assert person.server.requests == []


# -- inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("missing.png", "missing.png: there is no such file"),
        (".", "is a folder"),
        ("empty.txt", "empty.txt: is empty"),
        ("c.txt", "c.txt: is no picture that is known. PNG"),
        ("street.mp4", "is no picture"),
        ("-", "stdin: is empty"),
    ],
)
def test_what_is_no_picture_is_refused_before_anything_is_sent(person: Person, path: str, told: str) -> None:
    for line in (("enhance", path, "-o", "x.png"), ("animate", path, "-o", "x.mp4"), ("describe", path)):
        person.fails(2, told, "image", *line)
    assert person.server.requests == []


def test_what_is_no_video_is_refused(person: Person) -> None:
    for verb in ("track", "smooth"):
        person.fails(2, "photo.png: is no video that is known. MP4", "video", verb, "photo.png", "-o", "x.mp4")


def test_the_files_own_name_stays_here(person: Person) -> None:
    (person.folder / "secret plans.png").write_bytes(png("1"))
    person.run("image", "enhance", "secret plans.png", "-o", "x.png")
    assert multipart(person.server.to("/image/enhanceImage")[0])["file"].filename == "picture.png"


def test_videos(person: Person) -> None:
    assert person.run("video", "smooth", "street.mp4", "-o", "more.mp4").returncode == 0
    assert mp4_digits(person.made("more.mp4")) == doubled(DIGITS)


@pytest.mark.parametrize("line", [(), ("",), ("  ", " ")])
def test_a_picture_of_nothing_is_not_asked_for(person: Person, line: tuple[str, ...]) -> None:
    person.fails(2, "the text is empty", "image", "make", *line, "-o", "x.png")
    assert person.server.requests == []


def test_a_pipe_that_is_named_as_a_file_is_read_but_not_for_ever(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voicecli.text import decoding
    from voicecli.usecases import inputs

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for limit, told in ((1000, ""), (10, "more than 10 bytes")):
        monkeypatch.setattr(decoding, "LARGEST", limit)
        writer = threading.Thread(target=pipe.write_bytes, args=(png(DIGITS),))
        writer.start()
        try:
            with inputs.readable(str(pipe)) as file:
                assert png_digits(file.read()) == DIGITS and not told
        except InputError as exc:
            assert told and told in str(exc)
        writer.join(5)


# -- descriptions ----------------------------------------------------------------------------------


def test_a_description_on_stdout_and_its_kinds_beside_it(person: Person) -> None:
    done = person.run("image", "describe", "photo.png")
    assert done.stdout.decode() == f"图中的数字是{DIGITS}\n"
    assert "kinds of things: 叉车, 加油泵" in done.stderr.decode()


def test_a_description_as_json_with_its_parts(person: Person) -> None:
    found = json.loads(person.run("image", "describe", "photo.png", "--segments", "parts.png", "--json").stdout)
    assert found == {"text": f"图中的数字是{DIGITS}", "labels": ["叉车", "加油泵"], "segments": "parts.png"}
    assert png_digits(person.made("parts.png")) == doubled(DIGITS)


def test_a_description_in_a_file(person: Person) -> None:
    done = person.run("image", "describe", "photo.png", "-o", "seen.txt")
    assert done.stdout == b"" and person.made("seen.txt").decode() == f"图中的数字是{DIGITS}\n"


def test_a_question_about_a_picture(artist: Person) -> None:
    done = artist.run("image", "describe", "photo.png", "--question", "Which digits?", "-m", "other")
    assert done.stdout.decode() == f"{plus_one(DIGITS)}.\n"
    body = artist.server.requests[-1].json()
    assert (body["model"], body["messages"][0]["content"][0]["text"]) == ("other", "Which digits?")


DESCRIBE = ("image", "describe", "photo.png")


def test_verbs_that_the_family_lacks_are_refused_by_name(artist: Person) -> None:
    for line in (("image", "enhance", "photo.png", "-o", "x.png"), ("learn", "a.pdf")):
        assert "gov" in artist.fails(2, "'openai' does not offer", *line)
    assert "gov" in artist.fails(2, "does not take --segments", *DESCRIBE, "--segments", "x.png")


def test_what_signs_an_address_is_not_shown(person: Person) -> None:
    done = person.run("-v", "image", "enhance", "photo.png", "-o", "x.png")
    assert b"/image/enhanceImage" in done.stderr and b"/realesrgan/" in done.stderr
    assert b"Signature" not in done.stderr


# -- documents -------------------------------------------------------------------------------------


def test_documents_are_learnt_in_order(person: Person) -> None:
    done = person.run("learn", "a.pdf", "b.docx", "c.txt", "--category", "hr")
    assert (done.returncode, done.stdout) == (0, b"")
    assert person.server.learnt == [("hr", "a.pdf", "1"), ("hr", "b.docx", "2"), ("hr", "c.txt", "3")]
    assert done.stderr.decode().splitlines()[-1] == "c.txt was learnt."


def test_a_document_that_fails_costs_only_itself(person: Person) -> None:
    done = person.run("learn", "a.pdf", "fake.pdf", "missing.txt", "empty.txt", "c.txt", "--json")
    assert done.returncode == 9
    *learnt, failure = map(json.loads, done.stdout.splitlines())
    assert [each["file"] for each in learnt] == ["a.pdf", "c.txt"]
    assert failure["error"]["code"] == 9
    said = done.stderr.decode()
    for told in ("fake.pdf: is no pdf", "missing.txt: there is no", "empty.txt: is empty", "3 of 5 documents failed"):
        assert told in said


def test_one_that_fails_alone_is_the_programs_failure(person: Person) -> None:
    person.fails(2, "fake.pdf: is no pdf, whatever its name says", "learn", "fake.pdf")
    person.fails(5, "did not learn it", "learn", "a.pdf", "--category", "unheard-of")


def test_all_that_fail_alike_have_that_code(person: Person) -> None:
    done = person.run("learn", "a.pdf", "c.txt", "--category", "unheard-of")
    assert done.returncode == 5 and b"2 of 2 documents failed" in done.stderr


def test_what_the_service_does_not_take_stops_before_anything_is_sent(person: Person) -> None:
    person.fails(
        2, "d.xlsx: is no document that the service takes. It takes: doc, docx, pdf, txt", "learn", "a.pdf", "d.xlsx"
    )
    assert person.server.requests == []


def test_without_a_category_anywhere_nothing_is_sent(person: Person) -> None:
    config = Path(person.env["VOICE_CONFIG"])
    config.write_text(config.read_text().replace('category = "bj_gov"\n', ""))
    person.fails(2, "requires a category", "learn", "a.pdf", "c.txt")
    assert person.server.requests == []


# -- failures, waiting, leaving --------------------------------------------------------------------


def test_left_in_the_middle_nothing_stays(person: Person, home: dict[str, str]) -> None:
    person.server.on("/image/enhanceImage", Reply(first=[STALL]))
    command = [sys.executable, "-m", "voicecli", "image", "enhance", "photo.png", "-o", "x.png"]
    with subprocess.Popen(command, cwd=person.folder, env=home | person.env, stderr=subprocess.PIPE) as process:
        until(lambda: person.server.busy)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - began < 3
    assert files_in(person.folder) == person.inputs


def test_a_person_sees_the_upload_and_a_terminal_gets_no_picture(person: Person, home: dict[str, str]) -> None:
    person.server.on("/video/motInference", Reply.json({"data": "static/x.mp4", "status": "success"}, status=200))
    (person.folder / "large.mp4").write_bytes(mp4(DIGITS) + bytes(3_000_000))
    code, shown = on_terminal(person, home, "video", "track", "large.mp4", "-o", "x.mp4")
    assert code == 5 and "sending large.mp4" in shown
    code, shown = on_terminal(person, home, "image", "make", "a pig", "-o", "-")
    assert code == 2 and "a terminal cannot show it" in shown


def on_terminal(person: Person, home: dict[str, str], *args: str) -> tuple[int, str]:
    """The program with all streams on a terminal: its code, and what was shown."""
    env = home | person.env | {"TERM": "xterm-256color"}
    with at_terminal(*args, env=env, folder=person.folder) as reader:
        shown = reader.rest()
        return reader.process.wait(60), shown


def test_what_leaves_the_machine_is_said_once(person: Person) -> None:
    """By a name that is not this machine's, which a proxy stands for."""
    config = Path(person.env["VOICE_CONFIG"])
    table = config.read_text().replace("http://127.0.0.1", "http://gov.invalid") + f'proxy = "{person.server.url}"\n'
    config.write_text(table)
    first = person.run("image", "describe", "photo.png").stderr.decode()
    assert "a picture goes to gov.invalid (backend city; said once)" in first
    assert "gov.invalid (backend" not in person.run("image", "describe", "photo.png").stderr.decode()
