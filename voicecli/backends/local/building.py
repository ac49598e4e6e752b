"""A model in a folder to the object of sherpa-onnx that works with it; begun early, as it takes some tenths of a
second.

Belongs here: what sherpa-onnx is told. Does not belong here: threads and errors (engine), which model (choosing), and
any import that would keep the loading from beginning (numpy takes as long as half of it).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from voicecli.backends.local import choosing
from voicecli.backends.local.engine import begun, loaded, threads
from voicecli.backends.local.kinds import FoundModel, tell
from voicecli.errors import ConfigError, VoiceError
from voicecli.types import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


class SherpaResult(Protocol):
    """What sherpa-onnx made of a piece. `timestamps` are seconds, one a token, or none at all."""

    text: str
    tokens: list[str]
    timestamps: list[float]


class SherpaStream(Protocol):
    """Sound on its way into a recogniser of sherpa-onnx."""

    @property
    def result(self) -> SherpaResult: ...
    def accept_waveform(self, rate: int, samples: NDArray[np.float32]) -> None: ...
    def input_finished(self) -> None: ...


class SherpaRecogniser(Protocol):
    """What is used of sherpa-onnx's recognisers: one takes a piece whole, another (`is_ready`) while it comes."""

    def create_stream(self, hotwords: str | None = None) -> SherpaStream: ...
    def decode_stream(self, stream: SherpaStream) -> None: ...
    def is_ready(self, stream: SherpaStream) -> bool: ...
    def get_result(self, stream: SherpaStream) -> str: ...


class SherpaVoice(Protocol):
    """What is used of sherpa-onnx's voices. `callback` gets samples and a share done; 0 ends the work."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def num_speakers(self) -> int: ...
    def generate(self, text: str, wish: object, *, callback: Callable[[NDArray[np.float32], float], int]) -> object: ...


def begin(backend: Backend, language: str | None = None) -> None:
    """Begins to load the usual recogniser, while other set-up goes on. Who needs it is told what is wrong with it."""
    with suppress(VoiceError):
        found = choosing.found(backend, "transcribe", None, language or backend.language)
        begun("transcribe", partial(loaded, found, build_recogniser))


def wrong_with(found: FoundModel) -> str:
    """Why a model can't be loaded, "" where it can. In a process of its own: sherpa-onnx ends one over a bad file."""
    import subprocess
    import sys

    load = [sys.executable, "-P", "-m", __name__, str(found.folder)]
    run = subprocess.run(load, stdin=subprocess.DEVNULL, capture_output=True)
    said = run.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"it can't be loaded: {said or run.returncode}"[:300] if run.returncode else ""


def tried(found: FoundModel) -> None:
    """Loads what nobody has installed in a process of its own; once, until its files change. Blocks. ConfigError."""
    if found.trials is None:
        return
    from importlib.metadata import version  # it takes as long to import as all of this

    about = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found.paths.values()]
    mark = found.trials / sha256(repr([version("sherpa-onnx"), about]).encode()).hexdigest()
    if mark.exists():
        return
    if why := wrong_with(found):
        raise ConfigError(why, who=found.name, cure="Fetch it again from where it came.")
    with suppress(OSError):  # it is tried again next time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def build_recogniser(found: FoundModel) -> SherpaRecogniser:
    """The recogniser of a model in a folder. ConfigError: a folder of the user's can't be loaded."""
    tried(found)
    return _recogniser(found, {})


def build_expecting(found: FoundModel) -> SherpaRecogniser:
    """The same, for words to expect: it follows several ways at once, and takes longer."""
    from voicecli.backends.local.hotwords import named_tokens

    tried(found)
    with named_tokens(found) as tokens:
        return _recogniser(found, {"tokens": str(tokens), "decoding_method": "modified_beam_search"})


def _recogniser(found: FoundModel, besides: Mapping[str, str]) -> SherpaRecogniser:
    import sherpa_onnx

    maker, _, method = found.kind.maker.partition(".")
    paths = {argument: str(path) for argument, path in found.paths.items()}
    told = {**paths, **found.kind.also, **besides}
    made: SherpaRecogniser = getattr(getattr(sherpa_onnx, maker), method)(**told, num_threads=threads())
    return made


@dataclass(frozen=True, slots=True)
class ExpectingRecogniser:
    """A SherpaRecogniser that expects words, `spelled` in its tokens."""

    inner: SherpaRecogniser
    spelled: str

    def create_stream(self, hotwords: str | None = None) -> SherpaStream:
        assert hotwords is None
        return self.inner.create_stream(self.spelled)

    def decode_stream(self, stream: SherpaStream) -> None:
        self.inner.decode_stream(stream)

    def is_ready(self, stream: SherpaStream) -> bool:
        return self.inner.is_ready(stream)

    def get_result(self, stream: SherpaStream) -> str:
        return self.inner.get_result(stream)


def recogniser_of(found: FoundModel, hotwords: Sequence[str] = ()) -> SherpaRecogniser:
    """The model, loaded. Blocks. UsageError: it can't expect the words; else as `loaded`."""
    if not hotwords:
        return loaded(found, build_recogniser)
    from voicecli.backends.local.hotwords import spelled

    told = spelled(found, hotwords)
    return ExpectingRecogniser(loaded(found, build_expecting), told)


def build_voice(found: FoundModel) -> SherpaVoice:
    """The voice of a model in a folder. Piper's half as lively as usual: it is understood better so."""
    import sherpa_onnx as sherpa

    tried(found)
    paths = {argument: str(path) for argument, path in found.paths.items()}
    maker = {"vits": "Vits", "kokoro": "Kokoro", "matcha": "Matcha"}[found.kind.maker]
    steady = {"noise_scale": 0.333, "noise_scale_w": 0.4} if found.kind.maker == "vits" else {}
    kind: dict[str, Any] = {found.kind.maker: getattr(sherpa, f"OfflineTts{maker}ModelConfig")(**paths, **steady)}
    made: SherpaVoice = sherpa.OfflineTts(
        sherpa.OfflineTtsConfig(sherpa.OfflineTtsModelConfig(num_threads=threads(), **kind))
    )
    return made


if __name__ == "__main__":
    import sys
    from pathlib import Path

    the_model = tell(Path(sys.argv[1]))
    (build_recogniser if the_model.kind.task == "transcribe" else build_voice)(the_model)
