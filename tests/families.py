"""Every verb of the command line over every family: what is run, and what a right outcome is.

A family's strict local server stands in for its service, and the real program runs as a process against it,
configured as a person would configure it. Digits go in and digits come out, so that nothing can be canned; what
needs no service answers what it was asked. tests/test_families.py asserts it, scripts/demo_services.py shows it.
A new family adds a row to SERVED: a test compares the table with the registry.

Belongs here: the rows, the command lines, the judges. Does not belong here: servers (tests.fakes), what one
verb alone does (its own tests).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests import dtmf, weights
from tests.contracts import CELLS
from tests.fakes.forms import heard
from tests.fakes.meaning import nearness, vector
from tests.fakes.openai_server import in_english
from tests.fakes.pictures import docx, doubled, mp4, mp4_digits, plus_one, png, png_digits
from tests.fakes.selfhosted_server import MODEL
from tests.nursery import Start, fresh
from tests.people import says, speech
from voicecli import wiring
from voicecli.backends.family import Capabilities
from voicecli.backends.local.settings import LocalSettings
from voicecli.backends.registry import FAMILIES
from voicecli.types import Backend, Verb

DIGITS = "4071993825"
NAME = "served"
"""What the backend is called in the configuration."""

SUM = "what is seven plus five"
LOUDNESS = 0.4
SETTINGS = "[chat]\ntemperature = 0.5\nmax_tokens = 200\n"
TIMEOUT_S = 60.0
RATE = 16_000


# -- what is run -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A run of the program, and the folder that it ran in."""

    code: int
    out: str
    err: str
    folder: Path


@dataclass(frozen=True)
class Command:
    """One command line, which needs `verb` of the family, and that it takes `option` there; `wrong` tells what is
    not right, "" for nothing."""

    name: str
    verb: Verb
    line: tuple[str, ...]
    wrong: Callable[[Served, Outcome], str]
    option: str = ""

    def able(self, family: Capabilities) -> bool:
        """Whether `family` has what the command needs."""
        return wiring.able(family, self.verb) and (not self.option or self.option in wiring.takes(family, self.verb))

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Served:
    """A family at its strict local server. `answer` turns the digits of a question into those of the answer."""

    family: str
    serve: Callable[[], AbstractContextManager[Any]]
    backend: Callable[..., Backend]
    answer: Callable[[str], str]
    voice: str = ""
    model: str = ""
    own: Mapping[str, Command] = field(default_factory=dict)
    """By name, what is run in place of a command of COMMANDS."""

    def can(self, command: Command, backend: Backend) -> bool:
        """Whether this backend has what `command` needs, itself or over a bridge."""
        return command.able(FAMILIES[self.family].of(backend))


def configured(folder: Path, backend: Backend) -> dict[str, str]:
    """Writes the configuration with which every verb goes to `backend`; the variables that go with it."""
    use = "".join(f'{verb} = "{NAME}"\n' for verb in ("transcribe", "chat", "speak"))
    key = {"api_key_env": "SERVED_KEY"} if backend.key else {}
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in (_given(backend) | key).items())
    (folder / "config.toml").write_text(f"[use]\n{use}{SETTINGS}[backends.{NAME}]\n{table}")
    secret = {"SERVED_KEY": backend.key.reveal()} if backend.key else {}
    return {"VOICE_CONFIG": str(folder / "config.toml")} | weights.ENV | secret


def _given(backend: Backend) -> dict[str, Any]:
    """What of a backend is not as it is by default, but for its name and its key."""
    found = {}
    for each in fields(backend):
        value = getattr(backend, each.name)
        usual = each.default if each.default is not MISSING else None
        if each.name not in ("name", "key") and value != usual and value not in ({}, ()):
            found[each.name] = value
    return found


def run(line: Sequence[str], folder: Path, env: Mapping[str, str], start: Start = fresh) -> Outcome:
    """The command line in `folder`, as a process."""
    done = start(line, input=b"", env=env, cwd=folder, timeout=TIMEOUT_S)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(), folder)


