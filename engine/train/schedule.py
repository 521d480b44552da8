"""The learning rate of each step: warm-up, the profile's schedule, and the operator's word over both."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.profile.schema import Optim


def scheduled_lr(step: int, total_steps: int, optim: Optim) -> float:
    """The profile's learning rate for the step that follows `step` steps done.

    Linear warm-up to `lr` over `warmup_steps`, then

        cosine     half a cosine down to `min_lr` at the last step (Loshchilov & Hutter 2017, without restarts)
        wsd        `lr` until the cooldown, which falls to `min_lr` at the last step as 1 - sqrt(its share done)
                   (warm-up, stable, decay: Hu et al. 2024, MiniCPM; the square root and a cooldown of a fifth of
                   the run: Hägele et al. 2024, who found it to beat the straight line)
        constant   `lr`
    """
    if step < optim.warmup_steps:
        return optim.lr * (step + 1) / optim.warmup_steps
    if optim.schedule == "constant":
        return optim.lr
    if optim.schedule == "wsd":
        start = cooldown_step(total_steps, optim)
        if step < start or start == total_steps:
            return optim.lr
        left = 1 - math.sqrt(min(1.0, (step - start + 1) / (total_steps - start)))
    else:
        span = max(1, total_steps - 1 - optim.warmup_steps)
        progress = min(1.0, (step - optim.warmup_steps) / span)
        left = 0.5 * (1 + math.cos(math.pi * progress))
    return optim.min_lr + (optim.lr - optim.min_lr) * left


def cooldown_step(total_steps: int, optim: Optim) -> int:
    """The first step of a wsd schedule's cooldown; `total_steps` when it has none."""
    return min(total_steps, max(optim.warmup_steps, total_steps - round(optim.cooldown * total_steps)))


@dataclass(frozen=True, slots=True)
class LrControl:
    """What the operator made of the schedule: nothing, a factor on it, or a fixed value."""

    fixed: float | None = None
    factor: float = 1.0

    @classmethod
    def parse(cls, value: str) -> LrControl:
        """From the `lr` verb's argument, already checked: `3e-4`, `x0.5` or `schedule`."""
        if value == "schedule":
            return cls()
        if value.startswith("x"):
            return cls(factor=float(value[1:]))
        return cls(fixed=float(value))

    def lr(self, scheduled: float) -> float:
        """The learning rate in force."""
        return scheduled * self.factor if self.fixed is None else self.fixed

    def describe(self, scheduled: float) -> str:
        """For people: `0.0003 (schedule)`."""
        how = (
            "fixed"
            if self.fixed is not None
            else "schedule"
            if self.factor == 1
            else f"schedule x{self.factor:g}"
        )
        return f"{self.lr(scheduled):.3g} ({how})"

    @property
    def text(self) -> str:
        """The verb's argument that would set it again."""
        return (
            f"{self.fixed!r}"
            if self.fixed is not None
            else "schedule"
            if self.factor == 1
            else f"x{self.factor!r}"
        )
