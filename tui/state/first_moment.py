"""When a value first went below or above another, in the curves that a cockpit has."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import SlotdeckError
from tui.state.goto import When
from tui.state.series import Series


@dataclass(frozen=True, slots=True)
class FirstMoment:
    step: int
    told: str
    """What was found, as a line."""


def first_moment(series: Series, wanted: When) -> FirstMoment:
    """On the line that led to where the run is now.

    Raises:
        SlotdeckError: it never was, with how near it came.
    """
    word, most = ("below", "lowest") if wanted.below else ("above", "highest")
    best: float | None = None
    for step, low, high in series.extremes():
        value = low if wanted.below else high
        if value < wanted.value if wanted.below else value > wanted.value:
            by = "at" if low == high else "by"  # of a long run, several reports are one entry
            told = f"{wanted.said} first went {word} {wanted.value:g} {by} step {step:,}: {value:.4g}"
            return FirstMoment(step, told)
        if best is None or (value < best if wanted.below else value > best):
            best = value
    told = f"its {most} was {best:.4g}" if best is not None else "it was never reported"
    raise SlotdeckError(f"{wanted.said} never went {word} {wanted.value:g}", told)
