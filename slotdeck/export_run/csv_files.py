"""CSV: a file a table, and `loss.csv`, the curve as a spreadsheet wants it.

RFC 4180 in UTF-8: a header line, commas, quotes where needed, CRLF. What is not known is an empty cell, times are ISO
8601 in UTC. Control characters are shown as escapes, and a text that a spreadsheet would take for a formula is led by
an apostrophe: names and log lines are foreign.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from engine.text import sanitise
from engine.units import format_moment
from slotdeck.export_run import tables as t
from slotdeck.export_run.facts import RunFacts
from slotdeck.export_run.table import Column, Row, Table, Type
from slotdeck.export_run.tables import ON_FINAL_BRANCH

LOSS = "loss.csv"
LOSS_COLUMNS = ("step", "tokens", "t_s", "loss", "loss_ema", "val_loss", "lr", "time")
SPREADSHEET_ROWS = 1_000_000
"""A spreadsheet holds 1,048,576: of a longer run `loss.csv` has every n-th report."""
END = "\r\n"
_QUOTE = '"'
_NEEDS_QUOTES = re.compile('[",\r\n]')
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CELL_CHARACTERS = 32_767
"""A spreadsheet cuts a longer cell, or refuses the file."""


class CsvFiles:
    """Writes the tables as they come, column by column: a long run is a hundred million cells."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        self._folder = folder
        self._files: dict[str, IO[str]] = {}
        self._open(LOSS, LOSS_COLUMNS)
        self._loss = _LossCurve(facts)

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table."""
        name = f"{table.name}.csv"
        if name not in self._files:
            self._open(name, table.names)
        columns = [
            _cells(column, values)
            for column, values in zip(table.columns, zip(*rows, strict=True), strict=True)
        ]
        self._write(name, columns)
        if table is t.STEPS:
            self._write(LOSS, self._loss.columns(rows, columns))

    def close(self) -> None:
        """Everything to the disk."""
        for file in self._files.values():
            file.close()

    def _open(self, name: str, head: tuple[str, ...]) -> None:
        self._files[name] = (self._folder / name).open("x", encoding="utf-8", newline="")
        self._write(name, [[column] for column in head])

    def _write(self, name: str, columns: list[list[str]]) -> None:
        lines = [*map(",".join, zip(*columns, strict=True)), ""]
        self._files[name].write(END.join(lines))


class _LossCurve:
    """The line that leads to where the run stands, no cell of it empty once there was an evaluation."""

    def __init__(self, facts: RunFacts) -> None:
        self._every = max(1, -(-facts.reports // SPREADSHEET_ROWS))
        self._count = 0
        self._measured = [
            (seq, done.loss) for seq, done in facts.evaluations if facts.leads(done.branch, done.step)
        ]
        self._measured.reverse()
        self._val_loss = ""

    def columns(self, reports: list[Row], shown: list[list[str]]) -> list[list[str]]:
        """Those of `LOSS_COLUMNS`, from the next step reports and their cells."""
        wanted, val_losses = [], []
        seq, since = t.STEPS.place("seq"), t.STEPS.place("t_s")
        for at, row in enumerate(reports):
            if not row[ON_FINAL_BRANCH]:
                continue
            while self._measured and self._measured[-1][0] < row[seq]:
                self._val_loss = _plain(self._measured.pop()[1])
            self._count += 1
            if self._count % self._every == 0:
                wanted.append(at)
                val_losses.append(self._val_loss)
        own = {"t_s": [repr(round(reports[at][since], 3)) for at in wanted], "val_loss": val_losses}
        if len(wanted) == len(reports):
            return [own[name] if name in own else shown[t.STEPS.place(name)] for name in LOSS_COLUMNS]
        return [
            own[name] if name in own else [shown[t.STEPS.place(name)][at] for at in wanted]
            for name in LOSS_COLUMNS
        ]


def _cells(column: Column, values: tuple[Any, ...]) -> list[str]:
    show = _SHOWN[column.type]
    return [*map(repr if show is _plain and None not in values else show, values)]


def _plain(value: float | None) -> str:
    return "" if value is None else repr(value)


def _moment(wall_s: float | None) -> str:
    return "" if wall_s is None else format_moment(wall_s)


@lru_cache(4096)  # the same reasons and names come again and again
def _text(text: str | None) -> str:
    if text is None:
        return ""
    safe = sanitise(text, _CELL_CHARACTERS - 1)
    cell = f"'{safe}" if safe.startswith(_FORMULA) else safe
    return f'"{cell.replace(_QUOTE, _QUOTE * 2)}"' if _NEEDS_QUOTES.search(cell) else cell


def _bool(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


_SHOWN: dict[Type, Callable[[Any], str]] = {
    "int64": _plain, "float64": _plain, "bool": _bool, "string": _text, "time": _moment,
}  # fmt: skip
