"""Kinds of models: how each is told by its files, and how sherpa-onnx loads it.

A new kind is a row. Belongs here: names of files, what they are called as arguments, what is made of other files.
Does not belong here: loading (engine), sound.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voicecli.backends.local import onnx
from voicecli.errors import ConfigError

Task = Literal["transcribe", "speak"]


@dataclass(frozen=True, slots=True)
class Kind:
    """`files`: the loader's arguments and the patterns of their names, the first that is there is taken.

    `says` is how the first file's own words (`model_type`) begin where names do not tell kinds apart. `maker` is a
    factory of sherpa_onnx, `also` further arguments. `streams`: it hears while one speaks.
    """

    name: str
    task: Task
    files: Mapping[str, tuple[str, ...]]
    maker: str
    says: tuple[str, ...] = ()
    also: Mapping[str, str | int | bool] = field(default_factory=dict)
    streams: bool = False
    word_times: bool = False
    hotwords: bool = False

    @property
    def abilities(self) -> tuple[str, ...]:
        """What its models do and others don't, in words."""
        rows = (("interim text", self.streams), ("word times", self.word_times), ("--hotword", self.hotwords))
        return tuple(name for name, has in rows if has)


_TOKENS = ("tokens.txt", "*-tokens.txt", "*tokens*.txt")
_MODEL = ("model.int8.onnx", "model.onnx", "*.int8.onnx", "*.onnx")
_ENCODER, _DECODER, _JOINER = (
    tuple(f"*{part}*{ending}" for ending in (".int8.onnx", ".onnx")) for part in ("encoder", "decoder", "joiner")
)
_TRANSDUCER = {"encoder": _ENCODER, "decoder": _DECODER, "joiner": _JOINER, "tokens": _TOKENS}
_ONE = {"model": _MODEL, "tokens": _TOKENS}

KINDS: tuple[Kind, ...] = (
    Kind(
        "moonshine-v2",
        "transcribe",
        {
            "encoder": ("encoder_model*.ort", "encoder_model*.onnx"),
            "decoder": ("decoder_model_merged*.ort", "decoder_model_merged*.onnx"),
            "tokens": _TOKENS,
        },
        "OfflineRecognizer.from_moonshine_v2",
    ),
    Kind(
        "moonshine-v1",
        "transcribe",
        {
            "preprocessor": ("preprocess*.onnx",),
            "encoder": ("encode*.onnx",),
            "uncached_decoder": ("uncached_decode*.onnx",),
            "cached_decoder": ("cached_decode*.onnx",),
            "tokens": _TOKENS,
        },
        "OfflineRecognizer.from_moonshine",
    ),
    Kind(
        "nemo-transducer",
        "transcribe",
        _TRANSDUCER,
        "OfflineRecognizer.from_transducer",
        says=("EncDecRNNTBPEModel", "EncDecHybrid"),
        also={"model_type": "nemo_transducer"},
        word_times=True,
        hotwords=True,
    ),
    Kind(
        "zipformer-streaming",
        "transcribe",
        _TRANSDUCER,
        "OnlineRecognizer.from_transducer",
        says=("zipformer2+chunks", "zipformer+chunks", "conformer+chunks"),
        streams=True,
        hotwords=True,
    ),
    Kind(
        "zipformer",
        "transcribe",
        _TRANSDUCER,
        "OfflineRecognizer.from_transducer",
        word_times=True,
        hotwords=True,
    ),
    Kind(
        "whisper",
        "transcribe",
        {"encoder": _ENCODER, "decoder": _DECODER, "tokens": _TOKENS},
        "OfflineRecognizer.from_whisper",
        says=("whisper",),
        also={"language": ""},
    ),
    Kind(
        "sense-voice",
        "transcribe",
        _ONE,
        "OfflineRecognizer.from_sense_voice",
        says=("sense_voice",),
        also={"use_itn": True},
        word_times=True,
    ),
    Kind(
        "paraformer",
        "transcribe",
        {"paraformer": _MODEL, "tokens": _TOKENS},
        "OfflineRecognizer.from_paraformer",
        says=("paraformer",),
        word_times=True,
    ),
    Kind(
        "zipformer-ctc",
        "transcribe",
        _ONE,
        "OfflineRecognizer.from_zipformer_ctc",
        says=("zipformer2_ctc",),
        word_times=True,
    ),
    Kind("nemo-ctc", "transcribe", _ONE, "OfflineRecognizer.from_nemo_ctc", says=("EncDecCTCModel",), word_times=True),
    Kind("kokoro", "speak", _ONE | {"voices": ("voices*.bin",)}, "kokoro"),
    Kind(
        "matcha",
        "speak",
        {"acoustic_model": ("model-steps-*.onnx",), "vocoder": ("voco*.onnx", "hifigan*.onnx"), "tokens": _TOKENS},
        "matcha",
    ),
    Kind("piper", "speak", _ONE, "vits", says=("vits",)),
)
"""In the order in which they are tried: what says more of itself comes first."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model in a folder: its kind, and the path of each of the loader's arguments.

    `trials`: where it is remembered that one which nobody has installed could be loaded; None: it needs no trial.
    """

    folder: Path
    kind: Kind
    paths: Mapping[str, Path]
    trials: Path | None = None

    @property
    def name(self) -> str:
        return self.folder.name


