"""Models of random weights with the signatures of real ones, some kilobytes each, for kinds that nobody here has heard.

    python -m tests.backends.local.tiny FOLDER    (writes a folder for each kind)

They have the inputs, outputs and words that sherpa-onnx asks of such files, and say nonsense: that they are told apart,
load, take sound, stream and end is what they are for. Belongs here: making them. Does not belong here: tests.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from voicecli.storage.models import record

TOKENS = ("<blk>", "<s>", "</s>", "<unk>", "▁a", "▁the", "b", "c", "你", "好")
SIZE, WIDTH = len(TOKENS), 16
F, L, S = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32
Ends = Mapping[str, tuple[int, Sequence[int | str]]]


class Graph:
    """A graph in the making; inputs are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.kept: list[onnx.TensorProto] = []
        self.random = np.random.default_rng(1)

    def value(self, array: object, kind: type = np.float32) -> str:
        self.kept.append(numpy_helper.from_array(np.asarray(array, kind), f"k{len(self.kept)}"))
        return self.kept[-1].name

    def weights(self, *shape: int) -> str:
        return self.value(self.random.standard_normal(shape) * 0.3)

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        out = to or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def every(self, step: int, frames: str, *, axis: int = 1) -> str:
        """Each so-manieth frame."""
        ends = (self.value([each], np.int64) for each in (0, 2**31 - 1, axis, step))
        return self.add("Slice", frames, *ends)

    def save(self, path: Path, inputs: Ends, outputs: Ends, words: Mapping[str, object]) -> None:
        taken, given = (
            [helper.make_tensor_value_info(name, *each) for name, each in ends.items()] for ends in (inputs, outputs)
        )
        model = helper.make_model(
            helper.make_graph(self.nodes, path.stem, taken, given, self.kept),
            opset_imports=[helper.make_opsetid("", 13)],
            ir_version=8,
        )
        helper.set_model_props(model, {key: str(value) for key, value in words.items()})
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())


SCALES = {
    "lfr_window_size": 7,
    "lfr_window_shift": 6,
    "neg_mean": ",".join(["0.1"] * 560),
    "inv_stddev": ",".join(["0.1"] * 560),
    "vocab_size": SIZE,
}


def sense_voice(folder: Path) -> None:
    graph = Graph()
    marks = graph.value(np.zeros((1, 4, SIZE)))
    heard = graph.add("MatMul", "x", graph.weights(560, SIZE))
    graph.add("Concat", marks, heard, to="logits", axis=1)
    inputs: Ends = {
        "x": (F, (1, "T", 560)),
        "x_length": (S, (1,)),
        "language": (S, (1,)),
        "text_norm": (S, (1,)),
    }
    languages = {f"lang_{name}": number for number, name in enumerate(("auto", "zh", "en", "ja", "ko", "yue"))}
    words = {"model_type": "sense_voice_ctc", "normalize_samples": 0, "with_itn": 14, "without_itn": 15}
    graph.save(folder / "model.onnx", inputs, {"logits": (F, (1, "U", SIZE))}, SCALES | words | languages)


def paraformer(folder: Path) -> None:
    graph = Graph()
    graph.add("MatMul", "speech", graph.weights(560, SIZE), to="logits")
    graph.add("Identity", "speech_lengths", to="token_num")
    graph.save(
        folder / "model.onnx",
        {"speech": (F, (1, "T", 560)), "speech_lengths": (S, (1,))},
        {"logits": (F, (1, "T", SIZE)), "token_num": (S, (1,))},
        SCALES | {"model_type": "paraformer"},
    )


def zipformer_ctc(folder: Path) -> None:
    graph = Graph()
    graph.add("LogSoftmax", graph.add("MatMul", graph.every(4, "x"), graph.weights(80, SIZE)), to="log_probs", axis=-1)
    graph.add("Div", "x_lens", graph.value([4], np.int64), to="log_probs_len")
    graph.save(
        folder / "model.onnx",
        {"x": (F, (1, "T", 80)), "x_lens": (L, (1,))},
        {"log_probs": (F, (1, "U", SIZE)), "log_probs_len": (L, (1,))},
        {"model_type": "zipformer2_ctc"},
    )


def _beside(folder: Path) -> None:
    """What a transducer has besides its encoder: what was said last, and both put together."""
    decoder = Graph()
    last = decoder.add("Gather", decoder.weights(SIZE, WIDTH), "y")
    decoder.add("ReduceMean", last, to="decoder_out", axes=[1], keepdims=0)
    decoder.save(
        folder / "decoder.onnx",
        {"y": (L, ("N", 2))},
        {"decoder_out": (F, ("N", WIDTH))},
        {"vocab_size": SIZE, "context_size": 2},
    )
    joiner = Graph()
    joiner.add(
        "MatMul",
        joiner.add("Tanh", joiner.add("Add", "encoder_out", "decoder_out")),
        joiner.weights(WIDTH, SIZE),
        to="logit",
    )
    both: Ends = {"encoder_out": (F, ("N", WIDTH)), "decoder_out": (F, ("N", WIDTH))}
    joiner.save(folder / "joiner.onnx", both, {"logit": (F, ("N", SIZE))}, {"joiner_dim": WIDTH})


def zipformer(folder: Path) -> None:
    graph = Graph()
    graph.add("MatMul", graph.every(4, "x"), graph.weights(80, WIDTH), to="encoder_out")
    graph.add("Div", "x_lens", graph.value([4], np.int64), to="encoder_out_lens")
    graph.save(
        folder / "encoder.onnx",
        {"x": (F, (1, "T", 80)), "x_lens": (L, (1,))},
        {"encoder_out": (F, (1, "U", WIDTH)), "encoder_out_lens": (L, (1,))},
        {"model_type": "zipformer2"},
    )
    _beside(folder)


