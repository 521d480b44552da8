"""A run with a rollback and a prune in it, written as `fake_run` writes one.

To step 800; at 700 the operator lowered lr. Rolled back to step 500, then on to 760 on branch 1: a dry run of a
prune at 560, the prune of block.3 itself at 620, and a trial that is at work at the end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from fake_run import WHO, FakeRun
from msgspec.structs import replace

from engine.protocol import events as ev

FROM, BACK_TO, PRUNED_AT, LAST = 800, 500, 620, 760
FORECAST: dict[str, ev.Scalar] = {
    "loss_before": 6.113, "loss_after": 6.142, "params_before": 9_200_000, "params_after": 8_412_500,
    "bytes_before": 142_000_000, "bytes_after": 129_000_000, "ms_before": 30.1, "ms_after": 26.8, "slots": "block.3",
    "tokens": 65_536, "time_share": 0.89,
}  # fmt: skip


@dataclass(slots=True)
class ForkedRun(FakeRun):
    """`steps` and `outcome` are its own."""

    ends_at: int = LAST

    def events(self) -> Iterator[ev.Event]:
        """Every event in order."""
        dice = random.Random(self.seed)
        yield self._started()
        yield ev.StateChanged(state="running", step=0, reason="started")
        yield ev.LeaseChanged(holder="c-ada", who=WHO, fence=1, reason="taken")
        yield self._memory(0, "fp32")
        yield from self._leg(0, FROM, 0, dice)
        asked = self._applied(
            "r1", "rollback", {"to": "500"}, "rollback to=500", FROM, 2, f"step {FROM}", "step 500"
        )
        yield from (replace(e, step=FROM) if isinstance(e, ev.CommandApplied) else e for e in asked)
        yield ev.CheckpointSaved(
            step=FROM,
            branch=0,
            name=f"step-{FROM:08d}",
            bytes=41_500_000,
            seconds=0.4,
            reason="before a rollback",
        )
        yield ev.WentBack(
            step=BACK_TO, branch=1, from_step=FROM, checkpoint=f"step-{BACK_TO:08d}", reason=f"asked by {WHO}",
            command_id="r1", of_branch=0, rev=0,
        )  # fmt: skip
        yield from self._leg(BACK_TO, self.ends_at, 1, dice)

    def _leg(self, first: int, last: int, branch: int, dice: random.Random) -> Iterator[ev.Event]:
        held: dict[int, str] = {}
        ema = 8.3 - first * 0.0035
        for step in range(first + self.report_every, last + 1, self.report_every):
            self.clock.advance(0.03 * self.report_every)
            loss = 5.05 + 3.3 * math.exp(-step / (380 if branch else 450)) + dice.gauss(0, 0.05)
            ema += 0.1 * (loss - ema)
            plan = self._plan(step, held, dice)
            gone = branch == 1 and step > PRUNED_AT
            if gone:
                rows = list(plan.rows)
                rows[3] = ev.SlotRow(
                    duty=0.0, trained=False, pruned=True, reason=f"pruned at step {PRUNED_AT}"
                )
                plan = replace(plan, rows=rows)
            yield replace(plan, branch=branch)
            active = sum(row.duty for row in plan.rows)
            yield replace(self._report(step, loss, ema, 0.5, "fp32", active, dice), branch=branch)
            if step % 30 == 0:
                yield self._hardware(step, dice)
            if step % 100 == 0:
                val = 5.1 + 3.2 * math.exp(-step / (380 if branch else 450))
                yield ev.Evaluated(
                    step=step, branch=branch, loss=val, perplexity=math.exp(val), tokens=65_536, seconds=1.9
                )
            if step % 250 == 0:
                yield ev.CheckpointSaved(
                    step=step,
                    branch=branch,
                    name=f"step-{step:08d}",
                    bytes=41_500_000,
                    seconds=0.4,
                    reason="due",
                )
            if branch == 0 and step == 700:
                yield from self._applied("k1", "lr", {"value": "x0.5"}, "lr x0.5", step, 1, "5e-04", "2e-04")
            if branch == 1:
                yield from self._prune(step)

    def _prune(self, step: int) -> Iterator[ev.Event]:
        if step == 560:
            yield from self._trial("d1", "j1", "prune slots=block.3 dry_run=yes", step, done_after_s=4.0)
        if step == PRUNED_AT:
            now = "prune slots=block.3 trial=no"
            for event in self._applied(
                "p1", "prune", {"slots": "block.3"}, now, step, 3, "8 slots", "7 slots"
            ):
                yield replace(event, branch=1) if isinstance(event, ev.CommandApplied) else event
            yield ev.Pruned(
                step=step, branch=1, slots=["block.3"], params_before=9_200_000, params_after=8_412_500,
                loss_before=6.113, loss_after=6.142, reason="asked by ada@box7", command_id="p1",
            )  # fmt: skip
        if step == 750:
            yield from self._trial("d2", "j2", "prune slots=block.5", step)

    def _trial(
        self, command: str, job: str, text: str, step: int, done_after_s: float = 0.0
    ) -> Iterator[ev.Event]:
        slot = "block.5" if "5" in text else "block.3"
        yield self._accepted(command, "prune", {"slots": slot}, text)
        told = {"job": job, "task": "prune-trial", "step": step, "command_id": command}
        yield ev.JobReported(state="started", text=f"tries the model without {slot}", **told)
        if done_after_s:
            self.clock.advance(done_after_s)
            text = (
                f"without {slot}: validation loss 6.1130 -> 6.1420 (+0.5%), 9.2 M -> 8.41 M parameters, "
                "135 MiB -> 123 MiB of weights and states, 30.1 -> 26.8 ms a step"
            )
            yield ev.JobReported(state="done", text=text, result=FORECAST, **told)
