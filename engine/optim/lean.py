"""Lean mode: the optimizer steps inside backward, so that few gradients exist at a time.

As soon as the last gradient of a slot is there, the slot is clipped by its own norm, updated, and its gradients
are freed; the stem, whose embedding also serves as the head, comes last. All hooks run in the backward pass, on
the device's own stream, and nothing is read back.

What it costs, besides accumulation:

    clipping   slot by slot: the global norm is known only when everything has been updated
    a bad one  a slot whose gradients are not finite is left out, but slots that came before it have moved.
               The loss is judged before backward, and a bad loss leaves everything as it was; a gradient that
               turns bad on the way means going back to a checkpoint

Used through `SlottedOptimizer.in_backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.optim.clip import clip_, total_norm


class UpdateWatch(Protocol):
    """Looks on while slots are updated one by one, and changes nothing."""

    def before_update(self, slot: int, norm: Tensor) -> None: ...
    def after_update(self, slot: int) -> None: ...


class Lean:
    """One backward pass with updates in it, and what became of them."""

    def __init__(
        self,
        slots: Mapping[int, Sequence[nn.Parameter]],
        update: Callable[[int, Tensor], None],
        max_norm: float,
        found_inf: Tensor,
        watch: UpdateWatch | None = None,
    ) -> None:
        self.norm: Tensor = torch.zeros_like(found_inf)
        """0-d: the global gradient norm before clipping; inf or nan if a gradient was. Whole after the block."""
        self.bad: Tensor = found_inf > 0
        """0-d bool: a slot was left out, or all of them because of the loss. Whole after the block."""
        self.updated: list[int] = []
        """Slots in the order of their updates. Empty: nothing has moved yet, and the step can be done anew."""
        self._slots = slots
        self._update = update
        self._max_norm = max_norm
        self._found_inf = found_inf
        self._watch = watch
        self._slot_of = {p: slot for slot, owned in slots.items() for p in owned}
        self._missing = {slot: sum(p.requires_grad for p in owned) for slot, owned in slots.items()}

    def arrived(self, p: Tensor) -> None:
        """The whole gradient of a parameter is there, every use of it counted."""
        slot = self._slot_of[p]  # type: ignore[index]
        self._missing[slot] -= 1
        if self._missing[slot] == 0:
            self._finish(slot)

    def finish_rest(self) -> None:
        """Update slots of which some parameter got no gradient."""
        for slot, owned in self._slots.items():
            if any(p.grad is not None for p in owned):
                self._finish(slot)

    @torch.no_grad()
    def _finish(self, slot: int) -> None:
        owned = self._slots[slot]
        self.updated.append(slot)
        norm = total_norm(owned)
        if self._watch:
            self._watch.before_update(slot, norm)
        clip_(owned, self._max_norm, norm)
        bad = ~torch.isfinite(norm) | (self._found_inf > 0)
        self._update(slot, bad.float())
        if self._watch:
            self._watch.after_update(slot)
        self.norm = torch.hypot(self.norm, norm)
        self.bad = self.bad | bad
        for p in owned:
            p.grad = None
