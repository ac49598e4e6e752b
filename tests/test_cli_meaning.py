"""`voice embed`, `voice similar` and `voice rerank`: inputs, formats, what is refused."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Voice
from tests.fakes.meaning import SIZE, nearness, vector
from tests.fakes.selfhosted_meaning import SelfHostedMeaning
from tests.fakes.server import Reply
from voicecli.errors import ProtocolError
from voicecli.usecases.meaning import BATCH, Npy

TEXTS = ["a pig in the mud", "早上好 \N{PIG FACE}", "50% of 7/8"]


class Person:
    """Somebody with a local server of embeddings."""

    def __init__(self, servers: SelfHostedMeaning, voice: Voice, folder: Path) -> None:
        self.server, self.voice, self.folder = servers.embedding, voice, folder
        config = folder.parent / "voice.toml"
        config.write_text(f'[backends.lab]\nfamily = "selfhosted"\nembedding_url = "{servers.embedding.url}"\n')
        self.env = {"VOICE_CONFIG": str(config)}

    def run(self, *args: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        done = self.voice(*args, input=input, env=self.env)
        assert b"Traceback" not in done.stderr
        return done

    def fails(self, code: int, told: str, *args: str, input: bytes = b"") -> None:
        done = self.run(*args, input=input)
        assert (done.returncode, done.stdout) == (code, b""), done.stderr
        assert told in done.stderr.decode()
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def person(voice: Voice, tmp_path: Path) -> Iterator[Person]:
    with SelfHostedMeaning() as servers:
        yield Person(servers, voice, tmp_path / "work")


# -- embed -----------------------------------------------------------------------------------------


def test_a_line_of_json_for_each_text(person: Person) -> None:
    done = person.run("embed", *TEXTS)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"text": t, "vector": vector(t)} for t in TEXTS]
    assert len(person.server.requests) == 1
    assert person.run("embed", *TEXTS, "--json").stdout == done.stdout


@pytest.mark.parametrize("flags", [(), ("-",), ("-i", "-")])
def test_a_text_a_line_from_stdin_without_the_blank_ones(person: Person, flags: tuple[str, ...]) -> None:
    done = person.run("embed", *flags, input=("\n \r\n".join(TEXTS) + "\n").encode())
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == TEXTS


def test_many_texts_become_an_array_for_numpy(person: Person) -> None:
    texts = [f"note {n}" for n in range(2 * BATCH + 1)]
    (person.folder / "notes.txt").write_text("\n".join(texts))
    done = person.run("embed", "-i", "notes.txt", "-o", "vectors.npy")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    found = np.load(person.folder / "vectors.npy", allow_pickle=False)
    assert found.dtype == np.float32 and found.shape == (len(texts), SIZE)
    assert np.allclose(found, [vector(each) for each in texts], atol=1e-6)
    assert len(person.server.requests) == 3


def test_lines_into_a_file(person: Person) -> None:
    assert person.run("embed", "x", "y", "-o", "v.jsonl").stdout == b""
    assert [json.loads(line)["text"] for line in (person.folder / "v.jsonl").read_text().splitlines()] == ["x", "y"]


def test_a_pipe_cannot_be_sought_in_and_gets_a_whole_array_too() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    for file in (Pipe(), io.BytesIO()):
        sink = Npy(file)
        for row in ([1.0, 2.0], [3.0, 4.0]):
            sink.take("x", row)
        sink.end()
        found = np.load(io.BytesIO(file.getvalue()), allow_pickle=False)
        assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ProtocolError, match="of 2 and of 1 numbers"):
        sink.take("x", [1.0])


def test_a_failure_in_the_middle_leaves_no_file(person: Person) -> None:
    first = Reply.json([[1.0, 2.0]] * BATCH)
    person.server.on("/Qwen3-Embedding-4B", first, Reply.json({"error": "out of memory"}, 500))
    lines = "\n".join(f"note {n}" for n in range(BATCH + 1)).encode()
    person.fails(5, "out of memory", "embed", "-o", "vectors.npy", input=lines)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("embed",), "there are no texts"),
        (("embed", "a", " "), "one of the texts is empty"),
        (("embed", "a", "-i", "x"), "there is a text and -i"),
        (("embed", "-i", "missing.txt"), "missing.txt: there is no such file"),
        (("embed", "a", "-o", "nowhere/v.npy"), "there is no such folder"),
        (("rerank", "q"), "there are no texts"),
        (("rerank", " ", "a"), "the question is empty"),
        (("similar", "a", ""), "one of the texts is empty"),
        (("similar", "a", "-"), "one of the texts is empty"),
        (("similar", "-", "-"), "stdin can be read once"),
        (("similar", "a"), "Missing argument"),
        (("similar", "a", "b", "-m", "x"), "does not take --model"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(person: Person, args: tuple[str, ...], told: str) -> None:
    person.fails(2, told, *args)
    assert person.server.requests == []


def test_what_is_no_text_is_refused(person: Person) -> None:
    person.fails(2, "is binary, not text", "embed", "-", input=b"\x00\x01")


# -- similar, rerank -------------------------------------------------------------------------------


def test_a_number(person: Person) -> None:
    near = nearness(TEXTS[0], "pigs and mud")
    assert person.run("similar", TEXTS[0], "pigs and mud").stdout.decode() == f"{near:.4f}\n"
    assert json.loads(person.run("similar", TEXTS[0], "pigs and mud", "--json").stdout) == {"similarity": near}
    assert person.run("similar", TEXTS[0], "-", input=b"pigs and mud").stdout.decode() == f"{near:.4f}\n"
    assert person.run("similar", TEXTS[0], "x", "-o", "near.txt").stdout == b""
    assert (person.folder / "near.txt").read_text() == f"{nearness(TEXTS[0], 'x'):.4f}\n"


def test_the_best_first(person: Person) -> None:
    lines = b"java guide\n\npython tutorial\npython flask\n"
    done = person.run("rerank", "python tutor", "-", input=lines)
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert rows[0] == [f"{nearness('python tutor', 'python tutorial'):.4f}", "python tutorial"]
    assert len(rows) == 3
    best = json.loads(person.run("rerank", "python tutor", "-n", "1", "--json", input=lines).stdout)
    assert [(each["index"], each["text"]) for each in best] == [(1, "python tutorial")]


def test_a_server_that_tells_no_scores(person: Person) -> None:
    person.server.on("/rerank", Reply.json(["b\tb", "a"]))
    assert person.run("rerank", "q", "a", "b\tb").stdout == b"-\tb b\n-\ta\n"


def test_a_hostile_text_is_harmless(person: Person) -> None:
    person.server.on("/rerank", Reply.json([{"text": "a\x1b[31m", "score": 1}]))
    done = person.run("rerank", "q", "a\x1b[31m")
    assert done.stdout == b"1.0000\ta\n"
