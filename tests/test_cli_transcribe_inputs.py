"""What `voice transcribe` takes in and gives out: folders, lists, addresses, other containers, formats, saved JSON."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest

from tests import dtmf, long
from tests.conftest import Voice
from tests.fakes.forms import spoken
from tests.fakes.qiniu_server import KEY, QiniuServer
from tests.fakes.server import FakeServer, Reply
from tests.serving import serving
from tests.test_cli_transcribe_long import configured
from voicecli.audio import encoder
from voicecli.usecases.transcribing.plan import Source
from voicecli.usecases.transcribing.sources import at_hand

recogniser = serving(long.Recogniser)


@pytest.fixture
def work(recogniser: long.Recogniser, tmp_path: Path) -> dict[str, str]:
    return configured(recogniser, tmp_path)


@pytest.fixture
def folder(tmp_path: Path, voice: Voice) -> Path:
    return tmp_path / "work"


# -- inputs ----------------------------------------------------------------------------------------


def test_a_folder_into_a_folder(work: dict[str, str], voice: Voice, folder: Path) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "a.wav").write_bytes(spoken("12", "wav"))
    (folder / "in" / "sub" / "b.flac").write_bytes(spoken("34", "flac"))
    (folder / "in" / "notes.txt").write_text("no recording")
    assert voice("transcribe", "-r", "in", "-o", "out", "-q", env=work).returncode == 0
    assert (folder / "out" / "a.txt").read_text() == "1 2\n"
    assert (folder / "out" / "sub" / "b.txt").read_text() == "3 4\n"


def test_a_list_from_stdin(work: dict[str, str], voice: Voice, folder: Path) -> None:
    (folder / "a b.wav").write_bytes(spoken("12", "wav"))
    run = voice("transcribe", "--files-from", "-", "-o", "-", input=b"a b.wav\n", env=work)
    assert (run.returncode, run.stdout) == (0, b"1 2\n")


def test_what_is_piped_in_needs_no_dash(work: dict[str, str], voice: Voice) -> None:
    assert voice("transcribe", input=spoken("12", "flac"), env=work).stdout == b"1 2\n"
    run = voice("transcribe", "-f", "srt", env=work)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize(
    ("spec", "kind", "scale"),
    [("s16le:8000:2", "<i2", 1), ("f32le:16000:1", "<f4", 1 / 32768), ("s32be:22050", ">i4", 65536)],
)
def test_bare_samples(spec: str, kind: str, scale: float, work: dict[str, str], voice: Voice) -> None:
    rate, channels = int(spec.split(":")[1]), 2 if spec.endswith(":2") else 1
    samples = np.repeat(dtmf.encode("507", rate), channels).astype(np.float64) * scale
    run = voice("transcribe", "-", "--raw", spec, input=samples.astype(kind).tobytes(), env=work)
    assert (run.returncode, run.stdout) == (0, b"5 0 7\n")


@pytest.mark.parametrize("spec", ["mp3", "s16le:fast", "s16le:1:1", "s16le:16000:0"])
def test_samples_that_cannot_be_are_refused(spec: str, work: dict[str, str], voice: Voice) -> None:
    run = voice("transcribe", "-", "--raw", spec, input=b"\0" * 100, env=work)
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"--raw" in run.stderr


def test_a_silent_recording_costs_no_request(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("", "wav"))
    run = voice("transcribe", "a.wav", env=work)
    assert (run.returncode, recogniser.log) == (10, [])
    assert run.stderr == b"error: a.wav: no speech was found in it\n"


def test_a_pipe_with_a_name_is_read_once(work: dict[str, str], voice: Voice, folder: Path) -> None:
    os.mkfifo(folder / "pipe.wav")
    writer = threading.Thread(target=(folder / "pipe.wav").write_bytes, args=(spoken("12", "wav"),), daemon=True)
    writer.start()
    run = voice("transcribe", "pipe.wav", env=work)
    assert (run.returncode, run.stdout) == (0, b"1 2\n"), run.stderr
    assert voice("transcribe", "/dev/stdin", input=spoken("34", "flac"), env=work).stdout == b"3 4\n"
    run = voice("transcribe", "/dev/null", env=work)
    assert (run.returncode, run.stderr) == (2, b"error: /dev/null: is empty. Name a recording, or pipe one in.\n")


def test_a_read_that_does_not_answer_is_left_alone(tmp_path: Path) -> None:
    """Cancelled, the wait for it ends at once, though the thread that reads does not."""
    os.mkfifo(tmp_path / "pipe")

    async def wait() -> None:
        async with asyncio.timeout(0.2), at_hand(Source(str(tmp_path / "pipe")), tmp_path, 1):
            pass

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    assert time.monotonic() - began < 5


def test_what_is_missing_at_the_end_is_told(work: dict[str, str], voice: Voice, folder: Path) -> None:
    data = encoder.encode(dtmf.encode("1357" * 100).tobytes(), 16_000, "flac")
    (folder / "a.flac").write_bytes(data[: len(data) // 2])
    run = voice("transcribe", "a.flac", "-m", "gpt-4o-transcribe", "-f", "tsv", env=work)
    assert run.returncode == 0 and b"1 3 5 7" in run.stdout
    assert b"warning: a.flac: only " in run.stderr


# -- addresses -------------------------------------------------------------------------------------


def test_an_address_is_fetched_without_any_key(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    with FakeServer() as elsewhere, FakeServer() as other:
        elsewhere.on("/talks/one.wav", Reply(b"", 302, {"location": f"{other.url}/two.wav"}))
        other.on("/two.wav", Reply(spoken("2468", "wav"), 200, {"content-type": "audio/wav"}))
        run = voice("transcribe", f"{elsewhere.url}/talks/one.wav", env=work | {"OPENAI_API_KEY": "sk-secret-one"})
        assert (run.returncode, run.stdout) == (0, b"2 4 6 8\n"), run.stderr
        assert not any("authorization" in each.headers for each in (*elsewhere.requests, *other.requests))


@pytest.mark.parametrize(
    ("reply", "code", "told"),
    [
        (Reply([b"RIFF" * 5000] * 20), 2, "holds more than 100 kB. Allow more with --max-download MB."),
        (Reply.text("gone", 404), 5, "answered HTTP 404. Check the address"),
    ],
)
def test_an_address_that_sends_without_end_or_is_not_there(
    reply: Reply, code: int, told: str, recogniser: long.Recogniser, work: dict[str, str], voice: Voice
) -> None:
    with FakeServer() as elsewhere:
        elsewhere.on("/a.wav", reply)
        run = voice("transcribe", f"{elsewhere.url}/a.wav", "--max-download", "0.1", env=work)
    assert run.returncode == code
    assert run.stderr.startswith(b"error: ") and told in run.stderr.decode() and run.stderr.count(b"\n") == 1
    assert not recogniser.log


def test_a_service_that_fetches_is_given_the_address(voice: Voice, tmp_path: Path) -> None:
    """Qiniu's, for a public address; what only this machine reaches is fetched here and sent."""
    with QiniuServer() as server, FakeServer() as here:
        here.on("/b.wav", Reply(spoken("13", "wav")))
        file = tmp_path / "voice.toml"
        file.write_text(
            f'[use]\ntranscribe = "q"\n[backends.q]\nfamily = "qiniu"\nbase_url = "{server.base}"\n'
            'api_key_env = "QKEY"\n'
        )
        env = {"VOICE_CONFIG": str(file), "QKEY": KEY}
        assert voice("transcribe", "https://example.org/p/a.mp3?x=1", env=env).stdout == b"heard a.mp3?x=1\n"
        assert voice("transcribe", f"{here.url}/b.wav", env=env).stdout.strip() == b"13"


