"""What holds the training device's memory, by purpose and by slot.

Called by `engine.train` on a step that reports memory. Weights, gradients and states are counted from the
tensors themselves. Activations are what else a step needed at its peak:

    cuda        the allocator's peak since the last report, less the other three
    cpu, mps    bytes that autograd saved for backward in one micro-batch, seen through its hooks: there is no
                allocator to ask, and a process's resident size also counts torch, the data and the caches

It never allocates on the device, and reads no tensor's values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType

import psutil
import torch
from torch import Tensor

from engine.protocol.events import MemorySplit


class SavedTensors:
    """Counts what autograd saves for backward within it, each storage once and parameters not at all.

    Put it around the forward pass of one micro-batch; it may be used again and keeps the largest.
    Costs a Python call for each saved tensor, so it is for the step that reports memory.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.peak_bytes = 0
        self._ignored = {_storage(p) for p in parameters}
        self._saved: dict[int, int] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda saved: saved)

    def __enter__(self) -> SavedTensors:
        self._saved.clear()
        self._hooks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.__exit__(kind, error, trace)
        self.peak_bytes = max(self.peak_bytes, sum(self._saved.values()))

    def _pack(self, saved: Tensor) -> Tensor:
        # Saved tensors live until backward, so within one forward pass an address means one storage.
        if (address := _storage(saved)) not in self._ignored:
            self._saved[address] = saved.untyped_storage().nbytes()
        return saved


def memory_split(
    step: int,
    device: torch.device,
    *,
    slots: Sequence[Sequence[Tensor]],
    stem: Sequence[Tensor],
    slot_states: Sequence[int],
    stem_states: int,
    saved: SavedTensors | None = None,
    peak_gradients: int | None = None,
) -> MemorySplit:
    """The split as an event. Call it after the backward pass, before gradients are dropped.

    Args:
        slots, stem: the parameters of each slot and of the stem.
        slot_states, stem_states: bytes of optimizer state.
        saved: the count of a recent forward pass; not looked at on cuda. Without it activations are 0.
        peak_gradients: bytes of gradients at the worst moment, where they are freed as backward goes; None: those
            that are there now.
    """
    of_slots = [_weights(p) + _gradients(p) + state for p, state in zip(slots, slot_states, strict=True)]
    everything = [p for group in (*slots, stem) for p in group]
    weights = _weights(everything)
    gradients = _gradients(everything) if peak_gradients is None else peak_gradients
    optimizer = sum(slot_states) + stem_states
    known = weights + gradients + optimizer
    other: int | None
    total: int | None
    if device.type == "cuda":
        activations, cache, other, total = _cuda(device, known)
    else:
        activations = saved.peak_bytes if saved else 0
        cache, other, total = _mps() if device.type == "mps" else _host(known + activations)
    return MemorySplit(
        step=step,
        weights=weights,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        cache=cache,
        other=other,
        total=total,
        slots=of_slots,
    )


def forget_peak(device: torch.device) -> None:
    """What was held until now is no part of the next split: a warm-up tries more than a step ever holds."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _cuda(device: torch.device, known: int) -> tuple[int, int, int, int]:
    """Activations, cache, other processes (with the driver's own), total; then the peak starts again."""
    peak, reserved = torch.cuda.max_memory_allocated(device), torch.cuda.memory_reserved(device)
    free, total = torch.cuda.mem_get_info(device)
    torch.cuda.reset_peak_memory_stats(device)
    return max(0, peak - known), max(0, reserved - peak), max(0, total - free - reserved), total


def _mps() -> tuple[int, int | None, int | None]:
    """Cache; Metal does not say what other processes hold; what it recommends as the most."""
    held, used = torch.mps.driver_allocated_memory(), torch.mps.current_allocated_memory()
    return max(0, held - used), None, torch.mps.recommended_max_memory()


def _host(known: int) -> tuple[int, int | None, int | None]:
    """No cache of ours; the rest of the machine's used memory; the machine's memory."""
    memory = psutil.virtual_memory()
    return 0, max(0, memory.total - memory.available - known), memory.total


def _weights(parameters: Sequence[Tensor]) -> int:
    return sum(p.nbytes for p in parameters)


def _gradients(parameters: Sequence[Tensor]) -> int:
    return sum(p.grad.nbytes for p in parameters if p.grad is not None)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
