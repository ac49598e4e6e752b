"""Pictures, videos, documents and texts as tools: each ability through the adapter that the configuration gives it.

Vectors are of no use to a model that talks, so `embed` is no tool. Belongs here: a Toolbox over the abilities, what a
person is asked before each. Does not belong here: which backend serves which (offer), paths (places), how a service
is spoken to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from voicecli import ports
from voicecli.errors import InputError, VoiceError
from voicecli.text import contents
from voicecli.text.figures import size
from voicecli.toolbox.arguments import WrongCallError, arguments, brief, listed, quoted, schema_of
from voicecli.toolbox.places import Places
from voicecli.types import (
    DescribeOptions,
    EmbedOptions,
    LearnOptions,
    MediaChunk,
    PictureOptions,
    ToolCall,
    ToolResult,
    ToolSpec,
    Upload,
    Verb,
)
from voicecli.types import filekinds as media
from voicecli.verbs import Ability, Parameter, abilities, ability_of

TOOLS: tuple[Verb, ...] = tuple(verb for verb, each in abilities() if each.gives != "vectors")
"""The abilities that a model can make use of."""

THIS_MACHINE = ("this machine", "本机")

LONGEST_ANSWER = 8000
"""Characters of a description that a model is given."""


@dataclass(frozen=True, slots=True)
class Served:
    """A verb and who serves it: the backend's name, the host ("" for this machine), the options that it honours,
    the documents that it takes (none: any), its model where it was named."""

    verb: Verb
    backend: str
    host: str = ""
    takes: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    model: str = ""

    @property
    def ability(self) -> Ability:
        """What the verb takes here: options that the service would refuse are not offered."""
        whole = ability_of(self.verb)
        return whole._replace(takes=tuple(each for each in whole.takes if not each.option or each.name in self.takes))


Opening = Callable[[Verb], AbstractAsyncContextManager[Any]]


class _Inputs:
    """The files that go in, among those that this conversation may use."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def known(self) -> str:
        """The names of the newest, for the model."""
        names = self._places.names[-10:]
        return f" There are: {', '.join(brief(name, 100) for name in names)}." if names else ""

    def find(self, ability: Ability, given: Mapping[str, Any]) -> Path | None:
        """The file that goes in, if any does. Raises InputError."""
        return next((self._places.find(given[each.name]) for each in _files(ability)), None)

    def upload(self, stack: AsyncExitStack, served: Served, given: Mapping[str, object]) -> Upload:
        """The file that goes in, open until `stack` is left. Raises InputError."""
        path = self.find(served.ability, given)
        assert path is not None, "every verb that comes here takes a file"
        file = stack.enter_context(self._places.opened(path))
        what = _files(served.ability)[0].kind
        kind = _kind(self._places.shown(path), path.name, file, what, served.documents)
        return Upload(file, path.name if what == "document" else f"{what}.{media.EXTENSIONS[kind]}", kind)


