"""Taking slots out of a model for good, and what that saves.

The slot leaves the model, its optimizer states and its row of settings; its place and its name stay, so that
every other slot, tensor and state keeps the name it had. Called by `engine.train` when a prune is applied, when a
pruned checkpoint is resumed, and when a prune is undone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.models.slotted import SlottedModel
from engine.optim.groups import STEM
from engine.optim.slotted import SlottedOptimizer
from engine.slots.planner import Planner


@dataclass(frozen=True, slots=True)
class Size:
    """What a model takes, activations and gradients left out."""

    params: int
    weight_bytes: int
    state_bytes: int
    """Of the optimizer, once every slot has trained."""


def prune_to(
    model: SlottedModel, optimizer: SlottedOptimizer, planner: Planner, gone: Collection[str]
) -> None:
    """Make the slots named `gone` the pruned ones, no more and no fewer.

    States of the other slots are kept as they are. A slot that comes back has neither weights nor states: the
    caller loads them.
    """
    numbers = [i for i, name in enumerate(model.slot_names) if name in gone]
    assert len(numbers) == len(gone), f"one of {sorted(gone)} is no slot of this model"
    if numbers != model.pruned:
        model.prune_to(numbers)
        optimizer.follow(model)
    planner.prune_to(numbers)


def size_without(model: SlottedModel, optimizer: SlottedOptimizer, slots: Collection[int] = ()) -> Size:
    """The size of the model once `slots` are gone from it; nothing is changed."""
    kept = [i for i in model.remaining if i not in slots]
    parameters = model.stem_parameters() + [p for i in kept for p in model.slots()[i].parameters()]
    return Size(
        params=sum(p.numel() for p in parameters),
        weight_bytes=sum(p.nbytes for p in parameters),
        state_bytes=sum(optimizer.bytes_when_trained(i) for i in (STEM, *kept)),
    )
