"""From a key to what it changes on the terminal: at once where it only looks, after a step where it steers."""

from __future__ import annotations

import random
import time
from statistics import median

from engine_run import EngineRun
from slotdeck_command import prepare_own_source

from benchmarks.terminal.child import Child
from benchmarks.terminal.figure import Row, Work, median_row, percentile, row
from benchmarks.terminal.session import Session
from engine.protocol.events import StepReport

LOOKS = 200
COMMANDS = 40
ONE_TURN_S = 0.25
"""What the screen may take beyond the step that has to end first."""


def measure(work: Work) -> list[Row]:
    """A slot selected in a live cockpit; a real engine paused and let go."""
    return [*_looking(work), *_steering(work)]


def _looking(work: Work) -> list[Row]:
    dice, times = random.Random(1), []
    with Session(work.folder / "looking", reports_per_s=10) as session:
        child = Child.slotdeck("attach", session.run_dir, compiled=work.compiled)
        try:
            child.until("running")
            child.read(3)
            session.still.set()  # so that what changes next is the key's doing
            child.quiet()
            for _ in range(LOOKS):
                child.read(dice.uniform(0.02, 0.12))
                pressed_s = child.press("]")
                assert child.read(5, until_any=True), "the key changed nothing"
                times.append(1000 * (time.perf_counter() - pressed_s))
        finally:
            child.leave()
    note = f"{LOOKS} keys that select a slot, in a cockpit attached to a run"
    return [
        median_row("key to changed pixel, p50", times, "ms", 50.0, note=note),
        row("key to changed pixel, p99", percentile(times, 99), "ms", 50.0, note=note),
    ]


def _steering(work: Work) -> list[Row]:
    tokens = prepare_own_source(work.folder)
    run = EngineRun(
        work.folder / "runs", tokens, "train.steps=1000000", "evaluate.every=0", "checkpoint.every=0"
    )
    run.start()
    child = Child.slotdeck("attach", run.dir, compiled=work.compiled)
    waits = []
    try:
        run.wait_for_step(20)
        child.until("running")
        child.read(2)
        for _ in range(COMMANDS // 2):
            for shown in ("paused", "running"):
                pressed_s = child.press(" ")
                child.until(lambda text, word=shown: word in text.partition("\n")[0])  # type: ignore[misc]
                waits.append(1000 * (time.perf_counter() - pressed_s))
                child.read(0.3)
        step_ms = median(report.step_ms for report in run.of(StepReport)[-50:])
    finally:
        child.leave()
        if run.process is not None:
            run.process.kill()
            run.process.wait()
    aim = step_ms + 1000 * ONE_TURN_S
    note = f"a real engine paused and let go {COMMANDS} times; one step takes {step_ms:.0f} ms there"
    return [
        median_row('key to "applied" shown, p50', waits, "ms", round(aim, 1), note=note),
        row('key to "applied" shown, p99', percentile(waits, 99), "ms", round(aim, 1), note=note),
    ]
