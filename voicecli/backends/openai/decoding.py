"""What the service's JSON means: pieces of a chat answer, transcripts, names of models and voices.

Belongs here: pure functions from decoded JSON to our types. Does not belong here: requests, streams,
errors of the transport. Nothing a service sends is trusted: any field may be missing, null, or absurd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from voicecli.backends.openai.calls import Calls, is_object
from voicecli.backends.sensevoice import language_in, strip_tags
from voicecli.backends.transport.wording import clean
from voicecli.text.clean import clean as harmless
from voicecli.text.clean import one_line
from voicecli.text.reasoning import Thoughts, closes_unopened, without
from voicecli.text.segments import Told, timed
from voicecli.types import LONGEST_S, ChatDelta, Segment, ToolCall, Transcript, Usage, Voice, Word
from voicecli.types.jsonvalue import objects_in, text_in

# -- chat ------------------------------------------------------------------------------------------


Ending = Literal["open", "unsure", "over"]
"""Whether more of an answer is to come: a finish_reason beside words may stand in every chunk."""

_NO_REASON = ("", "null", "none")
"""What services write that mean no reason by it."""


class ChunkedAnswer:
    """A chat answer put together from chunks; each chunk gives the piece that is new.

    `finished` is the finish_reason once there was one, `early` whether words came after one: then it says nothing.
    `whole` is set by a message in place of a delta. Of several choices (`n`, so many are `wanted`) the first streams,
    the others are kept and come with `others()`. Reasoning that stands in the text is told apart; `opened` says that
    the model begins inside it. `rest()` is what was held back for that.
    `calls()` are the tools that the first wants used, once finished.
    """

    def __init__(self, wanted: int = 1, *, opened: bool = False) -> None:
        self._wanted, self._opened = wanted, opened
        self.finished: str | None = None
        self.early = self.whole = self.chosen = False
        self._reasons: dict[int, str] = {}
        self._bare = False
        self._calls = Calls()
        self._texts: dict[int, list[_Text]] = {}
        self._thoughts: dict[int, Thoughts] = {}
        self._answered = False

    def rest(self) -> ChatDelta | None:
        """The last of the answer, once the service has ended it."""
        rest = self._thoughts[0].flush()[1] if 0 in self._thoughts else ""
        return ChatDelta(rest) if rest else None

    @property
    def unopened(self) -> bool:
        """Whether the model turned out to begin inside its reasoning, without a tag that says so."""
        return not self._opened and 0 in self._texts and closes_unopened(self._texts[0][0].whole)

    def take(self, chunk: object) -> ChatDelta | None:
        """The new piece in a chunk (or in a whole answer); None when it holds nothing new."""
        if not isinstance(chunk, Mapping):
            return None
        text = reasoning = ""
        reason, usage, over = None, usage_in(chunk.get("usage")), self._all_reasons
        for choice in objects_in(chunk.get("choices")):
            self.chosen = True
            index, new, thought = self._choice(choice)
            self.early = self.early or (over and bool(new or thought))
            told = self._reason(choice, index, bare=not (new or thought))
            if index == 0:
                text, reasoning, reason = text + new, reasoning + thought, told or reason
            usage = usage or usage_in(choice.get("usage"))
        self.finished = reason or self.finished
        delta = ChatDelta(text, reasoning, clean(reason, 40) if reason else None, usage)
        return delta if delta != ChatDelta() else None

    def _reason(self, choice: Mapping[str, object], index: int, *, bare: bool) -> str | None:
        reason = text_in(choice.get("finish_reason"))
        if reason.lower() in _NO_REASON:
            return None
        self._reasons[index], self._bare = reason, bare
        return reason

    @property
    def _all_reasons(self) -> bool:
        return len(self._reasons) >= max(self._wanted, len(self._texts))

    @property
    def said(self) -> bool:
        """Whether there was any text, reasoning, or call of a tool."""
        return bool(self._calls) or any(text.whole for texts in self._texts.values() for text in texts)

    @property
    def ending(self) -> Ending:
        """Whether more is to come: surely not after a reason that stood alone, behind the words of every choice."""
        if not self._reasons or self.early or not (self._calls or self._answered):
            return "open"
        return "over" if self._bare and self._all_reasons else "unsure"

    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model wants used."""
        return self._calls.whole()

    @property
    def calls_are_whole(self) -> bool:
        """Whether the arguments of every call have come to an end."""
        return all(is_object(each.arguments) for each in self.calls())

    def others(self) -> Iterator[str]:
        """The other choices, whole, in order."""
        for index in sorted(self._texts):
            if index and (text := without(self._texts[index][0].whole)):
                yield text

    def _choice(self, choice: Mapping[str, object]) -> tuple[int, str, str]:
        index = choice.get("index")
        index = index if isinstance(index, int) else 0
        said, thought = self._texts.setdefault(index, [_Text(), _Text()])
        piece, whole = choice.get("delta"), False
        if not isinstance(piece, Mapping):
            piece, whole = choice.get("message"), True
        self.whole = self.whole or (whole and isinstance(piece, Mapping))
        piece = piece if isinstance(piece, Mapping) else {"content": choice.get("text")}
        content = _content(piece.get("content")) or text_in(piece.get("refusal"))
        reasoning = _content(piece.get("reasoning_content")) or _content(piece.get("reasoning"))
        if index == 0:
            self._calls.add(piece.get("tool_calls"), whole=whole)
            self._calls.legacy(piece.get("function_call"))
            self._calls.beside(piece, whole=whole)
        new, more = said.add(content, whole), thought.add(reasoning, whole)
        thoughts = self._thoughts.setdefault(index, Thoughts(opened=self._opened))
        within, text = thoughts.feed(new)
        self._answered = self._answered or bool(text)
        return index, text, more + within


