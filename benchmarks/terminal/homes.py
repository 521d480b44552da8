"""Home with a thousand runs."""

from __future__ import annotations

from many_runs import write_many_runs

from benchmarks.terminal.child import Child
from benchmarks.terminal.figure import Row, Work, median_row

RUNS = 1000
ROUNDS = 5


def measure(work: Work) -> list[Row]:
    """From starting Python to the newest run on the screen; the first time nothing is remembered of them."""
    newest = write_many_runs(work.folder / "runs", RUNS)[-1]
    times = []
    for _ in range(ROUNDS):
        child = Child.slotdeck("--runs", newest.parent, compiled=work.compiled)
        times.append(child.until(newest.name[:24]))
        child.quiet(limit_s=3)
        child.leave()
    return [
        median_row(
            f"home with {RUNS:,} runs, start to the newest listed", times, "s", 1.0, first=round(times[0], 3)
        )
    ]
