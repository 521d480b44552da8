"""The slotted model: what the engine asks of every family, and how a plan is carried out on it.

A family says which of its modules are slots (a table of named blocks, asserted with the stem to partition the
parameters) and how it embeds, closes and scores. This file then runs any plan on any family:

    duty 0          the block is not called: the stream goes by (identity), no compute, no activations
    duty 1          the block is called on the whole stream: the very same operations as without a plan
    a share         the sequences named by `subset` are gathered, the block runs on them, and they are put back
                    in their places: x + s * mask * f(x), where f is all that the block adds, s the plan's scale,
                    and only the masked rows are computed
    trained=False   forward only: the slot's parameters get no gradient, its input still does
    recompute       only the block's input is kept for backward, which runs the block again first: the same bits
    pruned          the block is gone: `Gone` keeps its place, so every other slot keeps its number and name

Which of these happens is decided here in plain Python, outside the blocks, so a block can be compiled once
and a new plan never retraces it.

Used by `engine.train` for the loss, by `engine.evaluate` for validation and samples, and by `engine.optim`
and `engine.checkpoint` for the table of slots. It draws no random numbers and never decides a plan: see
`engine.slots`.

Shapes: B sequences, T positions, D model width, S sequences of a subset, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.models.head import chunked_loss

SlotCall = Callable[[nn.Module, Tensor, torch.dtype], Tensor]
"""How a slot is run: `(slot, x_BTD, dtype)` -> the stream after it."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What one slot does with one micro-batch."""

    duty: float = 1.0
    """Share of the sequences that pass through the block."""
    trained: bool = True
    """False: forward only, no gradient for the slot's parameters."""
    dtype: torch.dtype | None = None
    """Compute type of the block's matmuls; None: the run's."""
    subset: Tensor | None = None
    """`(S,)` int64 on the model's device, no repeats: the sequences that pass. Needed when 0 < duty < 1."""
    scale: float = 1.0
    """On what the block adds to the sequences that pass."""
    recompute: bool = False
    """Keep no activations of the block; compute them again in backward."""

    def __post_init__(self) -> None:
        assert 0.0 <= self.duty <= 1.0, f"a duty is a share, not {self.duty}"
        assert self.duty in (0.0, 1.0) or self.subset is not None, "a duty between 0 and 1 needs its subset"


class SlotWatch(Protocol):
    """Looks on while the stream goes through the slots under a plan, and changes nothing."""

    def enter(self, x_BTD: Tensor) -> None: ...
    def leave(self, slot: int, x_BTD: Tensor) -> None: ...
    def through(self) -> None: ...


