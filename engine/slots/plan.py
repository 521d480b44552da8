"""A plan: what every slot does in the steps from here on, and why.

Made by `engine.slots.planner`, carried out by `engine.models.slotted`, told to the world as `SlotPlanned`.
It is a value: it decides nothing and draws nothing but the sequences of a shared slot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.models.slotted import BlockPlan
from engine.protocol.events import SlotPlanned, SlotRow
from engine.slots.duty import passing_sequences


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """One slot's row."""

    duty: float = 1.0
    """Share of the step's sequences that pass through the block: 0, 1/4, 1/2, 3/4 or 1."""
    trained: bool = True
    """False: forward only, no gradient and no optimizer state."""
    held: str = ""
    """`""`, `pin` or `ban`: the operator's word."""
    until: int | None = None
    """The hold is over once this many steps are done; None: when released."""
    precision: str = ""
    """Compute type of the block's matmuls; empty: the run's."""
    pruned: bool = False
    reason: str = ""
    """Why, in a few words a reader can check: `drew 0.31 < keep 0.82`."""

    @property
    def acts(self) -> tuple[float, bool, str, int | None, str, bool]:
        """All of it but the reason."""
        return (self.duty, self.trained, self.held, self.until, self.precision, self.pruned)


@dataclass(frozen=True, slots=True)
class Plan:
    """A row for each slot, in the order of the slot table."""

    rows: tuple[SlotPlan, ...]
    policy: str
    reason: str
    """The whole plan in a line: `anneal: mean keep 0.72, full from step 450`."""
    draw: str = ""
    """Names the draw of the sequences that pass a shared slot; the planner sets it."""
    inverse: bool = False
    """What a shared slot adds is multiplied by 1 / duty (`slots.scale = inverse`)."""

    @property
    def active(self) -> float:
        """The sum of duties: 6.0 of 8 means a quarter of the block work is left out."""
        return sum(row.duty for row in self.rows)

    @property
    def trained(self) -> list[bool]:
        """For each slot, whether its parameters may move under this plan."""
        return [row.trained for row in self.rows]

    def changed_from(self, previous: Plan | None) -> bool:
        """Whether any slot does something else than before; new reasons for the same work do not count."""
        if previous is None or self.policy != previous.policy:
            return True
        return [row.acts for row in self.rows] != [row.acts for row in previous.rows]

    def blocks(
        self,
        dtype_of: Callable[[str], torch.dtype],
        batch_size: int,
        accumulate: int = 1,
        device: torch.device | None = None,
    ) -> list[list[BlockPlan]]:
        """The plan as the model takes it: for each micro-batch of the step, a row for each slot.

        Args:
            dtype_of: a precision's name -> the torch dtype.
            batch_size: sequences in a micro-batch.
            accumulate: micro-batches in the step. A shared slot's duty holds over all of them together.
            device: the model's; where the indices of the passing sequences go, in one copy for the step.
        """
        passing = {
            slot: passing_sequences(row.duty, batch_size, accumulate, f"{self.draw}:{slot}")
            for slot, row in enumerate(self.rows)
            if 0 < row.duty < 1
        }
        subsets = _on_device(passing, device)
        plans = []
        for micro in range(accumulate):
            rows = []
            for slot, row in enumerate(self.rows):
                dtype = dtype_of(row.precision) if row.precision else None
                if slot in passing:
                    share = len(passing[slot][micro]) / batch_size
                    subset = subsets[slot][micro] if 0 < share < 1 else None
                    scale = 1 / row.duty if self.inverse else 1.0
                    rows.append(BlockPlan(share, row.trained, dtype, subset, scale))
                else:
                    rows.append(BlockPlan(row.duty, row.trained, dtype))
            plans.append(rows)
        return plans

    def to_event(self, step: int, branch: int) -> SlotPlanned:
        """The plan as it is logged: in force from `step` on."""
        rows = [
            SlotRow(
                duty=row.duty,
                trained=row.trained,
                held=row.held,
                until=row.until,
                precision=row.precision,
                reason=row.reason,
                pruned=row.pruned,
            )
            for row in self.rows
        ]
        return SlotPlanned(step=step, branch=branch, policy=self.policy, rows=rows, reason=self.reason)


def _on_device(passing: dict[int, list[list[int]]], device: torch.device | None) -> dict[int, list[Tensor]]:
    """The same numbers as int64 tensors on the device, brought there together: slot -> one a micro-batch."""
    if not passing:
        return {}
    parts = [part for micro_batches in passing.values() for part in micro_batches]
    numbers = torch.tensor([i for part in parts for i in part], dtype=torch.int64)
    if device is not None and device.type == "cuda":
        numbers = numbers.pin_memory()  # else the copy would wait for the device
    views = iter(numbers.to(device, non_blocking=True).split([len(part) for part in parts]))
    return {slot: [next(views) for _ in micro_batches] for slot, micro_batches in passing.items()}
