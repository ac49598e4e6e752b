"""How soon a live recogniser's words are there: a minute of spoken digits at the pace of a microphone.

Run by hand: `python benchmarks/live_recognition.py [SECONDS]`. The local server decodes the tones it is
sent, and answers at once; so what is measured is the adapter: the time from the 20 ms frame that ends
a digit to the interim text that has it. The server's own decoding (about 10 ms a piece) is in it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import dtmf
from tests.backends.qiniu.test_live import delays
from tests.fakes.qiniu_server import Manner, QiniuServer

DIGITS = "40719938256158302947"
BAR_S = 0.3


async def measure(seconds: float) -> int:
    count = round(seconds * 1000 / (dtmf.TONE_MS + dtmf.GAP_MS))
    digits = (DIGITS * (count // len(DIGITS) + 1))[:count]
    failed = 0
    for ending in ("flag", "quiet", "close", "error"):
        with QiniuServer(Manner(ending=ending)) as server:
            pace = 1.0 if ending == "flag" else 10.0
            text, waits = await delays(server, digits, pace)
            (session,) = server.sessions
            sent = len(session.pcm) / 32_000
        right = text == digits and abs(sent - count * (dtmf.TONE_MS + dtmf.GAP_MS) / 1000) < 0.001
        failed += not right or (pace == 1.0 and max(waits) > BAR_S)
        cuts = statistics.quantiles(waits, n=20)
        median, late, most = (round(1000 * each) for each in (statistics.median(waits), cuts[18], max(waits)))
        print(
            f"ends by {ending:5} pace ×{pace:<3g} {len(digits)} digits, {'all right' if right else 'WRONG'}, "
            f"{sent:.1f} s sent; shown after: median {median} ms, 95 % {late} ms, most {most} ms"
        )
    return failed


if __name__ == "__main__":
    sys.exit(asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
