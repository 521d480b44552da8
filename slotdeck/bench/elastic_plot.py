"""Elastic curves as an SVG picture, readable on light and on dark ground.

The scale of the loss is a square root, said on the axis: a dense model may lose ten times what an elastic one
does, and both should be seen. Solid lines are the blocks chosen one by one, dashed ones the mean of random
draws. Every point of a solid line carries its number, so that nobody reads values off an axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from engine.analysis.elastic import Curve
from slotdeck.bench.elastic_lines import percent

WIDTH, HEIGHT = 760, 470
LEFT, RIGHT, TOP, BOTTOM = 76, 128, 104, 404
"""The plotting area's margins left and right, and its upper and lower edge."""
TICKS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LABEL_GAP = 17
"""Pixels from one line of text to the next, so that labels do not lie on each other."""

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #465164 }
  .title { font-size: 19px; font-weight: 600; fill: #141a24 }
  .tick, .note { font-size: 12px; fill: #6a7587 }
  .ground { fill: #ffffff } .grid { stroke: #e4e8ee } .zero { stroke: #aab3c0 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
  .random { fill: none; stroke-width: 1.5; stroke-dasharray: 2 5; stroke-linecap: round; opacity: .75 }
  .halo { stroke: #ffffff; stroke-width: 4; stroke-linejoin: round; paint-order: stroke }
  .dot { stroke: #ffffff; stroke-width: 2 } .value { font-weight: 600 }
  .s0 { stroke: #2563c9 } .f0 { fill: #2563c9 } .s1 { stroke: #c2570c } .f1 { fill: #c2570c }
  @media (prefers-color-scheme: dark) {
    text { fill: #b9c2d0 } .title { fill: #f1f4f8 } .tick, .note { fill: #8a95a6 }
    .ground { fill: #12161d } .grid { stroke: #262d38 } .zero { stroke: #566072 } .dot, .halo { stroke: #12161d }
    .s0 { stroke: #79a9ff } .f0 { fill: #79a9ff } .s1 { stroke: #ff9d5c } .f1 { fill: #ff9d5c }
  }
"""


def draw(curves: Sequence[tuple[str, Curve]], name: str) -> str:
    """One or two labelled curves as an SVG document; `name` is the checkpoint's."""
    assert 1 <= len(curves) <= 2, "there are two colours"
    frame = _Frame([curve for _, curve in curves])
    first = curves[0][1]
    said = f"{name} · {first.tokens:,} validation tokens, blocks chosen on {first.probe_tokens:,} others"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="Loss with fewer blocks">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="10"/>',
        _text(28, 38, "Loss with fewer blocks", "title"),
        _text(28, 60, said, "note"),
        *_axes(frame),
        *(part for i, (_, curve) in enumerate(curves) for part in _random(frame, curve, i)),
        *(part for i, (_, curve) in enumerate(curves) for part in _chosen(frame, curve, i)),
        *_values(frame, curves),
        *_names(frame, curves),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Frame:
    """Where a number of blocks and a share of loss lie in the picture."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.most = max(len(curve.slots) for curve in curves)
        self.counts = sorted({p.kept for c in curves for p in c.greedy} | {len(c.slots) for c in curves})
        shares = [c.above(p.loss) for c in curves for p in c.greedy]
        shares += [c.above(r.mean) for c in curves for r in c.random]
        finite = [share for share in shares if math.isfinite(share)]
        self.low = min(0.0, min(finite, default=0.0) * 1.2)
        self.high = max(max(finite, default=0.0) * 1.15, 0.01)

    def x(self, kept: int) -> float:
        """The whole model on the left, the smallest on the right."""
        return LEFT + 20 + (WIDTH - LEFT - RIGHT - 40) * (self.most - kept) / (self.most - self.counts[0])

    def y(self, share: float) -> float:
        """Pixels from the top."""
        low, high = _root(self.low), _root(self.high)
        shown = share if share <= self.high else self.high  # inf and nan too: the number beside it tells
        return BOTTOM - (BOTTOM - TOP) * (_root(shown) - low) / (high - low)


def _root(share: float) -> float:
    return math.copysign(math.sqrt(abs(share)), share)


def _axes(frame: _Frame) -> Iterator[str]:
    last_y = math.inf
    for tick in TICKS:
        y = frame.y(tick)
        if tick > frame.high or last_y - y < 26:
            continue
        last_y = y
        kind = "grid" if tick else "zero"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 12, y + 4, f"+{tick * 100:g} %" if tick else "0", "tick", "end")
    for kept in frame.counts:
        yield _text(frame.x(kept), BOTTOM + 26, str(kept), "tick", "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, BOTTOM + 46, f"blocks kept of {frame.most}", "note", "middle")
    yield _text(28, TOP - 24, "loss above that with every block (square-root scale)", "note")


def _random(frame: _Frame, curve: Curve, i: int) -> Iterator[str]:
    points = [(len(curve.slots), 0.0), *((r.kept, curve.above(r.mean)) for r in curve.random)]
    yield f'<polyline class="random s{i}" points="{_path(frame, points)}"/>'


def _chosen(frame: _Frame, curve: Curve, i: int) -> Iterator[str]:
    points = [(len(curve.slots), 0.0), *((p.kept, curve.above(p.loss)) for p in curve.greedy)]
    yield f'<polyline class="line s{i}" points="{_path(frame, points)}"/>'
    for kept, share in points:
        yield f'<circle class="dot f{i}" cx="{frame.x(kept):.1f}" cy="{frame.y(share):.1f}" r="5"/>'


def _values(frame: _Frame, curves: Sequence[tuple[str, Curve]]) -> Iterator[str]:
    """The number at each chosen point: above it for the worse of two, below for the better."""
    for i, (_, curve) in enumerate(curves):
        for point in curve.greedy:
            share = curve.above(point.loss)
            others = [c.above(p.loss) for _, c in curves for p in c.greedy if p.kept == point.kept]
            above = share >= max(others) and not (i and others.count(share) > 1)
            # To the left above a rising line and to the right below it: there it crosses no text.
            x = frame.x(point.kept) + (-8 if above else 8)
            y = frame.y(share) + (-10 if above else 22)
            yield _text(x, y, percent(share), f"value halo f{i}", "end" if above else "start")


def _names(frame: _Frame, curves: Sequence[tuple[str, Curve]]) -> Iterator[str]:
    """Each line's name at its right end, moved apart where they would lie on each other."""
    wanted = []
    for i, (label, curve) in enumerate(curves):
        share, mean = curve.above(curve.greedy[-1].loss), curve.above(curve.random[-1].mean)
        wanted.append((frame.y(share) + 4, label, f"value f{i}", frame.x(curve.greedy[-1].kept)))
        wanted.append((frame.y(mean) + 4, "at random", f"f{i}", frame.x(curve.greedy[-1].kept)))
    last_y = -math.inf
    for y, label, kind, x in sorted(wanted):
        last_y = max(y, last_y + LABEL_GAP)
        yield _text(x + 36, last_y, label, kind)


def _path(frame: _Frame, points: Sequence[tuple[int, float]]) -> str:
    return " ".join(f"{frame.x(kept):.1f},{frame.y(share):.1f}" for kept, share in points)


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
