"""Which recordings are meant and where their texts go: pure, but for folders that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicecli.errors import InputError, UsageError
from voicecli.usecases.transcribing.plan import Inputs, Source, formats_of, inputs_of, names_in, plan


def named(*names: str, many: bool = False) -> Inputs:
    return Inputs(tuple(Source(name) for name in names), many or len(names) > 1)


def targets(inputs: Inputs, output: str | None, *formats: str) -> list[dict[str, Path | None]]:
    return [job.targets for job in plan(inputs, output, formats or ("text",))]


# -- where -----------------------------------------------------------------------------------------


def test_one_goes_to_stdout_or_its_file() -> None:
    assert targets(named("a.wav"), None) == [{"text": None}]
    assert targets(named("a.wav"), "-") == [{"text": None}]
    assert targets(named("-"), "x.txt") == [{"text": Path("x.txt")}]
    assert targets(named("in/a.wav"), "texts/") == [{"text": Path("texts/a.txt")}]


def test_one_from_a_folder_is_as_many() -> None:
    assert targets(named("in/a.wav", many=True), None) == [{"text": Path("in/a.txt")}]


def test_several_formats_go_beside_their_recording() -> None:
    assert targets(named("in/a.wav"), None, "srt", "vtt") == [{"srt": Path("in/a.srt"), "vtt": Path("in/a.vtt")}]
    both = {"json": Path("out/a.json"), "verbose_json": Path("out/a.verbose.json")}
    assert targets(named("a.wav"), "out", "json", "verbose_json") == [both]


def test_an_address_and_stdin_go_to_where_one_is() -> None:
    inputs = inputs_of(["-", "https://example.org/p/my%20talk.mp3?x=1", "http://example.org"], [], False)
    found = [each["text"] for each in targets(inputs, None)]
    assert found == [Path("stdin.txt"), Path("my talk.txt"), Path("example.org.txt")]


def test_nothing_is_written_over_a_recording(tmp_path: Path) -> None:
    file = str(tmp_path / "talk.txt")
    for inputs, output in ((named(file), file), (named(file, file.replace(".txt", ".wav")), None)):
        with pytest.raises(UsageError, match="would be overwritten"):
            plan(inputs, output, ("text",))


def test_two_texts_never_share_a_file() -> None:
    with pytest.raises(UsageError, match=r"two recordings would be written to out/a\.wav\.txt"):
        plan(named("x/a.wav", "y/a.wav"), "out", ("text",))


def test_recordings_of_one_name_keep_their_endings() -> None:
    found = [each["srt"] for each in targets(named("a.wav", "a.mp3", "b.mp3", "x/a.wav"), None, "srt")]
    assert found == [Path("a.wav.srt"), Path("a.mp3.srt"), Path("b.srt"), Path("x/a.srt")]


def test_subtitles_of_several_do_not_share_stdout() -> None:
    with pytest.raises(UsageError, match="can't share stdout"):
        plan(named("a.wav", "b.wav"), "-", ("srt",))
    assert targets(named("a.wav", "b.wav"), "-", "json") == [{"json": None}] * 2


def test_a_name_that_is_no_format_of_texts_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no format foo"):
        formats_of(None, "x.foo", "text")
    for name in ("x.md", "x", "texts.d/", "v1.2", "x.srt"):
        assert formats_of(None, name, "text") == ("srt" if name.endswith("srt") else "text",)
    assert formats_of(["text"], "x.foo", "text") == ("text",)


def test_a_file_is_no_place_for_several(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.touch()
    with pytest.raises(UsageError, match="is a file"):
        plan(named("a.wav", "b.wav"), str(file), ("text",))


# -- which -----------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.wav", "a.MP3", "sub/c.flac", "sub/notes.txt", ".hidden/d.wav", "[x].wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(inputs: Inputs) -> list[str]:
    return [each.name for each in inputs.sources]


def test_folders_are_taken_with_their_folders(tree: Path) -> None:
    inputs = inputs_of(["."], [], True)
    assert names(inputs) == ["[x].wav", "a.MP3", "b.wav", "sub/c.flac"]
    assert targets(inputs, "out")[-1] == {"text": Path("out/sub/c.txt")}


def test_a_folder_needs_r_and_recordings(tree: Path) -> None:
    with pytest.raises(InputError, match=r"sub: is a folder\. Take the recordings in it with -r"):
        inputs_of(["sub"], [], False)
    (tree / "none").mkdir()
    with pytest.raises(InputError, match="none: holds no recordings"):
        inputs_of(["none"], [], True)


def test_patterns_that_no_shell_has_seen(tree: Path) -> None:
    assert names(inputs_of(["**/*.flac"], [], False)) == ["sub/c.flac"]
    assert names(inputs_of(["[x].wav"], [], False)) == ["[x].wav"], "a file of that very name comes first"
    with pytest.raises(InputError, match="there is no such file"):
        inputs_of(["*.ogg"], [], False)


def test_a_list_is_many_and_each_counts_once(tree: Path) -> None:
    inputs = inputs_of(["b.wav"], ["b.wav"], False)
    assert (names(inputs), inputs.many) == (["b.wav"], True)


def test_lists_have_lines_or_nuls() -> None:
    assert names_in(b"a b.wav\r\n\nc.wav") == ["a b.wav", "c.wav"]
    assert names_in(b"a.wav\r\rIcon b.wav\rc.wav\r") == ["a.wav", "Icon b.wav", "c.wav"]
    assert names_in(b"a\nb.wav\0c.wav\0") == ["a\nb.wav", "c.wav"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa.wav\r\nb c.wav\r\n",
        "a.wav\r\nb c.wav\r\n".encode("utf-16"),
        "a.wav\nb c.wav".encode("utf-16-le"),
    ],
)
def test_lists_that_windows_writes(data: bytes) -> None:
    assert names_in(data) == ["a.wav", "b c.wav"]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("v1.2 talk", "v1.2 talk"),
        ("in/v1.2 talk.WAV", "v1.2 talk"),
        ("meeting.2024-05-01", "meeting.2024-05-01"),
        (".hidden.wav", ".hidden"),
        (".wav", ".wav"),
        ("film.mp4", "film"),
    ],
)
def test_names_keep_their_dots(name: str, stem: str) -> None:
    assert Source(name).stem == stem


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/a%1b]0;x%07%0a.wav", "a ]0;x"),
        ("/%00.wav", ".wav"),
        ("/..%2f..%2fetc/p%2Fasswd.mp3", "asswd"),
        ("/%2e%2e.wav", "host"),
        ("/" + "x" * 500 + ".wav", "x" * 120),
    ],
)
def test_names_from_addresses_are_harmless(path: str, stem: str) -> None:
    assert Source("x", url=f"http://host{path}").stem.lstrip(".") == stem.lstrip(".")


@pytest.mark.parametrize("url", ["http://[::1/x", "http://", "http://host:99999/a", "http://host/a\x1b[31m.wav"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is no address"):
        inputs_of([url], [], False)


def test_programs_are_no_films(tree: Path) -> None:
    (tree / "sub" / "main.ts").write_text("let a = 1\n")
    (tree / "sub" / "film.ts").write_bytes(b"G@\0\x10")
    assert names(inputs_of(["sub"], [], True)) == ["sub/c.flac", "sub/film.ts"]


def test_stdin_is_read_once_and_nothing_is_nothing() -> None:
    with pytest.raises(UsageError, match="stdin can be read once"):
        inputs_of(["-", "-"], [], False)
    with pytest.raises(UsageError, match="nothing to transcribe"):
        inputs_of([], [], False)
