"""The samples of a recording that is plain: WAV or raw, 16-bit, mono, 16 kHz.

Belongs here: reading them with the standard library, and the check of live frames, for every recogniser. Does not
belong here: codecs and rates; the command line decodes what is not plain before it comes here.
"""

from __future__ import annotations

import io
import wave

from voicecli.errors import InputError, UsageError
from voicecli.types import MIC, AudioClip, AudioFrame

RAW = ("pcm", "raw", "s16le")
_CURE = "Decode it first: 16-bit mono at 16 kHz."


def check_frame(frame: AudioFrame, who: str) -> None:
    """Raises UsageError for a frame that is not 16 kHz mono."""
    if frame.format != MIC:
        raise UsageError(f"takes sound of {MIC.rate} Hz mono only, not {frame.format.rate} Hz", who=who)


def plain_samples(clip: AudioClip) -> bytes:
    """Whole samples, s16le. Raises InputError for anything but plain WAV or raw samples."""
    if clip.container in RAW:
        return clip.data[: len(clip.data) // 2 * 2]
    try:
        with wave.open(io.BytesIO(clip.data)) as file:
            found = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            # A streamed WAV claims more than it holds.
            pcm: bytes = file.readframes(file.getnframes())
    except (wave.Error, EOFError, RuntimeError) as exc:
        raise InputError(f"is no WAV recording ({exc or 'it is cut short'})", who=clip.name, cure=_CURE) from exc
    if found != (MIC.rate, MIC.channels, 2):
        rate, channels, width = found
        raise InputError(f"has {8 * width} bit, {channels} channels at {rate} Hz", who=clip.name, cure=_CURE)
    return pcm[: len(pcm) // 2 * 2]
