"""From tensors on the device to step reports: summed there, brought over once a report.

A step adds its loss and gradient norm to sums that stay on the device. Only a reporting step copies them to
the host, all in one tensor: on the others nothing is read and the device is never waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from engine.train.meters.pace import Pace
from engine.train.meters.stopwatch import Stopwatch, stopwatch_for

EMA_PER_STEP = 0.02
"""Weight of one step in `loss_ema`: a memory of about 50 steps."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a report says of the steps since the last one, by the names that `StepReport` has for it."""

    steps: int
    loss: float
    """Mean over the steps whose loss was finite, spikes included; NaN if none was."""
    loss_ema: float
    """Over the steps that were applied."""
    grad_norm: float
    tokens_per_s: float
    step_ms: float
    data_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float
    active_slots: float
    skipped_steps: int
    """Not applied: not finite, or a spike."""


class Meter:
    """Gathers steps until a report is due."""

    def __init__(
        self, device: torch.device, reports_per_s: float, clock_s: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock_s = clock_s
        self._min_gap_s = 1 / reports_per_s
        self._sums = torch.zeros(
            6, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device
        )
        self.stopwatch: Stopwatch = stopwatch_for(device)
        self.loss_ema: float | None = None
        self.ema_weight = 0.0
        """How much of `loss_ema` is filled: it starts as the plain mean of the steps so far."""
        self.pace = Pace()
        self._steps = 0
        self._tokens = 0
        self._active = 0.0
        self._since_s = clock_s()
        self._outside_s = 0.0
        self._last_report_s = float("-inf")

    def add(
        self,
        loss: Tensor,
        grad_norm: Tensor,
        finite: Tensor,
        tokens: int,
        active_slots: float,
        spike: Tensor | None = None,
    ) -> None:
        """A step was done. The tensors are 0-d, on the device, and stay there; a `spike` is finite."""
        spike = torch.zeros_like(finite) if spike is None else spike
        values = torch.stack((loss.detach(), grad_norm.detach(), loss.detach())).to(self._sums.dtype)
        ones = torch.ones_like(values)
        told = torch.stack((finite, finite, finite & ~spike))
        # Losses as they were, and those that the mean over many steps is of.
        self._sums += torch.where(
            torch.cat((told, told)), torch.cat((values, ones)), torch.zeros_like(self._sums)
        )
        self._steps += 1
        self._tokens += tokens
        self._active += active_slots

    def start(self) -> None:
        """Training begins now."""
        self._since_s = self._clock_s()
        self._outside_s = 0.0

    def outside(self, seconds: float) -> None:
        """This much of the time was not training: an evaluation, a save, a pause."""
        self._outside_s += seconds

    @property
    def seconds_per_step(self) -> float | None:
        """Recent speed, evaluations, saves and pauses excluded."""
        return self.pace.seconds_per_step

    @property
    def has_steps(self) -> bool:
        """Whether there is anything to report."""
        return self._steps > 0

    def due(self) -> bool:
        """Whether enough time has passed since the last report."""
        return self._steps > 0 and self._clock_s() - self._last_report_s >= self._min_gap_s

    def read(self) -> Reading:
        """The report on the steps since the last; the one place where the host waits for the device."""
        assert self._steps, "a report needs a step"
        loss_sum, norm_sum, applied_sum, good, _, applied = self._sums.tolist()
        self._sums.zero_()
        now = self._clock_s()
        busy_s = max(1e-9, now - self._since_s - self._outside_s)
        phases = self.stopwatch.read()
        nan = float("nan")
        loss = loss_sum / good if good else nan
        if applied:
            keep = (1 - EMA_PER_STEP) ** self._steps
            old_weight, new_weight = keep * self.ema_weight, 1 - keep
            self.ema_weight = old_weight + new_weight
            usual = applied_sum / applied
            self.loss_ema = (old_weight * (self.loss_ema or 0.0) + new_weight * usual) / self.ema_weight
        per_step_s = busy_s / self._steps
        self.pace.add(per_step_s)
        reading = Reading(
            steps=self._steps,
            loss=loss,
            loss_ema=nan if self.loss_ema is None else self.loss_ema,
            grad_norm=norm_sum / good if good else nan,
            tokens_per_s=self._tokens / busy_s,
            step_ms=1000 * per_step_s,
            active_slots=self._active / self._steps,
            skipped_steps=round(self._steps - applied),
            **asdict(phases),
        )
        self._steps = self._tokens = 0
        self._active = self._outside_s = 0.0
        self._since_s = self._last_report_s = now
        return reading
