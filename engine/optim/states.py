"""The store of optimizer states, slot by slot: attached, parked or dropped.

    attached   beside the parameters; made at the first update: a slot that never trains costs nothing
    parked     in host memory, exact; comes back by itself when the slot trains again
    dropped    forgotten; the slot's next update starts its averages afresh

Memory is a function of which slots train, and `bytes` says it. What a state is made of is its rule's business.
Owned by `engine.optim.slotted`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.optim.rules import Layout, Rule, State, layout_bytes

HOST = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A parameter and the rule that moves it."""

    parameter: nn.Parameter
    rule: Rule

    @property
    def layout(self) -> Layout:
        """Of its state."""
        return self.rule.layout(self.parameter)


class SlotStates:
    """The states of one slot, by parameter name."""

    def __init__(self, members: dict[str, Ruled]) -> None:
        self.members = members
        self.states: dict[str, State] = {}
        self.parked = False

    def of(self, name: str) -> State:
        """The attached state of a parameter that is about to be updated."""
        if self.parked:
            self.attach()
        if name not in self.states:
            member = self.members[name]
            self.states[name] = member.rule.fresh(member.parameter)
        return self.states[name]

    def attach(self) -> None:
        """Bring parked states back beside the parameters."""
        self.states = {n: _moved(s, self.members[n].parameter.device) for n, s in self.states.items()}
        self.parked = False

    def park(self) -> None:
        """Move the states to host memory."""
        self.states = {n: _moved(s, HOST) for n, s in self.states.items()}
        self.parked = True

    def drop(self) -> None:
        """Forget them."""
        self.states = {}
        self.parked = False

    def bytes(self) -> int:
        """What they hold, wherever it is."""
        return sum(t.numel() * t.element_size() for s in self.states.values() for t in s.values())

    def bytes_when_trained(self) -> int:
        """What they will hold once every parameter of the slot has been updated."""
        return sum(layout_bytes(member.layout) for member in self.members.values())


def _moved(state: State, device: torch.device) -> State:
    """The same on another device; page-locked on the host, so that the way back is fast."""
    return {part: _tensor_moved(t, device) for part, t in state.items()}


def _tensor_moved(t: Tensor, device: torch.device) -> Tensor:
    if device.type == "cpu" and t.device.type == "cuda":
        return torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t)
    return t.to(device, non_blocking=t.is_pinned())
