"""The frozen values that the three worlds (sound, network, terminal) exchange, by kind: audio, text, chat, media,
tools, settings. Whoever needs one takes it from here.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves.
Does not belong here: I/O, numpy, clocks, anything that imports another room.
"""

from __future__ import annotations

from voicecli.types.audio import (
    LONGEST_S,
    MIC,
    AudioChunk,
    AudioClip,
    AudioFrame,
    PcmFormat,
    Segment,
    SpeechRequest,
    TranscribeOptions,
    Transcript,
    Voice,
    Word,
)
from voicecli.types.chat import (
    ChatDelta,
    ChatMessage,
    ChatOptions,
    Role,
    TalkOptions,
    Usage,
)
from voicecli.types.media import (
    DescribeOptions,
    Description,
    LearnOptions,
    MediaChunk,
    Picture,
    PictureOptions,
    Upload,
)
from voicecli.types.settings import (
    CUT_FROM,
    Backend,
    HealthReport,
    LiveUrl,
    ProxyUrl,
    Range,
    Seconds,
    Secret,
    ServiceUrl,
    Url,
    without,
)
from voicecli.types.text import (
    EmbedOptions,
    Ranked,
)
from voicecli.types.tools import (
    ToolCall,
    ToolNews,
    ToolResult,
    ToolSpec,
)
from voicecli.verbs import ALL_VERBS, Verb

__all__ = [
    "ALL_VERBS",
    "CUT_FROM",
    "LONGEST_S",
    "MIC",
    "AudioChunk",
    "AudioClip",
    "AudioFrame",
    "Backend",
    "ChatDelta",
    "ChatMessage",
    "ChatOptions",
    "DescribeOptions",
    "Description",
    "EmbedOptions",
    "HealthReport",
    "LearnOptions",
    "LiveUrl",
    "MediaChunk",
    "PcmFormat",
    "Picture",
    "PictureOptions",
    "ProxyUrl",
    "Range",
    "Ranked",
    "Role",
    "Seconds",
    "Secret",
    "Segment",
    "ServiceUrl",
    "SpeechRequest",
    "TalkOptions",
    "ToolCall",
    "ToolNews",
    "ToolResult",
    "ToolSpec",
    "TranscribeOptions",
    "Transcript",
    "Upload",
    "Url",
    "Usage",
    "Verb",
    "Voice",
    "Word",
    "without",
]
