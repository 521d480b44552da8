"""What the slots did, one row a tick, for the waterfall.

Plans can change at every step, far faster than rows should run down a screen. A tick gathers what happened
for `TICK_S` of the run's own time and keeps the mean duty of each slot over its steps. Time comes from the
events, so a replay draws the same rows as the live run did.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from engine.protocol.events import SlotPlanned, StepReport

TICK_S = 1.0
CAPACITY = 512
"""Ticks remembered: more rows than any terminal has."""


class SlotTick(Struct, frozen=True):
    """One row of the waterfall."""

    step: int
    """The last step of the tick."""
    duty: tuple[float, ...]
    """Mean over the tick's steps."""
    held: tuple[str, ...]
    """`""`, `pin` or `ban`, at the end of the tick."""
    trained: tuple[bool, ...]
    pruned: tuple[bool, ...] = ()
    branch: int = 0


class SlotHistory:
    """Gathers plans and reports into ticks."""

    def __init__(self) -> None:
        self.ticks: deque[SlotTick] = deque(maxlen=CAPACITY)
        self._plan: SlotPlanned | None = None
        self._since_step = 0
        self._tick_began_s: float | None = None
        self._work: list[float] = []
        self._steps = 0
        self._branch = 0

    def resting(self) -> SlotHistory:
        """One that goes on from the same plan and remembers nothing before."""
        fresh = SlotHistory()
        fresh._plan, fresh._since_step, fresh._branch = self._plan, self._since_step, self._branch
        fresh._work = [0.0] * len(self._work)
        return fresh

    def went_to(self, step: int, branch: int) -> None:
        """The run goes on from this step, on this branch, whatever it did before."""
        self._work, self._steps = [0.0] * len(self._work), 0
        self._since_step, self._branch, self._tick_began_s = step, branch, None

    def planned(self, plan: SlotPlanned, wall_s: float) -> bool:
        """A new plan holds from `plan.step` on. Whether a tick was finished."""
        if self._plan is None or len(plan.rows) != len(self._work) or plan.step < self._since_step:
            self._work, self._steps = [0.0] * len(plan.rows), 0
        else:
            self._advance(plan.step)
        self._plan, self._since_step = plan, plan.step
        if self._tick_began_s is None:
            self._tick_began_s = wall_s
        return self._close(wall_s)

    def reported(self, report: StepReport, wall_s: float) -> bool:
        """Steps were done under the plan. Whether a tick was finished."""
        if self._plan is None:
            return False
        if self._tick_began_s is None:
            self._tick_began_s = wall_s
        self._branch = report.branch
        self._advance(report.step)
        return self._close(wall_s)

    def _advance(self, step: int) -> None:
        assert self._plan is not None, "only a plan can be worked off"
        steps = step - self._since_step
        if steps <= 0:
            return
        for i, row in enumerate(self._plan.rows):
            self._work[i] += row.duty * steps
        self._steps += steps
        self._since_step = step

    def _close(self, wall_s: float) -> bool:
        if self._plan is None or self._tick_began_s is None or not self._steps:
            return False
        if wall_s - self._tick_began_s < TICK_S:
            return False
        rows = self._plan.rows
        self.ticks.append(
            SlotTick(
                self._since_step,
                tuple(work / self._steps for work in self._work),
                tuple(row.held for row in rows),
                tuple(row.trained for row in rows),
                tuple(row.pruned for row in rows),
                self._branch,
            )
        )
        self._work, self._steps, self._tick_began_s = [0.0] * len(rows), 0, wall_s
        return True
