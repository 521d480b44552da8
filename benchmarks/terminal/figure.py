"""A figure of `benchmarks/cockpit.py`: a measurement that gives one or more rows of the table.

A module of this folder has `measure(work)`; the table calls it unless its rows are there already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """What a measurement has at hand."""

    folder: Path
    """Empty, its own, and removed afterwards."""
    compiled: Path
    """Where the children keep compiled modules, as an installed package has them."""
    peers: Path | None
    """A Python that has tensorboard and wandb; None: they are not measured."""


def row(figure: str, value: float | str, unit: str, aim: float | str | None = None, **more: object) -> Row:
    """A row; a number meets its aim when it is not above it."""
    met = value <= aim if isinstance(value, float | int) and isinstance(aim, float | int) else None
    shown = round(value, 4) if isinstance(value, float) else value
    return {"figure": figure, "value": shown, "unit": unit, "aim": aim, "met": met, **more}


def median_row(
    figure: str, values: Sequence[float], unit: str, aim: float | None = None, **more: object
) -> Row:
    """A row of the median, with the smallest and the largest."""
    spread = {"min": round(min(values), 4), "max": round(max(values), 4)}
    return row(figure, float(median(values)), unit, aim, spread=spread, rounds=len(values), **more)


def percentile(values: Sequence[float], percent: int) -> float:
    """By linear interpolation."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]
