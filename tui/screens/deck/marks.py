"""What happened in a run, as marks for its charts: for the cockpit, the replay and the pages over them."""

from __future__ import annotations

from engine.text import one_line
from tui.state.store import RunStore
from tui.widgets.chart import Mark


def marks_of(run: RunStore, at: int | None = None) -> tuple[Mark, ...]:
    """Evaluations, checkpoints, steps gone back to, operator's actions and alarms, each kind in the order it came.

    Args:
        run: the run to its end.
        at: the branch of the moment shown; `None`: the newest.
    """
    line = run.series["loss"].forks.line(at)

    def left(branch: int, step: int) -> bool:
        return step > line.get(branch, -1)

    marks = [
        Mark(e.step, "evaluation", f"validation {e.loss:.3f}", left(e.branch, e.step))
        for e in run.evaluations
    ]
    marks += [Mark(c.step, "checkpoint", one_line(c.name), left(c.branch, c.step)) for c in run.checkpoints]
    marks += [
        Mark(step, "fork", f"went back to step {step:,}")
        for branch, step in run.series["loss"].forks.items()
        if branch
    ]
    marks += [Mark(t.step, "action", one_line(t.text), left(t.branch, t.step)) for t in run.ticks]
    marks += [Mark(a.step, "alarm", a.text) for a in run.alarms if a.step is not None]
    return tuple(marks)