class Abilities:
    """The tools of `served`. Adapters are opened at the first call that needs them, on `stack`."""

    def __init__(self, served: Sequence[Served], places: Places, opening: Opening, stack: AsyncExitStack) -> None:
        self._served = {each.verb: each for each in served}
        self._places, self._opening, self._stack = places, opening, stack
        self._inputs = _Inputs(places)
        self._opened: dict[Verb, Any] = {}
        self._door = asyncio.Lock()
        self._does: dict[str, Callable[[Served, Any, dict[str, Any]], Awaitable[ToolResult]]] = {
            "picture": self._make,
            "video": self._make,
            "text": self._describe,
            "nothing": self._learn,
            "number": _compare,
            "ranking": _rank,
        }

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [self._spec(each) for each in self._served.values()]

    def _spec(self, served: Served) -> ToolSpec:
        """The schema of a verb, with the files that this conversation knows where it takes one."""
        schema, ability = schema_of(served.ability), served.ability
        for each in _files(ability):
            schema["properties"][each.name]["description"] = f"{each.meaning} Its path.{self._inputs.known()}"
        return ToolSpec(served.verb, ability.meaning, schema)

    # -- consent -----------------------------------------------------------------------------------

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """ "" for what only asks a service, for a wrong call, and for showing a picture to the one who made it."""
        served = self._verb(call.name)
        if not served.ability.costs & {"uploads", "writes", "spends"}:
            return ""
        try:
            given = arguments(call, self._spec(served))
            path = self._inputs.find(served.ability, given)
        except (WrongCallError, InputError):
            return ""  # using it will say what is wrong
        if path and served.ability.costs == {"asks", "uploads"} and self._places.made_by(path) == served.backend:
            return ""
        return self._words(served, given, path, chinese=chinese)

    def _words(self, served: Served, given: Mapping[str, object], path: Path | None, *, chinese: bool) -> str:
        told = {name: quoted(value) for name, value in given.items()}
        told |= {each.name: quoted(self._places.shown(path)) for each in _files(served.ability) if path}
        told["host"] = served.host or THIS_MACHINE[chinese]
        if served.model:
            told["host"] = f"{told['host']}的{served.model}" if chinese else f"{served.model} at {told['host']}"
        question = served.ability.question[chinese]
        more = {name: value for name, value in given.items() if f"{{{name}}}" not in question}
        told_more = ("，" if chinese else ", ") + listed(more) if more else ""
        if served.ability.stem:
            kept = self._places.shown(self._places.next(served.ability.stem))
            told_more += f"，存为{quoted(kept)}" if chinese else f", kept as {quoted(kept)}"
        return question[:-1].format(**told) + told_more + question[-1]

    def quick(self, call: ToolCall) -> bool:
        return self._verb(call.name).ability.costs == {"asks"}

    # -- doing it ----------------------------------------------------------------------------------

    async def use(self, call: ToolCall) -> ToolResult:
        served = self._verb(call.name)
        try:
            given = arguments(call, self._spec(served))
            adapter = await self._adapter(served.verb)
            return await self._does[served.ability.gives](served, adapter, given)
        except WrongCallError as exc:
            return ToolResult(str(exc), ok=False)
        except VoiceError as exc:
            return ToolResult(f"It failed: {exc}", str(exc), ok=False)

    def _verb(self, name: str) -> Served:
        return next(each for each in self._served.values() if each.verb == name)

    async def _adapter(self, verb: Verb) -> object:
        async with self._door:  # calls that need nobody's leave come together
            if verb not in self._opened:
                self._opened[verb] = await self._stack.enter_async_context(self._opening(verb))
            return self._opened[verb]

    async def _make(self, served: Served, adapter: Any, given: dict[str, Any]) -> ToolResult:
        """A file, out of a text or out of another file."""
        async with AsyncExitStack() as stack:
            if served.verb == "image_make":
                opening = adapter.image_make(given["prompt"], PictureOptions(size=given.get("size")))
            else:
                opening = getattr(adapter, served.verb)(self._inputs.upload(stack, served, given))
            file = stack.enter_context(self._places.result(served.ability.stem, served.backend))
            kind = await _written(await stack.enter_async_context(opening), file.write)
            name = self._places.shown(file.keep(media.EXTENSIONS.get(kind, "")))
        found = {"file": name, "kind": kind, "bytes": file.size}
        return ToolResult(_json(found), f"{name} ({size(file.size)})")

    async def _describe(self, served: Served, adapter: ports.Onlooker, given: dict[str, Any]) -> ToolResult:
        async with AsyncExitStack() as stack:
            upload = self._inputs.upload(stack, served, given)
            found = await adapter.image_describe(upload, DescribeOptions(question=given.get("question")))
        told: dict[str, Any] = {"description": found.text[:LONGEST_ANSWER]}
        told |= {"kinds": list(found.labels[:50])} if found.labels else {}
        return ToolResult(_json(told), brief(found.text, 300))

    async def _learn(self, served: Served, adapter: ports.Learner, given: dict[str, Any]) -> ToolResult:
        async with AsyncExitStack() as stack:
            upload = self._inputs.upload(stack, served, given)
            await adapter.learn(upload, LearnOptions(given.get("category")))
        return ToolResult(_json({"file": upload.name, "learnt": True}), f"{upload.name} was learnt.")


async def _compare(_served: Served, adapter: ports.Comparer, given: dict[str, Any]) -> ToolResult:
    found = await adapter.similar(given["a"], given["b"], EmbedOptions())
    return ToolResult(_json({"similarity": round(found, 4)}))


async def _rank(_served: Served, adapter: ports.Reranker, given: dict[str, Any]) -> ToolResult:
    found = await adapter.rerank(given["query"], given["candidates"], EmbedOptions())
    return ToolResult(_json([{"text": each.text, "score": each.score} for each in found]))


def _files(ability: Ability) -> list[Parameter]:
    return [each for each in ability.takes if each.kind in ("picture", "video", "document")]


def _kind(shown: str, name: str, file: BinaryIO, what: str, documents: frozenset[str]) -> str:
    """The media type of an input. Raises InputError where it is no such thing, or is empty."""
    head = file.read(4096)
    file.seek(0)
    if not head:
        raise InputError("is empty", who=shown)
    if what in contents.KNOWN:
        return contents.seen(what, head, shown)
    if documents and media.extension_of(name) not in documents:
        raise InputError(f"is no document that the service takes: {', '.join(sorted(documents))}", who=shown)
    return contents.document(name, head, shown)


async def _written(chunks: AsyncIterator[MediaChunk], write: Callable[[bytes], object]) -> str:
    """Everything that arrives, written; its media type."""
    kind = ""
    async for chunk in chunks:
        write(chunk.data)
        kind = chunk.kind
    return kind


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
