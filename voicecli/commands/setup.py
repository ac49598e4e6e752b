"""`voice setup`: the first configuration, by questions or by flags.

Belongs here: flags, and the order of looking, asking and writing. Does not belong here: what is asked and what follows
(usecases.setup), the questions' looks (terminal.setting_up).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands.flags import VoiceName
from voicecli.commands.session import Session, session, voice_name
from voicecli.commands.session import run as in_loop
from voicecli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.config import Config
    from voicecli.config.edit import FoundBackend
    from voicecli.usecases.setup import Answers, Candidate
    from voicecli.wiring.services import Services

NOBODY = "voice setup --use local --yes, or: voice setup --use groq --key-env GROQ_API_KEY --yes"


def setup(
    ctx: typer.Context,
    use: Annotated[
        list[str] | None,
        typer.Option(
            "--use", metavar="NAME", help="Who serves: local, a service, a server found here, an address; repeatable."
        ),
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="VAR", help="The variable with the key of the first --use.")
    ] = None,
    microphone: Annotated[str | None, typer.Option("--microphone", metavar="NAME", help="A part of its name.")] = None,
    loudspeaker: Annotated[
        str | None, typer.Option("--loudspeaker", metavar="NAME", help="A part of its name.")
    ] = None,
    voice: VoiceName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: flags, and what would be offered.")] = False,
) -> None:
    """Set voice up: who recognises, thinks and speaks, with which key, microphone, loudspeaker and voice.

    Examples:
      voice setup
      voice setup --use local --yes
      voice setup --use groq --key-env GROQ_API_KEY --microphone USB --yes
      voice setup --use http://192.168.1.5:8000/v1

    Nothing is written before the end, and then only what was answered; comments in the file stay. A service is asked
    for its models, which costs nothing, once it was chosen.
    """
    from voicecli.usecases.setup import Answers, choices, chosen, keyed_by, usual

    run = session(ctx)
    flags = any(each is not None for each in (use, key_env, microphone, loudspeaker, voice)) or yes
    asks = run.ask is not None and not yes and not run.json
    if not asks and not flags:
        raise UsageError("set-up asks questions, and there is nobody to answer them", cure=NOBODY)
    path, config = run.file, _present(run)
    found = choices(config, _servers(run) if asks or use else [], run.env)
    given = Answers(chosen(" ".join(use), found) if use else None, {}, microphone, loudspeaker, voice_name(voice))
    offered = usual(found, config, run.env)
    if not asks and given.chosen is None and yes and offered is not None:
        given = replace(given, chosen=(found[offered],))
    if key_env:
        if not given.chosen:
            raise UsageError("--key-env needs --use", cure="Name the service that the key is for.")
        given = keyed_by(given, key_env)
    given = _tried(run, path, given)
    _write(run, path, _asked(run, path, found, offered, given) if asks else given, config)


def _present(run: Session) -> Config:
    """The configuration that holds now. A file that --config names need not be there yet."""
    if run.file.exists():
        return run.config()
    from voicecli.config.resolve import File, resolve

    return resolve({}, File())


def _servers(run: Session) -> list[FoundBackend]:
    from voicecli.backends import nearby
    from voicecli.usecases.nearby import as_found

    with run.console.progress("looking for servers here"):
        return [*filter(None, map(as_found, in_loop(lambda: nearby.look(nearby.everywhere()))))]


def _draft(run: Session, path: Path, answers: Answers) -> Services:
    """The services as they would be after these answers."""
    from voicecli.config.edit import drafted
    from voicecli.usecases.setup import changes, start, with_keys
    from voicecli.wiring.services import Services

    config = drafted(path, changes(answers, _present(run)), run.env, start(answers), run.profile or "")
    return Services(*with_keys(config, run.env, answers.keys), run.console)


def _asked(run: Session, path: Path, found: list[Candidate], offered: int | None, given: Answers) -> Answers:
    from voicecli.config.files import folders
    from voicecli.config.keys import stored
    from voicecli.terminal.setting_up import Interview

    keys = sorted(stored(folders().config))
    interview = Interview(run.console, lambda each: _draft(run, path, each), found, offered, run.env, keys, given)
    return in_loop(interview.run)


def _tried(run: Session, path: Path, given: Answers) -> Answers:
    """Services whose keys are at hand, tried; an address gets the models that it lists. Raises what a trial raises."""
    from voicecli.usecases import trying
    from voicecli.usecases.setup import Answers, with_models
    from voicecli.wiring import with_key

    chosen = []
    for each in given.chosen or ():
        if each.table and each.variable and not run.env.get(each.variable):
            run.console.note(f"{each.name} is not tried: {each.variable} is not set.")
        elif each.table:
            services = _draft(run, path, Answers((each,)))
            backend = with_key(services.config.backends[each.name], services.config, run.env, run.console)
            words, names = in_loop(partial(trying.service, backend))
            run.console.note(f"{each.name} {words}")
            each = with_models(each, trying.fitting(names))
        chosen.append(each)
    return replace(given, chosen=tuple(chosen) or None)


def _write(run: Session, path: Path, answers: Answers, config: Config) -> None:
    """The file and the keys, at the end and at once, and what comes next."""
    from voicecli.config.edit import change
    from voicecli.config.files import folders
    from voicecli.config.keys import store
    from voicecli.usecases.setup import changes, start

    wanted = changes(answers, config)
    if wanted:
        change(path, wanted, run.env, start(answers))
    for name, key in answers.keys.items():
        store(folders().config, name, key)
    if run.json:
        run.console.json_line({"path": path, "changed": [".".join(each) for each in wanted]})
        return
    run.console.result(f"{path} is written." if wanted else f"{path} is as it was.")
    run.console.note("Change it: voice config edit, or voice setup again. Everything well? voice doctor")
    run.console.result("Now: voice talk")
