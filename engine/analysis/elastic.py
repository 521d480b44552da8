"""The elastic curve: what a trained model loses when blocks are taken out.

    greedy    from the blocks that are left, take out the one whose absence costs least on the probe; repeat
    random    the control: blocks drawn at random, the first and the last only when no other is left (without the
              first nearly any model is lost, which would say nothing of the others); the mean over a few draws
    even      the control without a search: the blocks that stay are spread evenly, ends included
    first     the first blocks stay, the deepest go

The greedy choice is made on the probe and all losses are measured on the validation set, which shares no token
with it: a choice judged on the data it was made on would flatter itself. No weight is touched, a block that is
out is a plan with duty 0. The same model and sets give the same curve.

Called by `slotdeck bench elastic` and by benchmarks. Greedy leave-one-out is the plain form of layer pruning as
in Men et al. 2024 (ShortGPT), which ranks once instead; after a removal the ranks change, so here it looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import torch

from engine.errors import SlotdeckError
from engine.evaluate import Batches, validate
from engine.models.slotted import BlockPlan, SlottedModel

SHARES = (10 / 12, 8 / 12, 6 / 12)
"""Of the blocks, kept by default: 10, 8 and 6 of 12."""
DRAWS = 3
"""Of the random control."""

Told = Callable[[int, int], None]
"""Called with batches done and in all, after each."""


@dataclass(frozen=True, slots=True)
class Point:
    """The model with fewer blocks."""

    kept: int
    gone: tuple[int, ...]
    """Positions in the curve's `slots`, in the order in which they went."""
    loss: float
    """Nats per validation token."""


@dataclass(frozen=True, slots=True)
class Control:
    """The model with as many blocks taken out at random."""

    kept: int
    losses: tuple[float, ...]
    """Of each draw."""

    @property
    def mean(self) -> float:
        """Over the draws."""
        return sum(self.losses) / len(self.losses)


@dataclass(frozen=True, slots=True)
class Curve:
    """Losses by blocks kept; each list in the order of `keep`, most blocks first."""

    slots: tuple[str, ...]
    loss: float
    """With every block, nats per token."""
    greedy: tuple[Point, ...]
    random: tuple[Control, ...]
    even: tuple[Point, ...]
    first: tuple[Point, ...]
    tokens: int
    """Of the validation set."""
    probe_tokens: int
    """That the greedy choice was made on."""
    seed: int
    """Of the random control."""

    def above(self, loss: float) -> float:
        """How much worse a loss is than that with every block, a share: 0.06 is 6 %."""
        return loss / self.loss - 1.0


def default_keep(depth: int) -> tuple[int, ...]:
    """10, 8 and 6 of 12, in proportion for other depths; fewer for a model too shallow to tell them apart."""
    kept = {max(round(share * depth), 1) for share in SHARES}
    return tuple(sorted((k for k in kept if k < depth), reverse=True))


def check_keep(keep: Sequence[int], depth: int) -> tuple[int, ...]:
    """`keep` without repeats, most blocks first.

    Raises:
        SlotdeckError: one cannot be kept of so many.
    """
    for kept in keep:
        if not 1 <= kept < depth:
            raise SlotdeckError(
                f"{kept} of {depth} blocks cannot be kept", f"give numbers from 1 to {depth - 1}"
            )
    return tuple(sorted(set(keep), reverse=True))


def cost(depth: int, keep: Sequence[int], probe: int, validation: int, draws: int = DRAWS) -> int:
    """What a curve takes, in whatever the sizes of the two sets are given in: batches or tokens.

    With n blocks and at least k kept, n + (n - 1) + ... + (k + 1) passes over the probe; over the validation set
    one with every block and 3 + `draws` for each number kept.
    """
    return sum(range(min(keep) + 1, depth + 1)) * probe + (1 + (3 + draws) * len(keep)) * validation


