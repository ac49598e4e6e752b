"""One row per verb, and one per command: whatever else speaks of verbs reads it from here.

A new verb is a row here, a Protocol in `ports`, an adapter in a family's room, and a command. `[use]` keys, bridges,
the notice on privacy, what is asked again, tools and their questions, the list of commands, completion, documentation
and the tests' tables follow from the row.

Belongs here: facts about verbs. Does not belong here: doing them; imports of other rooms (`voice --help` needs this
file, so rows are tuples, which are made sooner than dataclasses, and Protocols and options are named, and looked up in
backends.family).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

Verb = Literal[
    "transcribe",
    "transcribe_live",
    "chat",
    "speak",
    "converse",
    "voices",
    "models",
    "health",
    "embed",
    "similar",
    "rerank",
    "image_make",
    "image_describe",
    "image_enhance",
    "image_animate",
    "video_track",
    "video_smooth",
    "learn",
]
ALL_VERBS: tuple[Verb, ...] = get_args(Verb)
Use = Literal["transcribe", "chat", "speak", "talk", "embed", "image", "video", "learn"]
"""The keys of `[use]`."""
Retry = Literal["ask", "whole", "live", "list", "act"]
"""Which rule of `backends.transport.retry` holds."""
Group = Literal["Everyday", "Pictures and videos", "Texts", "Set-up"]

Kind = Literal["text", "texts", "picture", "video", "document"]
Result = Literal["text", "number", "vectors", "ranking", "picture", "video", "nothing"]
Cost = Literal["asks", "uploads", "writes", "spends"]


class Parameter(NamedTuple):
    """One thing that goes in. A picture, a video and a document are a file by its path; `option` says that it is a
    field of the verb's options."""

    name: str
    kind: Kind
    meaning: str
    required: bool = True
    option: bool = False


class Ability(NamedTuple):
    """What a command does, in words, and what a model is told of it as a tool.

    `costs` is what happens besides a question to a service. uploads: a file leaves the machine. writes: a file is
    written here, or a knowledge base is changed there. spends: it is dear, or takes long. Whatever does more than ask
    has a `question` to the person, in English and in Chinese; whatever makes a file has a `stem` for its name.
    """

    meaning: str
    takes: tuple[Parameter, ...]
    gives: Result
    costs: frozenset[Cost] = frozenset({"asks"})
    question: tuple[str, str] = ("", "")
    stem: str = ""


class Row(NamedTuple):
    """Everything about one verb.

    `promise` and `options` are names in `ports` and `types`. `use` is its key of `[use]`. `lifted` names the verb
    that a family needs for `bridge` (a class of wiring.bridges) to make this one of it. `leaves` is what leaves the
    machine when somebody elsewhere serves it. `commands` are the words after `voice` of the commands that use it, its
    own first. `flags` are those of options whose flag is not their name with dashes.
    """

    name: Verb
    title: str
    promise: str
    use: Use
    commands: tuple[str, ...]
    options: str = ""
    retry: Retry = "ask"
    leaves: str = ""
    lifted: Verb | None = None
    bridge: str = ""
    ability: Ability | None = None
    flags: Mapping[str, str] = MappingProxyType({})

    def flag(self, option: str) -> str:
        """The flag that sets one field of the options."""
        return self.flags.get(option, "--" + option.replace("_", "-"))

    @property
    def doing(self) -> str:
        """The purpose in words, after an option's name: `to speak`, `for image make`."""
        return f"for {self.title}" if self.use in ("image", "video") else f"to {self.use}"


_PICTURE = Parameter("picture", "picture", "The picture: PNG, JPEG, WebP …")
_VIDEO = Parameter("video", "video", "The video: MP4, MOV, WebM …")
_MAKES: frozenset[Cost] = frozenset({"asks", "spends", "writes"})
_WORKS: frozenset[Cost] = frozenset({"asks", "uploads", "spends", "writes"})