# -- other containers ------------------------------------------------------------------------------


def film(path: Path, digits: str, codec: str) -> Path:
    """A file of PyAV's with the digits as its sound."""
    import av

    samples = np.concatenate([np.zeros(4800, np.int16), dtmf.encode(digits, 48_000), np.zeros(9600, np.int16)])
    with av.open(str(path), "w") as box:
        stream: Any = box.add_stream(codec, rate=48_000, layout="mono")
        resampler: Any = av.AudioResampler(stream.format, "mono", 48_000, frame_size=1024)
        whole = av.AudioFrame.from_ndarray(samples[None, :], "s16", "mono")
        whole.sample_rate = 48_000
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            box.mux(stream.encode(frame))
    return path


def test_what_the_service_takes_is_sent_undecoded(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    sent: list[bytes] = []

    def keep(request: Any) -> Reply:
        sent.append(request.body)
        return Reply.json({"text": "taken"})

    recogniser.on("/v1/audio/transcriptions", keep)
    file = film(folder / "a.m4a", "12", "aac")
    assert voice("transcribe", "a.m4a", env=work).stdout == b"taken\n"
    assert file.read_bytes() in sent[0]


@pytest.mark.parametrize(("name", "codec"), [("a.aac", "aac"), ("a.mkv", "aac"), ("a.m4a", "aac")])
def test_pyav_reads_what_libsndfile_does_not(
    name: str, codec: str, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    """Subtitles of a model that tells no times need the samples, whatever the service would take."""
    film(folder / name, "1357", codec)
    run = voice("transcribe", name, "-m", "gpt-4o-transcribe", "-f", "tsv", env=work)
    assert run.returncode == 0, run.stderr
    assert b"1 3 5 7" in run.stdout


FFMPEG = """#!{python}
import sys
at = sys.argv.index("-i")
sys.stderr.write("invalid data\\n")
data = open(sys.argv[at + 1].removeprefix("file:"), "rb").read()
if b"broken" in data:
    sys.exit(1)
sys.stdout.buffer.write(data[16:])
"""


@pytest.fixture
def without_pyav(folder: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which PyAV is not installed and ffmpeg is ours: samples follow 16 bytes of head."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ffmpeg").write_text(FFMPEG.format(python=sys.executable))
    (programs / "ffmpeg").chmod(stat.S_IRWXU)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    hook = (
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'av' else find(name, *rest)\n"
    )
    (hidden / "sitecustomize.py").write_text(hook)
    return {"PATH": str(programs), "PYTHONPATH": str(hidden)}


def test_ffmpeg_reads_it_where_pyav_is_not(
    work: dict[str, str], voice: Voice, folder: Path, without_pyav: dict[str, str]
) -> None:
    head = b"\0\0\0\x20ftypM4A \0\0\0\0"
    (folder / "a.m4a").write_bytes(head + dtmf.encode("86420", 16_000).tobytes())
    (folder / "b.m4a").write_bytes(head + b"broken")
    flags = ("-m", "gpt-4o-transcribe", "-f", "tsv", "-o", "-")
    run = voice("transcribe", "a.m4a", *flags, env=work | without_pyav)
    assert b"8 6 4 2 0" in run.stdout, run.stderr
    run = voice("transcribe", "b.m4a", *flags, env=work | without_pyav)
    assert run.returncode == 2
    assert run.stderr == b"error: b.m4a: ffmpeg can't read it: invalid data. Convert it to wav.\n"


def test_without_either_the_cure_is_told(
    work: dict[str, str], voice: Voice, folder: Path, without_pyav: dict[str, str]
) -> None:
    (folder / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + b"\0" * 100)
    env = work | without_pyav | {"PATH": str(folder)}
    run = voice("transcribe", "a.m4a", "-m", "gpt-4o-transcribe", "-f", "srt", env=env)
    assert run.returncode == 2
    assert b"ffmpeg, or PyAV beside voicecli (pip install av)" in run.stderr


def test_what_need_not_be_read_here_is_sent_as_it_is(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path, without_pyav: dict[str, str]
) -> None:
    """The model takes 1,400 s, and nothing here tells how long the recording is: the service will."""
    (folder / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + b"\0" * 100)
    recogniser.on("/v1/audio/transcriptions", Reply.json({"text": "as it is"}))
    env = work | without_pyav | {"PATH": str(folder)}
    run = voice("transcribe", "a.m4a", "-m", "gpt-4o-transcribe", env=env)
    assert (run.returncode, run.stdout) == (0, b"as it is\n"), run.stderr


# -- results ---------------------------------------------------------------------------------------


def test_the_format_follows_the_file(work: dict[str, str], voice: Voice, folder: Path) -> None:
    (folder / "a.wav").write_bytes(spoken("12", "wav"))
    assert voice("transcribe", "a.wav", "-o", "a.vtt", env=work).returncode == 0
    assert (folder / "a.vtt").read_text().startswith("WEBVTT\n\n00:00:00.0")
    run = voice("transcribe", "a.wav", "-o", "a.srt", "--json", env=work)
    assert json.loads(run.stdout) == {"source": "a.wav", "output": "a.srt", "format": "srt"}
    assert (folder / "a.srt").read_text().startswith("1\n00:00:00,0")


def test_a_saved_transcript_is_rendered_without_a_request(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("123456", "wav"))
    for kind in ("json", "verbose_json"):
        assert voice("transcribe", "a.wav", "-f", kind, "--words", "-o", f"{kind}.json", env=work).returncode == 0
    asked = len(recogniser.log)
    straight = voice("transcribe", "a.wav", "-f", "srt", "--max-chars", "5", "--max-lines", "1", env=work).stdout
    for kind in ("json", "verbose_json"):
        run = voice("transcribe", f"{kind}.json", "-f", "srt", "--max-chars", "5", "--max-lines", "1")
        assert (run.returncode, run.stdout) == (0, straight)
    assert straight.count(b"-->") == 2
    assert len(recogniser.log) == asked + 1


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_words_are_timed_one_by_one(
    kind: str, recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("12", "wav"))
    run = voice("transcribe", "a.wav", "-f", kind, "--words", env=work)
    assert run.returncode == 0
    found = pysubs2.SSAFile.from_string(run.stdout.decode(), format_=kind)
    assert [each.text for each in found] == ["1", "2"]
    assert b"told" not in run.stderr


def test_times_of_words_that_nobody_told_are_called_guesses(voice: Voice, folder: Path) -> None:
    (folder / "a.json").write_text('{"text": "one two", "segments": [{"text": "one two", "start": 0, "end": 2}]}')
    run = voice("transcribe", "a.json", "-f", "lrc", "--words")
    assert run.stdout == b"[00:00.00]<00:00.00>one <00:01.00>two\n"
    assert b"warning: a.json: no times of words were told; those written are guessed" in run.stderr
    assert b"told" not in voice("transcribe", "a.json", "-f", "lrc").stderr


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"segments": []}', "\0\0"])
def test_a_json_that_is_no_transcript(text: str, voice: Voice, folder: Path) -> None:
    (folder / "a.json").write_text(text)
    run = voice("transcribe", "a.json", "-f", "srt")
    assert run.returncode == 2
    assert run.stderr.startswith(b"error: a.json: ")
    assert b"Traceback" not in run.stderr


def test_what_is_there_is_left_out(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    for name in "ab":
        (folder / f"{name}.wav").write_bytes(spoken("12", "wav"))
    (folder / "a.txt").write_text("mine")
    run = voice("transcribe", "a.wav", "b.wav", "--skip-existing", env=work)
    assert (run.returncode, len(recogniser.log)) == (0, 1)
    assert ((folder / "a.txt").read_text(), (folder / "b.txt").read_text()) == ("mine", "1 2\n")


def test_the_clipboard(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path, tmp_path: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("12", "wav"))
    program = tmp_path / "pbcopy"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'clip')!r}, 'w').write(sys.stdin.read())\n"
    )
    program.chmod(stat.S_IRWXU)
    run = voice("transcribe", "a.wav", "--copy", env=work | {"PATH": str(tmp_path)})
    assert (run.stdout, (tmp_path / "clip").read_text()) == (b"1 2\n", "1 2")
    run = voice("transcribe", "a.wav", "--copy", env=work | {"PATH": str(folder)})
    assert run.returncode == 2
    assert b"no way to the clipboard was found" in run.stderr
    assert len(recogniser.log) == 1, "refused before any work"


