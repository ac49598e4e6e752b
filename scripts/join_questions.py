"""Joins WAV files into one, with a second and a half of silence after each: the questions of `make demo`."""

from __future__ import annotations

import sys
import wave

PAUSE_S = 1.5


def main(*names: str) -> None:
    *sources, target = names
    with wave.open(target, "wb") as out:
        for index, name in enumerate(sources):
            with wave.open(name, "rb") as source:
                if index == 0:
                    out.setparams(source.getparams())
                out.writeframes(source.readframes(source.getnframes()))
            out.writeframes(bytes(int(out.getframerate() * PAUSE_S) * out.getsampwidth() * out.getnchannels()))


if __name__ == "__main__":
    main(*sys.argv[1:])
