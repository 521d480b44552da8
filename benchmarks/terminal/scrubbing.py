"""Panning and scrubbing 10,000 reports at thirty keys a second: how many of them were each a picture of their own."""

from __future__ import annotations

import time

from fake_run import FakeRun, write_fake_run

from benchmarks.terminal.child import CURVE, Child
from benchmarks.terminal.figure import Row, Work
from benchmarks.terminal.session import NAME

REPORTS = 10_000
PER_S = 30
SECONDS = 5
PANNING = ">" * 6 + "<" * 6
SCRUBBING = "\x1b[D" * 20 + "\x1b[C" * 20


def measure(work: Work) -> list[Row]:
    """With a window of the chart moved to and fro, then with the moment moved report by report."""
    run = FakeRun(NAME, steps=REPORTS * 5, total_steps=REPORTS * 5, report_every=5)
    run_dir = write_fake_run(work.folder / NAME, run)
    child = Child.slotdeck("replay", run_dir, compiled=work.compiled)
    try:
        child.until(CURVE)
        child.quiet()
        child.press(" " + "\x1b[1;2C" * 9)  # held, well within the run
        child.quiet()
        child.press("w")
        child.quiet()
        child.press("<<<<<<<<")
        child.quiet()
        panned = _frames(child, list(PANNING))
        scrubbed = _frames(child, [f"\x1b[{key}" for key in SCRUBBING.split("\x1b[")[1:]])
    finally:
        child.leave()
    note = f"{REPORTS:,} reports, {PER_S} keys a second for {SECONDS} s; each whose picture came before the next counts"
    return [_row("panning", panned, note), _row("scrubbing", scrubbed, note)]


def _frames(child: Child, keys: list[str]) -> float:
    """Pictures a second."""
    frames, begin_s = 0, time.perf_counter()
    for number in range(PER_S * SECONDS):
        child.press(keys[number % len(keys)])
        next_s = begin_s + (number + 1) / PER_S
        came = False
        while (left_s := next_s - time.perf_counter()) > 0:
            came = child.read(left_s) or came
        frames += came
    return frames / (time.perf_counter() - begin_s)


def _row(what: str, per_s: float, note: str) -> Row:
    return {
        "figure": f"frames per second while {what} 10,000 points",
        "value": round(per_s, 1), "unit": "fps", "aim": PER_S, "met": per_s >= PER_S * 0.985, "note": note,
    }  # fmt: skip
