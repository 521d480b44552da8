"""What faults do to a run: terminals and engines killed, disks filled, logs damaged, hostile peers. One row a claim.

    python benchmarks/faults.py [FIGURE ...] [--again] [--short]

Results go to benchmarks/results/faults.json after every row, so a table that was interrupted goes on where it stopped;
`--again` measures rows anew that are there already. `--short` is the form that tests/faults runs; it writes nothing.
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
from benchmarks.durability.proof import Proof, Row

FIGURES = {
    1: "terminals",
    2: "cockpits",
    3: "kills",
    4: "bits",
    5: "log_damage",
    6: "full_disk",
    7: "injection",
    8: "bad_input",
    9: "terminal_kinds",
    10: "soak",
    11: "other_user",
    12: "story",
}
"""Module of benchmarks/durability by number of the figure."""
NAME, TITLE = "faults", "What faults do to a run"


def proofs(figures: list[int], long: bool) -> list[Proof]:
    """The claims of these figures, in their order."""
    modules = [importlib.import_module(f"benchmarks.durability.{FIGURES[number]}") for number in figures]
    return [proof for module in modules for proof in module.proofs(long)]


def recorded() -> dict[str, Row]:
    """The rows measured so far, by name."""
    path = results.FOLDER / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.is_file() else []
    return {row["name"]: row for row in rows}


def write(rows: dict[str, Row]) -> None:
    """All rows, by figure; their notes under the table."""
    ordered = sorted(rows.values(), key=lambda row: row["number"])
    notes = dict.fromkeys(f"{row['number']}: {row['note']}" for row in ordered if row.get("note"))
    results.write(NAME, TITLE, ordered, list(notes))


def main() -> int:
    """Measure what is asked and missing. 1: something missed its aim."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "figures", nargs="*", type=int, metavar="FIGURE", help=f"of {', '.join(map(str, FIGURES))}; all"
    )
    parser.add_argument("--again", action="store_true", help="measure rows anew that are there already")
    parser.add_argument("--short", action="store_true", help="the tests' form; nothing is written")
    args = parser.parse_args()
    if unknown := sorted(set(args.figures) - FIGURES.keys()):
        parser.error(f"no figure {unknown[0]}")
    missed = False
    for proof in proofs(args.figures or sorted(FIGURES), not args.short):
        if not (args.short or args.again) and proof.name in recorded():
            continue
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="slotdeck-") as folder:
            row = proof.prove(Path(folder))
        row = {
            "number": proof.figure,
            "name": proof.name,
            **row,
            "seconds": round(time.monotonic() - began_s, 1),
        }
        word = {True: "met", False: "MISSED"}.get(row.get("met"), "")
        print(
            f"{proof.figure}. {row['figure']}: {row['value']} {row['unit']} {word} ({row['seconds']} s)",
            flush=True,
        )
        missed = missed or row.get("met") is False
        if not args.short:
            write({**recorded(), proof.name: row})
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
