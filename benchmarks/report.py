"""Writes docs/benchmarks.md from benchmarks/results: every figure with its aim, misses as visible as hits.

python benchmarks/report.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.training.page import training_section
from benchmarks.training.sizes import GPT2_124M, TINY

PAGE = ROOT / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

Every figure here comes from a script in `benchmarks/`; its result, with the machine it ran on, is committed in
`benchmarks/results/`, and this page is generated from those (`python benchmarks/report.py`). The machines are small and
shared, so medians are quoted, with the smallest and the largest value beside them; where two things are compared, they
ran in turns in one go. Run them yourself with `make bench`.
"""
NO_GPU = """\
No figure here was measured on a GPU yet: the GPU paths are **not yet run on this hardware**. `make gpu` runs their
tests and their table where there is one.
"""
TRAINING = (TINY, GPT2_124M)
ORDER = ("demo", "step_overhead", "cockpit", "open_log", "faults", "prepare", "loss_head")


def page() -> str:
    """The whole page."""
    found = {
        path.stem: json.loads(path.read_text()) for path in (ROOT / "benchmarks" / "results").glob("*.json")
    }
    on_gpu = any(
        run.get("device", "cpu") != "cpu"
        for name, result in found.items()
        if name.startswith("train-")
        for run in result["runs"]
    )
    head = HEAD if on_gpu else f"{HEAD}\n{NO_GPU}"
    trained = [training_section(size, found.pop(f"train-{size.name}", None)) for size in TRAINING]
    names = [name for name in ORDER if name in found] + sorted(found.keys() - set(ORDER))
    return "\n".join([head, *trained, *(_section(name, found[name]) for name in names)])


def _section(name: str, result: dict[str, Any]) -> str:
    machine = result["machine"]
    lines = [
        f"## {result['title']}",
        "",
        f"`python benchmarks/{name}.py`, {result['date']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:g} GiB, {machine['system']}, Python {machine['python']}, "
        f"load {machine['load_average'][0]:g} when it ended.",
        "",
        "| figure | value | smallest to largest | aim | |",
        "|---|---|---|---|---|",
        *map(_row, result["rows"]),
        "",
        *(f"* {note}" for note in result["notes"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(row: dict[str, Any]) -> str:
    value = f"**{_number(row['value'])}** {row.get('unit', '')}".strip()
    aim = "" if row.get("aim") is None else _number(row["aim"])
    met = {True: "met", False: "**missed**"}.get(row.get("met"), "")
    return f"| {row['figure']} | {value} | {_spread(row)} | {aim} | {met} |"


def _spread(row: dict[str, Any]) -> str:
    if "spread" in row:
        return f"{_number(row['spread']['min'])} to {_number(row['spread']['max'])}"
    if "quartiles" in row:
        low, high = row["quartiles"]
        return f"quartiles {_number(low)} to {_number(high)}"
    if "min" in row:
        return f"{_number(row['min'])} to {_number(row['max'])}"
    return ""


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} written\n")
