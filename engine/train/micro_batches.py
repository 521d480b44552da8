"""The sequences of one step, in micro-batches, each with its plan; they can be cut smaller and run again.

Made by `Run.take_step` for one step and iterated by `engine.train.step`. What was read from the loader is kept
until the step is done, so an attempt that ran out of memory is repeated on the very same sequences, each passing
the very same slots, and the loader stands afterwards where it would have stood.

Shapes: B sequences of a micro-batch, T positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from engine.data.loader import Loader
from engine.models.slotted import BlockPlan


class MicroBatches:
    """One step's `(x_BT, y_BT, blocks)`, read from the loader as they are asked for."""

    def __init__(self, loader: Loader, blocks: Sequence[Sequence[BlockPlan]]) -> None:
        """`blocks`: a row of plans for each micro-batch, made for micro-batches of `loader.batch_size`."""
        self._loader = loader
        self._blocks = [list(rows) for rows in blocks]
        self._taken: list[tuple[Tensor, Tensor]] = []
        self.active_slots = sum(row.duty for rows in blocks for row in rows) / len(blocks)
        """The sum of duties, mean over the micro-batches."""

    def __len__(self) -> int:
        """Micro-batches of the step."""
        return len(self._blocks)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, list[BlockPlan]]]:
        """From the first one, again and again; each is read from the loader once."""
        for number, rows in enumerate(self._blocks):
            if number == len(self._taken):
                self._taken.append(self._loader.next())
            x_BT, y_BT = self._taken[number]
            yield x_BT, y_BT, rows

    def cut(self, parts: int) -> None:
        """Each micro-batch becomes `parts` smaller ones, of the same sequences in the same order."""
        size = self._loader.batch_size
        assert size % parts == 0, f"{size} sequences cannot be cut into {parts} equal parts"
        self._loader.batch_size = size // parts
        self._blocks = [_part(rows, i, size // parts) for rows in self._blocks for i in range(parts)]
        self._taken = [
            part
            for x_BT, y_BT in self._taken
            for part in zip(x_BT.split(size // parts), y_BT.split(size // parts), strict=True)
        ]


def smallest_cut(batch_size: int) -> int:
    """Into how many equal parts a micro-batch can be cut at least: 2, or its smallest factor; 1 for 1."""
    return next((parts for parts in range(2, batch_size + 1) if batch_size % parts == 0), 1)


def _part(rows: Sequence[BlockPlan], number: int, size: int) -> list[BlockPlan]:
    """The plans of part `number`: the same sequences pass the same slots, counted from the part's first."""
    first = number * size
    cut = []
    for row in rows:
        if row.subset is None:
            cut.append(row)
            continue
        passing = row.subset[(row.subset >= first) & (row.subset < first + size)] - first
        # All of a part may pass: still a subset, since the share of the whole is what the scale belongs to.
        cut.append(replace(row, subset=passing) if len(passing) else BlockPlan(0.0, row.trained, row.dtype))
    return cut
