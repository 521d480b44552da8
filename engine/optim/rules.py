"""What an update rule is: the state it keeps of a parameter, and how it moves the parameter by a gradient.

A rule is arithmetic and nothing else. Which parameters it gets, where their states lie and whether a step
counts is decided in `engine.optim.slotted`. One file for each rule:

    adamw        exp_avg, exp_avg_sq (fp32), step                    everything may use it
    adamw8bit    the same two in 8 bits with a scale for 256 values  matrices of blocks
    muon         momentum (fp32)                                     matrices of blocks

A state is a plain dict of tensors, so that it can be parked, saved and counted without knowing the rule.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

State = dict[str, Tensor]
"""What a rule keeps of one parameter, by the names it is saved under."""


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor of a state."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """What it takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        """`3072x768 float32`."""
        return f"{'x'.join(map(str, self.shape)) or 'scalar'} {str(self.dtype).removeprefix('torch.')}"


Layout = Mapping[str, Part]
"""Every tensor of a state, by name: what it will be before it exists."""


@dataclass(frozen=True, slots=True)
class Update:
    """One parameter and all that moves it."""

    weight: Tensor
    """fp32, changed in place: the parameter itself, or a temporary copy of one that is stored narrower."""
    grad: Tensor
    """fp32, the same shape; may be overwritten."""
    state: State
    """Changed in place."""
    weight_decay: float
    stacked: int = 1
    """Matrices of equal height that lie on top of each other in `weight`."""


class Rule(ABC):
    """How parameters are moved."""

    @abstractmethod
    def layout(self, weight: Tensor) -> Layout:
        """The state of a parameter like this one."""

    def fresh(self, weight: Tensor) -> State:
        """The state before the first update, beside the parameter."""
        layout = self.layout(weight).items()
        return {
            name: torch.zeros(part.shape, dtype=part.dtype, device=weight.device) for name, part in layout
        }

    @abstractmethod
    def update(self, work: Sequence[Update], lr: float, found_inf: Tensor | None) -> None:
        """Move every weight once, in place, under `torch.no_grad`.

        Args:
            work: may be empty.
            lr: AdamW's learning rate in force; a rule with a rate of its own follows it in proportion.
            found_inf: 0-d fp32 on the device; where it is 1, weights and states stay as they are, bit for bit.
        """


def layout_bytes(layout: Layout) -> int:
    """What a state takes once it exists."""
    return sum(part.bytes for part in layout.values())


def keep_if(found_inf: Tensor | None, old: Tensor, new: Tensor) -> Tensor:
    """`new`, or `old` where the update does not count; the host does not learn which."""
    return new if found_inf is None else torch.where(found_inf > 0, old, new)
