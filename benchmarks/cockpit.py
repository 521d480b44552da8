"""The cockpit's figures, in a real pseudo-terminal of 120 x 32: bytes, delays, processor, memory, starts, long runs.

    python benchmarks/cockpit.py [FIGURE ...] [--again] [--peers PYTHON]

Results go to benchmarks/results/cockpit.json after every figure: an interrupted table goes on where it stopped, and
`--again` measures anew what is there. PYTHON has tensorboard and wandb installed: their times on the same
scalars are then measured beside ours. Everything runs on this machine, and nothing is drawn to this terminal.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from benchmarks import results
from benchmarks.terminal.figure import Row, Work

FIGURES = ("live", "keys", "starts", "scrubbing", "million", "homes", "bursts")
"""Modules of benchmarks/terminal, in the order of the table."""
NAME, TITLE = "cockpit", "The cockpit: bytes, delays, starts and long runs"


def recorded() -> list[Row]:
    """The rows measured so far."""
    path = results.FOLDER / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    return [row for row in rows if row.get("name") in FIGURES]


def write(name: str, rows: list[Row]) -> None:
    """These rows in place of the figure's earlier ones; their notes under the table."""
    kept = [row for row in recorded() if row["name"] != name]
    ordered = sorted(
        [*kept, *({"name": name, **row} for row in rows)], key=lambda row: FIGURES.index(row["name"])
    )
    notes = dict.fromkeys(f"{row['figure']}: {row['note']}" for row in ordered if row.get("note"))
    results.write(NAME, TITLE, ordered, list(notes))


def main() -> int:
    """Measure what is asked and missing. 1: something missed its aim."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; all")
    parser.add_argument("--again", action="store_true", help="measure anew what is there already")
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="with tensorboard and wandb")
    args = parser.parse_args()
    if unknown := sorted(set(args.figures) - set(FIGURES)):
        parser.error(f"no figure {unknown[0]!r}; use {', '.join(FIGURES)}")
    missed = False
    with tempfile.TemporaryDirectory(prefix="slotdeck-") as compiled:
        for name in args.figures or FIGURES:
            if not args.again and any(row["name"] == name for row in recorded()):
                continue
            began_s = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="slotdeck-") as folder:
                measure = importlib.import_module(f"benchmarks.terminal.{name}").measure
                rows = measure(Work(Path(folder), Path(compiled), args.peers))
            for row in rows:
                word = {True: "met", False: "MISSED"}.get(row.get("met"), "")
                print(f"{row['figure']}: {row['value']} {row['unit']} (aim {row['aim']}) {word}", flush=True)
                missed = missed or row.get("met") is False
            print(f"  {name}: {time.monotonic() - began_s:.0f} s", flush=True)
            write(name, rows)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