class Gone(nn.Module):
    """The place of a pruned slot: no parameters, and the stream goes by."""

    def forward(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:  # noqa: ARG002
        """The stream as it came."""
        return x_BTD


class SlottedModel(nn.Module, ABC):
    """A language model made of a stem and slots."""

    family: ClassVar[str]
    seq_len: int
    """Longest input, tokens."""
    vocab_size: int
    """Ids that mean something; the head may be padded beyond them."""
    head_chunk: int
    """Rows of the loss head at a time; 0: all at once."""
    compiled: SlotCall | None = None
    """Runs a slot instead of a plain call: `engine.models.compiled` puts itself here."""
    watch: SlotWatch | None = None
    """Told of every slot that the stream goes through: `engine.train.meters.slot_meter` lends one for a step."""

    # -- the table of slots ------------------------------------------------------------------------------

    @property
    @abstractmethod
    def slot_names(self) -> list[str]:
        """Stable across checkpoints, as the user reads them: `block.7`."""

    @abstractmethod
    def slots(self) -> list[nn.Module]:
        """The blocks, in the order of `slot_names`.

        Each is called as `slot(x_BTD, dtype)` with the fp32 stream of any number of sequences, and returns the
        stream after it, same shape and dtype, its matmuls done in `dtype`. A pruned one is a `Gone`.
        """

    @abstractmethod
    def put_slot(self, slot: int, module: nn.Module) -> None:
        """Another module in a slot's place. For `prune_to`."""

    @abstractmethod
    def stem(self) -> list[nn.Module]:
        """The modules that are always on."""

    def stem_parameters(self) -> list[nn.Parameter]:
        """Parameters outside the slots, tied ones once."""
        return list(dict.fromkeys(p for module in self.stem() for p in module.parameters()))

    def check_partition(self) -> None:
        """Assert that slots and stem own every parameter exactly once. Families call it when built."""
        owned = self.stem_parameters() + [p for slot in self.slots() for p in slot.parameters()]
        assert len(owned) == len(set(owned)), "a parameter belongs to two slots, or to a slot and the stem"
        assert set(owned) == set(self.parameters()), "a parameter belongs to no slot and not to the stem"
        assert len(self.slot_names) == len(set(self.slot_names)) == len(self.slots()), (
            "one name for each slot"
        )

    # -- pruning -----------------------------------------------------------------------------------------

    @property
    def pruned(self) -> list[int]:
        """Slots that are gone, ascending."""
        return [i for i, slot in enumerate(self.slots()) if isinstance(slot, Gone)]

    @property
    def remaining(self) -> list[int]:
        """Slots that are there, ascending: all of them until some are pruned."""
        return [i for i, slot in enumerate(self.slots()) if not isinstance(slot, Gone)]

    def prune_to(self, gone: Collection[int]) -> None:
        """Make `gone` the pruned slots, no more and no fewer. Their parameters leave the model.

        A slot that comes back has the shape of its neighbours and no weights of its own: the caller loads them.
        """
        slots = self.slots()
        assert set(gone) < set(range(len(slots))), f"{sorted(gone)} of {len(slots)} slots: one must remain"
        pattern = slots[self.remaining[0]]
        for i in set(self.pruned) - set(gone):
            self.put_slot(i, deepcopy(pattern))
        for i in gone:
            self.put_slot(i, Gone())
        self.check_partition()

    def prefix_of(self, slot: int) -> str:
        """What the names of a slot's parameters begin with: `blocks.3.`."""
        there = self.slots()[slot]
        return next(name for name, module in self.named_modules() if module is there) + "."

    # -- residual gates ----------------------------------------------------------------------------------

    def gates(self) -> list[Tensor]:
        """The slots' residual gates, 0-d, in the order of the slots; empty for a model without."""
        found = (getattr(slot, "gate", None) for slot in self.slots())
        return [gate for gate in found if isinstance(gate, nn.Parameter)]

    def get_regularization_loss(self, blocks: Sequence[BlockPlan] | None = None) -> Tensor:
        """The L1 term on the gates, the sum of |gate|: 0-d fp32 on the model's device, 0 without gates.

        A sum and not a mean, so that its weight has a meaning of its own at any depth: the nats of training
        loss that a block must be worth for its gate to stay open.

        Args:
            blocks: the plan of the forward pass that it goes with. Slots that are off or not trained are left
                out of the sum: their gates get no gradient, like everything else of theirs.
        """
        gates = self.gates()
        if blocks is not None and gates:
            there = [blocks[i] for i in self.remaining]
            gates = [g for g, plan in zip(gates, there, strict=True) if plan.duty > 0 and plan.trained]
        if not gates:
            return torch.zeros((), device=self.head_weight().device)
        return torch.stack(gates).abs().sum()

    # -- what a family computes --------------------------------------------------------------------------

    @abstractmethod
    def init_weights(self, generator: torch.Generator) -> None:
        """Draw every parameter afresh from `generator`, and from nothing else."""

    @abstractmethod
    def embed(self, x_BT: Tensor) -> Tensor:
        """Token ids -> the residual stream `(B, T, D)`, fp32."""

    @abstractmethod
    def close(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        """The stream after the last slot -> the head's input, in `dtype`."""

    @abstractmethod
    def head_weight(self) -> Tensor:
        """`(V padded, D)`, fp32."""

    # -- carrying out a plan -----------------------------------------------------------------------------

    def run_slots(self, x_BTD: Tensor, blocks: Sequence[BlockPlan] | None, dtype: torch.dtype) -> Tensor:
        """Send the stream through the slots as planned; `blocks=None` means every slot at duty 1."""
        slots, call = self.slots(), self.compiled or _plainly
        if blocks is None:
            for slot in slots:
                x_BTD = x_BTD if isinstance(slot, Gone) else call(slot, x_BTD, dtype)
            return x_BTD
        assert len(blocks) == len(slots), f"a plan of {len(blocks)} rows for {len(slots)} slots"
        watch = self.watch
        for i, (slot, plan) in enumerate(zip(slots, blocks, strict=True)):
            if plan.duty > 0 and not isinstance(slot, Gone):
                if watch:
                    watch.enter(x_BTD)
                x_BTD = _run_slot(call, slot, x_BTD, plan, plan.dtype or dtype)
                if watch:
                    watch.leave(i, x_BTD)
        if watch:
            watch.through()
        return x_BTD

    def forward_loss(
        self,
        x_BT: Tensor,
        y_BT: Tensor,
        blocks: Sequence[BlockPlan] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Mean cross entropy of `y` given `x`, nats per token: a 0-d fp32 tensor on the model's device.

        Args:
            x_BT, y_BT: int64 token ids; `y` is `x` shifted by one.
            blocks: one plan for each slot, or None for all on.
            dtype: compute type of the matmuls, the head's included. Weights stay fp32 whatever it is.
        """
        x_BTD = self.close(self.run_slots(self.embed(x_BT), blocks, dtype), dtype)
        return chunked_loss(x_BTD.flatten(0, 1), self.head_weight(), y_BT.flatten(), self.head_chunk)

    def next_logits(
        self,
        x_BT: Tensor,
        blocks: Sequence[BlockPlan] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Logits of the token after `x`: `(B, V)` fp32 over the real vocabulary, so no padded id can win."""
        x_BTD = self.run_slots(self.embed(x_BT), blocks, dtype)
        x_BD = self.close(x_BTD[:, -1], dtype)
        return nn.functional.linear(x_BD, self.head_weight()[: self.vocab_size].to(x_BD.dtype)).float()


def _plainly(slot: nn.Module, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
    return slot(x_BTD, dtype)


def _run_slot(call: SlotCall, slot: nn.Module, x_BTD: Tensor, plan: BlockPlan, dtype: torch.dtype) -> Tensor:
    """One slot at a duty above 0."""
    if plan.subset is None or plan.duty == 1.0:
        return _scaled(x_BTD, _through(call, slot, x_BTD, plan, dtype), plan.scale)
    passing_STD = x_BTD.index_select(0, plan.subset)
    after_STD = _scaled(passing_STD, _through(call, slot, passing_STD, plan, dtype), plan.scale)
    return x_BTD.index_copy(0, plan.subset, after_STD)


def _through(call: SlotCall, slot: nn.Module, x_BTD: Tensor, plan: BlockPlan, dtype: torch.dtype) -> Tensor:
    """These sequences through the slot; what backward needs is kept, or nothing but the slot's input.

    Computed again with the generators as they stood, so dropout drops the same; and with the same parameters
    constant, for what autograd saves depends on it.
    """

    def work(x_BTD: Tensor) -> Tensor:
        with frozen_unless(plan.trained, slot):
            return call(slot, x_BTD, dtype)

    if plan.recompute and torch.is_grad_enabled():
        return checkpoint(work, x_BTD, use_reentrant=False)
    return work(x_BTD)


def _scaled(before: Tensor, after: Tensor, scale: float) -> Tensor:
    """`before + scale * (after - before)`: what the block added as a whole, scaled once.

    Once, because scaling attention and MLP by themselves would scale the MLP's answer to attention twice.
    """
    return after if scale == 1.0 else torch.lerp(before, after, scale)


@contextmanager
def frozen_unless(trained: bool, slot: nn.Module) -> Iterator[None]:
    """Within it, autograd sees the slot's parameters as constants unless `trained`.

    Whether a parameter gets a gradient is fixed when its graph is recorded, so the flags can go back as soon
    as the forward pass is through the block; nothing outside ever sees them changed.
    """
    frozen = [] if trained else [p for p in slot.parameters() if p.requires_grad]
    for p in frozen:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in frozen:
            p.requires_grad_(True)