def asked() -> NDArray[np.int16]:
    """The question of `sum.wav`, by a voice that the local recogniser understands where the models are here."""
    return weights.spoken(SUM, RATE) if weights.missing() is None else speech(SUM, RATE)


def recorded(folder: Path) -> None:
    """The inputs. The recordings: `digits.wav` is to be transcribed; in the others a person speaks, and is quiet then.

    In `person.wav` it is the digits, in `sum.wav` a question that the local backend can answer.
    """
    quiet = np.zeros(2 * RATE, np.int16)
    question = (asked() * LOUDNESS).astype(np.int16)
    soundfile.write(folder / "digits.wav", dtmf.encode(DIGITS), RATE)
    for name, data in (("picture.png", png(DIGITS)), ("video.mp4", mp4(DIGITS)), ("digits.docx", docx(DIGITS))):
        (folder / name).write_bytes(data)
    properties = {"answer": {"type": "string"}}
    (folder / "schema.json").write_text(json.dumps({"type": "object", "properties": properties}))
    (folder / "notes").mkdir(exist_ok=True)
    for name, text in NOTES.items():
        (folder / "notes" / name).write_text(text)
    for name, said in (("person.wav", says(DIGITS, RATE)), ("sum.wav", question)):
        soundfile.write(folder / name, np.concatenate([quiet[:RATE], said, quiet]), RATE)


# -- what is right ---------------------------------------------------------------------------------


def fault(command: Command, served: Served, backend: Backend, outcome: Outcome) -> str:
    """What is wrong with an outcome, "" for nothing. What the family lacks must be refused."""
    if not served.can(command, backend):
        return refused(command, outcome)
    if outcome.code:
        return f"code {outcome.code}: {outcome.err.strip()}"
    if "Traceback" in outcome.err:
        return outcome.err
    return command.wrong(served, outcome)


def refused(command: Command, outcome: Outcome) -> str:
    """Refused is: code 2, no result (at most the error as JSON), the families that can by name."""
    able = [family.name for family in FAMILIES.values() if command.able(family.at_best)]
    missing = [name for name in able if name not in outcome.err]
    if outcome.code != 2 or outcome.out.partition('{"error":')[0] or missing:
        return f"not refused by name of {missing or able}: code {outcome.code}, {outcome.out}{outcome.err}"
    return ""


def same(digits: str) -> str:
    return digits


def digits_of(text: str) -> str:
    return "".join(each for each in text if each.isascii() and each.isdigit())


def expected(wanted: str, found: str) -> str:
    return "" if wanted == found else f"{found!r} in place of {wanted!r}"


def _transcribed(served: Served, outcome: Outcome) -> str:
    return expected(DIGITS + "\n", outcome.out)


def _translated(served: Served, outcome: Outcome) -> str:
    return expected(in_english(DIGITS) + "\n", outcome.out)


def _spoke(served: Served, outcome: Outcome) -> str:
    return expected(DIGITS, heard((outcome.folder / "spoken.wav").read_bytes()))


def _answered(served: Served, outcome: Outcome) -> str:
    return expected(served.answer(DIGITS), digits_of(outcome.out))


def _lists_voice(served: Served, outcome: Outcome) -> str:
    return _lists(served.voice, [each["name"] for each in json.loads(outcome.out)])


def _lists_model(served: Served, outcome: Outcome) -> str:
    return _lists(served.model, json.loads(outcome.out))


def _is_well(served: Served, outcome: Outcome) -> str:
    (found,) = json.loads(outcome.out)["backends"]
    hosts = [] if FAMILIES[served.family].at_best.offline else ["127.0.0.1"]
    if not (found["ok"] and found["latency_ms"] and found["hosts"] == hosts):
        return f"not well: {found}"
    listed = {name: found[name] for name in ("voices", "models") if not getattr(served, name[:-1]) and found[name]}
    return f"lists what it lacks: {listed}" if listed else ""


