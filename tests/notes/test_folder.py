"""Which files are notes: text, below the folder, and nothing that hides, leads away or is too large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicecli.errors import InputError
from voicecli.notes import folder
from voicecli.notes.folder import LARGEST, LeftOut, Note, UnfitError, notes, read, roots
from voicecli.text.decoding import as_text

NOW = 4_000_000_000 * 10**9


def names(*paths: Path, left_out: LeftOut | None = None) -> list[str]:
    counted = LeftOut() if left_out is None else left_out
    return [each.shown for each in notes(roots(paths), counted, now_ns=NOW)]


def make(path: Path, data: bytes = b"text\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def note(path: Path) -> Note:
    return Note(os.fsencode(path), path.name, "")


def test_everything_below_that_does_not_hide(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.txt", "a/b/c.org", "README", ".hidden.md", ".git/config", "a/.x/y.md"):
        make(tmp_path / "n" / name)
    assert names(tmp_path / "n") == ["README", "b.md", "a/z.txt", "a/b/c.org"]


def test_a_file_and_several_folders(tmp_path: Path) -> None:
    one, other, file = tmp_path / "one", tmp_path / "other", make(tmp_path / "f.txt")
    for place in (one, other):
        make(place / "x.md")
    assert names(file) == ["f.txt"]
    assert sorted(names(one, other, file)) == ["f.txt", "one/x.md", "other/x.md"]
    assert names(one, one / "x.md", one) == ["x.md"], "nothing is there twice"


def test_what_is_asked_for_may_hide_or_be_a_link(tmp_path: Path) -> None:
    make(tmp_path / ".notes" / "x.md")
    (tmp_path / "link").symlink_to(tmp_path / ".notes")
    assert names(tmp_path / ".notes") == names(tmp_path / "link") == ["x.md"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = make(tmp_path / "outside" / "secret.txt")
    make(tmp_path / "n" / "x.md")
    (tmp_path / "n" / "file").symlink_to(secret)
    (tmp_path / "n" / "folder").symlink_to(secret.parent)
    (tmp_path / "n" / "circle").symlink_to(tmp_path / "n")
    (tmp_path / "n" / "nowhere").symlink_to("nowhere")
    assert names(tmp_path / "n") == ["x.md"]
    with pytest.raises(UnfitError, match="unreadable"):
        read(note(tmp_path / "n" / "file"), as_text)  # it took a file's place after it was seen


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    make(tmp_path / "n" / "large.txt", b"x" * (LARGEST + 1))
    make(tmp_path / "n" / "x.md")
    make(tmp_path / "n" / "picture.SVG")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "n" / "pipe")
    left_out = LeftOut()
    assert names(tmp_path / "n", left_out=left_out) == ["x.md"]
    assert left_out["larger than 2 MB"] == left_out["not for reading"] == 1
    assert names(tmp_path / "n" / "picture.SVG") == ["picture.SVG"], "who names it means it"
    assert str(left_out).endswith(f"left out: {', '.join(f'1 {why}' for why in left_out)}")
    assert str(LeftOut()) == ""


def test_a_file_that_cannot_be_looked_at_is_left_out(tmp_path: Path) -> None:
    """As in a folder that may be listed and not entered, which stops no superuser: here it is no folder any more."""
    for name in "ab":
        make(tmp_path / "n" / name)
    left_out = LeftOut()
    found = notes(roots([tmp_path / "n"]), left_out, now_ns=NOW)
    assert next(found).shown == "a"
    (tmp_path / "n").rename(tmp_path / "m")
    make(tmp_path / "n")
    assert list(found) == [] and left_out == {"unreadable": 1}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: there is no such file"):
        roots([tmp_path / "missing"])


def test_a_file_that_has_just_changed_is_not_known_by_its_times(tmp_path: Path) -> None:
    about = make(tmp_path / "x.md").stat()
    for later, known in ((0, False), (folder.FRESH_NS - 1, False), (folder.FRESH_NS + 1, True)):
        (found,) = notes(roots([tmp_path]), LeftOut(), now_ns=max(about.st_mtime_ns, about.st_ctime_ns) + later)
        assert bool(found.mark) is known


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("tür 灯".encode("utf-16"), "tür 灯"),
        (b"", ""),
        (("mostly fine " * 20).encode() + b"\xff", "mostly fine " * 20 + "ÿ"),
        ("für größere Äpfel".encode("latin-1"), "für größere Äpfel"),
    ],
)
def test_texts(tmp_path: Path, data: bytes, text: str) -> None:
    found, _ = read(note(make(tmp_path / "x", data)), as_text)
    assert found == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0",
        b"x" * 9000 + b"\0",
        b"\x01\x02\x03abc",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n",
        "灯塔".encode("gbk"),
    ],
)
def test_what_is_no_text(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnfitError, match="no text"):
        read(note(make(tmp_path / "x", data)), as_text)


def test_a_name_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"a\n\x1b[31m\xff" + b"b" * 230)  # noqa: PTH118 (bytes)
    os.close(os.open(raw, os.O_CREAT | os.O_WRONLY))
    (name,) = names(tmp_path)
    assert name.startswith("a??[31m") and name.isprintable() and len(name) == folder.SHOWN
