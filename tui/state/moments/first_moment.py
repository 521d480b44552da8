"""When a value first went below or above another, in the curves that a cockpit has."""

from __future__ import annotations

from msgspec import Struct

from tui.state.curves.series import Series
from tui.state.moments.goto import When


class FirstMoment(Struct, frozen=True):
    step: int
    told: str
    """What was found, as a line."""


def first_moment(series: Series, wanted: When) -> FirstMoment:
    """On the line that led to where the run is now.

    Raises:
        SlotdeckError: it never was, with how near it came.
    """
    nearest: float | None = None
    for step, low, high in series.extremes():
        value = low if wanted.below else high
        if wanted.so(value):
            by = "at" if low == high else "by"  # of a long run, several reports are one entry
            word = "below" if wanted.below else "above"
            told = f"{wanted.said} first went {word} {wanted.value:g} {by} step {step:,}: {value:.4g}"
            return FirstMoment(step, told)
        nearest = value if nearest is None else wanted.nearest((nearest, value))
    raise wanted.never(nearest)
