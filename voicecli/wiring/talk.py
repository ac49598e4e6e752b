"""Configuration to a conversation: ears, model, voice, devices or tapes, and the rules, all opened.

Belongs here: putting the parts of a conversation together and closing them in order. Does not belong here: what
the parts do, printing, flags.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.audio.cues import CUES, SOFT, tones
from voicecli.audio.endpointer import Timing
from voicecli.audio.vad import Detector
from voicecli.config.keys import stored
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.events import Event, Notice, PhaseChanged, Ready, TurnLost, UserSaid
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.waking import Sleep
from voicecli.errors import UsageError, task_group
from voicecli.ports import Loudspeaker, Microphone, Responder, Rings, Toolbox
from voicecli.storage.writing import refuse_input
from voicecli.types import AudioFrame, Picture, Secret
from voicecli.wiring.adapters import Adapters, Opener, TalkRequest
from voicecli.wiring.cascade import Pacing, cascade_of, looked_at, pacing_of, thinker_of
from voicecli.wiring.devices import RESTS, Devices
from voicecli.wiring.direct import hears_and_speaks, open_direct
from voicecli.wiring.services import Services
from voicecli.wiring.showing import Showing
from voicecli.wiring.talk_files import LOST_TURNS, KeptTurns, Recording
from voicecli.wiring.waking import behind, minded

if TYPE_CHECKING:
    from voicecli.config import Config
    from voicecli.ports import Reporter


LONGEST_SILENCE_MS = 10_000.0
"""Where the service finds the end of a turn, we end it only after so much."""


@dataclass(slots=True)
class Talk:
    """An opened conversation: run it, and tell its audience `ready` through `emit` when both devices run."""

    conversation: Dialogue
    emit: Callable[[Event, int], None]
    clock: Callable[[], float]
    devices: Devices
    show: Callable[[Picture], None]
    """A picture goes with what the person says next. Raises UsageError where none is taken."""
    announcements: Callable[[], AsyncIterator[str]] | None = None
    recording: Recording | None = None
    """Both sides of the conversation, on disk."""

    @property
    def saved(self) -> Path | None:
        """The folder with both sides of the conversation."""
        return None if self.recording is None else self.recording.folder

    async def run(self) -> None:
        """Opens the devices, says `ready`, and talks until the input ends or somebody leaves."""
        async with AsyncExitStack() as stack:
            microphone, loudspeaker = await self.devices.open(stack, self.conversation)
            self.emit(Ready(microphone.name, loudspeaker.name), 0)
            async with task_group() as tasks:
                beside = [tasks.create_task(work) for work in (self._ring(), loudspeaker.keep())]
                await self.conversation.run(self._frames(microphone, loudspeaker))
                for each in beside:
                    each.cancel()

    async def _frames(self, microphone: Microphone, loudspeaker: Loudspeaker) -> AsyncIterator[AudioFrame]:
        """Each frame goes to the conversation, then to whoever runs on the microphone's clock."""
        async for frame in microphone:
            yield frame
            loudspeaker.passed(frame)
            if self.recording is not None:
                self.recording.heard(frame)

    async def _ring(self) -> None:
        if self.announcements is None:
            return
        async for text in self.announcements():
            self.conversation.keys.announce(text)


@asynccontextmanager
async def open_talk(
    cfg: Config,
    request: TalkRequest,
    env: Mapping[str, str],
    report: Reporter,
    emit: Callable[[Event, int], None],
    toolbox: Toolbox | None = None,
) -> AsyncIterator[Talk]:
    """Everything opened but the sound devices. Raises ConfigError, UsageError and what opening raises.

    `toolbox` are the tools that a model which can call functions is offered; whoever gives it closes it.
    """
    check_request(request)
    key = stored(cfg.config_dir).get("serve") if cfg.audio.device else None
    devices = Devices(cfg.audio, request.ends, lambda text: emit(Notice(text), 0), key=Secret(key) if key else None)
    async with AsyncExitStack() as stack:
        services = Services(cfg, env, report, request.backend)
        history = History(cfg.chat.system, cfg.chat.max_history_tokens, request.messages)
        direct = request.agent is None and request.answers is None and hears_and_speaks(cfg, request.backend)
        opened = None if direct else await Opener(services, request, stack, lambda text: emit(Notice(text), 0)).all()
        recording = _recording(request, devices, stack)
        showing = Showing(lambda _pictures: None)
        told = cued(_fan_out(emit, showing.emit, recording.note if recording else None), devices, cfg.talk.cues)
        if cfg.talk.wake.strip():
            sleep = Sleep(cfg.talk.wake, cfg.talk.awake_s, devices.clock, lambda: chime(devices, "woke"))
            devices.asleep = lambda: not sleep.awake
            opened, told = behind(sleep, opened), minded(told, sleep)
        if request.ends.devices and not (cfg.talk.headphones or cfg.talk.barge_in == "off" or request.push_to_talk):
            devices.cancel_echo(report)
        rules = rules_of(cfg, request, opened, echo=devices.cancels)
        responder: Responder
        pacing = None
        if opened is None:
            responder = await open_direct(services, request, stack, history, toolbox, devices)
            showing.take = responder.colloquy.show
        else:
            pacing = pacing_of(opened, services)
            showing.take = partial(looked_at, opened)
            thinker = thinker_of(opened, toolbox, report, showing)
            responder = cascade_of(cfg, opened, thinker, devices.playout.rate, devices.clock, pacing)
        parts = _parts(cfg, request, responder, devices, told, pacing)
        rings = _announcements(opened and opened.model, toolbox)
        dialogue = Dialogue(parts, rules, history)
        talk = Talk(dialogue, parts.emit, devices.clock, devices, showing.show, rings, recording)
        if cfg.talk.barge_in == "auto" and not (rules.barge_in or rules.push_to_talk) and request.ends.input is None:
            emit(Notice(f"{RESTS} (use --headphones to talk over it)"), 0)
        yield talk


