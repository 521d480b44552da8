"""Policies: with what probability each slot works at a step, and the draw.

    all      every slot, every step: the baseline row `slots off`
    random   each slot by the same chance: the control that a cleverer policy must beat at equal work
    anneal   deeper slots are dropped more, everything is on from `full_from` to the end

Pure functions of the step and the settings. The draw has a generator of its own, named by seed and step:
plans never disturb the data order, and a resumed run draws what the killed one would have drawn.
Formulas and sources: docs/slots.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from engine.errors import SlotdeckError, nearest
from engine.profile.schema import Slots

OPTIONS: dict[str, tuple[str, ...]] = {
    "all": (),
    "random": ("mean_duty", "every"),
    "anneal": ("mean_duty", "full_from", "every"),
}
"""The options of each policy."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy and its settings."""

    name: str
    mean_duty: float
    """Mean over all slots, those that always stay on included."""
    full_from: float
    every: int

    @classmethod
    def from_profile(cls, profile: Slots) -> Policy:
        """The one the profile asks for."""
        return cls(profile.policy, profile.mean_duty, profile.full_from, profile.every)

    def changed(self, name: str, options: dict[str, float]) -> Policy:
        """Another policy; settings that `options` does not name stay as they are here.

        Raises:
            SlotdeckError: no such policy or option (the nearest is named), or a value out of range.
        """
        if name not in OPTIONS:
            raise SlotdeckError(
                f"no policy {name!r}{nearest(name, list(OPTIONS))}", f"use one of: {', '.join(OPTIONS)}"
            )
        takes = OPTIONS[name]
        for option, value in options.items():
            if option not in takes:
                raise SlotdeckError(
                    f"policy {name}: no option {option!r}{nearest(option, list(takes))}",
                    f"use {', '.join(takes)}" if takes else "give it no options",
                )
            _check(name, option, value)
        return replace(
            self,
            name=name,
            mean_duty=float(options.get("mean_duty", self.mean_duty)),
            full_from=float(options.get("full_from", self.full_from)),
            every=int(options.get("every", self.every)),
        )

    def options(self) -> dict[str, float]:
        """Its settings by name, those it uses."""
        return {option: getattr(self, option) for option in OPTIONS[self.name]}

    def describe(self) -> str:
        """As one would type it: `anneal mean_duty=0.6 full_from=0.75 every=1`."""
        return " ".join([self.name, *(f"{k}={v:g}" for k, v in self.options().items())])

    def drawn_at(self, step: int) -> int:
        """The step at which the plan of `step` is drawn: plans are kept for `every` steps."""
        return step - step % self.every

    def full_step(self, total_steps: int) -> int:
        """The step from which anneal has every slot on."""
        return round(self.full_from * total_steps)

    def keep(self, step: int, total_steps: int, stays: Sequence[bool]) -> list[float]:
        """The probability that each slot works at `step`.

        Args:
            step: steps done.
            total_steps: of the run.
            stays: slots that are never dropped; the others make up for them, so that the mean holds.
        """
        depth = len(stays)
        if self.name == "all":
            return [1.0] * depth
        if self.name == "random":
            weights = [0.0 if on else 1.0 for on in stays]
            missing = 1.0 - self.mean_duty
        else:
            full = self.full_step(total_steps)
            if step >= full:
                return [1.0] * depth
            weights = [0.0 if on else i / (depth - 1) for i, on in enumerate(stays)] if depth > 1 else [0.0]
            missing = (1.0 - self.mean_duty) * (1.0 - self.drawn_at(step) / full)
        return [1.0 - drop for drop in _spread(missing * depth, weights)]

    def draw(self, step: int, seed: int, depth: int) -> list[float]:
        """One uniform number for each slot; slot i works if its number is below its keep probability.

        Held slots draw too, so that a hold on one never changes what the others do.
        """
        rng = Random(f"slots:{seed}:{self.drawn_at(step)}")
        return [rng.random() for _ in range(depth)]


def mean_work(mean_duty: float, full_from: float) -> float:
    """The mean duty of a whole annealed run: what `random` takes as `mean_duty` to do equal work."""
    return full_from * (mean_duty + 1.0) / 2 + (1.0 - full_from)


def _spread(total: float, weights: Sequence[float]) -> list[float]:
    """Probabilities in proportion to `weights`, each at most 1, that sum to `total` as far as they can."""
    out = [0.0] * len(weights)
    open_slots = [i for i, w in enumerate(weights) if w > 0]
    left = total
    while open_slots and left > 1e-12:
        scale = left / sum(weights[i] for i in open_slots)
        full = [i for i in open_slots if scale * weights[i] >= 1.0]
        for i in full or open_slots:
            out[i] = 1.0 if full else scale * weights[i]
        if not full:
            break
        left -= len(full)
        open_slots = [i for i in open_slots if i not in full]
    return out


def _check(policy: str, option: str, value: float) -> None:
    if option == "every":
        if not 1 <= value < 2**31 or not float(value).is_integer():
            raise SlotdeckError(
                f"policy {policy}: every={value:g}", "give a whole number of steps, 1 or more"
            )
    elif not 0.0 <= value <= 1.0:
        raise SlotdeckError(f"policy {policy}: {option}={value:g}", "give a share between 0 and 1")
