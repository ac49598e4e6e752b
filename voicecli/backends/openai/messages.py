"""A conversation as services are sent it: calls of tools, pictures, and what is folded for those that know less. Pure.

Belongs here: the form of messages and of tools on offer. Does not belong here: what came back (decoding, calls), the
other fields of a request (completions), what a service refused (lessons).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace

from voicecli.backends.openai.calls import is_object, name_of
from voicecli.text.reasoning import without
from voicecli.types import ChatMessage, Picture, ToolCall, ToolSpec


def offered(tools: Sequence[ToolSpec]) -> list[dict[str, object]]:
    """The `tools` of a request."""
    return [
        {
            "type": "function",
            "function": {"name": each.name, "description": each.meaning, "parameters": dict(each.parameters)},
        }
        for each in tools
    ]


def written(message: ChatMessage, *, extras: bool = True) -> dict[str, object]:
    """A message as it is sent. Arguments that are no object go back as none: the result tells what was wrong.

    `extras`: with what the service sent beside its calls. Reasoning in the text of an answer stays here.
    """
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    text = without(message.content) if message.role == "assistant" else message.content
    if not message.calls:
        return {"role": message.role, "content": text or message.content}
    around = dict(message.calls[0].around) if extras else {}
    calls = [_called(each, each.extra if extras else {}) for each in message.calls]
    return around | {"role": message.role, "content": text or None, "tool_calls": calls}


def _called(call: ToolCall, extra: Mapping[str, object]) -> dict[str, object]:
    beside = extra.get("function")
    function: dict[str, object] = dict(beside) if isinstance(beside, Mapping) else {}
    function |= {"name": name_of(call.name), "arguments": call.arguments if is_object(call.arguments) else "{}"}
    return {**extra, "id": call.id, "type": "function", "function": function}


def extras_in(messages: Sequence[ChatMessage]) -> set[str]:
    """The names of the fields that go back only because they came."""
    calls = [call for each in messages for call in each.calls]
    own = {name for call in calls for name in (*call.extra, *call.around) if name != "function"}
    functions = (call.extra.get("function") for call in calls)
    return own | {name for each in functions if isinstance(each, Mapping) for name in each}


def without_tools(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """A conversation for a service that knows no tools: their results are told as the person's words."""
    found: list[ChatMessage] = []
    for each in messages:
        if each.role == "tool":
            found.append(ChatMessage("user", f"(A tool's result: {each.content})"))
        elif each.content or not each.calls:
            found.append(ChatMessage(each.role, each.content))
    return found


def folded(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """`messages` without system ones: what they say opens the next message of the person."""
    found: list[ChatMessage] = []
    system: list[str] = []
    for each in messages:
        if each.role == "system":
            system.append(each.content)
        elif each.role == "user":
            found.append(replace(each, content="\n\n".join((*system, each.content))))
            system.clear()
        else:
            found.append(each)
    return [*found, ChatMessage("user", "\n\n".join(system))] if system else found


def instructed(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """`messages` with one more instruction, at the end of the system prompt."""
    if messages and messages[0].role == "system":
        return [replace(messages[0], content=f"{messages[0].content}\n\n{text}"), *messages[1:]]
    return [ChatMessage("system", text), *messages]


def show(messages: list[dict[str, object]], images: Sequence[Picture]) -> None:
    """Puts pictures into the last message of the person."""
    last = next((each for each in reversed(messages) if each["role"] == "user"), messages[-1])
    urls = map(data_url, images)
    parts: list[object] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    last["content"] = [{"type": "text", "text": last["content"]}, *parts]


def data_url(image: Picture) -> str:
    """A picture as an address that holds it."""
    return f"data:{image.kind};base64,{b64encode(image.data).decode()}"
