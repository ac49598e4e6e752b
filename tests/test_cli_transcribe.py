"""`voice transcribe` as a process: DTMF digits in, their text out, from a server that decodes what it is sent."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.conftest import Voice
from tests.fakes.forms import Part, heard, multipart, spoken
from tests.fakes.server import FakeServer, Reply, Request
from tests.work import written
from voicecli.usecases.transcribing.plan import FORMATS

PATH = "/v1/audio/transcriptions"


class Recogniser:
    """Answers the digits in each upload, spelled; silence is answered with nothing, 666 with a failure."""

    def __init__(self, server: FakeServer) -> None:
        self.uploads: list[dict[str, Part]] = []
        self.url = server.url
        server.on(PATH, self.answer)

    def answer(self, request: Request) -> Reply:
        parts = multipart(request)
        self.uploads.append(parts)
        digits = heard(parts["file"].data)
        if digits == "666":
            return Reply.json({"error": {"message": "an unlucky recording"}}, 500)
        return Reply.json({"text": f"digits {' '.join(digits)}" if digits else ""})

    @property
    def files(self) -> list[Part]:
        return [each["file"] for each in self.uploads]


@pytest.fixture
def recogniser() -> Iterator[Recogniser]:
    with FakeServer() as server:
        yield Recogniser(server)


@pytest.fixture
def work(recogniser: Recogniser, tmp_path: Path) -> dict[str, str]:
    return written(tmp_path, recogniser.url, ["transcribe"], transcribe_model="m1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the process runs."""
    return tmp_path / "work"


def recording(path: Path, digits: str, container: str = "wav") -> Path:
    path.write_bytes(spoken(digits, container))
    return path


# -- one recording ---------------------------------------------------------------------------------


def test_a_recording_becomes_text(recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path) -> None:
    file = recording(folder / "a.wav", "0123456789")
    run = voice("transcribe", "a.wav", env=work)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"digits 0 1 2 3 4 5 6 7 8 9\n", b"")
    assert recogniser.files[0].data == file.read_bytes(), "sent as it is"