def test_what_the_family_lacks_is_refused_first(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    (folder / "a.wav").write_bytes(spoken("12", "wav"))
    run = voice("transcribe", "a.wav", "--translate", "-b", "local", env=work)
    assert (run.returncode, run.stdout, recogniser.log) == (2, b"", [])
    assert b"--translate" in run.stderr and b"openai" in run.stderr
    for flag in (["-l", "zh"], ["--diarize"]):
        run = voice("transcribe", "a.wav", "--translate", *flag, env=work)
        assert (run.returncode, run.stdout, recogniser.requests) == (2, b"", [])
        assert b" with --translate. Leave --" in run.stderr


def test_a_translation_is_another_request_and_another_entry_of_the_cache(
    recogniser: long.Recogniser, work: dict[str, str], voice: Voice, folder: Path
) -> None:
    """The same sound, in pieces: what was transcribed is no translation of it."""
    tones = dtmf.encode("12").tobytes()
    (folder / "a.raw").write_bytes(tones)
    recogniser.on("/v1/audio/translations", Reply.json({"text": "one two"}))
    raw = ("transcribe", "a.raw", "--raw", "s16le:16000:1")
    assert voice(*raw, env=work).stdout == b"1 2\n"
    for _ in range(2):
        run = voice(*raw, "--translate", "-f", "verbose_json", env=work)
        found = json.loads(run.stdout)
        assert (found["task"], found["text"]) == ("translate", "one two")
    assert json.loads(voice(*raw, "-f", "verbose_json", env=work).stdout)["task"] == "transcribe"
    assert len(recogniser.to("/v1/audio/translations")) == 1


def test_json_on_several_is_a_line_each(work: dict[str, str], voice: Voice, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.wav").write_bytes(spoken("12", "wav"))
    run = voice("transcribe", "a.wav", "b.wav", "--json", "-o", "-", env=work)
    assert [json.loads(line)["source"] for line in run.stdout.splitlines()] == ["a.wav", "b.wav"]
