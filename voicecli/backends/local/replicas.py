"""Recognisers and voices of this machine in processes of Ray's, as many as the work wants within `replicas` and
`most_replicas`: asked by handle, once an utterance or a sentence. What dies is replaced by Ray; what it was asked is
asked of another, before what waits here.

Belongs here: starting and ending Ray, asking, Ray's errors. Does not belong here: what is asked of a model (ears,
mouth).

Ray belongs to this process and to this machine: no report, no file in the home, no door outside the loopback device,
and none open to who does not know a token that it alone has.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from concurrent.futures import Future
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Protocol, TypeVar

from voicecli.backends.family import own
from voicecli.backends.local.building import begin
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.engine import WHO, quiet
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import ConfigError, DroppedError, ServiceError, VoiceError
from voicecli.types import AudioChunk, AudioClip, Backend, SpeechRequest, TranscribeOptions, Transcript

log = logging.getLogger(__name__)

T = TypeVar("T")
SURROUNDINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what has all of Ray listen on 127.0.0.1
    "RAY_AUTH_MODE": "token",
    # Whoever asks for it after its end would begin another, with none of this.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_ADDRESS": "nowhere",
}
AHEAD = 2
"""Questions that a replica is given at once: one that it works on, and one that waits."""
SCALING = {
    "target_ongoing_requests": 1,  # where one waits, one more replica had better be there
    "metrics_interval_s": 0.5,
    "look_back_period_s": 2,
    "upscale_delay_s": 1,
    "downscale_delay_s": 15,  # a process takes seconds to begin
}
DRAINING_S = 60
"""What a replica that is no longer wanted may take for what it was asked."""
WATCH = """
read _
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=$(find /proc/[0-9]*/fd -lname "$0/*" 2>/dev/null | cut -d/ -f3 | sort -u)
    for each in $left; do grep -qs "ray::\\|/ray/" /proc/$each/cmdline && kill -9 $each; done
    rm -rf "$0" && [ -z "$left" ] && exit
    sleep 0.3
done
"""
"""A shell's: waits for the end of this process, however it ends; ends what still writes into Ray's folder (two of its
processes would live on for a minute) and removes the folder."""
LEAVING_S = 4.0
STORE = 100 << 20
"""Bytes of shared memory for what is too large to be sent."""
NEAR = "127.0.0.1:0"


class RayAnswer(Protocol):
    """What a replica was asked: one answer is waited for, several are iterated."""

    def __await__(self) -> Generator[object, None, Transcript]: ...
    def __aiter__(self) -> AsyncIterator[AudioChunk]: ...
    def cancel(self) -> None: ...


class RayMethod(Protocol):
    """A replica's method; `stream`: it answers piece by piece."""

    def options(self, *, stream: bool) -> RayMethod: ...
    def remote(self, *asked: object) -> RayAnswer: ...


class RayHandle(Protocol):
    """Whichever replica has time."""

    @property
    def hear(self) -> RayMethod: ...
    @property
    def say(self) -> RayMethod: ...


# -- in Ray's processes ----------------------------------------------------------------------------


def _stay_near() -> None:
    """A replica's own door is to other replicas, and on every address. Nobody asks there: it goes to this machine's."""
    from ray.serve._private import replica

    bind = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, _address: bind(server, NEAR)


class EarsReplica:
    """A recogniser."""

    def __init__(self, backend: LocalSettings) -> None:
        _stay_near()
        begin(backend)
        self._ears = Ears(backend)

    async def hear(self, clip: AudioClip, options: TranscribeOptions) -> Transcript:
        """What is said in a whole utterance."""
        async with self._ears.transcribe(clip, options) as transcripts:
            return [each async for each in transcripts][-1]


class VoiceReplica:
    """A voice."""

    def __init__(self, backend: LocalSettings) -> None:
        _stay_near()
        self._voice = LocalSpeaker(backend)

    async def say(self, request: SpeechRequest) -> AsyncIterator[AudioChunk]:
        """A sentence, as it is made."""
        async with self._voice.speak(request) as chunks:
            async for chunk in chunks:
                yield chunk


# -- here ------------------------------------------------------------------------------------------


