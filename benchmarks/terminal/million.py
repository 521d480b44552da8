"""A run of 1,000,000 reports opened and sought in, and opened by TensorBoard and W&B LEET in turns with us.

The log is exported by `slotdeck export-run`, so that all three read the same scalars.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.open_log import write_log
from benchmarks.terminal.child import CURVE, ROOT, Child
from benchmarks.terminal.figure import Row, Work, median_row, percentile, row
from benchmarks.terminal.peers import Opened, leet, tensorboard

REPORTS = 1_000_000
ROUNDS = 5
PEER_ROUNDS = 3
SEEKS = 60
NOT_MEASURED = "not measured: no such Python given"
JUMPS = ("\x1b[1;2D", "\x1b[1;2C")
"""A twentieth of the run back, and on."""


def measure(work: Work) -> list[Row]:
    """Ours alone, then all three in turns."""
    run_dir = work.folder / "20261121-090000-million-0001"
    write_log(run_dir, REPORTS)
    opened = [_open(run_dir, work).first_s for _ in range(ROUNDS)]
    sought = _seek(run_dir, work)
    return [
        median_row("open 1,000,000 reports: slotdeck replay, start to first chart", opened, "s", 0.7,
                   note="of a run that was killed: its last segment is read event by event"),
        median_row("seek anywhere in it, key to changed pixel", sought, "ms", 50.0,
                   p95=round(percentile(sought, 95), 1), note=f"{SEEKS} jumps of a twentieth of the run, to and fro"),
        *_side_by_side(run_dir, work),
    ]  # fmt: skip


def _open(run_dir: Path, work: Work) -> Opened:
    """Every report is in the first chart."""
    child = Child.slotdeck("replay", run_dir, compiled=work.compiled)
    seconds = child.until(CURVE)
    child.read(0.2)
    opened = Opened(seconds, seconds, child.memory_mb())
    child.leave()
    return opened


def _seek(run_dir: Path, work: Work) -> list[float]:
    """Milliseconds from a key to the first byte of what it changed."""
    dice, times = random.Random(1), []
    child = Child.slotdeck("replay", run_dir, compiled=work.compiled)
    try:
        child.until(CURVE)
        child.read(5)
        child.press(" ")  # held
        child.quiet()
        for turn in range(SEEKS):
            key = JUMPS[1] if turn < 8 else dice.choice(JUMPS)
            pressed_s = child.press(key)
            if child.read(2, until_any=True):  # at either end nothing changes
                times.append(1000 * (time.perf_counter() - pressed_s))
            child.quiet(0.15)
    finally:
        child.leave()
    return times


def _side_by_side(run_dir: Path, work: Work) -> list[Row]:
    """All three open the same scalars."""
    figure = "the same 1,000,000 reports, start to {}"
    if work.peers is None:
        return [
            row(figure.format(f"a curve: {name}"), NOT_MEASURED, "") for name in ("TensorBoard", "W&B LEET")
        ]
    python, exported = work.peers, work.folder / "exported"
    code = "from slotdeck.cli import main; main()"
    words = ["export-run", str(run_dir), "--tensorboard", "--wandb-offline", "--to", str(exported)]
    subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, check=True, capture_output=True)
    openers: dict[str, Callable[[], Opened]] = {
        "slotdeck replay": lambda: _open(run_dir, work),
        "TensorBoard": lambda: tensorboard(python, exported, REPORTS),
        "W&B LEET": lambda: leet(python, exported),
    }
    opened: dict[str, list[Opened]] = {name: [] for name in openers}
    for _ in range(PEER_ROUNDS):
        for name, opener in openers.items():
            opened[name].append(opener())
    note = "the 11 scalars that slotdeck export-run writes, in turns; TensorBoard: the loss over HTTP, no browser"
    rows = []
    for name, them in opened.items():
        memory_mb = round(max(one.memory_mb for one in them))
        first_s, whole_s = [one.first_s for one in them], [one.whole_s for one in them]
        rows.append(median_row(figure.format(f"a curve: {name}"), first_s, "s", note=note))
        rows.append(
            median_row(
                figure.format(f"every report in it: {name}"), whole_s, "s", note=note, memory_mb=memory_mb
            )
        )
    return rows
