"""Files appear whole or not at all: on a full disk, in a folder that is closed, from a process that was killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import Voice
from tests.fakes.openai_server import OpenAIServer
from tests.people import says
from tests.test_cli_history import serving
from voicecli.config.files import write_whole
from voicecli.errors import UsageError
from voicecli.storage.atomic import PartialFile, in_turn, is_same, temporary
from voicecli.storage.writing import atomic

NAMES = ["talk.txt", "文" * 80, "x" * 255, ".hidden", "a b'c\"d", "-o"]


def left(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.fixture
def digits(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that make a service that hears and speaks digits the backend of every verb."""
    with OpenAIServer() as service:
        yield serving(service.base_url, tmp_path)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_is_there_when_it_is_finished_and_not_before(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with atomic(target) as file:
        file.write(b"new")
        assert not target.exists()
        assert left(tmp_path) == {temporary(target).name}
    assert target.read_bytes() == b"new"
    assert left(tmp_path) == {name}


def test_a_block_that_raises_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(KeyError), atomic(target) as file:
        file.write(b"new")
        raise KeyError
    assert target.read_bytes() == b"old"
    assert left(tmp_path) == {"a"}


# -- killed processes and other writers ------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from voicecli.storage.writing import atomic
with atomic(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "a"
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert left(tmp_path) == {temporary(target).name}
    with atomic(target) as file:
        file.write(b"whole")
    assert left(tmp_path) == {"a"}
    assert target.read_bytes() == b"whole"


def test_two_writers_of_one_target_do_not_disturb_each_other(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with atomic(target) as one, atomic(target) as other:
        one.write(b"one")
        other.write(b"other")
        assert len(left(tmp_path)) == 2
    assert target.read_bytes() == b"one"  # the last that was finished
    assert left(tmp_path) == {"a"}


@pytest.mark.parametrize("kind", ["link", "hard", "fifo", "folder"])
def test_what_others_put_there_is_neither_followed_nor_removed(tmp_path: Path, kind: str) -> None:
    """In a folder that all may write, somebody may be waiting for the temporary name."""
    victim, target = tmp_path / "victim", tmp_path / "a"
    victim.write_bytes(b"precious")
    trap = temporary(target)
    make = {"link": lambda: trap.symlink_to(victim), "hard": lambda: trap.hardlink_to(victim)}
    make |= {"fifo": lambda: os.mkfifo(trap), "folder": trap.mkdir}
    make[kind]()
    with atomic(target) as file:
        file.write(b"mine")
    assert victim.read_bytes() == b"precious"
    assert target.read_bytes() == b"mine"
    assert left(tmp_path) == {"victim", "a", trap.name}


def test_a_part_that_is_discarded_twice_is_gone_once(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "a")
    part.discard()
    part.discard()
    assert left(tmp_path) == set()


COUNTER = """
import sys
from pathlib import Path
from voicecli.storage.atomic import PartialFile, in_turn
path = Path(sys.argv[1])
for _ in range(25):
    with in_turn(path.parent / "turn"):
        part = PartialFile(path)
        part.file.write(str(int(path.read_text()) + 1).encode())
        part.finish(lasting=False)
"""


def test_who_is_alone_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTER, str(path)]) for _ in range(8)]
    assert [each.wait(timeout=60) for each in processes] == [0] * 8
    assert path.read_text() == "200"
    assert left(tmp_path) == {"count", "turn"}


def test_nobody_waits_where_there_is_no_folder(tmp_path: Path) -> None:
    with in_turn(Path("/dev/null/nowhere/turn")):
        pass


# -- disks that are full, closed or too small --------------------------------------------------------


