"""pipecat and livekit-agents against `voice serve`: `python benchmarks/peers_serve.py PRODUCT BASE_URL FOLDER`.

Run it with the Python of an environment that has requirements/peers-talk.txt (tests/interop/test_serve_heavy.py does).
One person says what FOLDER holds at the product's rate; what sounds in answer is written to FOLDER/answer.pcm, and its
rate printed. Three stages are those of benchmarks/peers_talk.py; over the realtime protocol the server ends turns.

Belongs here: calls of the two libraries. Does not belong here: anything of this project but the room.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import peers_talk as peers


class Recording(peers.Room):
    """Keeps what sounds."""

    answer, answer_rate = b"", 0

    def heard(self, pcm: Any, rate: int) -> None:
        super().heard(pcm, rate)
        self.answer, self.answer_rate = self.answer + bytes(pcm), rate


async def livekit_realtime(room: Any, base_url: str) -> None:
    from livekit.agents import Agent, AgentSession
    from livekit.plugins import openai

    session: Any = AgentSession(llm=openai.realtime.RealtimeModel(base_url=base_url, api_key="k"))
    session.input.audio, session.output.audio = peers.livekit_devices(room)
    await session.start(Agent(instructions="Count."), record=False)
    try:
        await room.hold()
    finally:
        await session.aclose()


async def pipecat_realtime(room: Any, base_url: str) -> None:
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
    from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
    from pipecat.workers.runner import WorkerRunner

    ready = asyncio.Event()
    microphone, loudspeaker = peers.pipecat_devices(room, "500 ms", ready)
    context = LLMContextAggregatorPair(LLMContext())
    service = OpenAIRealtimeLLMService(api_key="k", base_url=base_url.replace("http", "ws", 1) + "/realtime")
    params = PipelineParams(audio_in_sample_rate=room.rate, audio_out_sample_rate=24_000)
    stages = [microphone, context.user(), service, loudspeaker, context.assistant()]
    worker, runner = PipelineWorker(Pipeline(stages), params=params), WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await ready.wait()
    try:
        await room.hold()
    finally:
        await worker.cancel()
        await running


PRODUCTS: dict[str, tuple[Any, int]] = {
    "livekit": (partial(peers.livekit, how="500 ms"), 48_000),
    "livekit-realtime": (livekit_realtime, 24_000),
    "pipecat": (partial(peers.pipecat, how="500 ms"), 16_000),
    "pipecat-realtime": (pipecat_realtime, 24_000),
}


def main(product: str, base_url: str, folder: Path) -> None:
    sys.addaudithook(peers.only_loopback)
    answer, sys.stdout = sys.stdout, sys.stderr
    run, rate = PRODUCTS[product]
    room = Recording(rate, [np.fromfile(folder / f"said.{rate}", np.int16)])
    asyncio.run(run(room, base_url))
    (folder / "answer.pcm").write_bytes(room.answer)
    answer.write(json.dumps({"rate": room.answer_rate, "answered": len([each for each in room.gaps if each])}))
    answer.flush()
    os._exit(0)  # some of their threads outlive their session


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
