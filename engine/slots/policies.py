"""Policies: how much of each slot is wanted at a step, and the draw that makes duties of it.

    all      every slot, every step: the baseline row `slots off`
    random   of each slot the same share throughout: the control that a cleverer policy must beat at equal work
    anneal   less at the beginning, evenly or from the deeper slots; everything is on from `full_from` to the end

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
    "random": ("mean_duty", "every", "equal_work"),
    "anneal": ("mean_duty", "full_from", "every"),
}
"""The options of each policy, those that the verb takes. `shape` and `grain` are the profile's."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy and its settings."""

    name: str
    mean_duty: float
    """Mean over all slots, those that always stay on included."""
    full_from: float
    every: int
    equal_work: bool
    """random: the mean work of the anneal with these settings, at every step."""
    shape: str
    grain: str

    @classmethod
    def from_profile(cls, profile: Slots) -> Policy:
        """The one the profile asks for."""
        return cls(
            name=profile.policy,
            mean_duty=profile.mean_duty,
            full_from=profile.full_from,
            every=profile.every,
            equal_work=profile.equal_work,
            shape=profile.shape,
            grain=profile.grain,
        )

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
            equal_work=bool(options.get("equal_work", self.equal_work)),
        )

    def options(self) -> dict[str, float]:
        """Its settings by name, those it uses."""
        named = [option for option in OPTIONS[self.name] if option != "equal_work" or self.equal_work]
        return {option: float(getattr(self, option)) for option in named}

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
        """The duty of each slot at `step`, on average over many draws.

        Args:
            step: steps done.
            total_steps: of the run.
            stays: slots that are never dropped; the others make up for them, so that the mean holds.
        """
        depth = len(stays)
        if self.name == "all":
            return [1.0] * depth
        weights = self._weights(stays)
        most = sum(weight > 0 for weight in weights) / depth
        if self.name == "random":
            work = mean_work(self.mean_duty, self.full_from, most) if self.equal_work else self.mean_duty
            missing, weights = 1.0 - work, [float(not on) for on in stays]
        else:
            full = self.full_step(total_steps)
            if step >= full:
                return [1.0] * depth
            missing = (1.0 - self.mean_duty) * (1.0 - self.drawn_at(step) / full)
        return [1.0 - drop for drop in _spread(missing * depth, weights)]

    def draw(self, step: int, seed: int, depth: int) -> list[float]:
        """One uniform number for each slot, which decides between the two duties around its `keep`.

        Held slots draw too, so that a hold on one never changes what the others do.
        """
        rng = Random(f"slots:{seed}:{self.drawn_at(step)}")
        return [rng.random() for _ in range(depth)]

    def _weights(self, stays: Sequence[bool]) -> list[float]:
        """How what anneal leaves out is shared out over the slots."""
        last = max(1, len(stays) - 1)
        return [0.0 if on else i / last if self.shape == "depth" else 1.0 for i, on in enumerate(stays)]


def dither(keep: float, drawn: float, duties: Sequence[float]) -> tuple[float, float]:
    """The duty of a slot, and the chance there was of the higher of the two it was drawn from.

    Args:
        keep: what is wanted on average, which the duties around it give on average.
        drawn: a uniform number; below the chance, the higher one is taken.
        duties: those there are, ascending, from 0 to 1.
    """
    low = max(duty for duty in duties if duty <= keep)
    if low == keep:
        return low, 1.0
    high = min(duty for duty in duties if duty > keep)
    chance = (keep - low) / (high - low)
    return (high if drawn < chance else low), chance


def mean_work(mean_duty: float, full_from: float, most: float = 1.0) -> float:
    """The mean duty of a whole annealed run: what `random` takes as `mean_duty` to do equal work.

    Args:
        mean_duty, full_from: anneal's.
        most: the largest share that can be left out, where some slots always stay on.
    """
    missing = 1.0 - mean_duty
    capped = max(0.0, 1.0 - most / missing) if missing > 0 else 0.0  # share of the ramp above `most`
    return 1.0 - full_from * (capped * most + (1.0 - capped) * min(missing, most) / 2)


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
    elif option == "equal_work":
        if value not in (0, 1):
            raise SlotdeckError(f"policy {policy}: equal_work={value:g}", "give 1 or 0")
    elif not 0.0 <= value <= 1.0:
        raise SlotdeckError(f"policy {policy}: {option}={value:g}", "give a share between 0 and 1")
