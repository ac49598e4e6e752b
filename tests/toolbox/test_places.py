"""What a model may read, and that nothing it makes takes the place of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voicecli.errors import InputError
from voicecli.toolbox.places import Places


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder of a person, with something beside it that is nobody's business."""
    folder = tmp_path / ".cache" / "work"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("photo.png", "deep/er/photo.png", ".env", ".git/config", "deep/.key", "../secret.txt"):
        (folder / name).write_bytes(b"x")
    (folder / "out").symlink_to(folder.parent)
    (folder / "out.png").symlink_to(folder.parent / "secret.txt")
    (folder / "hidden.png").symlink_to(folder / ".env")
    (folder / "same.png").symlink_to("photo.png")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.mark.parametrize("name", ["photo.png", "./photo.png", "deep/er/photo.png", "same.png"])
def test_files_here_may_be_read(here: Path, name: str) -> None:
    places = Places(here)
    found = places.find(name)
    assert found == (here / name).resolve()
    assert places.find(str(found)) == found
    with places.opened(found) as file:
        assert file.read() == b"x"


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.txt", "out/secret.txt", "out.png", "hidden.png", ".env", ".git/config", "deep/.key"),
        *("deep/../photo.png", "/etc/passwd", "~/photo.png", "", ".", "..", "deep", "pipe", "nowhere.png"),
        *("a\0b", "x" * 5000, "photo.png/x"),
    ],
)
def test_nothing_else_may(here: Path, name: str) -> None:
    with pytest.raises(InputError) as failure:
        Places(here).find(name)
    assert "current folder" in failure.value.cure
    assert str(here.parent) not in failure.value.what


def test_what_the_person_sent_along_may_be_read_from_anywhere(here: Path) -> None:
    secret = here.parent / "secret.txt"
    places = Places(here)
    places.give(secret)
    places.give(Path("photo.png"))
    assert places.find("secret.txt") == places.find(str(secret)) == secret.resolve()
    assert places.names == [str(secret.resolve()), "photo.png"]
    secret.unlink()
    with pytest.raises(InputError, match="not there"):
        places.find("secret.txt")


def make(places: Places, data: bytes, stem: str = "picture", extension: str = "png") -> Path:
    with places.result(stem, "city") as file:
        file.write(data)
        return file.keep(extension)


def test_results_are_numbered_and_written_over_nothing(here: Path) -> None:
    (here / "picture-1.png").write_bytes(b"a person's own")
    (here / "picture-2.png").symlink_to("nowhere")
    places = Places(here)
    made = [make(places, b"one"), make(places, b"two"), make(places, b"three", extension="")]
    assert [each.name for each in made] == ["picture-3.png", "picture-4.png", "picture-1"]
    assert [each.read_bytes() for each in made] == [b"one", b"two", b"three"]
    assert (here / "picture-1.png").read_bytes() == b"a person's own"
    assert not [each.name for each in here.iterdir() if each.name.endswith(".part")]
    assert places.find("picture-3.png") == made[0].resolve()
    assert (places.made_by(made[0].resolve()), places.made_by(here / "photo.png")) == ("city", "")


def test_what_breaks_off_leaves_nothing(here: Path) -> None:
    before = sorted(each.name for each in here.iterdir())
    with pytest.raises(ZeroDivisionError), Places(here).result("picture", "city") as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert sorted(each.name for each in here.iterdir()) == before


def test_a_folder_of_its_own_is_made(here: Path, tmp_path: Path) -> None:
    places = Places(here, tmp_path / "results" / "of mine")
    made = make(places, b"one")
    assert made == tmp_path / "results" / "of mine" / "picture-1.png"
    assert places.shown(made) == str(made)
    assert places.find(made.name) == places.find(str(made)) == made


def test_a_folder_that_cannot_be_written_is_told(here: Path) -> None:
    with pytest.raises(InputError, match="results cannot be written"):
        make(Places(here, here / "photo.png"), b"one")


def test_two_programs_in_one_folder(here: Path) -> None:
    """Both are at work at the same time, and neither takes the other's name."""
    one, other = Places(here), Places(here)
    with one.result("picture", "a") as first, other.result("picture", "b") as second:
        first.write(b"first")
        second.write(b"second")
        names = {second.keep("png").name: b"second", first.keep("png").name: b"first"}
    assert {name: (here / name).read_bytes() for name in names} == names
    assert len(names) == 2


@pytest.mark.needs_posix
def test_a_folder_that_became_a_link_since_a_file_was_found_is_not_followed(tmp_path: Path) -> None:
    here, secret = tmp_path / "here", tmp_path / "secret"
    for folder in (here / "sub", secret):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(folder.name)
    places = Places(here)
    found = places.find("sub/a.txt")
    with places.opened(found) as file:
        assert file.read() == b"sub"
    (here / "sub").rename(tmp_path / "away")
    (here / "sub").symlink_to(secret)
    with pytest.raises(InputError, match="cannot be read"), places.opened(found):
        pass
