"""How long each slot took in one step, forward and backward, without making the device wait for the clock.

    forward     around the call of the slot: the gather and the put-back of a share of the sequences included
    backward    from the gradient of what the slot gave to the gradient of what it was given, complete: autograd runs
                whatever was recorded later first, so the work between the two is the slot's. A recomputed slot runs
                again in there, and in lean mode its update does too

Hooks are put on the stream once it is through all slots: a compiled block never sees a tensor with a hook, which it
would be compiled anew for. They only read a clock, so gradients are the same bits with and without them. On CUDA the
clock is an event on the stream, read after a later copy to the host has waited for it.

Made by `engine.train.meters.slot_meter` for a step that is measured; `engine.models.slotted` calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Span = tuple[int, Any, Any]
"""A slot, and the marks at both ends."""


class SlotClock:
    """The marks of one step, all its micro-batches."""

    def __init__(self, device: torch.device, clock_s: Callable[[], float]) -> None:
        self._mark: Callable[[], Any] = _event if device.type == "cuda" else clock_s
        self._on_gpu = device.type == "cuda"
        self._entered: tuple[Any, Tensor] | None = None
        self._passed: list[tuple[int, Tensor, Tensor]] = []
        self._forward: list[Span] = []
        self._backward: list[Span] = []

    def enter(self, x_BTD: Tensor) -> None:
        """The stream reaches a slot."""
        self._entered = self._mark(), x_BTD

    def leave(self, slot: int, x_BTD: Tensor) -> None:
        """The stream as the slot left it."""
        assert self._entered is not None, "a slot is entered before it is left"
        begun, before_BTD = self._entered
        self._forward.append((slot, begun, self._mark()))
        self._passed.append((slot, before_BTD, x_BTD))
        self._entered = None

    def through(self) -> None:
        """The stream is through all slots."""
        for slot, before_BTD, after_BTD in self._passed:
            if before_BTD.requires_grad and after_BTD.requires_grad:
                self._await(slot, before_BTD, after_BTD)
        self._passed.clear()

    def _await(self, slot: int, before_BTD: Tensor, after_BTD: Tensor) -> None:
        begun: list[Any] = []

        def over(_: Tensor) -> None:
            if begun:
                self._backward.append((slot, begun.pop(), self._mark()))

        after_BTD.register_hook(lambda _: begun.append(self._mark()))
        before_BTD.register_hook(over)

    def forward_ms(self, slots: int) -> list[float | None]:
        """Of each slot, the micro-batches together; None: it was not called. When the marks are past."""
        return self._sums(self._forward, slots)

    def backward_ms(self, slots: int) -> list[float | None]:
        """The same of the backward passes."""
        return self._sums(self._backward, slots)

    def _sums(self, spans: list[Span], slots: int) -> list[float | None]:
        sums: list[float | None] = [None] * slots
        for slot, begun, over in spans:
            ms = begun.elapsed_time(over) if self._on_gpu else 1000 * (over - begun)
            sums[slot] = ms + (sums[slot] or 0.0)
        return sums


def _event() -> Any:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event
