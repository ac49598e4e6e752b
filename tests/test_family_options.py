"""What `--help` promises of an option holds over every family, through the real command line, or is refused by name.

Each table has a row per family, and a family without one fails its test: none can be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import families
from tests.fakes.forms import multipart
from tests.fakes.qiniu_server import KEY as QINIU_KEY
from tests.fakes.selfhosted_server import lines
from tests.fakes.server import Reply
from tests.families import SERVED, Outcome, Served
from tests.nursery import Nursery
from voicecli.backends.registry import FAMILIES

REMOTE = [name for name, family in FAMILIES.items() if not family.at_best.offline]
CHAT = "/v1/chat/completions"


class Person:
    """Somebody with one backend: `voice(…)` runs the program, `running` is the family's server."""

    def __init__(self, row: Served, running: Any, folder: Path, home: dict[str, str], nursery: Nursery) -> None:
        self.row, self.running, self.folder, self.nursery = row, running, folder, nursery
        self.env = home | families.configured(folder, row.backend(running))

    def voice(self, *line: str) -> Outcome:
        return families.run(line, self.folder, self.env, self.nursery.run)


@pytest.fixture(params=REMOTE)
def person(request: pytest.FixtureRequest, tmp_path: Path, home: dict[str, str], nursery: Nursery) -> Iterator[Person]:
    row = SERVED[request.param]
    families.recorded(tmp_path)
    with row.serve() as running:
        yield Person(row, running, tmp_path, home, nursery)


# -- what recognisers mark -------------------------------------------------------------------------

MARKED = "<|zh|><|HAPPY|><|Speech|><|withitn|>好的，开始。"
ELSEWHERE = frozenset({"qiniu"})
"""Families whose recogniser is known, and is not SenseVoice."""

HEARD: dict[str, Callable[[Any], None]] = {
    "openai": lambda it: it.on("/v1/audio/transcriptions", Reply.json({"text": MARKED})),
    "selfhosted": lambda it: it.asr.on("/asr/stream", Reply(list(lines([{"partial_text": MARKED}])))),
    "gov": lambda it: it.on("/v1/asr", Reply.json({"result": MARKED, "status": 20000000})),
}


def test_tags_are_shown_in_json_and_in_no_text(person: Person) -> None:
    if person.row.family in ELSEWHERE:
        assert person.row.family not in HEARD
        return
    HEARD[person.row.family](person.running)
    found = json.loads(person.voice("transcribe", "digits.wav", "-f", "json").out)
    assert found["text"] == "好的，开始。"
    assert (found["language"], found["tags"]) == ("zh", ["zh", "HAPPY", "Speech", "withitn"])
    assert person.voice("transcribe", "digits.wav").out == "好的，开始。\n"


# -- answers that were cut off ---------------------------------------------------------------------


def _event(**choice: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"


def _whole(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "length"}]}


def _selfhosted(it: Any) -> None:
    it.chat.on("/api/chat/stream", Reply.text("Not Found", 404))
    it.chat.on("/api/chat", Reply.json({"content": "Once", "model": "m", "raw": _whole("Once")}))


_CUT = [_event(delta={"content": "Once"}), _event(delta={}, finish_reason="length"), b"data: [DONE]\n\n"]
CUT: dict[str, Callable[[Any], None]] = {
    "openai": lambda it: it.on(CHAT, Reply.sse(_CUT)),
    "qiniu": lambda it: it.on(CHAT, Reply.sse(_CUT)),
    "selfhosted": _selfhosted,
    "gov": lambda it: it.on(CHAT, Reply.json(_whole("Once"))),
}


def test_an_answer_that_was_cut_off_is_said_on_stderr(person: Person) -> None:
    CUT[person.row.family](person.running)
    outcome = person.voice("chat", "Tell me a story.")
    assert (outcome.code, outcome.out) == (0, "Once\n")
    assert "cut off at the length limit" in outcome.err
    whole = json.loads(person.voice("chat", "--json", "Tell me a story.").out)
    assert whole["finish_reason"] == "length"


# -- options of chat -------------------------------------------------------------------------------

BODIES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "openai": lambda it: it.to(CHAT)[-1].json(),
    "qiniu": lambda it: it.to(CHAT)[-1].json(),
}
OPTIONS: dict[str, tuple[tuple[str, ...], Any]] = {
    "n": (("-n", "2"), 2),
    "stop": (("--stop", "x", "--stop", "y"), ["x", "y"]),
    "seed": (("--seed", "7"), 7),
    "top_p": (("--top-p", "0.9"), 0.9),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_chat_reach_the_service_or_are_refused(person: Person, option: str) -> None:
    flags, wanted = OPTIONS[option]
    outcome = person.voice("chat", *flags, f"After {families.DIGITS}?")
    able = [name for name, family in FAMILIES.items() if option in family.at_best.takes.get("chat", ())]
    if person.row.family in able:
        assert outcome.code == 0, outcome.err
        assert BODIES[person.row.family](person.running)[option] == wanted
    else:
        assert outcome.code == 2 and outcome.out == ""
        assert able and all(name in outcome.err for name in able)


# -- a voice from a file ---------------------------------------------------------------------------

LONG = "UEsDBBQAAAgIAA" + "1x+/Az9" * 700
"""As long as a ChatTTS embedding in base64."""

VOICES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "openai": (LONG, lambda it: it.to("/v1/audio/speech")[-1].json()["voice"]),
    "qiniu": ("qiniu_en_male_digits", lambda it: it.spoken[-1]["audio"]["voice_type"]),
    "selfhosted": ("style2", lambda it: multipart(it.tts.to("/synthesize")[-1])["style"].text),
}


def test_a_voice_is_read_from_a_file_or_refused(person: Person) -> None:
    family = person.row.family
    voice, asked = VOICES.get(family, (LONG, lambda it: ""))
    (person.folder / "voice.txt").write_text(voice + "\n")
    outcome = person.voice("speak", f"Dial {families.DIGITS}.", "--voice", "@voice.txt", "-o", "spoken.wav")
    if "voice" in FAMILIES[family].at_best.takes.get("speak", ()):
        assert outcome.code == 0, outcome.err
        assert asked(person.running) == voice
    else:
        assert outcome.code == 2 and "--voice" in outcome.err and "openai" in outcome.err
        assert not (person.folder / "spoken.wav").exists()
    assert QINIU_KEY not in outcome.err
