"""The turns of a conversation as a page: medians, and a bar for each turn. Pure: figures in, HTML out.

Belongs here: the page, which needs nothing from elsewhere and runs no script. Does not belong here: the table in
letters (terminal.audience), measuring.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from voicecli.dialogue.events import TurnMetrics
from voicecli.terminal.audience import STAGES, report_lines

COLOURS = ("#8a8a8a", "#2a8fa3", "#c99a2e", "#9a5fb5", "#3f9a4e")
WIDTH, ROW, LEFT = 900, 34, 70
LEAST_MS = 1000
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>voice talk</title>
<style>body{{font:14px sans-serif;margin:2em;max-width:1000px}}text{{font:12px sans-serif;fill:currentColor}}</style>
<h1>voice talk</h1>
<p>From the last sound of a person to the first of the reply, in ms. Thin bars are the stages one after the other; where
they reach beyond the gap, a draft hid them in the silence.</p>
<pre>{table}</pre>
<p>{legend}</p>
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">
{rows}
</svg>
</html>
"""


def page(turns: Sequence[TurnMetrics], price: Mapping[str, float] | None = None) -> str:
    """The whole page."""
    most = max([LEAST_MS, *(max(each.gap_ms or 0, sum(ms for _, ms in _stages(each))) for each in turns)])
    scale = (WIDTH - LEFT - 90) / most
    names = [
        f'<span style="color:{colour}">&#9632;</span> {name}' for (name, _), colour in zip(STAGES, COLOURS, strict=True)
    ]
    return PAGE.format(
        table=html.escape("\n".join(report_lines(turns, price)) or "No turn was answered."),
        legend=" · ".join(names),
        width=WIDTH,
        height=ROW * len(turns) + 10,
        rows="\n".join(_row(number, each, scale) for number, each in enumerate(turns)),
    )


def _stages(turn: TurnMetrics) -> list[tuple[str, int]]:
    """Each stage's colour, and how long it took in ms."""
    return [(colour, getattr(turn, key) or 0) for (_, key), colour in zip(STAGES, COLOURS, strict=True)]


def _row(number: int, turn: TurnMetrics, scale: float) -> str:
    """A turn: the gap, and below it its stages."""
    top, at, gap = ROW * number + 8, float(LEFT), (turn.gap_ms or 0) * scale
    parts = [f'<text x="0" y="{top + 12}">turn {number + 1}</text>']
    parts.append(f'<rect x="{LEFT}" y="{top}" width="{gap:.1f}" height="14" fill="#4477aa" opacity=".35"/>')
    for colour, value in _stages(turn):
        parts.append(f'<rect x="{at:.1f}" y="{top + 16}" width="{value * scale:.1f}" height="6" fill="{colour}"/>')
        at += value * scale
    told = f"{turn.gap_ms} ms" if turn.gap_ms is not None else "no sound"
    drafted = "" if turn.draft == "off" else f", drafted to {turn.draft}"
    parts.append(f'<text x="{LEFT + gap + 6:.1f}" y="{top + 12}">{told}{html.escape(drafted)}</text>')
    return "".join(parts)