def _lists(name: str, found: list[str]) -> str:
    return "" if name and name in found else f"{name!r} is not in {found}"


def _talked(served: Served, outcome: Outcome) -> str:
    said, lost, _ = _conversation(outcome)
    if said != [DIGITS] or lost:
        return f"heard {said}, lost {lost}"
    samples, rate = soundfile.read(outcome.folder / "replies.wav", dtype="int16")
    return expected(served.answer(DIGITS), dtmf.decode(samples, rate))


def _conversation(outcome: Outcome) -> tuple[list[str], list[Any], str]:
    """What was heard, which turns were lost, and all that was answered."""
    events = [json.loads(line) for line in outcome.out.splitlines()]
    said = {each["turn"]: each["text"] for each in events if each["event"] == "user_said"}
    lost = [each for each in events if each["event"] == "turn_lost"]
    return list(said.values()), lost, " ".join(e["text"] for e in events if e["event"] == "assistant_said")


NOTES = {"dial.md": f"At {DIGITS} you dial the pig.", "mud.txt": "Mud, mud, glorious mud.", "牛奶.org": "记得买牛奶。"}


def _found_in_notes(served: Served, outcome: Outcome) -> str:
    found = json.loads(outcome.out)
    files = [each["file"] for each in found["notes"]] if isinstance(found, dict) else []
    return expected(served.answer(DIGITS), digits_of(found["text"])) if files[:1] == ["dial.md"] else f"notes: {files}"


NEAR = ("a pig in the mud", "pigs and mud", f"dial {DIGITS}")


def _made(name: str, becomes: Callable[[str], str]) -> Callable[[Served, Outcome], str]:
    """A picture or a video was written, and holds what becomes of the digits."""

    def wrong(served: Served, outcome: Outcome) -> str:
        if not (outcome.folder / name).exists():
            return f"no {name}"
        data = (outcome.folder / name).read_bytes()
        return expected(becomes(DIGITS), (png_digits if name.endswith("png") else mp4_digits)(data))

    return wrong


def _learnt(served: Served, outcome: Outcome) -> str:
    return expected('{"file": "digits.docx", "learnt": true}\n', outcome.out)


def _embedded_texts(served: Served, outcome: Outcome) -> str:
    found = [json.loads(line) for line in outcome.out.splitlines()]
    wanted = [{"text": each, "vector": vector(each)} for each in NEAR]
    return "" if found == wanted else f"other vectors: {outcome.out[:200]}"


def _compared(served: Served, outcome: Outcome) -> str:
    return expected(f"{nearness(*NEAR[:2]):.4f}\n", outcome.out)


def _ranked(served: Served, outcome: Outcome) -> str:
    scores = {each: nearness(NEAR[0], each) for each in NEAR[1:]}
    order = sorted(scores, key=lambda each: -scores[each])
    return expected("".join(f"{scores[each]:.4f}\t{each}\n" for each in order), outcome.out)


TALK = ("talk", "--fast", "--output", "replies.wav", "--json")

