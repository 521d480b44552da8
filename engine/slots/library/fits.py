"""Whether device, precision and model go together, for a SlotOptimizer.

Called by `engine.slots.optimizer` when it is made and when it is bound; changes nothing.
"""

from __future__ import annotations

import torch
from torch import nn

from engine.errors import SlotdeckError, nearest
from engine.precision.device import DEVICES, available
from engine.precision.policy import resolve
from engine.slots.library.blocks import Blocks, unwrapped

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def device_of(device: torch.device | str) -> torch.device:
    """As torch knows it.

    Raises:
        SlotdeckError: it does not, or the machine has none.
    """
    try:
        known = torch.device(device)
    except (RuntimeError, TypeError):
        raise SlotdeckError(f"device {device!r} is not one of torch's", "give 'cuda' or 'cpu'") from None
    if known.type in DEVICES and known.type not in available():
        raise SlotdeckError(f"device {str(known)!r} is not to be had here", f"give {available()[0]!r}")
    return known


def precision_of(name: str, device: torch.device) -> tuple[str, str]:
    """The precision to autocast to here, and why.

    Raises:
        SlotdeckError: no such one, or not on this device. fp8 is not autocast's.
    """
    if name not in PRECISIONS:
        raise SlotdeckError(
            f"config: precision = {name!r}{nearest(name, list(PRECISIONS))}",
            f"use one of: {', '.join(PRECISIONS)}",
        )
    return resolve(name, device)


def check_fits(model: nn.Module, blocks: Blocks, device: torch.device, *, gates: bool) -> None:
    """Whether the model can be bound where it is.

    Raises:
        SlotdeckError: it is on another kind of device, or in a DistributedDataParallel that skipping would hang.
    """
    inner = unwrapped(model)
    if isinstance(model, nn.parallel.DistributedDataParallel):
        if not model.find_unused_parameters:
            raise SlotdeckError(
                "bind: this DistributedDataParallel waits for the gradient of every block at each step",
                "make it with find_unused_parameters=True",
            )
        if gates:
            raise SlotdeckError(
                "bind: the gates are not averaged over the ranks of DistributedDataParallel",
                "leave gates out of config",
            )
    where = next((p.device for block in blocks.modules for p in block.parameters()), device)
    if where.type != device.type:
        raise SlotdeckError(
            f"bind: {type(inner).__name__} is on {where.type}, and device is {device.type}",
            f"give device={where.type!r}, or move the model first",
        )


def batch_dim_of(blocks: Blocks, given: int) -> int:
    """Where a block's input counts its sequences: torch's own attention takes `(T, B, D)` unless told `batch_first`."""
    if given >= 0:
        return given
    attentions = [
        m for block in blocks.modules for m in block.modules() if isinstance(m, nn.MultiheadAttention)
    ]
    return int(any(not attention.batch_first for attention in attentions))
