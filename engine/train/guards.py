"""Guards: what turns a stream of bad steps into a few words for the operator.

Called by `Run.report`. A run whose loss is NaN goes on, its steps left out, and an alarm a report would bury
the feed: 20 a second. So: one when it begins, one at each tenfold, and a line when it is over.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.protocol.events import Alarm, LogLine

FP16_USUAL = 8
"""fp16 finds its loss scale by overflowing: a few steps left out in a row are how it works, not trouble."""
STUCK_AFTER = 20
"""Steps left out with none between: past any search for a loss scale (2**16 halves 16 times), so the weights
themselves are spoilt, or something else that does not pass."""


@dataclass(slots=True)
class LossGuard:
    """Counts the steps left out in a row of reports."""

    _skipped: int = 0
    """Since the trouble began; 0 while all is well."""
    _since_step: int = 0
    _tell_at: int = 0
    """How many make the next alarm."""
    _told: bool = False
    _in_a_row: int = 0
    """Left out since the last step that was applied."""

    @property
    def stuck(self) -> bool:
        """No step takes any more: what is saved now would only push good checkpoints out."""
        return self._in_a_row >= STUCK_AFTER

    def look(
        self, step: int, steps: int, skipped: int, precision: str, lean: bool = False
    ) -> Alarm | LogLine | None:
        """What to tell after a report; None: nothing new.

        Args:
            step: the report's.
            steps: how many it covers.
            skipped: how many of these had a loss or a gradient that is not finite.
            precision: the run's compute type.
            lean: slots were updated inside backward, so not everything of a bad step was left out.
        """
        self._in_a_row = self._in_a_row + skipped if skipped == steps else 0
        if not skipped:
            return self._over(step)
        if not self._skipped:
            self._since_step = step - steps
            self._tell_at = FP16_USUAL + 1 if precision == "fp16" else 1
        self._skipped += skipped
        if self._skipped < self._tell_at:
            return None
        while self._tell_at <= self._skipped:
            self._tell_at *= 10
        self._told = True
        wider = "" if precision == "fp32" else ", or go to a wider precision"
        if lean:
            return self._moved(step)
        return Alarm(
            step=step,
            level="warning",
            code="loss-not-finite",
            message=f"{self._skipped:,} of the {step - self._since_step:,} steps since step {self._since_step} had"
            " a loss or gradient that is not finite; they were not applied",
            remedy=f"lower the learning rate{wider}; if it stays so, stop: nothing more is saved by itself, and a"
            " resume goes on from the last good checkpoint",
        )

    def _moved(self, step: int) -> Alarm:
        return Alarm(
            step=step,
            level="error",
            code="lean-step-spoilt",
            message=f"{self._skipped:,} of the {step - self._since_step:,} steps since step {self._since_step} had"
            " a loss or gradient that is not finite; in lean mode slots updated before a bad gradient have moved",
            remedy="go back to the last checkpoint: stop save=no, then resume, with a lower learning rate or"
            " train.lean=false",
        )

    def _over(self, step: int) -> LogLine | None:
        skipped, told = self._skipped, self._told
        self._skipped, self._told = 0, False
        if not told:
            return None
        return LogLine(
            level="info",
            text=f"loss and gradients are finite again at step {step}; steps left out: {skipped:,}",
        )