def zipformer_streaming(folder: Path) -> None:
    """One stack of one layer; its memory is handed on as it came."""
    left, kernel = 4, 3
    memory: dict[str, tuple[int, Sequence[int]]] = {
        "cached_key_0": (F, (left, 1, 8)),
        "cached_nonlin_attn_0": (F, (1, 1, left, WIDTH * 3 // 4)),
        "cached_val1_0": (F, (left, 1, 8)),
        "cached_val2_0": (F, (left, 1, 8)),
        "cached_conv1_0": (F, (1, WIDTH, kernel // 2)),
        "cached_conv2_0": (F, (1, WIDTH, kernel // 2)),
        "embed_states": (F, (1, 128, 3, 19)),
        "processed_lens": (L, (1,)),
    }
    graph = Graph()
    graph.add("MatMul", graph.every(4, "x"), graph.weights(80, WIDTH), to="encoder_out")
    for name in memory:
        graph.add("Identity", name, to=f"new_{name}")
    stacks = {
        "encoder_dims": WIDTH,
        "query_head_dims": 4,
        "value_head_dims": 4,
        "num_heads": 2,
        "num_encoder_layers": 1,
        "cnn_module_kernels": kernel,
        "left_context_len": left,
    }
    graph.save(
        folder / "encoder.onnx",
        {"x": (F, (1, 45, 80)), **memory},
        {"encoder_out": (F, (1, 12, WIDTH)), **{f"new_{name}": each for name, each in memory.items()}},
        {"model_type": "zipformer2", "version": 1, "T": 45, "decode_chunk_len": 32, **stacks},
    )
    _beside(folder)


def nemo_transducer(folder: Path) -> None:
    """Its sound lies across, its decoder remembers, and what says nothing is the last of its tokens."""
    words = {"model_type": "EncDecRNNTBPEModel", "normalize_type": "", "subsampling_factor": 8, "pred_rnn_layers": 1}
    graph = Graph()
    heard = graph.add("MatMul", graph.every(8, graph.add("Transpose", "x", perm=[0, 2, 1])), graph.weights(80, WIDTH))
    graph.add("Transpose", heard, to="encoder_out", perm=[0, 2, 1])
    graph.add("Div", "x_lens", graph.value([8], np.int64), to="encoder_out_lens")
    graph.save(
        folder / "encoder.onnx",
        {"x": (F, ("N", 80, "T")), "x_lens": (L, ("N",))},
        {"encoder_out": (F, ("N", WIDTH, "U")), "encoder_out_lens": (L, ("N",))},
        words | {"vocab_size": SIZE - 1, "pred_hidden": WIDTH},
    )
    decoder = Graph()
    last = decoder.add("Gather", decoder.weights(SIZE, WIDTH), "y")
    decoder.add("Transpose", last, to="decoder_out", perm=[0, 2, 1])
    memory: Ends = {"h": (F, (1, "N", WIDTH)), "c": (F, (1, "N", WIDTH))}
    for name in memory:
        decoder.add("Identity", name, to=f"new_{name}")
    decoder.add("Identity", "y_lens", to="decoder_out_lens")
    decoder.save(
        folder / "decoder.onnx",
        {"y": (S, ("N", 1)), "y_lens": (S, ("N",)), **memory},
        {
            "decoder_out": (F, ("N", WIDTH, 1)),
            "decoder_out_lens": (S, ("N",)),
            **{f"new_{name}": each for name, each in memory.items()},
        },
        {},
    )
    joiner = Graph()
    both = joiner.add("Tanh", joiner.add("Add", "encoder_out", "decoder_out"))
    flat = joiner.add("MatMul", joiner.add("Transpose", both, perm=[0, 2, 1]), joiner.weights(WIDTH, SIZE))
    joiner.add("Unsqueeze", flat, joiner.value([1], np.int64), to="logit")
    ends: Ends = {"encoder_out": (F, ("N", WIDTH, 1)), "decoder_out": (F, ("N", WIDTH, 1))}
    joiner.save(folder / "joiner.onnx", ends, {"logit": (F, ("N", 1, 1, SIZE))}, {})


MAKERS: Mapping[str, Callable[[Path], None]] = {
    "sense-voice": sense_voice,
    "paraformer": paraformer,
    "zipformer-ctc": zipformer_ctc,
    "zipformer": zipformer,
    "zipformer-streaming": zipformer_streaming,
    "nemo-transducer": nemo_transducer,
}


def make(kind: str, folder: Path) -> Path:
    """A model of that kind in a folder below `folder`, as if it was installed."""
    path = folder / kind
    path.mkdir(parents=True)
    MAKERS[kind](path)
    tokens = TOKENS[1:] + TOKENS[:1] if kind.startswith("nemo") else TOKENS
    (path / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(tokens)))
    record(path, "transcribe", math.inf)
    return path


def deafen(folder: Path) -> None:
    """A transducer from now on says the same whatever it is given to hear."""
    encoder = onnx.load(folder / "encoder.onnx")
    for each in encoder.graph.initializer:
        if each.data_type == F:
            each.raw_data = bytes(len(each.raw_data))
    onnx.save(encoder, folder / "encoder.onnx")


if __name__ == "__main__":
    for each in MAKERS:
        make(each, Path(sys.argv[1]))
