"""The states of a foreign optimizer, slot by slot: on the device while the slot trains, else in host memory.

They are the entries of `optimizer.state` for the slot's parameters, moved exactly. A slot that never trained has
none. On a CPU parking frees nothing: it is the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

HOST = torch.device("cpu")


class Parking:
    """Where the optimizer states of each slot are."""

    def __init__(
        self, optimizers: Sequence[torch.optim.Optimizer], parameters: Sequence[Sequence[nn.Parameter]]
    ) -> None:
        self._optimizers = list(optimizers)
        self._parameters = [list(own) for own in parameters]
        self._parked: list[dict[tuple[int, int, str], torch.device]] = [{} for _ in parameters]
        self._is_parked = [False] * len(parameters)

    def park(self, slot: int) -> None:
        """Move a slot's states to host memory, page-locked where they come from a GPU."""
        for key, entry, part, tensor in self._states(slot):
            if tensor.device != HOST:
                entry[part] = _page_locked(tensor)
                self._parked[slot][key] = tensor.device
        self._is_parked[slot] = True

    def attach(self, slot: int) -> None:
        """Bring what was parked back to where it was."""
        if not self._is_parked[slot]:
            return
        for key, entry, part, tensor in self._states(slot):
            if key in self._parked[slot]:
                entry[part] = tensor.to(self._parked[slot][key], non_blocking=True)
        self._parked[slot] = {}
        self._is_parked[slot] = False

    def attached_bytes(self, slot: int) -> int:
        """What the slot's states hold beside the parameters."""
        return 0 if self._is_parked[slot] else self._bytes(slot)

    def parked_bytes(self, slot: int) -> int:
        """What they hold in host memory."""
        return self._bytes(slot) if self._is_parked[slot] else 0

    def _bytes(self, slot: int) -> int:
        return sum(tensor.numel() * tensor.element_size() for _, _, _, tensor in self._states(slot))

    def _states(self, slot: int) -> Iterator[tuple[tuple[int, int, str], dict[str, object], str, Tensor]]:
        for number, optimizer in enumerate(self._optimizers):
            for index, p in enumerate(self._parameters[slot]):
                entry = optimizer.state.get(p, {})
                for part, value in list(entry.items()):
                    if isinstance(value, Tensor):
                        yield (number, index, part), entry, part, value


def _page_locked(tensor: Tensor) -> Tensor:
    if tensor.device.type != "cuda":
        return tensor.to(HOST)
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor)
