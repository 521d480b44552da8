"""Where the run went back: which steps of which branch lead to where it is, and which were left behind.

Every series has one, fed by what announces a branch; the chart and the marks on its axis ask it.
"""

from __future__ import annotations

from msgspec.structs import replace

from engine.protocol.events import StepReport, WentBack

BEYOND = 1 << 62
"""A step later than any."""


MOST_LOST = 1000
"""Branches are numbered one after another: a number further on than this is damage, and is not counted through."""


class Forks(dict[int, int]):
    """Branch number -> the step after which that branch begins. Branch 0 begins at nothing and is not in it."""

    def __init__(self) -> None:
        super().__init__()
        self._came_from: dict[int, int] = {}
        """Branch -> the one it came from, where that is not the one before it."""

    def begin(self, branch: int, step: int, came_from: int | None = None) -> None:
        """`branch` begins after `step` of the branch it came from: the one before it when `None`."""
        self[branch] = step
        if came_from is not None:
            self._came_from[branch] = came_from

    def came_from(self, branch: int) -> int:
        """The branch that one came from."""
        if branch in self._came_from or branch - 1 in self or branch <= MOST_LOST:
            return self._came_from.get(branch, branch - 1)
        return max((known for known in self if known < branch), default=0)

    def upto(self, branch: int) -> Forks:
        """A copy without the branches after this one."""
        part = Forks()
        part.update((number, step) for number, step in self.items() if number <= branch)
        part._came_from = {number: of for number, of in self._came_from.items() if number <= branch}
        return part

    def line(self, at: int | None = None) -> dict[int, int]:
        """Branch -> its last step on the way to branch `at`, the newest when `None`; others are not in it."""
        branch = max(self, default=0) if at is None else at
        last, found = BEYOND, {}
        while branch >= 0 and branch not in found:
            found[branch] = last
            last = min(last, self.get(branch, last))
            branch = self.came_from(branch)
        return found

    def leads(self, branch: int, step: int, at: int | None = None) -> bool:
        """Whether a step of a branch is on the way to branch `at`, the newest when `None`."""
        return step <= self.line(at).get(branch, -1)


def gone_back(report: StepReport, event: WentBack, tokens: int, passed_s: float) -> StepReport:
    """The last report as it stands after going back: its step, and the time that the steps left behind cost again.

    Args:
        report: the newest, `passed_s` seconds ago.
        event: where the run goes on from.
        tokens: how many it has been trained on there.
        passed_s: seconds since the report.
    """
    left_s = report.eta_s
    if left_s is not None:
        again_s = (event.from_step - event.step) * report.step_ms / 1e3
        left_s = max(0.0, left_s - passed_s) + again_s
    return replace(report, step=event.step, branch=event.branch, tokens=tokens, eta_s=left_s)
