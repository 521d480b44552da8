"""A chart as inline SVG, its words as HTML around it: lines stretch with the page, letters do not.

The drawing is 1000 units wide and 100 high, stretched to its box; strokes keep their width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.units import format_count
from slotdeck.report.markup import tag, words
from tui.widgets.axes import ticks

WIDTH, HEIGHT = 1000, 100
COLUMNS = 500
"""Points of a line at most: more are less than a pixel apart."""


class Point(NamedTuple):
    """What a curve does in one place."""

    step: int
    low: float
    high: float
    last: float


@dataclass(slots=True)
class Plot:
    """A chart over the steps, drawn part by part."""

    end_step: int
    low: float
    high: float
    drawn: list[str] = field(default_factory=list)

    def x(self, step: float) -> float:
        return WIDTH * step / self.end_step

    def y(self, value: float) -> float:
        """Down from the top; far outside is cut, so that no coordinate is absurd."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return HEIGHT * (1 - min(max(share, -1.0), 2.0))

    def line(self, points: Sequence[Point], look: str) -> None:
        """A line through the last values; where there is none, it breaks."""
        for run in _finite(thinned(points, self.end_step)):
            path = " ".join(f"{self.x(p.step):.1f},{self.y(p.last):.2f}" for p in run)
            self.drawn.append(tag("polyline", points=path, class_=look))

    def band(self, points: Sequence[Point], look: str) -> None:
        """What lies between the lowest and the highest."""
        for run in _finite(thinned(points, self.end_step)):
            there = [f"{self.x(p.step):.1f},{self.y(p.high):.2f}" for p in run]
            back = [f"{self.x(p.step):.1f},{self.y(p.low):.2f}" for p in reversed(run)]
            self.drawn.append(tag("polygon", points=" ".join(there + back), class_=look))

    def uprights(self, marks: Iterable[tuple[int, str]], look: str, *, top: int = 0) -> None:
        """Lines up from the foot at steps, each with its words; of those in one place the last is drawn."""
        # One at the very end would be cut by the edge.
        places = {step * COLUMNS // self.end_step: (step, title) for step, title in marks}
        for step, title in places.values():
            x = f"{min(max(self.x(step), 1), WIDTH - 1):.1f}"
            told = tag("title", words(title))
            self.drawn.append(tag("line", told, x1=x, x2=x, y1=top, y2=HEIGHT, class_=look))

    def dots(self, points: Iterable[tuple[int, float, str]], look: str) -> None:
        """Marks that stay round however the drawing is stretched: lines of no length with round ends."""
        for step, value, title in points:
            if math.isfinite(value):
                at = f"M{self.x(step):.1f} {self.y(value):.2f}h0"
                self.drawn.append(tag("path", tag("title", words(title)), d=at, class_=look))

    def html(
        self, title: str, unit: str, *, look: str = "", under: str = "", ticks: int = 4, step_ticks: int = 6
    ) -> str:
        """The figure, with its axes."""
        rules, labels = [], []
        for value in nice(self.low, self.high, ticks):
            y = self.y(value)
            rules.append(tag("line", x1=0, x2=WIDTH, y1=f"{y:.2f}", y2=f"{y:.2f}", class_="rule"))
            labels.append(tag("span", words(told(value)), style=f"top:{y:.2f}%"))
        drawing = tag(
            "svg", "".join(rules + self.drawn), viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none",
            role="img", aria_label=f"{title} over the steps",
        )  # fmt: skip
        body = tag("div", "".join(labels), class_="ys") + tag("div", drawing, class_="box")
        caption = tag("figcaption", words(title) + tag("small", words(unit)))
        return tag(
            "figure",
            caption + tag("div", body, class_="plot") + under + steps_axis(self.end_step, step_ticks),
            class_=look,
        )


def steps_axis(end_step: int, ticks: int = 6) -> str:
    """The labels under a chart."""
    labels = [
        tag("span", words(f"{value:,.0f}"), style=f"left:{100 * value / end_step:.2f}%")
        for value in nice(0, end_step, ticks)
        if value <= (0.9 if ticks > 4 else 0.75) * end_step
    ]
    last = tag("span", words(f"step {end_step:,}"), class_="last")
    return tag("div", "".join(labels) + last, class_="xs")


def thinned(points: Sequence[Point], end_step: int) -> list[Point]:
    """At most `COLUMNS` of them over the whole width: the lowest, the highest and the last of each place."""
    if len(points) <= COLUMNS:
        return list(points)
    found: dict[int, Point] = {}
    for p in points:
        column = p.step * COLUMNS // end_step
        old = found.get(column)
        # A NaN in `last` breaks the line; `min` and `max` keep what is a number.
        found[column] = (
            p if old is None else Point(p.step, min(old.low, p.low), max(old.high, p.high), p.last)
        )
    return list(found.values())


def nice(low: float, high: float, count: int) -> list[float]:
    """Round values between two, as on the cockpit's charts; where there is nothing between them, the one."""
    if not math.isfinite(high - low) or high <= low:
        return [low] if math.isfinite(low) else []
    return ticks(low, high, count)


def told(value: float) -> str:
    """A label of an axis."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return format_count(value) if abs(value) >= 1e6 else f"{value:.0e}".replace("e-0", "e-")
    return f"{value:,.10g}"


def _finite(points: Iterable[Point]) -> Iterable[list[Point]]:
    """Stretches of points that are numbers."""
    run: list[Point] = []
    for p in points:
        if all(map(math.isfinite, p)):
            run.append(p)
        elif run:
            yield run
            run = []
    if run:
        yield run
