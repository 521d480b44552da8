"""How long it takes to open the log of 1,000,000 step reports and have the series of the first chart.

    python benchmarks/open_log.py [--reports 1000000] [--rounds 7]

The log is written by the real LogWriter into a temporary folder; the engine "dies" at the end, so that the last
segment is unsealed and must be scanned. Each round opens it in a new process; the file cache is warm.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import results
from benchmarks.terminal.child import CURVE, Child
from engine.protocol.events import Evaluated, StepReport
from engine.runlog.writer import LogWriter

OPEN = """
import sys, time
begin = time.perf_counter()
from engine.runlog.index import History
imported = time.perf_counter()
history = History(__import__("pathlib").Path(sys.argv[1]))
tracks = history.tracks
series = tracks.columns["loss"].last
ready = time.perf_counter()
marks = len(history.marks)
marked = time.perf_counter()
at = history.seq_at(step=int(sys.argv[2]) // 2)
state = len(history.state_before(at))
sought = time.perf_counter()
assert tracks.step[-1] == int(sys.argv[2]) and not {"torch", "numpy"} & set(sys.modules)
print(ready - begin, ready - imported, marked - ready, sought - marked, len(series), marks, state)
"""


STEP_NS, BEGAN_S = 48_000_000, 1_750_000_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "20261121-090000-million-0001"
        written_s = write_log(run_dir, args.reports)
        segments = sorted((run_dir / "log").iterdir())
        size = sum(p.stat().st_size for p in segments)
        print(
            f"{args.reports} reports, {len(segments)} segments, {size / 2**20:.0f} MiB, {written_s:.1f} s to write"
        )
        killed = [open_once(run_dir, args.reports) for _ in range(args.rounds)]
        LogWriter(run_dir, "x").close()  # mends and seals, as the next engine life would
        sealed = [open_once(run_dir, args.reports) for _ in range(args.rounds)]
        charts = [chart_once(run_dir) for _ in range(args.rounds)]
    rows = [
        row("killed run: first import to the loss series", [r[0] for r in killed], 1.0),
        row("killed run: of that, History without the imports", [r[1] for r in killed]),
        row("sealed run: first import to the loss series", [r[0] for r in sealed], 1.0),
        row("sealed run: of that, History without the imports", [r[1] for r in sealed]),
        row("sealed run: then all life-cycle events", [r[2] for r in sealed]),
        row("sealed run: then the state at the middle step", [r[3] for r in sealed]),
        row("sealed run: `slotdeck replay` to the first curve on the terminal", [r[0] for r in charts], 1.0),
    ]
    for line in rows:
        print(f"{line['figure']}: {line['value']:.3f} s {line['spread']}")
    notes = [
        f"{args.reports} step reports and an evaluation every 250, {len(segments)} segments, {size} bytes",
        f"{int(killed[0][4])} points in the series: buckets of 64 reports, the newest one by one",
        f"{int(killed[0][5])} life-cycle events; the state at the middle step takes {int(killed[0][6])} entries",
        f"written in {written_s:.1f} s by LogWriter ({args.reports / written_s:,.0f} events/s, one writing thread)",
        "wall time in a new process each round, file cache warm; Python's own start is not counted",
    ]
    print(results.write("open_log", "Open a log of 1,000,000 step reports", rows, notes))


def row(figure: str, values: list[float], aim: float | None = None) -> dict[str, object]:
    spread = {name: round(value, 4) for name, value in results.spread(values).items()}
    median = spread["median"]
    return {
        "figure": figure, "value": median, "unit": "s", "aim": aim,
        "met": None if aim is None else median < aim, "spread": spread, "rounds": len(values),
    }  # fmt: skip


def chart_once(run_dir: Path) -> list[float]:
    """Seconds from starting `slotdeck replay` to a curve on a 120x32 terminal, all imports and drawing included."""
    child = Child.slotdeck("replay", run_dir)
    seconds = child.until(CURVE)
    child.read(0.2)
    child.leave()
    return [seconds]


def open_once(run_dir: Path, reports: int) -> list[float]:
    command = [sys.executable, "-c", OPEN, str(run_dir), str(reports)]
    root = Path(__file__).parents[1]
    out = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [float(word) for word in out.split()]


def write_log(run_dir: Path, reports: int) -> float:
    """A run of `reports` reports, 48 ms from one to the next, whose engine goes without a word. Returns seconds."""
    dice = random.Random(1)
    begin = time.perf_counter()
    step = 0
    writer = LogWriter(
        run_dir, run_dir.name, clock_ns=lambda: step * STEP_NS, wall=lambda: BEGAN_S + step * STEP_NS / 1e9
    )
    for step in range(1, reports + 1):
        loss = 2.5 + 6 * math.exp(-step / 90_000) + dice.gauss(0, 0.03)
        event = StepReport(
            step=step, branch=0, steps=1, tokens=step * 16_384, loss=loss, loss_ema=loss + 0.01,
            lr=6e-4 * (1 - step / reports), grad_norm=0.8 + dice.random(), tokens_per_s=21_000 + dice.random(),
            step_ms=48.0 + dice.random(), data_ms=0.4, forward_ms=15.1, backward_ms=28.0, optimizer_ms=4.5,
            active_slots=6.0, precision="bf16", eta_s=(reports - step) * 0.048,
        )  # fmt: skip
        if step % 4096:
            writer.emit(event)
        else:
            writer.commit(event)  # waits, so that nothing is dropped
        if step % 250 == 0:
            writer.emit(
                Evaluated(step=step, branch=0, loss=loss, perplexity=math.exp(loss), tokens=65_536, seconds=1)
            )
    writer.commit(
        Evaluated(step=reports, branch=0, loss=loss, perplexity=math.exp(loss), tokens=65_536, seconds=1)
    )
    # Not closed: the last segment stays without a footer, as after kill -9.
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
