"""Residual gates on foreign blocks: a learnable factor on what each slot adds, `x + gate * (block(x) - x)`.

A gate at 0 makes its slot the identity; the L1 term pulls it there unless the slot earns its keep. Gates belong
to the SlotOptimizer, not to the model, whose own state_dict stays as it was. Begun at 1, where the result is the
block's own, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.errors import SlotdeckError


def make_gates(num_slots: int, device: torch.device) -> list[nn.Parameter]:
    """A gate for each slot: 0-d fp32, 1."""
    return [nn.Parameter(torch.ones((), device=device)) for _ in range(num_slots)]


def gated(before: Tensor, after: Tensor, gate: Tensor | None, scale: float) -> Tensor:
    """`before + scale * gate * (after - before)`, in the type that the two have together."""
    if gate is None and scale == 1.0:
        return after
    dtype = torch.promote_types(before.dtype, after.dtype)
    before, after = before.to(dtype), after.to(dtype)
    # lerp gives `after` exactly where the weight is 1.
    if gate is None:
        return torch.lerp(before, after, scale)
    return torch.lerp(before, after, (gate * scale).to(dtype))


def home_for(optimizers: Sequence[torch.optim.Optimizer]) -> torch.optim.Optimizer:
    """The optimizer that takes the gates: the first that trains vectors already, or else that is not Muon.

    Raises:
        SlotdeckError: there is only Muon, which takes matrices alone but says so too late.
    """
    for optimizer in optimizers:
        if any(p.ndim < 2 for group in optimizer.param_groups for p in group["params"]):
            return optimizer
    for optimizer in optimizers:
        if "Muon" not in type(optimizer).__name__:
            return optimizer
    raise SlotdeckError(
        "bind: Muon trains matrices alone, and gates are numbers", "bind with a list that has an AdamW too"
    )


def add_to(optimizer: torch.optim.Optimizer, gates: list[nn.Parameter]) -> None:
    """Have a foreign optimizer train the gates, at its default rate and without weight decay.

    Raises:
        SlotdeckError: a scheduler already counts its groups, or it takes no such parameters.
    """
    if getattr(optimizer.step, "_wrapped_by_lr_sched", False):
        raise SlotdeckError(
            "bind: the learning-rate scheduler was made before the gates joined the optimizer",
            "bind first, then make the scheduler",
        )
    named = "param_names" in optimizer.param_groups[0]
    params = [(f"gate.{i}", gate) for i, gate in enumerate(gates)] if named else list(gates)
    try:
        optimizer.add_param_group({"params": params, "weight_decay": 0.0})
    except (ValueError, TypeError) as error:
        raise SlotdeckError(
            f"bind: {type(optimizer).__name__} does not take the gates ({error})",
            "bind with a list of optimizers, one of which takes 0-d parameters, such as AdamW",
        ) from None


def remove_from(optimizer: torch.optim.Optimizer, gates: list[nn.Parameter]) -> None:
    """Take the gates out of the optimizer again, and their states."""
    mine = {id(gate) for gate in gates}
    optimizer.param_groups[:] = [
        group for group in optimizer.param_groups if not mine & {id(p) for p in group["params"]}
    ]
    for gate in gates:
        optimizer.state.pop(gate, None)
