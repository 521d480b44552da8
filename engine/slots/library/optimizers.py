"""Foreign optimizers: what a wrapper holds, and whether they have every parameter of the slots.

Called by `SlotOptimizer.bind`. It reads them and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from engine.errors import SlotdeckError
from engine.slots.library.blocks import Blocks


def inner_optimizers(given: Optimizer | Sequence[Optimizer]) -> list[Optimizer]:
    """torch's own, out of wrappers that hold one in `.optimizer`.

    Raises:
        SlotdeckError: something that is not a torch optimizer.
    """
    return [_unwrapped(one) for one in (given if isinstance(given, list | tuple) else [given])]


def check_covers(optimizers: Sequence[Optimizer], blocks: Blocks) -> None:
    """
    Raises:
        SlotdeckError: a parameter of a slot that trains is in none of them; the first is named.
    """
    known = {id(p) for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]}
    missing = [
        f"{blocks.name(slot)} {name}"
        for slot, block in enumerate(blocks.modules)
        for name, p in block.named_parameters()
        if p.requires_grad and id(p) not in known
    ]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SlotdeckError(
            f"bind: the optimizer lacks {missing[0]}{more}",
            "make it from all of model.parameters(), or freeze what it must not train before bind",
        )


def _unwrapped(optimizer: Any) -> Optimizer:
    while not type(optimizer).__module__.startswith("torch.") and isinstance(
        getattr(optimizer, "optimizer", None), Optimizer
    ):
        optimizer = optimizer.optimizer
    if not isinstance(optimizer, Optimizer):
        raise SlotdeckError(
            f"bind: the optimizer is a {type(optimizer).__name__}", "give a torch.optim.Optimizer"
        )
    return optimizer