def tell(folder: Path) -> FoundModel:
    """What kind of model lies in a folder. ConfigError: none that is known."""
    for kind in KINDS:
        paths = {argument: _first(folder, patterns) for argument, patterns in kind.files.items()}
        here = {argument: path for argument, path in paths.items() if path is not None}
        if len(here) == len(paths) and _says(kind, next(iter(here.values()))):
            return FoundModel(folder, kind, here)
    names = ", ".join(sorted(each.name for each in folder.glob("*"))[:8]) if folder.is_dir() else ""
    raise ConfigError(
        f"no known kind of model (there is: {names})" if names else "there is no such folder",
        who=str(folder),
        cure=f"Known kinds: {', '.join(kind.name for kind in KINDS)}.",
    )


def _first(folder: Path, patterns: tuple[str, ...]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(folder.glob(pattern))), None)


def _says(kind: Kind, path: Path) -> bool:
    if not kind.says:
        return True
    words = onnx.metadata(path)
    told = words.get("model_type", "") + ("+chunks" if "decode_chunk_len" in words else "")
    return told.startswith(kind.says)


# -- what is made of a model's files once, when it is installed ------------------------------------


def prepare(folder: Path) -> None:
    """Writes what sherpa-onnx wants and the publisher's files say otherwise: tokens, and words in the model.

    ConfigError: they do not say it as they should.
    """
    for name, make in PREPARING.items():
        if (source := _first(folder, (name,))) is not None and not (folder / "tokens.txt").exists():
            try:
                make(source)
            except (OSError, ValueError, LookupError, TypeError) as exc:
                what = f"nothing can be made of it: {type(exc).__name__}: {exc}"
                raise ConfigError(what[:300], who=source.name, cure="Fetch it from its publisher.") from None


def _moonshine(tokenizer: Path) -> None:
    """Length-prefixed byte strings to lines of base64 and number."""
    lines = [f"{base64.b64encode(piece).decode()} {number}\n" for number, piece in enumerate(_pieces(tokenizer))]
    (tokenizer.parent / "tokens.txt").write_text("".join(lines), encoding="utf-8")


def _pieces(tokenizer: Path) -> Iterator[bytes]:
    raw, at = tokenizer.read_bytes(), 0
    while at < len(raw):
        length, at = raw[at], at + 1
        if length >= 128:
            length, at = raw[at] * 128 + length - 128, at + 1
        yield raw[at : at + length]
        at += length


def _tokens(folder: Path, symbols: Mapping[str, int]) -> None:
    lines = [f"{symbol} {number}\n" for symbol, number in symbols.items()]
    (folder / "tokens.txt").write_text("".join(lines), encoding="utf-8")


def _piper(about: Path) -> None:
    """The voice's JSON to tokens, and what sherpa-onnx reads in the model."""
    told = json.loads(about.read_text(encoding="utf-8"))
    words = {
        "model_type": "vits",
        "comment": "piper",
        "language": told["language"]["name_english"],
        "voice": told["espeak"]["voice"],
        "has_espeak": 1,
        "n_speakers": told["num_speakers"],
        "sample_rate": told["audio"]["sample_rate"],
    }
    onnx.append(about.with_suffix(""), words)
    _tokens(about.parent, {symbol: numbers[0] for symbol, numbers in told["phoneme_id_map"].items()})


KOKORO_STYLE = 510 * 256 * 4
"""Bytes of a voice: a style of 256 floats for each length of text up to 510 sounds."""


def _kokoro(voices: Path) -> None:
    folder = voices.parent
    words = {
        "model_type": "kokoro",
        "language": "multi-lang",
        "version": 2,
        "has_espeak": 1,
        "voice": "en-us",
        "sample_rate": 24_000,
        "n_speakers": voices.stat().st_size // KOKORO_STYLE,
        "style_dim": "510,1,256",
    }
    onnx.append(folder / "model.int8.onnx", words)
    _tokens(folder, json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab"])


PREPARING: Mapping[str, Callable[[Path], None]] = {
    "tokenizer.bin": _moonshine,
    "*.onnx.json": _piper,
    "voices.bin": _kokoro,
}