COMMANDS = [
    Command("transcribe", "transcribe", ("transcribe", "digits.wav"), _transcribed),
    Command("translate", "transcribe", ("transcribe", "--translate", "digits.wav"), _translated, "translate"),
    Command("speak", "speak", ("speak", f"Dial {DIGITS}.", "-o", "spoken.wav"), _spoke),
    Command("chat", "chat", ("chat", f"After {DIGITS}?"), _answered),
    Command("talk", "transcribe_live", (*TALK, "--input", "person.wav"), _talked),
    Command("voices", "voices", ("voices", "--json"), _lists_voice),
    Command("models", "models", ("models", "--json"), _lists_model),
    Command("doctor", "health", ("doctor", "--backend", NAME, "--json"), _is_well),
    Command("embed", "embed", ("embed", *NEAR), _embedded_texts),
    Command("similar", "similar", ("similar", *NEAR[:2]), _compared),
    Command("rerank", "rerank", ("rerank", NEAR[0], NEAR[2], NEAR[1]), _ranked),
    Command("notes", "embed", ("chat", "--with", "notes", "--json", f"Whom do I dial at {DIGITS}?"), _found_in_notes),
    Command(
        "image make", "image_make", ("image", "make", f"Draw {DIGITS}.", "-o", "made.png"), _made("made.png", same)
    ),
    Command("image describe", "image_describe", ("image", "describe", "picture.png"), _answered),
    Command(
        "image enhance",
        "image_enhance",
        ("image", "enhance", "picture.png", "-o", "sharp.png"),
        _made("sharp.png", plus_one),
    ),
    Command(
        "image animate", "image_animate", ("image", "animate", "picture.png", "-o", "clip.mp4"), _made("clip.mp4", same)
    ),
    Command(
        "video track", "video_track", ("video", "track", "video.mp4", "-o", "seen.mp4"), _made("seen.mp4", plus_one)
    ),
    Command(
        "video smooth", "video_smooth", ("video", "smooth", "video.mp4", "-o", "more.mp4"), _made("more.mp4", doubled)
    ),
    Command("learn", "learn", ("learn", "digits.docx", "--json"), _learnt),
]


# -- without a service -----------------------------------------------------------------------------


def _is_the_sum(text: str) -> bool:
    """A recogniser writes marks, capitals and perhaps figures."""
    plain = text.lower().replace("7", "seven").replace("5", "five").replace("+", "plus")
    return " ".join(re.findall(r"[a-z]+", plain)) == SUM


def _understood(served: Served, outcome: Outcome) -> str:
    return "" if _is_the_sum(outcome.out) else f"heard {outcome.out}"


def _sounds(served: Served, outcome: Outcome) -> str:
    samples, rate = soundfile.read(outcome.folder / "spoken.wav", dtype="int16")
    loud = int(np.count_nonzero(np.abs(samples) > 1000))
    return "" if loud > rate / 10 else f"{loud} loud samples of {len(samples)}"


def _summed(served: Served, outcome: Outcome) -> str:
    return expected("12", digits_of(outcome.out.rpartition(" ")[2]))


def _talked_of_a_sum(served: Served, outcome: Outcome) -> str:
    said, lost, answers = _conversation(outcome)
    right = len(said) == 1 and _is_the_sum(said[0]) and not lost and "12" in answers
    return "" if right else f"heard {said}, lost {lost}, said {answers}"


def _lists_local_models(served: Served, outcome: Outcome) -> str:
    here = [each["name"] for each in json.loads(outcome.out) if each["installed"]]
    return _lists(served.model, here)


LOCAL = {
    command.name: command
    for command in (
        Command("transcribe", "transcribe", ("transcribe", "sum.wav"), _understood),
        Command("speak", "speak", ("speak", SUM, "-o", "spoken.wav"), _sounds),
        Command("chat", "chat", ("chat", SUM), _summed),
        Command("talk", "transcribe_live", (*TALK, "--input", "sum.wav"), _talked_of_a_sum),
        Command("models", "models", ("models", "--json"), _lists_local_models),
    )
}


# -- the rows --------------------------------------------------------------------------------------


def _row(family: str, answer: Callable[[str], str], **names: Any) -> Served:
    cell = next(each for each in CELLS if each.family == family)
    return Served(family, cell.serve, cell.backend, answer, **names)


def _local(_running: object) -> Backend:
    return LocalSettings(NAME, "local")


SERVED = {
    row.family: row
    for row in (
        _row("openai", plus_one, voice="alloy", model="digits-chat"),
        _row("qiniu", plus_one, voice="qiniu_en_male_digits", model="deepseek-v3"),
        _row("selfhosted", same, voice="style1", model=MODEL),
        _row("gov", same),
        Served("local", nullcontext, _local, same, voice="piper-en-joe", model="moonshine-tiny-en", own=LOCAL),
    )
}
