"""When the memory split is measured: every few seconds, and at the first step of a new shape of plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import Parameter

from engine.models.slotted import BlockPlan, SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.protocol.events import MemorySplit
from engine.telemetry.torch_memory import SavedTensors, memory_split
from engine.train.fitting.recompute import one_kept

EVERY_S = 2.0


class MemoryWatch:
    """Measures one step in many: on a CPU counting what autograd saves costs a Python call a tensor."""

    def __init__(
        self,
        model: SlottedModel,
        optimizer: SlottedOptimizer,
        device: torch.device,
        clock_s: Callable[[], float] = time.perf_counter,
        lean: bool = False,
    ) -> None:
        """`lean`: gradients are freed inside backward, so their peak is told: the stem's and two blocks'."""
        self._model = model
        self._optimizer = optimizer
        self._lean = lean
        self._device = device
        self._clock_s = clock_s
        self._saved: SavedTensors | None = None
        self._next_s = float("-inf")
        self._measuring = False
        self._split: MemorySplit | None = None

    def begin_step(self) -> None:
        """Decide whether this step is measured."""
        self._measuring = self._clock_s() >= self._next_s
        if self._measuring and self._device.type != "cuda":
            self._saved = SavedTensors(self._model.parameters())  # afresh: slots may have been pruned

    @property
    def counting(self) -> bool:
        """Whether this step pays for being measured: a Python call for each saved tensor."""
        return self._measuring and self._saved is not None

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Around the forward pass of a micro-batch."""
        if self._measuring and self._saved is not None:
            self._saved.peak_bytes = 0
            with self._saved:
                yield
        else:
            yield

    def revealed(self, rows: list[BlockPlan]) -> list[BlockPlan]:
        """The plans of a micro-batch; where its saved tensors are counted, one recomputed block keeps its own.

        What a block computes again in backward is saved where no counter sees it. The same bits come out.
        """
        return one_kept(rows) if self.counting else rows

    def backward_done(self, step: int) -> None:
        """After the last backward pass, while gradients are there."""
        if not self._measuring:
            return
        slots = [list(slot.parameters()) for slot in self._model.slots()]
        stem = self._model.stem_parameters()
        self._split = memory_split(
            step,
            self._device,
            slots=slots,
            stem=stem,
            slot_states=[self._state_bytes(i) for i in range(len(slots))],
            stem_states=self._optimizer.stem_bytes(),
            saved=self._saved,
            peak_gradients=_stem_and_two_blocks(stem, slots) if self._lean else None,
        )
        self._next_s = self._clock_s() + EVERY_S
        self._measuring = False

    def _state_bytes(self, slot: int) -> int:
        """Of a slot's optimizer states; on a CPU the parked ones too, for host memory is where it trains."""
        parked = self._optimizer.parked_bytes(slot) if self._device.type == "cpu" else 0
        return self._optimizer.slot_bytes(slot) + parked

    def take(self) -> MemorySplit | None:
        """The newest split that was not taken yet."""
        split, self._split = self._split, None
        return split


def _stem_and_two_blocks(stem: list[Parameter], slots: list[list[Parameter]]) -> int:
    largest = sorted((sum(p.nbytes for p in slot) for slot in slots), reverse=True)
    return sum(p.nbytes for p in stem) + sum(largest[:2])
