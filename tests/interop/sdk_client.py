"""The openai SDK against a server of ours: `python sdk_client.py BASE_URL FOLDER`, in the SDK's own environment.

Whole answers are held against the SDK's own types, every required field of them: it reads leniently otherwise.
`FOLDER/digits.wav` is what is sent, speech is written beside it; what came is printed as one JSON object.

Belongs here: calls of the SDK. Does not belong here: anything of this project.
"""

from __future__ import annotations

import base64
import json
import sys
import wave
from pathlib import Path
from typing import Any

import openai
from openai.types.audio import Transcription, TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk

QUESTION: Any = [{"role": "system", "content": "Count."}, {"role": "user", "content": "After 4071993825?"}]
FORMATS: Any = ("pcm", "wav", "mp3", "flac", "opus")
MODEL = "digits-chat"
TOOLS = ("draw", "look")


def chat(client: openai.OpenAI, folder: Path) -> dict[str, Any]:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, n=2, temperature=0.5, seed=7, stop=["x"]
    )
    whole = ChatCompletion.model_validate_json(raw.text)
    deltas = list(
        client.chat.completions.create(
            model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}, top_p=0.9
        )
    )
    for delta in deltas:
        ChatCompletionChunk.model_validate(delta.model_dump())
    cut = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=1)
    return {
        "whole": [choice.message.content for choice in whole.choices],
        "reason": whole.choices[0].finish_reason,
        "streamed": "".join(delta.choices[0].delta.content or "" for delta in deltas if delta.choices),
        "last": [delta.choices[0].finish_reason for delta in deltas if delta.choices][-1],
        "usage": bool(deltas[-1].usage and deltas[-1].usage.total_tokens),
        "cut": cut.choices[0].finish_reason,
    }


def tools(client: openai.OpenAI, folder: Path) -> dict[str, Any]:
    """Two calls, whole and streamed, and the answer to their results."""
    parameters = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
    offered: Any = [{"type": "function", "function": {"name": name, "parameters": parameters}} for name in TOOLS]
    asked: Any = [{"role": "user", "content": "Draw."}]
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=asked, tools=offered)
    whole = ChatCompletion.model_validate_json(raw.text).choices[0]
    with client.chat.completions.stream(model=MODEL, messages=asked, tools=offered) as events:
        streamed = events.get_final_completion().choices[0]
    results: Any = [
        {"role": "tool", "tool_call_id": each.id, "content": f"result {at}"}
        for at, each in enumerate(whole.message.tool_calls or ())
    ]
    talk = [*asked, whole.message.model_dump(exclude_none=True), *results]
    answer = client.chat.completions.create(model=MODEL, messages=talk, tools=offered)
    return {
        "whole": [[each.function.name, each.function.arguments] for each in whole.message.tool_calls or ()],
        "streamed": [[each.function.name, each.function.arguments] for each in streamed.message.tool_calls or ()],
        "reasons": [whole.finish_reason, streamed.finish_reason],
        "answer": answer.choices[0].message.content,
    }


def transcriptions(client: openai.OpenAI, folder: Path) -> dict[str, Any]:
    def ask(**more: Any) -> Any:
        with (folder / "digits.wav").open("rb") as file:
            return client.audio.transcriptions.create(model="digits-hear", file=file, language="en", **more)

    verbose: TranscriptionVerbose = ask(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    TranscriptionVerbose.model_validate(verbose.model_dump())
    plain: Transcription = ask()
    events = list(ask(stream=True))
    return {
        "json": plain.text,
        "text": ask(response_format="text").strip(),
        "verbose": verbose.text,
        "words": "".join(word.word for word in verbose.words or []),
        "segments": len(verbose.segments or []),
        "streamed": "".join(event.delta for event in events if event.type == "transcript.text.delta"),
        "done": events[-1].text if events[-1].type == "transcript.text.done" else None,
    }


def speech(client: openai.OpenAI, folder: Path) -> list[str]:
    for form in FORMATS:
        asked: Any = {"model": "digits-speak", "voice": "alloy", "input": "Dial 4071993825.", "response_format": form}
        with client.audio.speech.with_streaming_response.create(**asked) as answer:
            answer.stream_to_file(folder / f"speech.{form}")
    return list(FORMATS)


def models(client: openai.OpenAI, folder: Path) -> list[str]:
    return [model.id for model in client.models.list()]


def errors(client: openai.OpenAI, folder: Path) -> list[str]:
    """The SDK's names for what the server refuses."""
    stranger = client.with_options(api_key="sk-wrong")
    calls: Any = [
        lambda: stranger.models.list(),
        lambda: client.chat.completions.create(model=MODEL, messages=[]),
        lambda: client.audio.speech.create(model="m", voice="v", input="x" * 4097),
        lambda: client.get("/nowhere", cast_to=object),
    ]
    found = []
    for call in calls:
        try:
            call()
            found.append("none")
        except openai.APIStatusError as exc:
            found.append(f"{type(exc).__name__} {(exc.body or {}).get('type')}")  # type: ignore[attr-defined]
    return found


def realtime(client: openai.OpenAI, folder: Path) -> dict[str, Any]:
    """A transcription session: 24 kHz samples in, the text of one item out."""
    with wave.open(str(folder / "digits24.wav")) as file:
        sound = file.readframes(file.getnframes())
    deltas, text = "", None
    with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        hearing: Any = {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "digits-hear"}}
        connection.session.update(session={"type": "transcription", "audio": {"input": hearing}})
        for at in range(0, len(sound), 9600):
            connection.input_audio_buffer.append(audio=base64.b64encode(sound[at : at + 9600]).decode())
        connection.input_audio_buffer.commit()
        for event in connection:
            if event.type == "conversation.item.input_audio_transcription.delta":
                deltas += event.delta or ""
            elif event.type == "conversation.item.input_audio_transcription.completed":
                text = event.transcript
                break
            elif event.type == "error":
                raise SystemExit(event.error.message)
    return {"deltas": deltas, "text": text}


def main() -> None:
    client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-right", max_retries=0, timeout=20)
    calls = (chat, tools, transcriptions, speech, models, errors, realtime)
    json.dump({call.__name__: call(client, Path(sys.argv[2])) for call in calls}, sys.stdout)


if __name__ == "__main__":
    main()
