"""One row of `benchmarks/faults.py`: what is claimed, and the function that tries to break it.

A figure is a module of this folder with `proofs(long)`. The long form is the committed one; the short form is what
`tests/faults` runs. A proof gets an empty folder to work in, and gives a row for `benchmarks.results.write`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
"""`figure`, `value`, `unit`, `aim`, `met`; `note`: how it was measured, for the lines under the table."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim that can be put to the test by itself."""

    figure: int
    """Its number in the list of figures."""
    name: str
    """Of the row in the results: an interrupted table goes on with the names it lacks."""
    prove: Callable[[Path], Row]


def count_row(figure: str, wrong: int, of: int, unit: str, note: str) -> Row:
    """A row that is met when nothing went wrong."""
    return {
        "figure": figure,
        "value": f"{wrong:,} of {of:,}",
        "unit": unit,
        "aim": 0,
        "met": wrong == 0,
        "note": note,
    }