def _recording(request: TalkRequest, devices: Devices, stack: AsyncExitStack) -> Recording | None:
    """Both sides of the conversation, on disk."""
    if request.save is None:
        return None
    recording = stack.enter_context(Recording(request.save, devices.playout.rate))
    recording.tell = devices.tell
    devices.overheard.append(recording.sounded)
    return recording


def _announcements(*sources: object) -> Callable[[], AsyncIterator[str]] | None:
    """What rings by itself: timers, be they the model's or a tool's."""
    return next((each.announcements for each in sources if isinstance(each, Rings)), None)


def _parts(
    cfg: Config,
    request: TalkRequest,
    responder: Responder,
    devices: Devices,
    emit: Callable[[Event, int], None],
    pacing: Pacing | None,
) -> Parts:
    keep = KeptTurns(request.save or cfg.state_dir / LOST_TURNS)
    if not request.private and (earlier := keep.earlier()):
        devices.tell(earlier)
    return Parts(
        responder,
        detect=Detector(cfg.talk.vad).detect,
        playout=devices.playout,
        emit=_offering(emit, keep),
        clock=devices.clock,
        keep=(lambda _turn, _pcm: "") if request.private else keep.keep,
        kept=keep.take,
        separable=devices.separable,
        away=devices.away,
        pace=None if pacing is None else pacing.change,
    )


def _offering(emit: Callable[[Event, int], None], kept: KeptTurns) -> Callable[[Event, int], None]:
    """`emit`, which also offers the turns that were lost before, once a turn is answered again."""

    def both(event: Event, turn: int) -> None:
        emit(event, turn)
        if offer := kept.after(event):
            emit(Notice(offer), turn)

    return both


def check_request(request: TalkRequest) -> None:
    """UsageError for combinations that make no sense."""
    ends = request.ends
    if ends.fast and (ends.input is None or ends.output is None):
        raise UsageError("--fast needs --input and --output: a sound device can't go faster than time")
    if request.push_to_talk and ends.input is not None:
        raise UsageError("--ptt needs a microphone, not --input")
    if ends.input not in (None, "-") and ends.output not in (None, "-"):
        refuse_input(Path(str(ends.output)), ends.input)


def rules_of(cfg: Config, request: TalkRequest, opened: Adapters | None, *, echo: bool) -> Rules:
    """The rules of the conversation from the configuration and what the families can; of one service without them."""
    talk = cfg.talk
    by_service = opened is None and talk.turns == "service"
    timing = Timing(
        soft_end_ms=talk.soft_end_ms,
        end_ms=LONGEST_SILENCE_MS if by_service else talk.end_ms,
        max_turn_s=talk.max_turn_s,
        pre_roll_ms=talk.pre_roll_ms,
    )
    return Rules(
        timing=timing,
        end_ms_min=min(talk.end_ms_min, talk.end_ms),
        end_ms_max=talk.end_ms_max,
        barge_in={"on": True, "off": False, "auto": talk.headphones or echo}[talk.barge_in],
        push_to_talk=request.push_to_talk,
        trust_punctuation=opened is not None and not opened.ears_family.punctuates_fragments,
        end_words=talk.end_words,
        learns=talk.learn_pauses and not by_service,
        answer_ends=by_service,
        language=request.language,
    )


def _cue_of(event: Event) -> str:
    """Which cue an event is."""
    if isinstance(event, PhaseChanged):
        return event.phase if event.phase == "listening" else ""
    return {UserSaid: "taken", TurnLost: "lost"}.get(type(event), "")


def cued(emit: Callable[[Event, int], None], devices: Devices, wanted: Sequence[str]) -> Callable[[Event, int], None]:
    """`emit`, with a tone for each event that is wanted, in a lane of its own."""
    if not wanted:
        return emit

    def both(event: Event, turn: int) -> None:
        emit(event, turn)
        if (cue := _cue_of(event)) in wanted:
            chime(devices, cue)

    return both


def _fan_out(
    emit: Callable[[Event, int], None], *before: Callable[[Event, int], None] | None
) -> Callable[[Event, int], None]:
    def everybody(event: Event, turn: int) -> None:
        for each in filter(None, (*before, emit)):
            each(event, turn)

    return everybody


def chime(devices: Devices, cue: str) -> None:
    """A soft tone."""
    lane = devices.playout.lane()
    lane.write(tones(CUES[cue], devices.playout.rate, SOFT))
    lane.finish()
    lane.open()
