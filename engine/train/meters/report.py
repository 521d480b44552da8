"""The report on the steps since the last one: what the meter read, and how the run stood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.protocol.events import StepReport

if TYPE_CHECKING:
    from engine.train.run import Run


def step_report(run: Run) -> StepReport:
    """Read the meter: the one place where the device is read."""
    r = run.meter.read()
    speed = run.meter.seconds_per_step
    overridden = any(row.precision for row in run.plan.rows) if run.plan else False
    return StepReport(
        step=run.step,
        branch=run.branch,
        steps=r.steps,
        tokens=run.tokens,
        loss=r.loss,
        loss_ema=r.loss_ema,
        lr=run.optimizer.lr,
        grad_norm=r.grad_norm,
        tokens_per_s=r.tokens_per_s,
        step_ms=r.step_ms,
        data_ms=r.data_ms,
        forward_ms=r.forward_ms,
        backward_ms=r.backward_ms,
        optimizer_ms=r.optimizer_ms,
        active_slots=r.active_slots,
        precision=f"{run.precision}*" if overridden else run.precision,
        eta_s=None if speed is None else speed * (run.total_steps - run.step),
        skipped_steps=r.skipped_steps,
        batch_size=run.batch_size,
        accumulate=run.accumulate,
        recompute=run.recompute,
    )
