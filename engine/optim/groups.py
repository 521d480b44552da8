"""Parameter groups: which parameters belong to which slot, which of them decay, and which are matrices of a block.

Weight decay pulls matrices towards zero. Biases, norm weights and embeddings are spared: a norm weight near
zero shuts its channel, and an embedding row that is rarely seen would decay between its gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from engine.models.layers import Linear
from engine.models.slotted import SlottedModel

STEM = -1
"""The number of the stem's groups: what is always on."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that share a slot and a decay."""

    slot: int
    """The slot's number, or `STEM`."""
    decays: bool
    names: tuple[str, ...]
    """As in `model.named_parameters()`, the same order as `parameters`."""
    parameters: tuple[nn.Parameter, ...]
    stacked: tuple[int, ...]
    """Matrices that lie on top of each other in each parameter; 1: it is one."""

    @property
    def of_matrices(self) -> bool:
        """Whether these are a block's matrices, which a rule of their own may move."""
        return self.decays and self.slot != STEM


def slot_groups(model: SlottedModel) -> list[Group]:
    """One group for each slot and decay that has parameters, the stem's first; tied parameters once."""
    slot_of = dict.fromkeys(model.stem_parameters(), STEM)
    for i, slot in enumerate(model.slots()):
        slot_of.update(dict.fromkeys(slot.parameters(), i))
    embeddings = {m.weight for m in model.modules() if isinstance(m, nn.Embedding)}
    stacked = {m.weight: m.stacked for m in model.modules() if isinstance(m, Linear)}
    members: dict[tuple[int, bool], list[tuple[str, nn.Parameter]]] = {}
    for name, p in model.named_parameters():
        decays = p.ndim >= 2 and p not in embeddings
        members.setdefault((slot_of[p], decays), []).append((name, p))
    return [
        Group(
            slot,
            decays,
            tuple(name for name, _ in pairs),
            tuple(p for _, p in pairs),
            tuple(stacked.get(p, 1) for _, p in pairs),
        )
        for (slot, decays), pairs in sorted(members.items())
    ]
