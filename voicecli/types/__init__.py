"""The frozen values that the three worlds (sound, network, terminal) exchange, by kind: audio, text, chat, media,
tools, settings. Whoever needs one takes it from here.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves.
Does not belong here: I/O, numpy, clocks, anything that imports another room.
"""

from __future__ import annotations

from voicecli.types.audio import LONGEST_S as LONGEST_S
from voicecli.types.audio import MIC as MIC
from voicecli.types.audio import AudioChunk as AudioChunk
from voicecli.types.audio import AudioClip as AudioClip
from voicecli.types.audio import AudioFrame as AudioFrame
from voicecli.types.audio import PcmFormat as PcmFormat
from voicecli.types.audio import Segment as Segment
from voicecli.types.audio import SpeechRequest as SpeechRequest
from voicecli.types.audio import TranscribeOptions as TranscribeOptions
from voicecli.types.audio import Transcript as Transcript
from voicecli.types.audio import Voice as Voice
from voicecli.types.audio import Word as Word
from voicecli.types.chat import ChatDelta as ChatDelta
from voicecli.types.chat import ChatMessage as ChatMessage
from voicecli.types.chat import ChatOptions as ChatOptions
from voicecli.types.chat import Role as Role
from voicecli.types.chat import TalkOptions as TalkOptions
from voicecli.types.chat import Usage as Usage
from voicecli.types.media import DescribeOptions as DescribeOptions
from voicecli.types.media import Description as Description
from voicecli.types.media import LearnOptions as LearnOptions
from voicecli.types.media import MediaChunk as MediaChunk
from voicecli.types.media import Picture as Picture
from voicecli.types.media import PictureOptions as PictureOptions
from voicecli.types.media import Upload as Upload
from voicecli.types.settings import CUT_FROM as CUT_FROM
from voicecli.types.settings import Backend as Backend
from voicecli.types.settings import HealthReport as HealthReport
from voicecli.types.settings import LiveUrl as LiveUrl
from voicecli.types.settings import ProxyUrl as ProxyUrl
from voicecli.types.settings import Range as Range
from voicecli.types.settings import Seconds as Seconds
from voicecli.types.settings import Secret as Secret
from voicecli.types.settings import ServiceUrl as ServiceUrl
from voicecli.types.settings import Url as Url
from voicecli.types.settings import without as without
from voicecli.types.text import EmbedOptions as EmbedOptions
from voicecli.types.text import Ranked as Ranked
from voicecli.types.tools import ToolCall as ToolCall
from voicecli.types.tools import ToolNews as ToolNews
from voicecli.types.tools import ToolResult as ToolResult
from voicecli.types.tools import ToolSpec as ToolSpec
from voicecli.verbs import ALL_VERBS as ALL_VERBS
from voicecli.verbs import Verb as Verb
