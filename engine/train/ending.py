"""How a run ends: the last report, the last checkpoint, and the word for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.protocol.events import LogLine, RunEnded

if TYPE_CHECKING:
    from engine.train.run import Run


def finished(run: Run) -> RunEnded:
    """Report, save, and say how it ended; the caller logs that as the last word."""
    run.report()
    if run.compilation is not None and run.compilation.on:
        run.log.emit(LogLine(level="info", text=run.compilation.describe()))
    done = run.step >= run.total_steps
    if run.state != "stopping":
        run.enter("stopping", "the last step is done" if done else run.stop_reason)
    stuck = run.loss_guard.stuck
    wanted = (done or run.save_at_stop) and not stuck
    if wanted and run.last_saved != run.step:
        run.save("finished" if done else run.stop_reason)
    run.writer.drain()
    run.full_disk.close()
    reason = f"all {run.total_steps} steps done" if done else run.stop_reason
    outcome, remedy = "finished" if done else "stopped", ""
    if wanted and run.save_error is not None:
        reason = f"{reason}, but not saved: {run.save_error.message}"
        remedy = f"{run.save_error.remedy}; a resume goes on from the checkpoint before"
    elif stuck:
        reason = f"{reason}, but not saved: the last steps had no finite loss and were not applied"
        remedy = "resume from the last good checkpoint with a lower learning rate: --set optim.lr=X"
    return RunEnded(step=run.step, outcome=outcome, reason=reason, remedy=remedy)
