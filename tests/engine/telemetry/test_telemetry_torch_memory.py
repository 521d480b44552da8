"""The memory split: what is counted under which purpose, and to which slot it belongs."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from engine.telemetry.torch_memory import SavedTensors, memory_split

CPU = torch.device("cpu")


def test_saved_tensors_are_counted_once_and_weights_not_at_all() -> None:
    weight = torch.ones(50, 40, requires_grad=True)
    x = torch.ones(10, 40, requires_grad=True)
    with SavedTensors([weight]) as saved:
        hidden = F.linear(x, weight)  # keeps x and the weight
        doubled = hidden.sigmoid()  # keeps its result
        total = (doubled * doubled).sum()  # keeps the same storage twice more
    assert saved.peak_bytes == x.nbytes + doubled.nbytes
    total.backward()
    assert weight.grad is not None, "gradients flow through the hooks"


def test_views_of_one_storage_count_once() -> None:
    x = torch.ones(4, 30, requires_grad=True)
    with SavedTensors([]) as saved:
        parts = (x * 1.0).split(10, dim=1)
        (parts[0] * parts[1] * parts[2]).sum()
    assert saved.peak_bytes == x.nbytes + 4 * 10 * 4, "the split storage, and the product of two parts"


def test_the_largest_forward_pass_is_kept() -> None:
    meter = SavedTensors([])
    for rows in (3, 8, 5):
        x = torch.ones(rows, 4, requires_grad=True)
        with meter:
            x.exp().sum().backward()
    assert meter.peak_bytes == 8 * 4 * 4


def test_without_gradients_nothing_is_kept() -> None:
    with SavedTensors([]) as saved, torch.no_grad():
        torch.ones(5, requires_grad=True).exp()
    assert saved.peak_bytes == 0


def test_the_split_adds_up_by_purpose_and_by_slot() -> None:
    trained, skipped, stem = (torch.ones(n, requires_grad=True) for n in (100, 200, 300))
    meter = SavedTensors([trained, skipped, stem])
    with meter:
        loss = (trained.exp().sum() + stem.exp().sum()) * 2
    loss.backward()
    split = memory_split(
        7,
        CPU,
        slots=[[trained], [skipped]],
        stem=[stem],
        slot_states=[800, 0],
        stem_states=2400,
        saved=meter,
    )
    assert split.step == 7
    assert split.weights == 4 * 600
    assert split.gradients == 4 * 400, "the skipped slot has none"
    assert split.optimizer == 3200
    assert split.activations == 4 * 400
    assert split.slots == [400 + 400 + 800, 800]
    assert split.cache == 0
    assert split.total is not None
    assert split.other is not None
    assert 0 < split.other < split.total
