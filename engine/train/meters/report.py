"""The report on the steps since the last one: what the meter read, and how the run stood."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.protocol.events import StepReport

if TYPE_CHECKING:
    from engine.train.run import Run


def step_report(run: Run) -> StepReport:
    """Read the meter: the one place where the device is read."""
    reading = run.meter.read()
    speed = run.meter.seconds_per_step
    overridden = any(row.precision for row in run.plan.rows) if run.plan else False
    return StepReport(
        step=run.step,
        branch=run.branch,
        tokens=run.tokens,
        lr=run.optimizer.lr,
        precision=f"{run.precision}*" if overridden else run.precision,
        eta_s=None if speed is None else speed * (run.total_steps - run.step),
        batch_size=run.batch_size,
        accumulate=run.accumulate,
        recompute=run.recompute,
        **asdict(reading),
    )
