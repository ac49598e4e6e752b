"""Configuration to opened adapters: who serves a verb, is it able to, and where do the words go.

Belongs here: choosing a backend, opening its adapter (with its key, a bridge where it lacks the very
capability), refusing options before work begins, saying once to which host audio or text goes.
Does not belong here: talking to a service, printing, flags. Only commands call it, inside functions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from voicecli.errors import ConfigError, UsageError, VoiceError
from voicecli.types import Backend, Verb

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.backends.registry import Family
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.types import ChatOptions


USED_FOR: dict[Verb, str] = {
    "transcribe": "transcribe",
    "transcribe_live": "transcribe",
    "chat": "chat",
    "speak": "speak",
    "speak_live": "speak",
    "voices": "speak",
    "models": "chat",
    "health": "chat",
    "embed": "embed",
    "similar": "embed",
    "rerank": "embed",
    "image_make": "image",
    "image_describe": "image",
    "image_enhance": "image",
    "image_animate": "image",
    "video_track": "video",
    "video_smooth": "video",
    "learn": "learn",
}
"""Under which key of `[use]` the backend for a verb stands."""

BRIDGED: dict[Verb, Verb] = {
    "transcribe": "transcribe_live",
    "transcribe_live": "transcribe",
    "speak_live": "speak",
    "similar": "embed",
    "rerank": "embed",
}
"""What a family needs to be lifted to a verb that it lacks."""

LEAVES: dict[Verb, str] = {
    "transcribe": "audio",
    "transcribe_live": "audio",
    "chat": "text",
    "speak": "text",
    "speak_live": "text",
    "embed": "text",
    "similar": "text",
    "rerank": "text",
    "image_make": "text",
    "image_describe": "a picture",
    "image_enhance": "a picture",
    "image_animate": "a picture",
    "video_track": "a video",
    "video_smooth": "a video",
    "learn": "a document",
}
"""What leaves the machine when a verb is served elsewhere."""

FLAGS = {"hotwords": "--hotword", "n": "--answers", "images": "pictures (--attach)", "tools": "tools (--tool)"}
"""Option fields whose flag is not simply their name with dashes."""


# -- choosing --------------------------------------------------------------------------------------


def choose(verb: Verb, cfg: Config, name: str | None = None) -> tuple[Family, Backend]:
    """The backend that serves `verb`: `name`, or the one that `[use]` says. ConfigError when it can't."""
    backend = backend_named(cfg, name or used_for(verb, cfg))
    family = family_of(backend)
    if not able(family, verb):
        raise ConfigError(
            f"'{family.name}' does not offer {_spoken(verb)}",
            who=backend.name,
            cure=f"Choose another with --backend or [use]: {_who_can(verb, cfg)}",
        )
    return family, backend


def used_for(verb: Verb, cfg: Config) -> str:
    """The name under `[use]` for `verb`; where nobody named one, a backend that is used anyway and can do it."""
    name: str = getattr(cfg.use, USED_FOR[verb])
    return name or _nobody_named(verb, cfg)


def _nobody_named(verb: Verb, cfg: Config) -> str:
    """The first that serves chat, speech or recognition and has the verb; else the only other one; else chat's."""
    from voicecli.backends.registry import FAMILIES

    def can(name: str) -> bool:
        backend = cfg.backends.get(name)
        return backend is not None and backend.family in FAMILIES and able(family_of(backend), verb)

    used = [name for name in (cfg.use.chat, cfg.use.speak, cfg.use.transcribe) if can(name)]
    others = [name for name in cfg.backends if can(name)]
    return next(iter(used), others[0] if len(others) == 1 else cfg.use.chat)


def backend_named(cfg: Config, name: str) -> Backend:
    """`[backends.NAME]`, or the family of that name with its defaults. ConfigError for neither."""
    from voicecli.backends.registry import FAMILIES

    if name in cfg.backends:
        return cfg.backends[name]
    if name in FAMILIES and FAMILIES[name].local:
        return Backend(name=name, family=name)
    known = ", ".join(sorted({*cfg.backends, *(f.name for f in FAMILIES.values() if f.local)}))
    raise ConfigError(f"no backend is called '{name}'", cure=f"Known are: {known}{_nearest(name, known.split(', '))}")


def family_of(backend: Backend) -> Family:
    """The Family of `backend`, as it is configured; ConfigError naming the nearest when there is none."""
    from voicecli.backends.registry import FAMILIES

    if backend.family not in FAMILIES:
        raise ConfigError(
            f"no family is called '{backend.family}'",
            who=f"[backends.{backend.name}]",
            cure=f"Known are: {', '.join(FAMILIES)}{_nearest(backend.family, list(FAMILIES))}",
        )
    return FAMILIES[backend.family].of(backend)


