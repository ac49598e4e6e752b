"""What OpenAI's documents allow in a request: a small extract, written for these tests.

Belongs here: tables of fields and pure checks on decoded bodies. Does not belong here: answers, sockets.
Sources: https://platform.openai.com/docs/api-reference (chat, audio, realtime), read in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from tests.fakes import openai_tools

Check = Callable[[Any], bool]


class Bad(Exception):
    """A request that the documents do not allow."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.param, self.status = message, param, status


def text(value: Any) -> bool:
    return isinstance(value, str)


def filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def number(least: float, most: float) -> Check:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def whole(least: int, most: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def among(*allowed: str) -> Check:
    return lambda value: value in allowed


def stops(value: Any) -> bool:
    return filled(value) or (isinstance(value, list) and 1 <= len(value) <= 4 and all(map(filled, value)))


def messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_message, value))


def _message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if value.get("role") == "tool":
        return openai_tools.result(value)
    if value.get("role") == "assistant" and "tool_calls" in value:
        return openai_tools.assistant(value)
    if value.keys() - {"role", "content", "name"}:
        return False
    return value.get("role") in ("system", "user", "assistant") and filled(value.get("content"))


def usage_options(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= {"include_usage"} and all(map(flag, value.values()))


AUDIO_BYTES = 26_214_400
AUDIO_SECONDS = 1400
EXTENSIONS = frozenset("flac mp3 mp4 mpeg mpga m4a ogg wav webm".split())

CHAT: dict[str, Check] = {
    "model": filled,
    "messages": messages,
    "temperature": number(0, 2),
    "max_tokens": whole(1, 1_000_000),
    "max_completion_tokens": whole(1, 1_000_000),
    "top_p": number(0, 1),
    "n": whole(1, 128),
    "stop": stops,
    "seed": whole(-(2**63), 2**63 - 1),
    "stream": flag,
    "stream_options": usage_options,
    "response_format": lambda value: isinstance(value, dict),
    "tools": openai_tools.tools,
    "user": text,
}
SPEECH: dict[str, Check] = {
    "model": filled,
    "input": lambda value: filled(value) and len(value) <= 4096,
    "voice": text,
    "response_format": among("mp3", "opus", "aac", "flac", "wav", "pcm"),
    "speed": number(0.25, 4),
    "instructions": text,
    "stream_format": among("audio", "sse"),
}
TRANSCRIPTION: dict[str, Check] = {
    "model": filled,
    "language": lambda value: bool(re.fullmatch("[a-z]{2}", value)),
    "prompt": text,
    "response_format": among("json", "text", "srt", "verbose_json", "vtt", "diarized_json"),
    "temperature": lambda value: bool(re.fullmatch(r"0(\.\d+)?|1(\.0+)?", value)),
    "timestamp_granularities[]": lambda value: set(value.split(",")) <= {"word", "segment"},
    "stream": among("true", "false"),
    "chunking_strategy": filled,
}
TRANSLATION: dict[str, Check] = {
    "model": filled,
    "prompt": text,
    "response_format": among("json", "text", "srt", "verbose_json", "vtt"),
    "temperature": TRANSCRIPTION["temperature"],
}


def checked(fields: Any, schema: dict[str, Check], *required: str) -> dict[str, Any]:
    """`fields`, when the schema allows every one of them, and all that are required are there. Raises Bad."""
    if not isinstance(fields, dict):
        raise Bad("We could not parse the JSON body of your request.")
    found: dict[str, Any] = fields
    for name in required:
        if name not in fields:
            raise Bad(f"Missing required parameter: '{name}'.", name)
    for name, value in fields.items():
        if name not in schema:
            raise Bad(f"Unknown parameter: '{name}'.", name)
        if not schema[name](value):
            raise Bad(f"Invalid value for '{name}': {value!r:.80}", name)
    return found


def chat(body: Any) -> dict[str, Any]:
    fields = checked(body, CHAT, "model", "messages")
    if "stream_options" in fields and fields.get("stream") is not True:
        raise Bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if wrong := openai_tools.misplaced(fields["messages"]):
        raise Bad(wrong, "messages")
    return fields


def transcription(form_fields: dict[str, str]) -> dict[str, str]:
    fields = checked(form_fields, TRANSCRIPTION, "model")
    form, model = fields.get("response_format", "json"), fields["model"]
    if "timestamp_granularities[]" in fields and form != "verbose_json":
        raise Bad("timestamp_granularities needs response_format verbose_json", "timestamp_granularities[]")
    if "diarize" in model:
        _refuse("prompt" in fields, "prompt is not supported with this model", "prompt")
        _refuse(
            form not in ("json", "text", "diarized_json"),
            f"response_format '{form}' is not compatible",
            "response_format",
        )
    elif "gpt-4o" in model:
        _refuse(
            form not in ("json", "text"),
            f"response_format '{form}' is not compatible with model '{model}'",
            "response_format",
        )
    else:
        _refuse(form == "diarized_json", "diarized_json needs a model that tells speakers apart", "response_format")
    return fields


def translation(form_fields: dict[str, str]) -> dict[str, str]:
    fields = checked(form_fields, TRANSLATION, "model")
    _refuse("transcribe" in fields["model"], f"model '{fields['model']}' does not translate", "model")
    return fields


def _refuse(wrong: bool, message: str, param: str) -> None:
    if wrong:
        raise Bad(message, param)


def multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
    """Fields and files (name, bytes) of a multipart body; repeated `x[]` are joined by commas. Raises Bad."""
    boundary = re.fullmatch(r'multipart/form-data;\s*boundary="?([^";]{1,70})"?', content_type)
    if not boundary:
        raise Bad(f"expected multipart/form-data with a boundary, not {content_type!r}")
    if not body.rstrip(b"\r\n").endswith(b"--" + boundary[1].encode() + b"--"):
        raise Bad("the multipart body has no end")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if message.defects:
        raise Bad(f"the multipart body is broken: {message.defects}")
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, bytes]] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_content_disposition() != "form-data" or not isinstance(name, str):
            raise Bad("a part of the multipart body has no name")
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        if filename := part.get_filename():
            files[name] = (filename, data)
        elif name in fields and not name.endswith("[]"):
            raise Bad(f"'{name}' was given twice", name)
        else:
            fields[name] = ",".join(filter(None, [fields.get(name, ""), data.decode()]))
    return fields, files