@pytest.mark.parametrize("container", ["flac", "ogg", "mp3"])
def test_what_the_service_takes_is_sent_as_it_is(
    container: str, recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    file = recording(folder / f"a.{container}", "42", container)
    assert voice("transcribe", file.name, env=work).stdout == b"digits 4 2\n"
    assert recogniser.files[0].data == file.read_bytes()


def test_what_it_does_not_take_is_converted(
    recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    file = recording(folder / "a.aiff", "42", "aiff")
    assert voice("transcribe", file.name, env=work).stdout == b"digits 4 2\n"
    sent = recogniser.files[0]
    assert (sent.data[:4], sent.filename) == (b"fLaC", "audio.flac")
    assert soundfile.info(io.BytesIO(sent.data)).samplerate == 16_000


@pytest.mark.parametrize("container", ["wav", "flac", "mp3", "aiff"])
def test_stdin_may_be_any_container(container: str, recogniser: Recogniser, work: dict[str, str], voice: Voice) -> None:
    run = voice("transcribe", "-", input=spoken("1357", container), env=work)
    assert (run.returncode, run.stdout) == (0, b"digits 1 3 5 7\n")


def test_every_flag_reaches_the_service(
    recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    recording(folder / "a.wav", "1")
    flags = "-l|de|-m|m2|--prompt|Über Wien.|--hotword|Ötzi|--hotword|Sisi|--temperature|0.5"
    assert voice("transcribe", *flags.split("|"), "a.wav", env=work).returncode == 0
    sent = {name: part.text for name, part in recogniser.uploads[0].items() if name != "file"}
    assert sent == {"model": "m2", "language": "de", "temperature": "0.5", "prompt": "Über Wien. Ötzi, Sisi."}


def test_json_has_the_source_and_the_text(work: dict[str, str], voice: Voice, folder: Path) -> None:
    recording(folder / "a.wav", "12")
    for flags in (("--json",), ("-f", "json")):
        found = json.loads(voice("transcribe", "a.wav", *flags, env=work).stdout)
        assert (found["source"], found["text"], found["segments"]) == ("a.wav", "digits 1 2", [])


def test_a_file_for_the_text(work: dict[str, str], voice: Voice, folder: Path) -> None:
    recording(folder / "a.wav", "12")
    run = voice("transcribe", "a.wav", "-o", "a.txt", env=work)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"wrote a.txt (11 bytes)\n")
    assert (folder / "a.txt").read_text() == "digits 1 2\n"


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "output", "code", "told"),
    [
        ("", "a.txt", 10, b"error: a.wav: no speech was found in it\n"),
        ("666", "a.txt", 5, b"an unlucky recording"),
        ("1", "a.wav/b.txt", 2, b"error: a.wav"),
    ],
)
def test_a_failure_has_its_code_and_leaves_no_file(
    digits: str, output: str, code: int, told: bytes, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    recording(folder / "a.wav", digits)
    run = voice("transcribe", "a.wav", "-o", output, env=work)
    assert (run.returncode, told in run.stderr, b"Traceback" in run.stderr) == (code, True, False), run.stderr
    assert [each.name for each in folder.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("name", "data"),
    [(name, b"") for name in ("missing.wav", "notes.wav", "empty.wav", "folder", "-")] + [("-", b"no sound at all")],
)
def test_what_is_no_recording_is_2(
    name: str, data: bytes, recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "notes.wav").write_text("These are notes, not sound.")
    (folder / "empty.wav").touch()
    (folder / "folder").mkdir()
    run = voice("transcribe", name, input=data, env=work)
    assert (run.returncode, run.stdout, recogniser.uploads) == (2, b"", [])
    assert run.stderr.startswith(b"error: ") and name.replace("-", "stdin").encode() in run.stderr
    assert b"Traceback" not in run.stderr


def test_a_language_it_lacks_and_an_unknown_format_are_refused_first(
    recogniser: Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    recording(folder / "a.wav", "1")
    run = voice("transcribe", "a.wav", "-f", "doc", env=work)
    known = ", ".join(FORMATS)
    assert (run.returncode, run.stderr.decode()) == (2, f"error: --format does not know 'doc'. It knows: {known}.\n")
    assert not recogniser.uploads


# -- many recordings -------------------------------------------------------------------------------


def test_many_go_beside_their_recordings(work: dict[str, str], voice: Voice, folder: Path) -> None:
    recording(folder / "a.wav", "1")
    (folder / "sub").mkdir()
    recording(folder / "sub" / "b.flac", "2", "flac")
    assert voice("transcribe", "a.wav", "sub/b.flac", "-q", env=work).returncode == 0
    assert (folder / "a.txt").read_text() == "digits 1\n"
    assert (folder / "sub" / "b.txt").read_text() == "digits 2\n"


def test_many_go_to_a_folder(work: dict[str, str], voice: Voice, folder: Path) -> None:
    for name in "ab":
        recording(folder / f"{name}.wav", "1")
    assert voice("transcribe", "a.wav", "b.wav", "-o", "texts/", "-f", "json", env=work).returncode == 0
    assert sorted(each.name for each in (folder / "texts").iterdir()) == ["a.json", "b.json"]


def test_many_to_stdout_when_asked(work: dict[str, str], voice: Voice, folder: Path) -> None:
    for digit in "12":
        recording(folder / f"{digit}.wav", digit)
    assert voice("transcribe", "1.wav", "2.wav", "-o", "-", env=work).stdout == b"digits 1\ndigits 2\n"


def test_some_failed_is_9_and_the_rest_is_done(work: dict[str, str], voice: Voice, folder: Path) -> None:
    recording(folder / "a.wav", "666")
    recording(folder / "b.wav", "7")
    run = voice("transcribe", "a.wav", "missing.wav", "b.wav", env=work)
    assert run.returncode == 9
    assert (folder / "b.txt").read_text() == "digits 7\n"
    assert not (folder / "a.txt").exists()
    lines = [line for line in run.stderr.decode().splitlines() if line.startswith("error: ")]
    assert lines[0].startswith("error: a.wav: ")
    assert lines[1].startswith("error: missing.wav: there is no such file")
    assert lines[-1] == "error: 2 of 3 recordings failed"
    assert b"1 of 3 recordings transcribed: " in run.stderr


def test_all_failed_alike_keeps_their_code(work: dict[str, str], voice: Voice, folder: Path) -> None:
    for name in "ab":
        recording(folder / f"{name}.wav", "")
    run = voice("transcribe", "a.wav", "b.wav", env=work)
    assert run.returncode == 10
    assert run.stderr.decode().splitlines()[-1] == "error: 2 of 2 recordings failed"


def test_verbose_tells_what_was_recognised_and_how_long_it_took(
    work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("12", "wav"))
    run = voice("transcribe", "a.wav", "-v", env=work)
    assert re.search(rb"a\.wav, \d\.\d s, [\d,]+ bytes of wav: recognised in \d+\.\d\d s", run.stderr), run.stderr
