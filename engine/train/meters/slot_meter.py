"""What each slot costs and learns: measured at one step in many, and told with the next report.

    gradient    norm before clipping, as the update finds it: unscaled, all micro-batches together
    weights     norm after the step
    update      norm of what the step changed; for it the weights are copied before, a slot at a time in lean mode and
                all that have a gradient otherwise. On CUDA only into memory that the activations have just left to
                the allocator, so the most that a step holds never rises; where that is too little there is no norm
    times       see `engine.train.meters.slot_clock`; none on mps, whose calls do not end when the work does

Other steps pay for one comparison. Nothing that training depends on is changed, and nothing is read from the device
before the next report, which then brings all norms over in one copy. Owned by the run, used by `engine.train.step`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from engine.models.slotted import SlottedModel
from engine.optim.clip import norm_of
from engine.optim.groups import STEM
from engine.precision.device import is_out_of_memory
from engine.protocol.events import SlotsMeasured
from engine.train.meters.slot_clock import SlotClock

SPARE = 4
"""Copies are made where the allocator has this many times their size at hand: states made at the update fit too."""


class SlotMeter:
    """The norms and times of one step in many."""

    def __init__(
        self,
        model: SlottedModel,
        device: torch.device,
        every_s: float,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`every_s`: between two measured steps; 0: only when asked."""
        self.measuring = False
        """Whether the step at work is measured."""
        self._model, self._device, self._every_s, self._clock_s = model, device, every_s, clock_s
        self._next_s = clock_s() if every_s else float("inf")
        self._put_off = False
        self._branch = self._step = 0
        self._clock = SlotClock(device, clock_s)
        self._norms: dict[tuple[str, int], Tensor] = {}
        """0-d, on the device, by kind and slot."""
        self._before: dict[int, list[Tensor]] = {}
        """Copies of a slot's weights, while it is updated."""
        self._measured: tuple[int, int, list[tuple[str, int]], Tensor, SlotClock] | None = None

    def ask(self) -> None:
        """Measure the next step, whatever the time."""
        self._next_s = float("-inf")

    # -- the step that is measured -----------------------------------------------------------------------

    def begin_step(self, branch: int, step: int, disturbed: bool = False) -> None:
        """Decide whether this step is measured.

        Args:
            branch: of the run.
            step: the step that it becomes.
            disturbed: something else is measured that takes time of its own: the next one will do, once.
        """
        self.measuring = self._clock_s() >= self._next_s
        if self.measuring and disturbed and not self._put_off:
            self.measuring, self._put_off = False, True
        self._branch, self._step = branch, step

    def begin(self) -> None:
        """An attempt at the step begins: what an earlier one measured is forgotten."""
        self._clock = SlotClock(self._device, self._clock_s)
        self._norms, self._before = {}, {}
        self._model.watch = None if self._device.type == "mps" else self._clock

    @torch.no_grad()
    def gradients_are_there(self) -> None:
        """All gradients are complete and unscaled, and none was clipped."""
        moving = {i: moved for i in range(len(self._model.slots())) if (moved := self._with_gradient(i))}
        for slot, moved in moving.items():
            self._norms["gradient", slot] = norm_of([p.grad for p in moved if p.grad is not None])
        if self._may_copy([p for moved in moving.values() for p in moved]):
            for slot in moving:
                self._copy(slot)

    @torch.no_grad()
    def before_update(self, slot: int, norm: Tensor) -> None:
        """A slot's gradient is complete, has this norm, and is used at once: lean mode."""
        if slot == STEM:
            return
        self._norms["gradient", slot] = norm
        if self._may_copy(self._with_gradient(slot)):
            self._copy(slot)

    @torch.no_grad()
    def after_update(self, slot: int) -> None:
        """The slot was updated, or its update was left out."""
        before = self._before.pop(slot, None)
        if before is None:
            return
        now = self._with_gradient(slot)
        self._norms["update", slot] = norm_of([b.float().sub_(p) for b, p in zip(before, now, strict=True)])

    @torch.no_grad()
    def done(self) -> None:
        """The step was taken; gradients are still there, but for those of lean mode."""
        for slot in list(self._before):
            self.after_update(slot)
        for slot in self._model.remaining:
            self._norms["weight", slot] = norm_of(list(self._model.slots()[slot].parameters()))
        packed = torch.stack([norm.float() for norm in self._norms.values()])
        self._measured = self._branch, self._step, list(self._norms), packed, self._clock
        self._next_s = self._clock_s() + self._every_s if self._every_s else float("inf")
        self._put_off = False

    def end(self) -> None:
        """The step is over, taken or not."""
        if self.measuring:
            self._model.watch = None
            self.measuring = False
            self._norms, self._before = {}, {}

    # -- a report ----------------------------------------------------------------------------------------

    def take(self) -> SlotsMeasured | None:
        """The newest measurement that was not taken yet; called when the host has waited for the device anyway."""
        if self._measured is None:
            return None
        (branch, step, kinds, packed, clock), self._measured = self._measured, None
        slots = len(self._model.slots())
        found: dict[str, list[float | None]] = {
            kind: [None] * slots for kind in ("gradient", "weight", "update")
        }
        for (kind, slot), value in zip(kinds, packed.tolist(), strict=True):
            found[kind][slot] = value if abs(value) < float("inf") else None
        return SlotsMeasured(
            step=step,
            branch=branch,
            grad_norms=found["gradient"],
            weight_norms=found["weight"],
            update_norms=found["update"],
            forward_ms=clock.forward_ms(slots),
            backward_ms=clock.backward_ms(slots),
        )

    # -- inside ------------------------------------------------------------------------------------------

    def _with_gradient(self, slot: int) -> list[Parameter]:
        return [p for p in self._model.slots()[slot].parameters() if p.grad is not None]

    def _may_copy(self, weights: Sequence[Tensor]) -> bool:
        if self._device.type != "cuda":
            return True
        at_hand = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return SPARE * sum(p.nbytes for p in weights) <= at_hand

    def _copy(self, slot: int) -> None:
        try:
            self._before[slot] = [p.detach().clone() for p in self._with_gradient(slot)]
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._before.clear()