def realtime(event: Any) -> Mapping[str, Any]:
    """A client event of a transcription session. Raises Bad."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise Bad("an event is an object with a type")
    allowed = {
        "session.update": {"session"},
        "input_audio_buffer.append": {"audio"},
        "input_audio_buffer.commit": set(),
        "input_audio_buffer.clear": set(),
    }.get(event["type"])
    if allowed is None:
        raise Bad(f"Unknown event type: {event['type']}", "type")
    if unknown := event.keys() - allowed - {"type", "event_id"}:
        raise Bad(f"Unknown parameter: '{unknown.pop()}'.")
    if event["type"] == "session.update":
        _session(event.get("session"))
    return event


def _session(session: Any) -> None:
    if (
        not isinstance(session, dict)
        or session.get("type") != "transcription"
        or session.keys() - {"type", "audio", "include"}
    ):
        raise Bad("a transcription session has type, audio and include", "session")
    sound = session.get("audio", {}).get("input", {})
    if sound.keys() - {"format", "transcription", "turn_detection", "noise_reduction"}:
        raise Bad("unknown field in session.audio.input", "session.audio.input")
    if sound.get("format", {"type": "audio/pcm", "rate": 24000}) != {"type": "audio/pcm", "rate": 24000}:
        raise Bad("only audio/pcm at 24000 is supported", "session.audio.input.format")
    hints = sound.get("transcription")
    if not isinstance(hints, dict) or not filled(hints.get("model")) or hints.keys() - {"model", "language", "prompt"}:
        raise Bad("transcription needs a model", "session.audio.input.transcription")
