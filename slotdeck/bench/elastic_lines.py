"""Elastic curves as plain lines: a table for each model, then bars that set them side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from engine.analysis.elastic import Curve
from engine.text import one_line

BAR_WIDTH = 40
SHORTEST_SCALE = 0.01
"""A loss of this share fills a bar where none is larger: differences of no meaning stay short."""
EIGHTHS = " ▏▎▍▌▋▊▉"


def curve_lines(
    curves: Sequence[tuple[str, str, Curve]], gates: Sequence[tuple[str, Sequence[float]]] = ()
) -> Iterator[str]:
    """Everything that is printed between the first line and the file names.

    Args:
        curves: label, checkpoint and curve of each model.
        gates: label and gate values of those that have any.
    """
    for label, name, curve in curves:
        yield ""
        yield one_line(f"{label}  ({name})")
        yield from _table(curve)
    yield ""
    yield "Loss above that with every block, blocks chosen one by one:"
    yield from _bars([(label, curve) for label, _, curve in curves])
    for label, values in gates:
        yield ""
        yield f"Gates of {label}, first to last: {' '.join(f'{value:.2f}' for value in values)}"


def percent(share: float) -> str:
    """`0.0312` -> `+3.1 %`; `12.5` -> `+1,250 %`."""
    return f"{share * 100:+.1f} %" if abs(share) < 1 else f"{share * 100:+,.0f} %"


def _table(curve: Curve) -> Iterator[str]:
    depth = len(curve.slots)
    yield f"  {'blocks':>9}  {'loss':>8}  {'chosen':>9}  {'random':>9}  {'even':>9}  {'first':>9}  gone"
    yield f"  {f'{depth} of {depth}':>9}  {curve.loss:>8.4f}"
    rows = zip(curve.greedy, curve.random, curve.even, curve.first, strict=True)
    for chosen, random, even, first in rows:
        shares = (chosen.loss, random.mean, even.loss, first.loss)
        cells = "  ".join(f"{percent(curve.above(loss)):>9}" for loss in shares)
        gone = " ".join(str(slot) for slot in sorted(chosen.gone))
        yield f"  {f'{chosen.kept} of {depth}':>9}  {chosen.loss:>8.4f}  {cells}  {gone}"


def _bars(curves: Sequence[tuple[str, Curve]]) -> Iterator[str]:
    shares = [c.above(point.loss) for _, c in curves for point in c.greedy]
    longest = max((share for share in shares if math.isfinite(share)), default=0.0)
    longest = max(longest, SHORTEST_SCALE)
    width = max(len(label) for label, _ in curves)
    counts = sorted({(len(c.slots), point.kept) for _, c in curves for point in c.greedy}, reverse=True)
    for depth, kept in counts:
        head = f"{kept} of {depth}"
        for label, curve in curves:
            for point in curve.greedy:
                if (len(curve.slots), point.kept) == (depth, kept):
                    share = curve.above(point.loss)
                    bar = _bar(share / longest)
                    yield f"  {head:>9}  {label:<{width}}  {bar} {percent(share)}"
                    head = ""


def _bar(share: float) -> str:
    """A bar of at most `BAR_WIDTH` cells, drawn to an eighth of a cell."""
    if math.isnan(share):
        return "?"
    cells, eighth = divmod(round(min(max(share, 0.0), 1.0) * BAR_WIDTH * 8), 8)
    return "█" * cells + EIGHTHS[eighth].strip()
