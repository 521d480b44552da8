"""Figure 12: a NaN batch, three spikes, an out-of-memory and a SIGUSR1 in one run, which finishes and tells of it all.

The engine is the real one; `tests/support/faulty_engine.py` puts the faults around it. SIGUSR1 is what a scheduler
sends before it takes the machine away: the run saves, ends, and is resumed as its owner would.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "tests" / "support")) if path not in sys.path]

from benchmarks.durability.proof import Proof, Row
from benchmarks.durability.run_folder import make_tokens
from engine.protocol import events as e

STEPS = 155
NAN, SPIKES, NO_MEMORY, PREEMPTED = 20, (90, 112, 134), 140, 145
"""Steps done before each fault."""
FAULTS = (
    f"nan@{NAN}",
    *(f"spike@{step}:1000" for step in SPIKES),
    f"oom@{NO_MEMORY}",
    f"signal@{PREEMPTED}:SIGUSR1",
)
SETS = (f"train.steps={STEPS}", "evaluate.every=0", "evaluate.tokens=64", "checkpoint.every=50",
        "telemetry.hardware_every_s=60")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chapter:
    """Something the log must say, after what came before it."""

    what: str
    is_it: Callable[[e.Event], bool]


def _alarm(code: str, first: int, last: int) -> Callable[[e.Event], bool]:
    return lambda event: isinstance(event, e.Alarm) and event.code == code and first <= event.step <= last


def _left_out(step: int) -> Callable[[e.Event], bool]:
    return lambda event: (
        isinstance(event, e.StepReport)
        and event.skipped_steps > 0
        and event.step - event.steps <= step < event.step
    )


def _report(batch_size: int) -> Callable[[e.Event], bool]:
    return lambda event: isinstance(event, e.StepReport) and event.batch_size == batch_size


CHAPTERS = (
    Chapter("it begins", lambda event: isinstance(event, e.RunStarted) and event.step == 0),
    Chapter("with micro-batches of 4", _report(4)),
    Chapter("a step is left out for its NaN", _left_out(NAN)),
    Chapter("and an alarm says so", _alarm("loss-not-finite", NAN + 1, SPIKES[0])),
    Chapter(
        "then a line that it is over",
        lambda event: isinstance(event, e.LogLine) and "finite again" in event.text,
    ),
    Chapter("the first spike is left out", _left_out(SPIKES[0])),
    Chapter("and an alarm says so", _alarm("loss-spike", SPIKES[0] + 1, SPIKES[1])),
    Chapter("the second is left out", _left_out(SPIKES[1])),
    Chapter("the third is left out", _left_out(SPIKES[2])),
    Chapter("memory runs out, and an alarm says so", _alarm("out-of-memory", NO_MEMORY, NO_MEMORY + 1)),
    Chapter("with micro-batches of 2 it goes on", _report(2)),
    Chapter(
        "it is told to leave",
        lambda event: (
            isinstance(event, e.StateChanged) and event.state == "stopping" and "SIGUSR1" in event.reason
        ),
    ),
    Chapter("it saves", lambda event: isinstance(event, e.CheckpointSaved) and "SIGUSR1" in event.reason),
    Chapter(
        "and says why it ends",
        lambda event: isinstance(event, e.RunEnded) and event.outcome == "stopped" and event.resumable,
    ),
    Chapter(
        "it is resumed from there",
        lambda event: (
            isinstance(event, e.RunStarted) and event.step == PREEMPTED + 1 and bool(event.resumed_from)
        ),
    ),
    Chapter("still with micro-batches of 2", _report(2)),
    Chapter(
        "and finishes",
        lambda event: isinstance(event, e.RunEnded) and event.outcome == "finished" and event.step == STEPS,
    ),
)


def live_through_it(folder: Path, tokens: Path) -> list[e.Event]:
    """One run with all of it, resumed; what its log then says."""
    from faulty_engine import FaultyRun  # type: ignore[import-not-found]

    run = FaultyRun(folder / "runs", tokens, *SETS).with_faults(*FAULTS)
    assert run.run() == (0, ""), "the engine did not end in good order"
    run.faults = ()
    assert run.run("--resume") == (0, ""), "the resumed engine did not end in good order"
    return list(run.events())


def untold(events: list[e.Event]) -> list[str]:
    """What the log does not tell, or not in its order; empty: the whole story is there."""
    missing, rest = [], iter(events)
    for chapter in CHAPTERS:
        if not any(chapter.is_it(event) for event in rest):
            missing.append(chapter.what)
            rest = iter(events)
    reports = [event for event in events if isinstance(event, e.StepReport)]
    done = 0
    for report in reports:
        if report.step - report.steps != done:
            missing.append(f"what happened between steps {done} and {report.step - report.steps}")
        done = report.step
    losses = [report.loss for report in reports if not report.skipped_steps]
    if not losses or losses[-1] >= losses[0]:
        missing.append("that it learnt anything")
    return missing


def _row(folder: Path) -> Row:
    missing = untold(live_through_it(folder, make_tokens(folder)))
    for what in missing:
        print("   not told:", what)
    return {
        "figure": "a NaN batch, three spikes, an out-of-memory and a SIGUSR1 in one run: chapters told by its log",
        "value": f"{len(CHAPTERS) - len(missing)} of {len(CHAPTERS)}", "unit": "in order", "aim": f"{len(CHAPTERS)}",
        "met": not missing,
        "note": f"{STEPS} steps of the tiny profile; stopped by SIGUSR1 at step {PREEMPTED + 1}, resumed, finished; "
                "every step reported once",
    }  # fmt: skip


def proofs(long: bool) -> list[Proof]:  # noqa: ARG001 (it has one form)
    """The claim of figure 12."""
    return [Proof(12, "story", _row)]