class RayHere:
    """Ray, from who first needs it to who last did. `enter` and `leave` block for seconds: see `on_thread`.

    Its processes end with the thread that began them, which is why that thread never ends; nor does the program wait
    for it.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._users = 0
        self._watch: subprocess.Popen[bytes] | None = None

    async def on_thread(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, done on Ray's thread, in turn. Cancelled, it is left to itself."""
        done: Future[T] = Future()

        def job() -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(work())
                except BaseException as exc:
                    done.set_exception(exc)

        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="voice-ray")
            self._thread.start()
        return await asyncio.wrap_future(done)

    def _run(self) -> None:
        while True:
            self._jobs.get()()

    def enter(self, name: str, replica: type, backend: LocalSettings) -> RayHandle:
        """A handle to replicas that are ready. Raises ServiceError."""
        try:
            if not self._users:
                self._start()
            self._users += 1
            return self._deployed(name, replica, backend)
        except Exception as exc:
            self.leave()
            cure = "Set TMPDIR to a folder with a short path, as /tmp" if "AF_UNIX" in str(exc) else ""
            raise ServiceError(f"Ray does not start: {exc}"[:300], who=WHO, cure=cure) from None

    def leave(self) -> None:
        """Nothing of Ray is left once everybody has left."""
        self._users = max(0, self._users - 1)
        if self._users:
            return
        import ray

        with quiet():  # its processes tell of each other's end
            ray.shutdown()
        if self._watch is not None:
            self._watch.communicate()

    def _start(self) -> None:
        os.environ.update(SURROUNDINGS)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # read once by a process
        import ray
        from ray import serve

        logging.getLogger("ray.serve").disabled = True
        folder = tempfile.mkdtemp(prefix="voice-ray-")
        self._watch = subprocess.Popen(["sh", "-c", WATCH, folder], stdin=subprocess.PIPE, start_new_session=True)
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=STORE,
            _temp_dir=f"{folder}/0",  # it is opened to everybody, the one above it is not
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        serve.start(proxy_location="Disabled")

    def _deployed(self, name: str, replica: type, backend: LocalSettings) -> RayHandle:
        from ray import serve

        fewest, most = backend.span
        made = serve.deployment(replica).options(
            autoscaling_config={"min_replicas": fewest, "max_replicas": most, **SCALING},
            max_ongoing_requests=AHEAD,
            ray_actor_options={"num_cpus": 0},  # how many there are is told, not counted out
            graceful_shutdown_timeout_s=DRAINING_S,
        )
        handle: RayHandle = serve.run(made.bind(backend), name=name, route_prefix=None)
        return handle


_RAY = RayHere()


@asynccontextmanager
async def _deployed(replica: type, backend: Backend) -> AsyncIterator[RayHandle]:
    """A handle. ConfigError: Ray is not installed; ServiceError: it does not start."""
    if find_spec("ray") is None:
        raise ConfigError("replicas need Ray", who=backend.name, cure="Install it: pip install 'voicecli[ray]'")
    name = f"{backend.name}-{replica.__name__}"
    handle = await _RAY.on_thread(lambda: _RAY.enter(name, replica, own(LocalSettings, backend)))
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # Ray takes it for a crash: it is ours again
    try:
        yield handle
    finally:
        with suppress(TimeoutError):  # another's models are being loaded: Ray ends with the program
            async with asyncio.timeout(LEAVING_S):
                await _RAY.on_thread(_RAY.leave)


def _told(exc: Exception) -> VoiceError:
    """Ray's error as ours. DroppedError: the replica died; what it was asked may be asked of another."""
    from ray.exceptions import RayActorError

    cause = getattr(exc, "cause", exc)
    if isinstance(cause, VoiceError):
        return cause
    if isinstance(exc, RayActorError):
        return DroppedError("the process of the model died", who=WHO, cure="Try again")
    return ServiceError(f"Ray failed: {cause}"[:300], who=WHO)


class _Asking:
    """Asks whichever replica has time; what waits for one waits here, so that what is asked again comes before it."""

    def __init__(self, handle: RayHandle, most: int) -> None:
        self._handle = handle
        self._room = asyncio.Semaphore(AHEAD * most)

    async def _items(self, ask: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """What a replica answers; asked of another where it dies before it answered anything. Raises VoiceError."""
        async with AsyncExitStack() as place:
            await place.enter_async_context(self._room)
            for last in (False, True):
                begun = False
                try:
                    async with aclosing(ask()) as items:
                        async for item in items:
                            begun = True
                            await place.aclose()  # who listens may be slow
                            yield item
                    return
                except Exception as exc:
                    error = _told(exc)
                    if last or begun or not isinstance(error, DroppedError):
                        raise error from None
                    log.warning("a process of the model died; another is asked")


class EarsInRay(_Asking):
    """FileTranscriber."""

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        """As `Ears`, without what is heard so far."""
        async with aclosing(self._items(lambda: self._hear(clip, options))) as transcripts:
            yield transcripts

    async def _hear(self, clip: AudioClip, options: TranscribeOptions) -> AsyncGenerator[Transcript, None]:
        asked = self._handle.hear.remote(clip, options)
        try:
            yield await asked
        finally:
            asked.cancel()


class VoiceInRay(_Asking):
    """Speaker."""

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncIterator[AudioChunk]]:
        """As `LocalSpeaker`."""
        async with aclosing(self._items(lambda: self._say(request))) as chunks:
            yield chunks

    async def _say(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        asked = self._handle.say.options(stream=True).remote(request)
        try:
            async for chunk in asked:
                yield chunk
        finally:
            asked.cancel()


@asynccontextmanager
async def open_ears(backend: Backend) -> AsyncIterator[EarsInRay]:
    async with _deployed(EarsReplica, backend) as handle:
        yield EarsInRay(handle, own(LocalSettings, backend).span[1])


@asynccontextmanager
async def open_voice(backend: Backend) -> AsyncIterator[VoiceInRay]:
    async with _deployed(VoiceReplica, backend) as handle:
        yield VoiceInRay(handle, own(LocalSettings, backend).span[1])
