"""The table's results on disk: one file a size, rewritten whole and atomically after each row.

So a table that was interrupted goes on where it stopped. A measurement counts for as long as what it was made with, the
row's settings and the size's, is what the row asks for now; one that failed is tried again.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Run = dict[str, Any]


class Record:
    """Measurements by (form, row, seed)."""

    def __init__(self, path: Path, size: dict[str, Any], machine: dict[str, Any]) -> None:
        self.path = path
        self._size, self._machine = size, machine
        self.runs: list[Run] = json.loads(path.read_text())["runs"] if path.is_file() else []

    def find(self, form: str, row: str, seed: int | None = None) -> Run | None:
        """The newest good measurement of a row; of any seed, if none is given."""
        for run in reversed(self.runs):
            good = run["status"] == "ok" and (run["form"], run["row"]) == (form, row)
            if good and (seed is None or run["seed"] == seed):
                return run
        return None

    def has(self, form: str, row: str, seed: int, made_with: dict[str, Any]) -> bool:
        """Whether the row is measured, with just these settings."""
        run = self.find(form, row, seed)
        return run is not None and run["made_with"] == made_with

    def add(self, run: Run) -> None:
        """Take in a measurement in place of an older one, and write."""
        key = (run["form"], run["row"], run["seed"])
        self.runs = [r for r in self.runs if (r["form"], r["row"], r["seed"]) != key] + [run]
        self._write()

    def forget(self, forms: set[str], rows: set[str]) -> None:
        """Drop measurements, to start over."""
        self.runs = [r for r in self.runs if r["form"] not in forms or r["row"] not in rows]

    def _write(self) -> None:
        body = {
            "benchmark": f"train-{self._size['name']}",
            "title": f"Training, {self._size['name']}",
            "date": datetime.now(UTC).date().isoformat(),
            "machine": self._machine,
            "size": self._size,
            "runs": self.runs,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        part.write_text(json.dumps(body, indent=1) + "\n")
        part.replace(self.path)