_ROWS = (
    Row(
        "transcribe",
        "transcribe",
        "FileTranscriber",
        "transcribe",
        ("transcribe", "talk"),
        "TranscribeOptions",
        "whole",
        "audio",
        "transcribe_live",
        "LiveAsFile",
        flags={"hotwords": "--hotword"},
    ),
    Row(
        "transcribe_live",
        "live",
        "LiveTranscriber",
        "transcribe",
        ("talk",),
        "TranscribeOptions",
        "live",
        "audio",
        "transcribe",
        "FileAsLive",
        flags={"hotwords": "--hotword"},
    ),
    Row(
        "chat",
        "chat",
        "ChatModel",
        "chat",
        ("chat", "talk"),
        "ChatOptions",
        leaves="text",
        flags={"n": "--answers", "images": "pictures (--attach)", "tools": "tools (--tool)"},
    ),
    Row("speak", "speak", "Speaker", "speak", ("speak", "talk"), "SpeechRequest", leaves="text"),
    Row("converse", "talk", "Converser", "talk", ("talk",), "TalkOptions", "live", "audio"),
    Row("voices", "voices", "VoiceCatalog", "speak", ("voices",), retry="list"),
    Row("models", "models", "ModelCatalog", "chat", ("models",), retry="list"),
    Row("health", "health", "Health", "chat", ("doctor",), retry="list"),
    Row(
        "embed",
        "embed",
        "Embedder",
        "embed",
        ("embed",),
        "EmbedOptions",
        "whole",
        "text",
        ability=Ability("Turn texts into vectors.", (Parameter("texts", "texts", "The texts."),), "vectors"),
    ),
    Row(
        "similar",
        "similar",
        "Comparer",
        "embed",
        ("similar",),
        "EmbedOptions",
        "whole",
        "text",
        "embed",
        "SimilarByEmbedding",
        Ability(
            "Tell how near two texts are in meaning.",
            (Parameter("a", "text", "One text."), Parameter("b", "text", "The other text.")),
            "number",
        ),
    ),
    Row(
        "rerank",
        "rerank",
        "Reranker",
        "embed",
        ("rerank",),
        "EmbedOptions",
        "whole",
        "text",
        "embed",
        "RerankByEmbedding",
        Ability(
            "Put texts in the order in which they fit a question.",
            (
                Parameter("query", "text", "The question."),
                Parameter("candidates", "texts", "The texts to be put in order."),
            ),
            "ranking",
        ),
    ),
    Row(
        "image_make",
        "image make",
        "Painter",
        "image",
        ("image make",),
        "PictureOptions",
        leaves="text",
        ability=Ability(
            "Make a picture after a text.",
            (
                Parameter("prompt", "text", "What the picture shows."),
                Parameter("size", "text", "How large, as the service writes it: 1024x1024.", False, True),
            ),
            "picture",
            _MAKES,
            ("May I make a picture with {host}: {prompt}?", "可以用{host}画一张图吗：{prompt}？"),
            "picture",
        ),
    ),
    Row(
        "image_describe",
        "image describe",
        "Onlooker",
        "image",
        ("image describe",),
        "DescribeOptions",
        "whole",
        "a picture",
        ability=Ability(
            "Say what is to be seen in a picture.",
            (_PICTURE, Parameter("question", "text", "What to look for, or to answer.", False, True)),
            "text",
            frozenset({"asks", "uploads"}),
            ("May I send {picture} to {host} to be described?", "可以把{picture}发送到{host}来描述吗？"),
        ),
    ),
    Row(
        "image_enhance",
        "image enhance",
        "Enhancer",
        "image",
        ("image enhance",),
        leaves="a picture",
        ability=Ability(
            "Make a picture sharper.",
            (_PICTURE,),
            "picture",
            _WORKS,
            ("May I send {picture} to {host} to be made sharper?", "可以把{picture}发送到{host}变清晰吗？"),
            "enhanced",
        ),
    ),
    Row(
        "image_animate",
        "image animate",
        "Animator",
        "image",
        ("image animate",),
        leaves="a picture",
        ability=Ability(
            "Make a short video of a picture.",
            (_PICTURE,),
            "video",
            _WORKS,
            ("May I send {picture} to {host} to be made a video?", "可以把{picture}发送到{host}做成视频吗？"),
            "animated",
        ),
    ),
    Row(
        "video_track",
        "video track",
        "Tracker",
        "video",
        ("video track",),
        leaves="a video",
        ability=Ability(
            "Mark what moves in a video.",
            (_VIDEO,),
            "video",
            _WORKS,
            ("May I send {video} to {host} to mark what moves?", "可以把{video}发送到{host}标出运动物体吗？"),
            "tracked",
        ),
    ),
    Row(
        "video_smooth",
        "video smooth",
        "Smoother",
        "video",
        ("video smooth",),
        leaves="a video",
        ability=Ability(
            "Make a video smoother, by frames in between.",
            (_VIDEO,),
            "video",
            _WORKS,
            ("May I send {video} to {host} to be made smoother?", "可以把{video}发送到{host}变流畅吗？"),
            "smoothed",
        ),
    ),
    Row(
        "learn",
        "learn",
        "Learner",
        "learn",
        ("learn",),
        "LearnOptions",
        "act",
        "a document",
        ability=Ability(
            "Teach documents to a knowledge base.",
            (
                Parameter("document", "document", "The document: text, PDF or Word."),
                Parameter("category", "text", "The knowledge base.", False, True),
            ),
            "nothing",
            frozenset({"asks", "uploads", "writes"}),
            ("May I teach {document} to {host}?", "可以让{host}学习{document}吗？"),
        ),
    ),
)

