"""The loss guard: turns a stream of bad steps into a few words, and pauses a run that keeps failing.

Called by `Run.report` and `Run.tell`. Which step is left out is decided on the device, in `engine.train.step` and
`engine.train.guards.spikes`; here it is told. A run may have 20 reports a second: so there is one alarm when it begins,
one at each tenfold, and a line when it is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.checkpoint.find import find
from engine.errors import SlotdeckError
from engine.protocol.events import Alarm, LogLine, StepReport
from engine.train.guards.spikes import RECENT, Spikes

if TYPE_CHECKING:
    from engine.train.run import Run

FP16_USUAL = 8
"""fp16 finds its loss scale by overflowing: a few steps left out in a row are how it works, not trouble."""
STUCK_AFTER = 20
"""Steps left out with none between: past any search for a loss scale (2**16 halves 16 times), so the weights
themselves are spoilt, or something else that does not pass."""
CALM_STEPS = 100
"""Steps without a spike after which the next one is news again."""


@dataclass(slots=True)
class Trouble:
    """Something that befalls steps, from its first step to its end."""

    count: int = 0
    """Steps since it began; 0 while all is well."""
    since_step: int = 0
    calm_steps: int = 0
    """Since the last of them."""
    told: bool = False
    _tell_at: int = 0

    def more(self, step: int, steps: int, count: int, tell_at: int = 1) -> bool:
        """`count` of the `steps` up to `step`; whether to raise an alarm now: at `tell_at`, and at each tenfold."""
        if not self.count:
            self.since_step, self._tell_at = step - steps, tell_at
        self.count += count
        self.calm_steps = 0
        if self.count < self._tell_at:
            return False
        while self._tell_at <= self.count:
            self._tell_at *= 10
        self.told = True
        return True

    def over(self, steps: int, after: int) -> bool:
        """So many `steps` without one; whether that is the end of a trouble that was told."""
        self.calm_steps += steps
        if not self.count or self.calm_steps < after:
            return False
        ended, self.count, self.told = self.told, 0, False
        return ended


@dataclass(slots=True)
class LossGuard:
    """Counts the steps left out, report by report."""

    keeps_happening: int = 0
    """The most steps left out within 20 in a row, since somebody last looked at it."""
    _not_finite: Trouble = field(default_factory=Trouble)
    _spikes: Trouble = field(default_factory=Trouble)
    _in_a_row: int = 0
    """Left out since the last step that was applied."""

    @property
    def stuck(self) -> bool:
        """No step takes any more: what is saved now would only push good checkpoints out."""
        return self._in_a_row >= STUCK_AFTER

    def look(
        self, report: StepReport, spikes: Spikes, precision: str, lean: bool = False
    ) -> Iterator[Alarm | LogLine]:
        """What to tell after a report.

        Args:
            report: its `skipped_steps` are those that were not finite and the spikes.
            spikes: what the device counted meanwhile.
            precision: the run's compute type.
            lean: slots were updated inside backward, so not everything of a bad step was left out.
        """
        skipped = report.skipped_steps
        self._in_a_row = self._in_a_row + skipped if skipped == report.steps else 0
        self.keeps_happening = max(self.keeps_happening, spikes.most_recent)
        not_finite = skipped - spikes.spikes
        trouble = self._not_finite
        if not_finite:
            first = FP16_USUAL + 1 if precision == "fp16" else 1
            if trouble.more(report.step, report.steps, not_finite, first):
                yield _moved(report.step, trouble) if lean else _left_out(report.step, trouble, precision)
        else:
            left_out = trouble.count
            if trouble.over(report.steps, after=1):
                text = (
                    f"loss and gradients are finite again at step {report.step}; steps left out: {left_out:,}"
                )
                yield LogLine(level="info", text=text)
        yield from self._look_at_spikes(report, spikes)

    def _look_at_spikes(self, report: StepReport, spikes: Spikes) -> Iterator[Alarm | LogLine]:
        trouble, step = self._spikes, report.step
        if spikes.spikes:
            if trouble.more(step, report.steps, spikes.spikes):
                where = f"step {step}" if report.steps == 1 else f"steps {step - report.steps + 1} to {step}"
                yield Alarm(
                    step=step,
                    level="warning",
                    code="loss-spike",
                    message=f"{where}: {spikes.describe()}; left out{_in_all(trouble, spikes.spikes)}",
                    remedy="nothing, if it stays rare; else lower the learning rate, or look at the data",
                )
            return
        left_out = trouble.count
        if trouble.over(report.steps, CALM_STEPS):
            yield LogLine(
                level="info", text=f"no spike in {trouble.calm_steps:,} steps; left out before: {left_out:,}"
            )


def pause_if_it_keeps_happening(run: Run) -> None:
    """Pause a run of which too many of the last steps were left out, and name the way back. It never goes it alone."""
    happened, limit = run.loss_guard.keeps_happening, run.profile.guard.pause_after
    run.loss_guard.keeps_happening = 0
    if not limit or happened < limit or run.step >= run.total_steps or run.stopping:
        return
    # Whoever resumes has seen it: were the window kept, a loss that stays high would pause the run again at once.
    run.spikes.restart()
    run.spikes.forgive()
    name = _newest_checkpoint(run)
    back = f"rollback {name} goes back to the last checkpoint; " if name else ""
    run.alarm(
        "error",
        "loss-spikes",
        f"{happened} of {RECENT} steps were left out: spikes, or not finite; the run is paused",
        f"{back}resume goes on as it is, with a lower learning rate if you give one first: lr x0.5",
    )
    run.pause(f"{happened} of {RECENT} steps were left out")


def _newest_checkpoint(run: Run) -> str:
    """What a rollback would go to; empty: there is none."""
    try:
        return find(run.writer.root, "", run.branches, before=run.step)
    except SlotdeckError:
        return ""


def _left_out(step: int, trouble: Trouble, precision: str) -> Alarm:
    wider = "" if precision == "fp32" else ", or go to a wider precision"
    return Alarm(
        step=step,
        level="warning",
        code="loss-not-finite",
        message=f"{trouble.count:,} of the {step - trouble.since_step:,} steps since step {trouble.since_step} had"
        " a loss or gradient that is not finite; they were not applied",
        remedy=f"lower the learning rate{wider}; if it stays so, stop: nothing more is saved by itself, and a"
        " resume goes on from the last good checkpoint",
    )


def _moved(step: int, trouble: Trouble) -> Alarm:
    return Alarm(
        step=step,
        level="error",
        code="lean-step-spoilt",
        message=f"{trouble.count:,} of the {step - trouble.since_step:,} steps since step {trouble.since_step} had"
        " a loss or gradient that is not finite; in lean mode slots updated before a bad gradient have moved",
        remedy=f"go back to a checkpoint of step {trouble.since_step} or before it: rollback CHECKPOINT; then a lower"
        " learning rate, lr x0.5, or a stop and slotdeck resume --set train.lean=false",
    )


def _in_all(trouble: Trouble, now: int) -> str:
    return f", {trouble.count:,} in all since step {trouble.since_step}" if trouble.count > now else ""
