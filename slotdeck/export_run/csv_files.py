"""CSV: a file a table, and `loss.csv`, the curve as a spreadsheet wants it.

RFC 4180 in UTF-8: a header line, commas, quotes where needed, CRLF. What is not known is an empty cell, times are ISO
8601 in UTC. Control characters are shown as escapes, and a text that a spreadsheet would take for a formula is led by
an apostrophe: names and log lines are foreign.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from engine.text import sanitise
from engine.units import format_moment
from slotdeck.export_run import tables as t
from slotdeck.export_run.facts import RunFacts
from slotdeck.export_run.tables import ON_FINAL_BRANCH, Row, Table

LOSS = "loss.csv"
LOSS_COLUMNS = ("step", "tokens", "t_s", "loss", "loss_ema", "val_loss", "lr", "time")
SPREADSHEET_ROWS = 1_000_000
"""A spreadsheet holds 1,048,576: of a longer run `loss.csv` has every n-th report."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CELL_CHARACTERS = 32_767
"""A spreadsheet cuts a longer cell, or refuses the file."""


class CsvFiles:
    """Writes the tables as they come."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        self._folder = folder
        self._files: list[IO[str]] = []
        self._writers: dict[str, Any] = {}
        self._loss = _LossCurve(self._open(LOSS, LOSS_COLUMNS), facts)

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table."""
        writer = self._writers.get(table.name)
        if writer is None:
            writer = self._writers[table.name] = self._open(f"{table.name}.csv", table.names)
        shown = [(place, _SHOWN[c.type]) for place, c in enumerate(table.columns) if c.type in _SHOWN]
        cells = list(map(list, rows))
        for row in cells:
            for place, show in shown:
                if row[place] is not None:
                    row[place] = show(row[place])
        writer.writerows(cells)
        if table is t.STEPS:
            self._loss.take(rows)

    def close(self) -> None:
        """Everything to the disk."""
        for file in self._files:
            file.close()

    def _open(self, name: str, head: tuple[str, ...]) -> Any:
        file = (self._folder / name).open("x", encoding="utf-8", newline="")
        self._files.append(file)
        writer = csv.writer(file)
        writer.writerow(head)
        return writer


class _LossCurve:
    """The line that leads to where the run stands, no cell of it empty once there was an evaluation."""

    def __init__(self, writer: Any, facts: RunFacts) -> None:
        self._writer = writer
        self._every = max(1, -(-facts.reports // SPREADSHEET_ROWS))
        self._count = 0
        self._measured = [
            (seq, done.loss) for seq, done in facts.evaluations if facts.leads(done.branch, done.step)
        ]
        self._measured.reverse()
        self._val_loss: float | None = None

    def take(self, reports: list[Row]) -> None:
        seq, wall, since, step, tokens, loss, ema, lr = map(
            t.STEPS.place, ("seq", "time", "t_s", "step", "tokens", "loss", "loss_ema", "lr")
        )
        for row in reports:
            if not row[ON_FINAL_BRANCH]:
                continue
            while self._measured and self._measured[-1][0] < row[seq]:
                self._val_loss = self._measured.pop()[1]
            self._count += 1
            if self._count % self._every == 0:
                self._writer.writerow(
                    (row[step], row[tokens], round(row[since], 3), row[loss], row[ema], self._val_loss, row[lr],
                     format_moment(row[wall]))
                )  # fmt: skip


@lru_cache(4096)  # the same reasons and names come again and again
def _cell(text: str) -> str:
    safe = sanitise(text, _CELL_CHARACTERS - 1)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe


def _bool(value: bool) -> str:
    return "true" if value else "false"


_SHOWN: dict[str, Callable[[Any], object]] = {"time": format_moment, "string": _cell, "bool": _bool}
