"""The store of AdamW's states, slot by slot: attached, parked or dropped.

    attached   beside the parameters; made at the first update: a slot that never trains costs nothing
    parked     in host memory, exact; comes back by itself when the slot trains again
    dropped    forgotten; the slot's next update starts its averages afresh

Memory is a function of which slots train, and `bytes` says it. Owned by `engine.optim.slotted`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

HOST = torch.device("cpu")


@dataclass(slots=True)
class Moments:
    """AdamW's state of one parameter, fp32."""

    exp_avg: Tensor
    """Like the parameter: running mean of the gradient."""
    exp_avg_sq: Tensor
    """Like the parameter: running mean of its square."""
    step: Tensor
    """0-d: updates so far, for the bias correction."""

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """The three, by the name they are saved under."""
        yield "exp_avg", self.exp_avg
        yield "exp_avg_sq", self.exp_avg_sq
        yield "step", self.step

    def to(self, device: torch.device) -> Moments:
        """The same on another device; page-locked on the host, so that the way back is fast."""
        return Moments(*(_moved(t, device) for _, t in self.tensors()))

    @classmethod
    def fresh(cls, p: nn.Parameter) -> Moments:
        """Zeros, and no update yet."""
        return cls(
            torch.zeros_like(p, memory_format=torch.preserve_format, requires_grad=False),
            torch.zeros_like(p, memory_format=torch.preserve_format, requires_grad=False),
            torch.zeros((), dtype=torch.float32, device=p.device),
        )


class SlotStates:
    """The states of one slot, by parameter name."""

    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        self._parameters = parameters
        self.moments: dict[str, Moments] = {}
        self.parked = False

    def of(self, name: str) -> Moments:
        """The attached state of a parameter that is about to be updated."""
        if self.parked:
            self.attach()
        if name not in self.moments:
            self.moments[name] = Moments.fresh(self._parameters[name])
        return self.moments[name]

    def attach(self) -> None:
        """Bring parked states back beside the parameters."""
        self.moments = {n: m.to(self._parameters[n].device) for n, m in self.moments.items()}
        self.parked = False

    def park(self) -> None:
        """Move the states to host memory."""
        self.moments = {n: m.to(HOST) for n, m in self.moments.items()}
        self.parked = True

    def drop(self) -> None:
        """Forget them."""
        self.moments = {}
        self.parked = False

    def bytes(self) -> int:
        """What they hold, wherever it is."""
        return sum(t.numel() * t.element_size() for m in self.moments.values() for _, t in m.tensors())


def _moved(t: Tensor, device: torch.device) -> Tensor:
    if device.type == "cpu" and t.device.type == "cuda":
        return torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t)
    return t.to(device)
