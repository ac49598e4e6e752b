"""Words to expect, spelled in a model's own tokens: a transducer hears them sooner than others that sound alike.

sherpa-onnx's own way to tokens skips what it can't spell without a word, ends the process over some marks, and can't
write a Chinese word in the middle of a sentence of a model with pieces. So each token gets a second name here, and
words are given by these.

Belongs here: spelling, and the file of names. Does not belong here: loading (building), decoding (ears).
"""

from __future__ import annotations

import math
import re
import struct
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voicecli.backends.local import onnx
from voicecli.backends.local.kinds import KINDS, FoundModel
from voicecli.backends.transport.wording import clean
from voicecli.errors import UsageError
from voicecli.text.characters import HAN

SPACE = "▁"
"""A token that begins so begins a word."""
RARE = -50.0
"""What a byte costs: a character is spelled in bytes only where no token has it."""


@contextmanager
def named_tokens(found: FoundModel) -> Iterator[Path]:
    """The model's file of tokens with a second name for each; it is there while the model is loaded."""
    names = [f"{_name(number)} {number}" for number in _tokens(found.paths["tokens"]).values()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.txt"
        path.write_bytes(found.paths["tokens"].read_bytes().rstrip() + "\n".join(["", *names]).encode())
        yield path


def spelled(found: FoundModel, words: Iterable[str]) -> str:
    """`words` as `create_stream` takes them. UsageError: the model expects none, or its tokens can't spell one."""
    if not found.kind.hotwords:
        able = ", ".join(each.name for each in KINDS if each.hotwords)
        raise UsageError(f"{found.name} takes no hotwords", who="local", cure=f"Kinds of models that do: {able}.")
    tokens = _tokens(found.paths["tokens"])
    scores = _scores(found.folder / "bpe.model") or {each: -math.log(2 + number) for each, number in tokens.items()}
    costs = {each: scores.get(each, RARE) for each in tokens}
    told: list[str] = []
    for word in words:
        forms = (list(_spellings(form, costs)) for form in (word, word.upper(), word.lower()))
        if not (best := next(filter(None, forms), None)):
            what = f"{found.name} can't spell the hotword '{clean(word, 60)}' in its tokens"
            raise UsageError(what, who="local", cure="Write it otherwise, or leave it out.")
        told += [" ".join(_name(tokens[token]) for token in each) for each in best]
    return "/".join(told)


def _name(number: int) -> str:
    return f"HOTWORDTOKEN{number}"


def _spellings(word: str, costs: Mapping[str, float]) -> Iterator[list[str]]:
    """A word as it begins a sentence, and as it stands within one where no space parts it from what is before."""
    marked = "".join(SPACE + each for each in word.split())
    spaced = any(each.startswith(SPACE) for each in costs)
    bare = marked[1:] if spaced else marked.replace(SPACE, "")
    for form in (marked if spaced else "", bare if not spaced or re.match(f"[{HAN}]", bare) else ""):
        if found := _cheapest(form, costs):
            yield found


def _cheapest(text: str, costs: Mapping[str, float]) -> list[str]:
    """The tokens that make up `text` at the best score; none: there are no such."""
    best: list[tuple[float, list[str]]] = [(0.0, [])]
    longest = max(map(len, costs))
    for end in range(1, len(text) + 1):
        pieces = [(begin, [text[begin:end]]) for begin in range(max(0, end - longest), end)]
        pieces.append((end - 1, [f"<0x{byte:02X}>" for byte in text[end - 1].encode()]))
        ways = [
            (best[begin][0] + sum(costs[each] for each in piece), best[begin][1] + piece)
            for begin, piece in pieces
            if all(each in costs for each in piece)
        ]
        best.append(max(ways, default=(-math.inf, [])))
    return best[-1][1] if math.isfinite(best[-1][0]) else []


def _tokens(path: Path) -> dict[str, int]:
    """Raises OSError."""
    pairs = (line.strip().rpartition(" ") for line in path.read_text(encoding="utf-8").splitlines())
    return {token.strip(): int(number) for token, _, number in pairs if token.strip() and number.isdecimal()}


def _scores(path: Path) -> dict[str, float]:
    """How likely each token is, as sentencepiece wrote it down; nothing where there is no such file."""
    found = {}
    for raw in onnx.entries(path, 1) if path.is_file() else ():
        length = raw[1] if len(raw) > 1 else 0
        score = raw[2 + length :]
        if score[:1] == b"\x15" and len(score) >= 5:
            found[raw[2 : 2 + length].decode(errors="replace")] = struct.unpack("<f", score[1:5])[0]
    return found
