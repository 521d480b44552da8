"""TensorBoard: event files with the scalars of every report, and texts for what was done and said.

    tensorboard/RUN/                     the line that leads to where the run stands
    tensorboard/RUN-left-branch-N/       what a rollback left behind on branch N

Times are the run's own. The package `tensorboard` is not needed to write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO

import numpy as np

from engine.text import sanitise
from slotdeck.export_run import tables as t
from slotdeck.export_run.facts import RunFacts
from slotdeck.export_run.table import Row, Table
from slotdeck.export_run.tables import ON_FINAL_BRANCH, TAGS, VAL_LOSS
from slotdeck.export_run.tfrecord import scalar_records, text_record, version_record
from tui.state.memory_history import OWN

_SEQ, _WALL, _STEP, _BRANCH = 0, 1, 4, 5
_TEXT_LIMIT = 1 << 16
_GPU = ("utilisation", "memory_used_bytes", "power_w", "temperature_c")
_SLOT = ("grad_norm", "weight_norm", "update_norm", "forward_ms", "backward_ms")


class TensorboardFiles:
    """Writes scalars as they come and texts beside them."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        self._folder = folder
        self._facts = facts
        self._files: dict[str, IO[bytes]] = {}
        self._doors: dict[str, Callable[[list[Row]], None]] = {
            t.STEPS.name: self._steps, t.EVALUATIONS.name: self._evaluations, t.MEMORY.name: self._memory,
            t.GPUS.name: self._gpus, t.SLOTS_MEASURED.name: self._slots, t.SAMPLES.name: self._samples,
            t.ALARMS.name: self._alarms, t.COMMANDS.name: self._commands,
        }  # fmt: skip
        for life, started in enumerate(facts.lives, 1):
            profile = text_record(
                started.wall_s, started.step, f"profile/life_{life}", _code(started.profile_toml)
            )
            self._file("").write(profile)

    def take(self, table: Table, rows: list[Row]) -> None:
        """The next rows of a table."""
        door = self._doors.get(table.name)
        if door is not None:
            door(rows)

    def close(self) -> None:
        """Everything to the disk."""
        for file in self._files.values():
            file.close()

    def _file(self, left: str) -> IO[bytes]:
        """The event file of the line, or of what was left behind on a branch."""
        if left not in self._files:
            folder = self._folder / (self._facts.run_id + left)
            folder.mkdir()
            began_s = self._facts.began_wall_s
            self._files[left] = (folder / f"events.out.tfevents.{int(began_s)}.slotdeck").open("xb")
            self._files[left].write(version_record(began_s))
        return self._files[left]

    def _scalars(self, table: Table, rows: Iterable[Row], tags: dict[str, str]) -> None:
        """A value for each tag and row; a column that is empty in the first row of a stretch is left out there."""
        places = {column: table.place(column) for column in tags}
        for (left, columns), stretch in groupby(
            rows, lambda row: (_left(row), tuple(c for c in tags if row[places[c]] is not None))
        ):
            if not columns:
                continue
            given = list(stretch)
            values = np.array([[row[places[column]] for column in columns] for row in given], np.float64)
            self._file(left).write(
                scalar_records(
                    np.array([row[_WALL] for row in given], np.float64),
                    np.array([row[_STEP] for row in given], np.int64),
                    [tags[column] for column in columns],
                    values,
                )
            )

    def _steps(self, rows: list[Row]) -> None:
        self._scalars(t.STEPS, rows, TAGS)

    def _evaluations(self, rows: list[Row]) -> None:
        self._scalars(t.EVALUATIONS, rows, {"loss": VAL_LOSS})

    def _memory(self, rows: list[Row]) -> None:
        self._scalars(t.MEMORY, rows, {name: f"memory/{name}" for name in OWN})

    def _gpus(self, rows: list[Row]) -> None:
        self._by(t.GPUS, rows, "gpu", lambda index: {name: f"gpu_{index}/{name}" for name in _GPU})

    def _slots(self, rows: list[Row]) -> None:
        self._by(t.SLOTS_MEASURED, rows, "name", lambda slot: {name: f"slot_{name}/{slot}" for name in _SLOT})

    def _by(
        self, table: Table, rows: list[Row], column: str, tags: Callable[[object], dict[str, str]]
    ) -> None:
        """Rows of several things: each thing's by itself, so that they go in one piece."""
        place = table.place(column)
        for key, own in groupby(
            sorted(rows, key=lambda row: (row[place], row[_SEQ])), lambda row: row[place]
        ):
            self._scalars(table, own, tags(key))

    def _texts(self, rows: list[Row], tag: str, told: Callable[[Row], str]) -> None:
        for row in rows:
            self._file(_left(row)).write(text_record(row[_WALL], row[_STEP], tag, _code(told(row))))

    def _samples(self, rows: list[Row]) -> None:
        prompt, continuation = t.SAMPLES.place("prompt"), t.SAMPLES.place("text")
        self._texts(rows, "samples", lambda row: row[prompt] + row[continuation])

    def _alarms(self, rows: list[Row]) -> None:
        pick = _picker(t.ALARMS, ("level", "message", "remedy"))
        self._texts(rows, "alarms", lambda row: "{}: {}\n{}".format(*pick(row)))

    def _commands(self, rows: list[Row]) -> None:
        pick = _picker(t.COMMANDS, ("text", "status", "before", "after", "refused_reason", "who"))
        self._texts(rows, "commands", lambda row: "{}\n{}\n{} -> {}\n{}\nby {}".format(*pick(row)))


def _left(row: Row) -> str:
    return "" if row[ON_FINAL_BRANCH] else f"-left-branch-{row[_BRANCH]}"


def _picker(table: Table, columns: Sequence[str]) -> Callable[[Row], list[str]]:
    places = [table.place(column) for column in columns]
    return lambda row: [row[place] for place in places]


def _code(foreign: str) -> str:
    """As a block of code in Markdown, whatever is in it: every line indented."""
    return "".join(f"    {line}\n" for line in sanitise(foreign, _TEXT_LIMIT).split("\n"))