class _Text:
    """Text so far. Halves of one character that were sent apart are joined; controls are dropped."""

    def __init__(self) -> None:
        self.whole = ""
        self._half = ""

    def add(self, piece: str, whole: bool) -> str:
        """What is new in `piece`, which is the whole text so far where a service repeats it."""
        if whole and piece.startswith(self.whole):
            piece = piece[len(self.whole) :]
        piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        piece = harmless(piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
        self.whole += piece
        return piece


def _content(value: object) -> str:
    """Text of a content field: a string, or a list of parts of which some are text."""
    if isinstance(value, list):
        return "".join(text_in(part.get("text")) for part in objects_in(value))
    return text_in(value)


def usage_in(data: object) -> Usage | None:
    """Token counts, or None."""
    if not isinstance(data, Mapping):
        return None
    counts = [data.get(name) for name in ("prompt_tokens", "completion_tokens")]
    return Usage(*(count if isinstance(count, int) and count > 0 else 0 for count in counts))


# -- transcripts -----------------------------------------------------------------------------------

_HALF_TAG = re.compile(r"<(?:\|[^|]*\|?)?$")
_WHISPER = (
    "en english zh chinese yue cantonese ja japanese ko korean de german fr french es spanish it italian "
    "pt portuguese ru russian nl dutch pl polish tr turkish ar arabic hi hindi vi vietnamese th thai "
    "id indonesian ms malay uk ukrainian cs czech sv swedish da danish fi finnish no norwegian el greek "
    "he hebrew hu hungarian ro romanian bg bulgarian hr croatian sk slovak ca catalan fa persian ta tamil ur urdu"
).split()
_CODES = dict(zip(_WHISPER[1::2], _WHISPER[::2], strict=True))


def transcript(text: str, data: Mapping[str, object] | None = None, *, final: bool = True) -> Transcript:
    """A transcript of `text`, with what `data` (an answer's JSON) says of times and language."""
    data = data or {}
    if not final:
        text = _HALF_TAG.sub("", text)
    text, tags = strip_tags(one_line(text))
    duration = _seconds(data.get("duration"))
    segments = segments_in(_parts(data), duration)
    words = tuple(words_in(data.get("words"))) or tuple(word for each in segments for word in each.words)
    return Transcript(
        text=text,
        final=final,
        language=_language(data.get("language")) or language_in(tags),
        duration=duration,
        segments=segments,
        words=words,
        tags=tags,
    )


def whole_transcript(data: object) -> Transcript | None:
    """The transcript in a whole answer, or None when it holds none."""
    if isinstance(data, str):
        return transcript(data)
    if not isinstance(data, Mapping):
        return None
    text = data.get("text")
    if not isinstance(text, str):
        pieces = [each.get("text") for each in objects_in(_parts(data))]
        text = " ".join(piece for piece in pieces if isinstance(piece, str)) if pieces else None
    return None if text is None else transcript(text, data)


def _parts(data: Mapping[str, object]) -> object:
    """Segments; servers over Hugging Face's pipeline say "chunks"."""
    return data.get("segments") or data.get("chunks")


def segments_in(data: object, duration: float | None = None) -> tuple[Segment, ...]:
    """The segments of an answer; those without words are left out, and times that are not told lie between others."""
    return timed([_told(each) for each in objects_in(data)], duration)


def _told(data: Mapping[str, object]) -> Told:
    text = strip_tags(one_line(text_in(data.get("text"))))[0]
    words = tuple(words_in(data.get("words"))) if text else ()
    pair = data.get("timestamp")
    start, end = pair if isinstance(pair, list) and len(pair) == 2 else (data.get("start"), data.get("end"))
    return Told(text, _seconds(start), _seconds(end), words, _speaker(data))


def _speaker(segment: Mapping[str, object]) -> str | None:
    """Who speaks; some services number them."""
    told = (segment.get(name) for name in ("speaker", "speaker_id", "spk"))
    found = next((each for each in told if isinstance(each, str | int) and not isinstance(each, bool)), "")
    return clean(str(found), 80) or None


def words_in(data: object) -> Iterator[Word]:
    """The words of an answer; those without times are left out."""
    for each in objects_in(data):
        start, end = _seconds(each.get("start")), _seconds(each.get("end"))
        text = one_line(text_in(each.get("word")) or text_in(each.get("text")))
        if start is not None and end is not None and text:
            sure = each.get("probability")
            sure = float(sure) if isinstance(sure, int | float) and 0 <= sure <= 1 else None
            yield Word(text, start, max(start, end), sure)


def _language(value: object) -> str | None:
    name = clean(text_in(value), 20).lower()
    return _CODES.get(name, name) or None


def _seconds(value: object) -> float | None:
    """A number or its digits as seconds; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < LONGEST_S else None


# -- lists -----------------------------------------------------------------------------------------

SUGGESTED = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split()
"""Voice names that OpenAI publishes: suggestions, since every compatible service has its own."""


def names_in(data: object, keys: tuple[str, ...]) -> list[str]:
    """The names in a list of names or of objects, wherever it stands in an answer; each once."""
    if isinstance(data, Mapping):
        data = next((data[key] for key in ("data", "models", "voices") if isinstance(data.get(key), list)), None)
    names = (_name(each, keys) for each in data) if isinstance(data, list) else ()
    return list(dict.fromkeys(name for name in names if name))


def _name(entry: object, keys: tuple[str, ...]) -> str:
    if isinstance(entry, Mapping):
        entry = next((entry[key] for key in keys if isinstance(entry.get(key), str)), "")
    return clean(entry, 200) if isinstance(entry, str) else ""


def voices_of(names: list[str]) -> list[Voice]:
    """Voices of which only the names are known; where there are none, those that OpenAI publishes."""
    return [Voice(name) for name in names] or [Voice(name, listed=False) for name in SUGGESTED]