VERBS: Mapping[Verb, Row] = {row.name: row for row in _ROWS}
"""Each row by its verb, in the order in which tables show them."""


def ability_of(verb: Verb) -> Ability:
    """What a command does and a tool offers. ValueError for a verb that is part of a conversation."""
    ability = VERBS[verb].ability
    if ability is None:
        raise ValueError(f"{verb} is no ability")
    return ability


def abilities() -> Iterator[tuple[Verb, Ability]]:
    """The verbs that a command (or a tool) does with one question and one result."""
    return ((row.name, row.ability) for row in _ROWS if row.ability is not None)


def meaning(verb: Verb, parameter: str = "") -> str:
    """What a verb does, or what one of its parameters is."""
    ability = ability_of(verb)
    return next((each.meaning for each in ability.takes if each.name == parameter), ability.meaning)


# -- commands --------------------------------------------------------------------------------------


class Command(NamedTuple):
    """One command: its line in help, and where it stands there. With `parts` it is a group of subcommands."""

    name: str
    line: str
    group: Group
    parts: bool = False

    @property
    def where(self) -> str:
        """The function or the Typer app, as module:name."""
        return f"voicecli.commands.{self.name}:{'app' if self.parts else self.name}"


def _of(verb: Verb) -> str:
    return ability_of(verb).meaning


COMMANDS: Mapping[str, Command] = {
    each.name: each
    for each in (
        Command("talk", "Hold a spoken conversation.", "Everyday"),
        Command("transcribe", "Turn recordings into text.", "Everyday"),
        Command("dictate", "Take dictation from the microphone.", "Everyday"),
        Command("speak", "Read a text aloud, or into a file.", "Everyday"),
        Command("chat", "Ask a chat model.", "Everyday"),
        Command("history", "Show, search, export and remove kept conversations.", "Everyday", True),
        Command("image", "Make, describe, enhance and animate pictures.", "Pictures and videos", True),
        Command("video", "Track what moves in videos, and make them smoother.", "Pictures and videos", True),
        Command("learn", _of("learn"), "Texts"),
        Command("embed", _of("embed"), "Texts"),
        Command("similar", _of("similar"), "Texts"),
        Command("rerank", _of("rerank"), "Texts"),
        Command("setup", "Set everything up by questions, the first time or again.", "Set-up"),
        Command("doctor", "See whether everything works, and what to do if not.", "Set-up"),
        Command("config", "Make, show and change the configuration.", "Set-up", True),
        Command("keys", "Keep the keys of services.", "Set-up", True),
        Command("serve", "Serve it all to clients of OpenAI's API.", "Set-up"),
        Command("mcp", "Give agents a voice and ears, as a server of tools.", "Set-up", True),
        Command("backends", "Show the service families and what each can do.", "Set-up"),
        Command("voices", "List the voices of a backend.", "Set-up"),
        Command("models", "List, fetch and check models.", "Set-up", True),
        Command("devices", "List microphones and loudspeakers.", "Set-up"),
        Command("cache", "Show and clear what is kept so that nothing is paid for twice.", "Set-up", True),
    )
}
"""Every command, in the order of help."""
