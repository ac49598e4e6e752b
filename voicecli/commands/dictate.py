"""`voice dictate`: what is said into the microphone, as text; for a terminal, a hot key, an editor.

Belongs here: flags, starting and ending the one recorder. Does not belong here: hearing (usecases.dictation), showing
(terminal.dictating), which process records (storage.recorder).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Copy, Hotword, Language, Model, Output, taking
from voicecli.commands.session import Session
from voicecli.config.files import runtime_folder
from voicecli.errors import UsageError, VoiceError
from voicecli.storage.recorder import Recorder
from voicecli.terminal.console import ERROR, WARNING, Console
from voicecli.text.dictated import Tidying
from voicecli.types import TranscribeOptions

START_S, END_S = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class DictateFlags:
    """The flags of `voice dictate`."""

    action: Annotated[
        str | None, typer.Argument(metavar="[start|stop|toggle|status]", help="For hot keys: see above.")
    ] = None
    output: Output = None
    language: Language = None
    model: Model = None
    hotword: Hotword = None
    copy: Copy = False
    typed: Annotated[bool, typer.Option("--type", help="Type each sentence into the window in front.")] = False
    punctuation: Annotated[
        bool | None, typer.Option("--punctuation/--no-punctuation", help='Write marks for "comma", "new line" …')
    ] = None
    fillers: Annotated[
        bool | None, typer.Option("--fillers/--no-fillers", help="Keep, or leave out, um, uh and the like.")
    ] = None
    words: Annotated[
        list[str] | None,
        typer.Option("--replace", metavar="HEARD=WRITTEN", help="What to write for what is heard; repeatable."),
    ] = None
    stop_after: Annotated[
        float | None, typer.Option("--stop-after", metavar="SECONDS", min=0.1, help="End after so much silence.")
    ] = None


@taking(DictateFlags)
def dictate(ctx: typer.Context, flags: DictateFlags) -> None:
    """Take dictation from the microphone. Enter ends it.

    Examples:
      voice dictate
      voice dictate --punctuation --no-fillers -o letter.txt
      voice dictate toggle --type
      voice dictate toggle --copy --replace "voice see li=voicecli"
      voice dictate stop

    For a hot key: start listens in the background, stop ends it and prints the text, toggle does the one or the
    other, status tells which (exit code 0 while it listens, 1 otherwise). There is one recorder at a time. --type
    needs wtype, ydotool, xdotool or osascript. [dictation] in the configuration keeps the choices.
    """
    session, recorder = common.session(ctx), Recorder(runtime_folder())
    if flags.action is None:
        with recorder.held():
            _listen(session, flags)
    elif flags.action in _ACTIONS:
        _ACTIONS[flags.action](session, recorder)
    else:
        raise UsageError(f"dictate does not know '{flags.action}'", cure=f"There are: {', '.join(_ACTIONS)}.")


def _listen(session: Session, flags: DictateFlags) -> None:
    """Takes dictation until Enter, Ctrl-C or the silence that was asked for."""
    from voicecli.terminal.desktop import typist
    from voicecli.terminal.dictating import Manner, take_down
    from voicecli.terminal.transcripts import Results
    from voicecli.text.subtitles import Layout
    from voicecli.usecases.transcribing.batch import Wish

    tidy, hotwords = _tidying(session, flags), tuple(flags.hotword or ())
    asked = TranscribeOptions(language=flags.language, model=flags.model, hotwords=hotwords)
    wish = Wish(("json" if session.json else "text",), asked)
    results = Results(session.console, Layout(), "transcribe", copy=flags.copy)
    manner = Manner(typed=typist(session.env) if flags.typed else None)
    take_down(session, common.run, results, wish, flags.output, manner, flags.stop_after, tidy)


def _tidying(session: Session, flags: DictateFlags) -> Tidying:
    """How sentences are written: as the flags say, else the settings."""
    kept = session.config().dictation
    return Tidying(
        kept.punctuation if flags.punctuation is None else flags.punctuation,
        not (kept.fillers if flags.fillers is None else flags.fillers),
        dict(map(_pair, [*kept.replace, *(flags.words or ())])),
    )


def _pair(text: str) -> tuple[str, str]:
    heard, equals, written = text.partition("=")
    if not (heard.strip() and equals):
        raise UsageError(f"to be replaced: {text}: there is no =", cure='As in: --replace "voice see li=voicecli"')
    return heard.strip(), written


def _toggle(session: Session, recorder: Recorder) -> None:
    _stop(session, recorder) if recorder.process() else _start(session, recorder, "toggle")


def _status(session: Session, recorder: Recorder) -> None:
    from voicecli.text.figures import length

    if not recorder.process():
        session.console.result(session.console.say("not listening"))
        raise typer.Exit(1)
    session.console.result(session.console.say(f"listening for {length(recorder.since())}"))


def _start(session: Session, recorder: Recorder, action: str = "start") -> None:
    """The same command without its action, in the background."""
    if os.name == "nt":
        raise UsageError("a dictation in the background needs locks and signals, which Windows lacks")
    if recorder.process():
        raise UsageError("a dictation is going on already", cure="End it: voice dictate stop")
    at = sys.argv.index(action, sys.argv.index("dictate"))  # behind it the same word may be a flag's
    # What it notes tells that it listens.
    words = [each for each in (*sys.argv[1:at], *sys.argv[at + 1 :]) if each not in ("-q", "--quiet")]
    command, name = [sys.executable, "-m", "voicecli", *words], "…"
    listens = session.console.say(f"listening to {name}").removesuffix(name)
    from voicecli.storage.atomic import private_folder

    private_folder(recorder.folder)
    with recorder.text.open("wb") as out, recorder.trouble.open("wb") as err:
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=nothing, stdout=out, stderr=err, start_new_session=True)
    until = time.monotonic() + START_S
    while listens not in (told := recorder.trouble.read_text("utf-8", "replace")) and time.monotonic() < until:
        if code := process.poll():
            failure = VoiceError((_troubles(session.console, told) or ["nobody listens"])[-1])
            failure.exit_code = code
            raise failure
        time.sleep(0.05)
    if listens in told:
        session.console.note("listening; voice dictate stop ends it")
    else:
        session.console.warn("it does not listen yet, as something is slow; voice dictate stop ends it")


def _stop(session: Session, recorder: Recorder) -> None:
    """Ends the recorder as Ctrl-C would, and prints what it wrote in the background."""
    if not (number := recorder.process()):
        raise UsageError("no dictation is going on", cure="Begin one: voice dictate start")
    os.kill(number, signal.SIGINT)
    if not recorder.ended(END_S):
        raise VoiceError("the dictation does not end", cure=f"End its process by hand: kill {number}")
    if recorder.text.exists():
        session.console.write(recorder.text.read_text("utf-8", "replace"))
        recorder.text.unlink()
    if recorder.trouble.exists():
        for line in _troubles(session.console, recorder.trouble.read_text("utf-8", "replace")):
            session.console.warn(line)


def _troubles(console: Console, told: str) -> list[str]:
    """The errors and warnings of a recorder, without their labels: it speaks the person's language too."""
    labels = [console.say(label) for label in (ERROR, WARNING)]
    found = ((line, label) for line in told.splitlines() for label in labels if line.startswith(label))
    return [line.removeprefix(label).strip() for line, label in found]


_ACTIONS = {"start": _start, "stop": _stop, "toggle": _toggle, "status": _status}
