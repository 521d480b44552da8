"""What flows through `prepare`: batches of document texts, and the record of rows that gave none.

`sources` makes them, `encode` turns them into tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.data.meta import Skipped
from engine.errors import SlotdeckError

OnBad = Literal["skip", "refuse"]

_FAULTS = {"nulls": "is null", "invalid_utf8": "is not valid UTF-8", "not_text": "is not text"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents, in the order of the input."""

    texts: list[str]
    bytes_read: int
    """How far the input has been read since the batch before; an estimate within a parquet file."""


@dataclass(slots=True)
class Tally:
    """Counts rows that gave no document, and remembers the first of each kind."""

    on_bad: OnBad
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*_FAULTS, "empty"), 0))
    first: dict[str, str] = field(default_factory=dict)

    def bad(self, kind: Literal["nulls", "invalid_utf8", "not_text"], place: str) -> None:
        """Count one, or refuse it when so asked.

        Raises:
            SlotdeckError: `on_bad` is "refuse".
        """
        if self.on_bad == "refuse":
            raise SlotdeckError(f"{place} {_FAULTS[kind]}", "mend it, or skip such rows with --on-bad skip")
        self.counts[kind] += 1
        self.first.setdefault(kind, place)

    def empty(self) -> None:
        self.counts["empty"] += 1

    def skipped(self) -> Skipped:
        return Skipped(**self.counts)

    def lines(self) -> list[str]:
        """One line for each kind of bad row, for people: how many, and where the first one is."""
        named = {"nulls": "null", "invalid_utf8": "not valid UTF-8", "not_text": "not text"}
        return [
            f"skipped {count:,} row{'s' * (count > 1)}, {named[kind]}; the first: {self.first[kind]}"
            for kind, count in self.counts.items()
            if count and kind in named
        ]
