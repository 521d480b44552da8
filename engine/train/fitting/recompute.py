"""Which blocks keep no activations: `train.recompute` of them, evenly spread over the depth.

Used by the run for every plan, and by warm-up for the passes it rehearses.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.models.slotted import BlockPlan


def recomputed(count: int, num_slots: int) -> list[bool]:
    """For each slot, whether it computes its activations again in backward; `count` of them, at most all."""
    count = min(count, num_slots)
    return [(i + 1) * count // num_slots > i * count // num_slots for i in range(num_slots)]


def with_recompute(rows: Sequence[BlockPlan], count: int, gone: Collection[int] = ()) -> list[BlockPlan]:
    """The same plans, `count` of those that are not `gone` recomputed."""
    if not count:
        return list(rows)
    there = [i for i in range(len(rows)) if i not in gone]
    flagged = {i for i, flag in zip(there, recomputed(count, len(there)), strict=True) if flag}
    return [replace(row, recompute=True) if i in flagged else row for i, row in enumerate(rows)]


def one_kept(rows: Sequence[BlockPlan]) -> list[BlockPlan]:
    """The same plans, the first recomputed block at work keeping its activations after all.

    What autograd then holds after the forward pass is the most a step ever holds: every recomputed block's
    input, and one block's activations. Values and gradients are the same bits.
    """
    rows = list(rows)
    for i, row in enumerate(rows):
        if row.recompute and row.duty > 0:
            rows[i] = replace(row, recompute=False)
            break
    return rows