def elastic_curve(
    model: SlottedModel,
    probe: Batches,
    validation: Batches,
    keep: Sequence[int] = (),
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    seed: int = 1,
    draws: int = DRAWS,
    told: Told | None = None,
) -> Curve:
    """Take out blocks and measure.

    Args:
        model: on `device`; left as it came.
        probe: what the greedy choice is made on. No token of it in `validation`.
        keep: numbers of blocks; empty: 10, 8 and 6 of 12, in proportion to the depth.
        seed: of the random control.

    Raises:
        SlotdeckError: a number in `keep` that the depth does not allow.
    """
    there = model.remaining
    depth = len(there)
    kept = check_keep(keep, depth) if keep else default_keep(depth)
    if not kept:
        raise SlotdeckError(f"a model of {depth} block has none to take out", "train a deeper one")
    ruler = _Ruler(model, device, dtype, cost(depth, kept, len(probe), len(validation), draws), told)
    order = _greedy_order(ruler, probe, depth, depth - kept[-1])
    shuffled = [_shuffled(depth, Random(f"elastic:{seed}:{draw}")) for draw in range(draws)]

    def without(gone: Sequence[int]) -> Point:
        return Point(depth - len(gone), tuple(gone), ruler.loss(validation, gone))

    return Curve(
        slots=tuple(model.slot_names[i] for i in there),
        loss=ruler.loss(validation, ()),
        greedy=tuple(without(order[: depth - k]) for k in kept),
        random=tuple(
            Control(k, tuple(ruler.loss(validation, drawn[: depth - k]) for drawn in shuffled)) for k in kept
        ),
        even=tuple(without(_all_but(_spread(k, depth), depth)) for k in kept),
        first=tuple(without(range(k, depth)) for k in kept),
        tokens=_tokens(validation),
        probe_tokens=_tokens(probe),
        seed=seed,
    )


def least_useful(
    model: SlottedModel,
    probe: Batches,
    count: int,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    told: Told | None = None,
) -> list[int]:
    """The slots to do without first: each the one whose absence costs least on the probe, given those before it.

    Args:
        model: on `device`; left as it came.
        count: how many, fewer than there are.

    Returns:
        Slot numbers, in the order in which they would go.
    """
    there = model.remaining
    assert 0 < count < len(there), f"{count} of {len(there)} slots"
    passes = sum(range(len(there) - count + 1, len(there) + 1))
    ruler = _Ruler(model, device, dtype, passes * len(probe), told)
    return [there[i] for i in _greedy_order(ruler, probe, len(there), count)]


def _greedy_order(ruler: _Ruler, probe: Batches, depth: int, count: int) -> list[int]:
    """The first `count` blocks to go, each the cheapest given those before it; of equals the deeper one."""
    order: list[int] = []
    for _ in range(count):
        left = [i for i in range(depth) if i not in order]
        losses = {i: ruler.loss(probe, [*order, i]) for i in left}
        order.append(min(left, key=lambda i: (losses[i], -i)))
    return order


class _Ruler:
    """Measures losses with blocks out, and counts the batches for whoever waits."""

    def __init__(
        self, model: SlottedModel, device: torch.device, dtype: torch.dtype, total: int, told: Told | None
    ) -> None:
        self._model, self._device, self._dtype = model, device, dtype
        self._there = model.remaining
        self._done, self._total, self._told = 0, total, told

    def loss(self, batches: Batches, gone: Sequence[int]) -> float:
        """Nats per token without the blocks at these positions among those that are there."""
        blocks = [BlockPlan()] * len(self._model.slots())
        for position in gone:
            blocks[self._there[position]] = BlockPlan(duty=0.0)
        loss, _ = validate(self._model, batches, self._dtype, self._device, lambda *_: self._count(), blocks)
        return loss

    def _count(self) -> None:
        self._done += 1
        if self._told:
            self._told(self._done, self._total)


def _shuffled(depth: int, random: Random) -> list[int]:
    """All blocks in an order to take them out in, the first and the last at its end."""
    between = list(range(1, depth - 1))
    return [*random.sample(between, len(between)), *sorted({depth - 1, 0}, reverse=True)]


def _spread(kept: int, depth: int) -> set[int]:
    """`kept` blocks from the first to the last at even distances."""
    if kept == 1:
        return {0}
    return {round(i * (depth - 1) / (kept - 1)) for i in range(kept)}


def _all_but(stay: set[int], depth: int) -> list[int]:
    return [i for i in range(depth) if i not in stay]


def _tokens(batches: Batches) -> int:
    return sum(y_BT.numel() for _, y_BT in batches)
