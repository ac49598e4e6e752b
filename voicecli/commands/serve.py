"""`voice serve`: what voicecli can use, for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import taking
from voicecli.errors import UsageError, VoiceError

if TYPE_CHECKING:
    from voicecli.commands.session import Session
    from voicecli.server.app import Beside
    from voicecli.types import Backend, Verb

NEEDED = ("fastapi", "uvicorn", "multipart", "prometheus_client")


@dataclass(frozen=True, slots=True)
class ServeFlags:
    """The flags of `voice serve`."""

    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1"
    port: Annotated[int, typer.Option("--port", metavar="NUMBER", min=0, max=65535, help="0: any free one.")] = 8000
    wyoming: Annotated[
        int | None,
        typer.Option("--wyoming", metavar="PORT", min=0, max=65535, help="Home Assistant's protocol too, here alone."),
    ] = None
    device: Annotated[
        bool, typer.Option("--device", help="Lend microphone and loudspeaker: voice talk --device ws://HERE:PORT.")
    ] = False
    manage_models: Annotated[
        bool, typer.Option("--manage-models", help="Clients may fetch and remove the models of this machine.")
    ] = False
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A name this server is asked by.")
    ] = None
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", metavar="URL", help="A page's origin that may ask.")
    ] = None


@taking(ServeFlags)
def serve(ctx: typer.Context, flags: ServeFlags) -> None:
    """Serve recognition, chat, speech, embeddings and conversation to clients of OpenAI's API.

    Another address than this machine's own needs a key, and so do --device and --manage-models: voice keys set serve.

    Examples:
      voice serve
      voice serve --port 9000 --backend work
      voice serve --wyoming 10300
      curl http://127.0.0.1:8000/v1/audio/speech -d '{"input": "Hello."}' -H 'content-type: application/json' -o a.mp3
    """
    for extra, names in (("serve", NEEDED), ("wyoming", () if flags.wyoming is None else ("wyoming",))):
        if missing := [name for name in names if find_spec(name) is None]:
            raise UsageError(f"serving needs {', '.join(missing)}", cure=f"Install it: pip install 'voicecli[{extra}]'")
    from voicecli.server.listening import run

    # uvicorn minds the signals, and lets what goes on end
    run(_listen(common.session(ctx), flags))


def _wyoming(session: Session, port: int) -> Beside:
    from voicecli.server import wyoming

    listener = wyoming.door(port)
    session.console.note(f"Wyoming at tcp://{wyoming.HOST}:{listener.getsockname()[1]}")
    return lambda pool: wyoming.listening(pool, listener)


async def _provided(session: Session) -> None:
    """Fetches the models of this machine that are missing, where the person wants them; it serves without them too."""
    from voicecli.usecases.models import provide

    try:
        wanted: list[tuple[Verb, Backend]] = [(verb, session.choose(verb)[1]) for verb in ("transcribe", "speak")]
        await provide(session.config(), wanted, None, session.console, session.ask)
    except VoiceError as exc:
        session.console.warn(str(exc))


async def _listen(session: Session, flags: ServeFlags) -> None:
    from voicecli.server.app import app_of, policy_of
    from voicecli.server.guard import is_own
    from voicecli.server.listening import listen

    services = session.services()
    await _provided(session)
    wanted = flags.device or flags.manage_models or not is_own(flags.host)
    hosts, origins = flags.allow_host or [], flags.allow_origin or []
    policy = policy_of(services.config.config_dir, key_needed=wanted, hosts=hosts, origins=origins)
    beside = [] if flags.wyoming is None else [_wyoming(session, flags.wyoming)]
    app = app_of(services, policy, beside=beside, lends=flags.device, manages=flags.manage_models)
    await listen(app, flags.host, flags.port, lambda address: session.console.note(f"listening on {address}"))
