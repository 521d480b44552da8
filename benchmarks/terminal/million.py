"""A run of 1,000,000 reports opened and sought in; and a smaller one, opened by us, TensorBoard and W&B LEET in turns.

The smaller log is exported by `slotdeck export-run`, so that all three read the same scalars.
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
from benchmarks.terminal.figure import Row, Work, median_row, row
from benchmarks.terminal.peers import leet, tensorboard

REPORTS = 1_000_000
SHARED_REPORTS = 100_000
ROUNDS = 5
SEEKS = 60
NOT_MEASURED = "not measured: no such Python given"
JUMPS = ("\x1b[1;2D", "\x1b[1;2C")
"""A twentieth of the run back, and on."""


def measure(work: Work) -> list[Row]:
    """Ours alone at the full length, then all three."""
    run_dir = work.folder / "20261121-090000-million-0001"
    write_log(run_dir, REPORTS)
    opened = [_open(run_dir, work) for _ in range(ROUNDS)]
    sought = _seek(run_dir, work)
    return [
        median_row("open 1,000,000 reports: slotdeck replay, start to first chart", opened, "s", 0.7),
        median_row("seek anywhere in it, key to changed pixel", sought, "ms", 50.0,
                   note=f"{SEEKS} jumps of a twentieth of the run, to and fro"),
        *_side_by_side(work),
    ]  # fmt: skip


def _open(run_dir: Path, work: Work) -> float:
    child = Child.slotdeck("replay", run_dir, compiled=work.compiled)
    seconds = child.until(CURVE)
    child.read(0.2)
    child.leave()
    return seconds


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


def _side_by_side(work: Work) -> list[Row]:
    """All three open the same scalars, in turns."""
    run_dir = work.folder / "20261121-090000-shared-0001"
    write_log(run_dir, SHARED_REPORTS)
    exported = work.folder / "exported"
    code = "from slotdeck.cli import main; main()"
    words = ["export-run", str(run_dir), "--tensorboard", "--wandb-offline", "--to", str(exported)]
    subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, check=True, capture_output=True)
    openers: dict[str, Callable[[], float]] = {"slotdeck": lambda: _open(run_dir, work)}
    if work.peers is not None:
        python = work.peers
        openers["TensorBoard"] = lambda: tensorboard(python, exported, SHARED_REPORTS)
        openers["W&B LEET"] = lambda: leet(python, exported)
    times: dict[str, list[float]] = {name: [] for name in openers}
    for _ in range(3):
        for name, opener in openers.items():
            times[name].append(opener())
    texts = {
        "slotdeck": "start to first chart: slotdeck replay",
        "TensorBoard": "start to the loss over HTTP: TensorBoard",
        "W&B LEET": "start to first chart: W&B LEET",
    }
    note = f"the 11 scalars of {SHARED_REPORTS:,} reports, written by slotdeck export-run, in turns"
    return [
        median_row(f"the same {SHARED_REPORTS:,} reports, {text}", times[name], "s", note=note)
        if name in times
        else row(f"the same {SHARED_REPORTS:,} reports, {text}", NOT_MEASURED, "")
        for name, text in texts.items()
    ]