@contextmanager
def small() -> Iterator[None]:
    """No file may grow beyond 4 KiB: what a full disk is to who writes, with EFBIG for ENOSPC.

    For moments only: what pytest itself writes may be a file, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("blocks", [[b"x" * 9000], [b"x" * 500] * 18])
def test_a_file_that_does_not_fit_is_an_error_and_leaves_nothing(tmp_path: Path, blocks: list[bytes]) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with small(), pytest.raises(UsageError, match="too large for this disk"), atomic(target) as file:
        for block in blocks:
            file.write(block)
    assert target.read_bytes() == b"old"
    assert left(tmp_path) == {"a"}


def test_a_configuration_that_does_not_fit_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("old")
    with small(), pytest.raises(UsageError, match="cannot be written"):
        write_whole(path, "#" * 9000)
    assert path.read_text() == "old"
    assert left(tmp_path) == {"config.toml"}


@pytest.mark.parametrize(
    "words",
    [
        ("speak", "4545454545", "-o", "{}/a.wav"),
        ("speak", "4545454545", "-o", "{}/a.flac"),
        ("speak", "4545454545", "-o", "{}/a.mp3"),
        ("speak", "4545454545", "-o", "{}/a.ogg"),
        ("speak", "4545454545", "-o", "{}/a.wav", "--srt", "{}/a.srt"),
        ("transcribe", "said.wav", "-o", "{}/a.txt"),
        ("transcribe", "said.wav", "-f", "srt,json", "-o", "{}/"),
        ("talk", "--fast", "--input", "said.wav", "--output", "{}/a.wav"),
    ],
    ids=lambda words: "-".join(words[:1] + words[-1:]).replace("/", ""),
)
@pytest.mark.parametrize("state", ["full", "closed"])
def test_a_disk_that_takes_nothing(
    voice: Voice, digits: dict[str, str], tmp_path: Path, words: tuple[str, ...], state: str
) -> None:
    """`full`: no file may grow beyond 2 KiB (a text: at all). `closed`: a folder in which nothing can be made."""
    work = tmp_path / "work"
    speech(work / "said.wav")
    disk = work / "disk" if state == "full" else closed(work / "disk")
    disk.mkdir(exist_ok=True)
    before = left(disk)
    blocks = 0 if words[0] == "transcribe" else 4
    limited = f'{f"ulimit -f {blocks}; " if state == "full" else ""}exec "$0" -m voicecli "$@"'
    done = subprocess.run(
        ["sh", "-c", limited, sys.executable, *(each.format(disk) for each in words)],
        cwd=work,
        env=_env(tmp_path) | digits,
        capture_output=True,
        timeout=60,
        check=False,
    )
    error = done.stderr.decode()
    assert done.returncode == 2, error
    assert "Traceback" not in error
    assert "error: " in error
    assert (" disk" if state == "full" else "written") in error
    assert {each for each in left(disk) - before if (disk / each).is_file()} == set()


def closed(folder: Path) -> Path:
    """A folder in which nothing can be made, by the superuser neither."""
    if os.geteuid() == 0:
        return Path("/sys/kernel")
    folder.mkdir()
    folder.chmod(0o555)
    return folder


def speech(path: Path) -> None:
    quiet = np.zeros(16_000, np.int16)
    soundfile.write(path, np.concatenate([quiet, says("45", 16_000), quiet]), 16_000)


def _env(folder: Path) -> dict[str, str]:
    names = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "HOME": "home"}
    folders = {name: str(folder / each) for name, each in names.items()}
    # A module compiled under the limit would be half a file, and everybody's.
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | folders


# -- never over an input -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["same", "dots", "link", "hard", "folder link"])
@pytest.mark.parametrize(
    "words",
    [
        ("transcribe", "{input}", "-o", "{output}"),
        ("speak", "-i", "{input}", "-o", "{output}"),
        ("speak", "hello", "--reference", "{input}", "-o", "{output}"),
        ("speak", "-i", "{input}", "-o", "b.wav", "--srt", "{output}"),
        ("talk", "--fast", "--input", "{input}", "--output", "{output}"),
    ],
    ids=lambda words: words[0] + words[1],
)
def test_no_input_is_written_over(
    voice: Voice, digits: dict[str, str], tmp_path: Path, words: tuple[str, ...], how: str
) -> None:
    work = tmp_path / "work"
    (work / "a.wav").write_bytes(b"what is one plus one?")
    (work / "there").symlink_to(work)
    (work / "link.wav").symlink_to("a.wav")
    (work / "hard.wav").hardlink_to(work / "a.wav")
    output = {"same": "a.wav", "dots": f"./there/../{work.name}/a.wav", "link": "link.wav", "hard": "hard.wav"}
    names = {"input": "a.wav", "output": output.get(how, "there/a.wav")}
    done = voice(*(each.format(**names) for each in words), env=digits)
    assert done.returncode == 2
    assert (work / "a.wav").read_bytes() == b"what is one plus one?"
    assert any(each in done.stderr for each in (b"input", b"overwritten", b"--reference", b"no format")), done.stderr
    assert left(work) == {"a.wav", "there", "link.wav", "hard.wav"}


def test_the_history_is_not_exported_over_itself(voice: Voice, home: dict[str, str]) -> None:
    assert voice("chat", "what is one plus one").returncode == 0
    file = Path(home["XDG_STATE_HOME"]) / "voicecli" / "history.db"
    before = file.read_bytes()
    done = voice("history", "export", "1", "-o", str(file))
    assert done.returncode == 2
    assert file.read_bytes()[:100] == before[:100]


def test_one_file_under_two_names_is_one(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert is_same(tmp_path / "a", tmp_path / "b")
    assert is_same(tmp_path / "new", tmp_path / "x" / ".." / "new")
    assert not is_same(tmp_path / "a", tmp_path / "new")