def able(family: Family, verb: Verb) -> bool:
    """Whether `family` serves `verb`, itself or over a bridge."""
    return family.can(verb) or (verb in BRIDGED and family.can(BRIDGED[verb]))


def _who_can(verb: Verb, cfg: Config) -> str:
    """Configured backends that serve `verb`, then families."""
    from voicecli.backends.registry import FAMILIES

    backends = [b.name for b in cfg.backends.values() if b.family in FAMILIES and able(family_of(b), verb)]
    families = [f.name for f in FAMILIES.values() if able(f, verb)]
    parts = [f"backends {', '.join(backends)}"] if backends else []
    return "; ".join([*parts, f"families {', '.join(families) or '(none)'}"])


def _nearest(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f". Did you mean '{near[0]}'?" if near else ""


def _spoken(verb: str) -> str:
    return verb.replace("_", " ")


def _doing(verb: Verb) -> str:
    """The purpose in words: to speak, for image make."""
    return f"for {_spoken(verb)}" if "_" in verb and USED_FOR[verb] in ("image", "video") else f"to {USED_FOR[verb]}"


# -- settling a guess ------------------------------------------------------------------------------


SPOKEN_TO = r"whisper|transcri|asr|sensevoice|paraformer|parakeet|canary|voxtral|speech-to-text|stt"
SPEAKS = r"tts|kokoro|cosyvoice|chattts|piper|bark|xtts|orpheus|fish-speech|text-to-speech"
OTHER = r"embed|rerank|moderation|dall-e|image|diffusion|video|realtime|audio"
MODELS = {"transcribe": SPOKEN_TO, "speak": SPEAKS}
"""How models of a verb are called; what neither is nor looks like OTHER is taken for a chat model."""

PATIENCE_S = 5.0


async def settle(cfg: Config, verbs: Iterable[Verb], env: Mapping[str, str], report: Reporter) -> Config:
    """`cfg` with each backend that nobody named for `verbs`, only guessed, held against what it turns out to have.

    A verb that the service lacks goes to the embedded backend. An address of one's own is asked for its
    models, once, and one is taken where the usual names are not among them. Never raises for a service
    that does not answer: the request that follows will tell.
    """
    listed: dict[str, list[str]] = {}
    wanted = cfg.guessed & {USED_FOR[verb] for verb in verbs}
    for verb in sorted(wanted):
        backend = cfg.backend_for(verb)
        if not able(family_of(backend), cast(Verb, verb)):
            cfg = _use_embedded(cfg, verb, report)
        elif _is_default(cfg, backend, verb) and not _is_known(backend):
            if backend.name not in listed:
                listed[backend.name] = await _models(cfg, backend, env)
            cfg = _use_listed(cfg, backend, verb, listed[backend.name], report)
    return replace(cfg, guessed=cfg.guessed - wanted)


def _is_default(cfg: Config, backend: Backend, verb: str) -> bool:
    """Whether nobody named the model for `verb`."""
    return cfg.sources.get(f"backends.{backend.name}.{verb}_model", "default") == "default"


def _is_known(backend: Backend) -> bool:
    """Whether the usual model names are surely right."""
    return hosts("chat", backend) == ["api.openai.com"]


async def _models(cfg: Config, backend: Backend, env: Mapping[str, str]) -> list[str]:
    """What the service lists; nothing when it does not answer in time."""
    import asyncio

    try:
        async with asyncio.timeout(PATIENCE_S):
            async with AsyncExitStack() as stack:
                opened = with_key(replace(backend, timeout_s=PATIENCE_S), cfg, env)
                catalog = await enter(stack, family_of(backend), opened, "models")
                return list(await catalog.models())
    except (VoiceError, TimeoutError):
        return []


def _use_listed(cfg: Config, backend: Backend, verb: str, listed: list[str], report: Reporter) -> Config:
    """`cfg` with a model that the service lists for `verb`, or without the service where it lists none."""
    usual = getattr(backend, f"{verb}_model")
    if not listed or usual in listed:
        return cfg
    if not (fitting := [name for name in listed if is_for(name, verb)]):
        return _use_embedded(cfg, verb, report)
    report.detail(f"{backend.name} does not list {usual}; {fitting[0]} is used to {verb}.")
    model: dict[str, Any] = {f"{verb}_model": fitting[0]}
    newer = replace(cfg.backends[backend.name], **model)
    return replace(cfg, backends={**cfg.backends, backend.name: newer})


def is_for(model: str, verb: str) -> bool:
    """Whether a model's name sounds like one for `verb`."""
    import re

    if verb in MODELS:
        return bool(re.search(MODELS[verb], model, re.IGNORECASE))
    return not re.search("|".join([*MODELS.values(), OTHER]), model, re.IGNORECASE)


def _use_embedded(cfg: Config, verb: str, report: Reporter) -> Config:
    from voicecli.config import EMBEDDED

    report.note(f"{cfg.backend_for(verb).name} has nothing to {verb} with; the embedded backend does it.")
    return replace(cfg, use=replace(cfg.use, **{verb: EMBEDDED}))


# -- refusing options ------------------------------------------------------------------------------


def check_options(family: Family, verb: Verb, options: Any) -> None:
    """UsageError for a set option that `family` does not honour at `verb`, naming the families that do."""
    from voicecli.backends.registry import FAMILIES

    taken = takes(family, verb)
    for each in fields(options):
        if each.name == "text" or each.name in taken or not _is_set(getattr(options, each.name)):
            continue
        others = [other.name for other in FAMILIES.values() if each.name in takes(other, verb)]
        can = f"Families that do: {', '.join(others)}" if others else "No family does"
        raise UsageError(f"does not take {_flag(each.name)} {_doing(verb)}", who=family.name, cure=can)
    for first, second in family.apart.get(verb if family.can(verb) else BRIDGED.get(verb, verb), ()):
        if _is_set(getattr(options, first)) and _is_set(getattr(options, second)):
            what = f"does not take {_flag(second)} with {_flag(first)}"
            raise UsageError(what, who=family.name, cure=f"Leave {_flag(second)} out.")


def _flag(option: str) -> str:
    return FLAGS.get(option, "--" + option.replace("_", "-"))


def with_chat_settings(family: Family, options: ChatOptions, cfg: Config, report: Reporter) -> ChatOptions:
    """`options` with the `[chat]` settings where nothing was asked for and `family` has the option."""
    wanted: dict[str, Any] = {"temperature": cfg.chat.temperature, "max_tokens": cfg.chat.max_tokens}
    unset = {name: value for name, value in wanted.items() if value is not None and getattr(options, name) is None}
    taken = takes(family, "chat")
    for name in unset.keys() - taken:
        report.detail(f"[chat] {name} is not for this backend and stays unsent.")
    return replace(options, **{name: value for name, value in unset.items() if name in taken})


def check_language(family: Family, verb: Verb, language: str | None, report: Reporter) -> None:
    """UsageError for a language that `family` does not have; a note on its limits when none was asked for."""
    from voicecli.backends.registry import FAMILIES

    if not language:
        if notice := family.notices.get(USED_FOR[verb]):
            report.note(f"{family.name}: {notice}.")
        return
    if not _has_language(family, verb, language):
        others = [
            other.name for other in FAMILIES.values() if able(other, verb) and _has_language(other, verb, language)
        ]
        only = ", ".join(sorted(family.languages[USED_FOR[verb]]))
        raise UsageError(
            f"can {_spoken(USED_FOR[verb])} only {only}, not '{language}'",
            who=family.name,
            cure=f"Families that have it: {', '.join(others) or '(none)'}.",
        )


def _has_language(family: Family, verb: Verb, language: str) -> bool:
    has = family.languages.get(USED_FOR[verb])
    return has is None or language.lower().replace("_", "-").split("-")[0] in has


def takes(family: Family, verb: Verb) -> frozenset[str]:
    """The option fields that `family` honours at `verb`, over a bridge too."""
    if family.can(verb) or verb not in BRIDGED:
        return family.takes.get(verb, frozenset())
    return family.takes.get(BRIDGED[verb], frozenset())


def _is_set(value: Any) -> bool:
    return value is not None and value is not False and value != () and value != ""


# -- opening ---------------------------------------------------------------------------------------


@asynccontextmanager
async def open_adapter(
    verb: Verb,
    cfg: Config,
    name: str | None = None,
    *,
    env: Mapping[str, str],
    report: Reporter | None = None,
) -> AsyncIterator[Any]:
    """The adapter for `verb`, opened, with its key looked up; leaving the block closes it.

    Raises ConfigError (no such backend, it can't, no key), and what the adapter raises on opening.
    """
    family, backend = choose(verb, cfg, name)
    backend = with_key(backend, cfg, env, report)
    if report is not None:
        announce(verb, family, backend, cfg.state_dir, report)
    async with AsyncExitStack() as stack:
        yield await enter(stack, family, backend, verb)


def with_key(backend: Backend, cfg: Config, env: Mapping[str, str], report: Reporter | None = None) -> Backend:
    """`backend` with its key looked up; the reporter will mask it from now on."""
    from voicecli.config.keys import resolve_key

    backend = resolve_key(backend, env, cfg.config_dir)
    if report is not None and backend.key:
        report.hide(backend.key)
    return backend


async def enter(stack: AsyncExitStack, family: Family, backend: Backend, verb: Verb) -> Any:
    """Opens the adapter on `stack`, behind a bridge where the family lacks the very verb."""
    if family.can(verb):
        return await stack.enter_async_context(getattr(family, verb)(backend))
    from voicecli.wiring import bridges
    from voicecli.wiring import nearness as meaning

    inner = await stack.enter_async_context(getattr(family, BRIDGED[verb])(backend))
    return (meaning.BRIDGES.get(verb) or bridges.BRIDGES[verb])(inner)


# -- saying where words go -------------------------------------------------------------------------


def announce(verb: Verb, family: Family, backend: Backend, state_dir: Path, report: Reporter) -> None:
    """One note, once per configuration, when audio or text goes to another machine; one more for a bare key."""
    if family.local or report.quiet:
        return
    abroad = [host for host in hosts(verb, backend) if not is_loopback(host)]
    bare = [host for host in in_the_clear(verb, backend) if not is_near(host)]
    whither = f"(backend {backend.name}; said once)."
    if verb in LEAVES and abroad:
        text = f"{LEAVES[verb]} goes to {' or '.join(abroad)} {whither}"
        _say_once([LEAVES[verb], backend, *abroad], text, state_dir, report)
    if backend.key and bare:
        cure = "Whoever is on the way can read it: use https"
        text = f"the key goes unencrypted to {' or '.join(bare)} {whither} {cure}."
        _say_once(["key", backend, *bare], text, state_dir, report)


def _say_once(about: list[Any], text: str, state_dir: Path, report: Reporter) -> None:
    """A note, unless one about the same was made before."""
    from hashlib import sha256

    parts = [part for each in about for part in ((each.name, each.family) if isinstance(each, Backend) else (each,))]
    mark = sha256("\n".join(parts).encode()).hexdigest()[:32]
    book = state_dir / "announced"
    try:
        if mark in book.read_text().split():
            return
    except (OSError, UnicodeDecodeError):
        pass
    report.note(text)
    _remember(book, mark)


def _remember(book: Path, mark: str) -> None:
    """A state folder that cannot be written costs only that the note is repeated."""
    try:
        book.parent.mkdir(parents=True, exist_ok=True)
        with book.open("a") as file:
            file.write(mark + "\n")
    except OSError:
        return


ADDRESSES: dict[str, str] = {
    "transcribe": "asr_url",
    "chat": "chat_url",
    "speak": "tts_url",
    "embed": "embedding_url",
}
"""The address that a verb has of its own, before `base_url`."""


def hosts(verb: Verb, backend: Backend) -> list[str]:
    """The hosts that `verb` may reach, in order, without repetition."""
    return list(dict.fromkeys(host for url in addresses(verb, backend) if (host := host_of(url))))


def in_the_clear(verb: Verb, backend: Backend) -> list[str]:
    """Those of the hosts that are reached without encryption."""
    plain = [url for url in addresses(verb, backend) if url.lower().startswith(("http://", "ws://"))]
    return list(dict.fromkeys(host for url in plain if (host := host_of(url))))


def addresses(verb: Verb, backend: Backend) -> list[str]:
    """The addresses that `verb` may ask."""
    from voicecli.backends.registry import FAMILIES

    own = getattr(backend, ADDRESSES.get(USED_FOR[verb], ""), "")
    live = backend.live_url if verb == "transcribe_live" else ""
    urls = [live, own] if (live or own) else [backend.base_url, *backend.base_urls]
    if not any(urls) and backend.family in FAMILIES:
        urls = [*FAMILIES[backend.family].bases]
    return [url for url in urls if url]


def host_of(url: str) -> str:
    """The host in `url`, with or without a scheme; "" when there is none."""
    if not url:
        return ""
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether `host` is this very machine."""
    from ipaddress import ip_address

    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_near(host: str) -> bool:
    """Whether `host` is this machine or stands in a private network: a private address, or a name without a dot."""
    from ipaddress import ip_address

    if is_loopback(host) or host.endswith((".local", ".lan", ".internal")) or not set(".:") & set(host):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False
