"""What each lever on memory would save, before it is pulled: the run's measured bytes times a formula.

Called by the page of memory. Pure arithmetic over a profile and a measured split; nothing is imported that trains.
The formulas (`L` blocks left, `g` bytes of a block's gradients, `s` of its states, `a` of its activations, `x` of
its input; all from `engine.profile.block_bytes`, the lean and recompute rules from docs/memory.md):

    states        now - then of the stem and L blocks, times measured / now          counted
    weights       2 bytes a matrix value: of the weights, and of the gradients held  counted
    lean          (L - 2) g: those of the stem and of two blocks remain              counted
    recompute r   held(0) - held(r);  held(r) = (L - r + 1) a + (r - 1) x, held(0) = L a     about
    micro-batch   the share of the sequences that is gone, of what grows with them   about
    precision     L (a now - a then); casting the matrices costs some of it          about
    a slot        ban: g + a;  frozen: g, and s on a GPU;  pruned: its weights too   about

`counted`: equal to the byte once every state is made, and a test holds real runs to it. `about`: activations are
measured at one step's plan, and a GPU's peak holds more than what backward needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.profile import block_bytes as block
from engine.profile.derive import train_seq_len
from engine.profile.schema import Profile
from engine.units import format_figure


@dataclass(frozen=True, slots=True)
class Situation:
    """A run as it stands. Bytes are those measured last."""

    profile: Profile
    slots: int
    """That are left in the model."""
    stem_params: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    working: float
    """Sum of the duties under which the activations were measured."""
    batch_size: int
    """Sequences of a micro-batch, now."""
    accumulate: int
    recompute: int
    precision: str
    device: str = "cpu"
    slot: str = ""
    """The one that levers on a single slot name."""
    block_forward_ms: float | None = None
    """Mean over the slots, of a step; None: not measured."""
    block_ms: float | None = None
    """Forward and backward of the same."""


@dataclass(frozen=True, slots=True)
class Lever:
    """One of them."""

    name: str
    saves_bytes: int
    counted: bool
    """From layouts, to the byte; else about."""
    how_known: str
    cost: str
    verb: str = ""
    """What does it in a running run, as typed."""
    setting: str = ""
    """The key of the profile that does it from the next start on: `optim.name=adamw8bit`."""
    new_run: bool = False
    """The setting is refused by a resume: only a new run can have it."""
    blocked: str = ""
    """Why it saves nothing, or cannot be pulled."""


def levers(now: Situation) -> list[Lever]:
    """All of them; those that save most first, those that cannot be pulled last."""
    found = [*_of_states(now), *_of_gradients(now), *_of_activations(now), *_of_a_slot(now)]
    return sorted(found, key=lambda lever: (bool(lever.blocked), -lever.saves_bytes))


def optimizer_bytes(now: Situation, rule: str) -> int:
    """States of the stem and of all blocks that are left, once each has been updated by `rule`."""
    model = now.profile.model
    stem_tensors = 4 if model.bias else 3
    stem = 8 * now.stem_params + block.COUNTER * stem_tensors
    return stem + now.slots * block.state_bytes(model, rule)


def block_activations(now: Situation, recompute: int, precision: str = "") -> int:
    """What blocks hold for backward at a step's worst moment, with so many recomputed."""
    tokens = now.batch_size * train_seq_len(now.profile)
    model, weights = now.profile.model, now.profile.precision.weights
    whole = block.activation_bytes(model, tokens, precision or now.precision, weights)
    inputs = block.input_bytes(model, tokens)
    blocks = min(now.working, now.slots)
    again = recompute * blocks / now.slots if now.slots else 0.0
    return block.activations_held(blocks, again, whole, inputs)


# -- weights, gradients and states -----------------------------------------------------------------------


def _of_states(now: Situation) -> Iterator[Lever]:
    rule = now.profile.optim.name
    layout = optimizer_bytes(now, rule)
    made = min(1.0, now.optimizer / layout) if now.optimizer else 1.0
    for name, title, about in (
        (
            "adamw8bit",
            "8-bit optimizer",
            "a byte for each mean and a scale for 256, in place of 8 bytes a value",
        ),
        ("muon", "Muon", "one mean in fp32 in place of two"),
    ):
        saves = int((layout - optimizer_bytes(now, name)) * made)
        costs = {
            "adamw8bit": "updates unpack and pack the states, which takes time, most on a CPU; needs slotdeck[lean]",
            "muon": "another optimizer, with optim.muon_lr; 0.6 x the speed on a CPU (docs/benchmarks.md)",
        }
        yield Lever(
            title, max(0, saves), True,
            f"matrices of blocks: {about}; norms, biases and the stem keep fp32 states",
            costs[name], setting=f"optim.name={name}", new_run=True,
            blocked="in use" if rule == name else "saves nothing here" if saves <= 0 else "",
        )  # fmt: skip
    narrow = now.profile.precision.weights == "bf16"
    values = 2 * block.matrix_values(now.profile.model)
    cast = values if now.precision in block.NARROW else 0
    yield Lever(
        "bf16 weights", int(now.slots * values + _gradient_blocks(now) * values + min(now.working, now.slots) * cast),
        True, "2 bytes in place of 4 for each value of a block's matrix, and of its gradient",
        "rounded up or down at random; gradients added over micro-batches are off by 0.2 to 0.5 % (docs/memory.md)",
        setting="precision.weights=bf16", new_run=True, blocked="in use" if narrow else "",
    )  # fmt: skip


def _of_gradients(now: Situation) -> Iterator[Lever]:
    train = now.profile.train
    spared = max(0.0, _gradient_blocks(now) - 2) * _gradient(now)
    blocked = "in use" if train.lean else ""
    if not blocked and now.precision == "fp16":
        blocked = "not with fp16, whose gradients are unscaled after backward"
    needs = " train.accumulate=1" if train.accumulate > 1 else ""
    yield Lever(
        "step in backward", 0 if train.lean else int(spared), True,
        "gradients of the stem and of two blocks are held at a time, not those of all blocks",
        "one micro-batch a step; each slot is clipped by its own norm; a bad step is not left out whole",
        setting=f"train.lean=true{needs}", blocked=blocked,
    )  # fmt: skip


def _gradient(now: Situation) -> int:
    return block.weight_bytes(now.profile.model, now.profile.precision.weights)


def _gradient_blocks(now: Situation) -> float:
    """Blocks whose gradients are held at a time, as measured."""
    if now.profile.train.lean:
        return min(2, now.slots)
    return min(now.slots, max(0.0, (now.gradients - 4 * now.stem_params) / _gradient(now)))


# -- activations -----------------------------------------------------------------------------------------


def _of_activations(now: Situation) -> Iterator[Lever]:
    if not now.slots:
        return
    held = block_activations(now, now.recompute)
    share = min(1.0, now.activations / held) if held else 0.0
    """Never more than was measured."""
    steps = sorted({max(1, now.slots // 2), now.slots})
    for count in steps:
        saves = int((held - block_activations(now, count)) * share)
        extra = count - now.recompute
        cost = (
            f"{extra} of {now.slots} forward passes more: about {extra / now.slots / 3:.0%} more block work"
        )
        if now.block_forward_ms is not None:
            cost += f", {format_figure(max(0, extra) * now.block_forward_ms)} ms a step"
        yield Lever(
            f"recompute {count} block" + "s" * (count != 1), max(0, saves), False,
            "a recomputed block keeps its input, and one of them at a time its activations", cost,
            verb=f"recompute {count}", setting=f"train.recompute={count}",
            blocked="in use" if now.recompute >= count else "",
        )  # fmt: skip
    yield _smaller_batch(now)
    narrow = now.precision in block.NARROW
    saves = int((held - block_activations(now, now.recompute, "bf16")) * share)
    yield Lever(
        "bf16 compute", 0 if narrow else max(0, saves), False,
        "2 bytes in place of 4 for what is between the matmuls, less the matrices cast for backward",
        "faster on a GPU that has bf16; most CPUs have no units for it and get slower",
        verb="precision bf16", setting="precision.compute=bf16",
        blocked=f"computes in {now.precision}" if narrow else "" if saves > 0 else "saves nothing at this batch",
    )  # fmt: skip


def _smaller_batch(now: Situation) -> Lever:
    sequences = now.batch_size * max(1, now.accumulate)
    smaller = next((n for n in range(now.batch_size // 2, 0, -1) if sequences % n == 0), now.batch_size)
    share = 1 - smaller / now.batch_size
    blocked = "one sequence at a time already" if smaller == now.batch_size else ""
    if now.profile.train.lean:
        blocked = "a lean step is one micro-batch"
    return Lever(
        f"micro-batch {smaller}", int(now.activations * share), False,
        f"activations grow with the sequences: {smaller} in place of {now.batch_size}; the head's chunk does not",
        f"the same step in {sequences // smaller} micro-batches, not {max(1, now.accumulate)}; a GPU less busy",
        verb=f"batch {smaller}", blocked=blocked,
    )  # fmt: skip


# -- single slots ----------------------------------------------------------------------------------------


def _of_a_slot(now: Situation) -> Iterator[Lever]:
    if not now.slot:
        return
    model, weights = now.profile.model, now.profile.precision.weights
    gradient = 0 if now.profile.train.lean else _gradient(now)
    states = block.state_bytes(model, now.profile.optim.name)
    blocks = min(now.working, now.slots)
    activations = int(min(block_activations(now, now.recompute), now.activations) / blocks) if blocks else 0
    last = "the last slot stays" if now.slots < 2 else ""
    less = f", {format_figure(now.block_ms)} ms a step less" if now.block_ms is not None else ""
    yield Lever(
        f"freeze {now.slot}", gradient + (states if now.device == "cuda" else 0), False,
        "no gradient; on a GPU its states wait in host memory, on a CPU that is the same memory",
        "it no longer learns: for fine-tuning, from scratch it loses (docs/slots.md)",
        verb=f"pin {now.slot} trained=no",
    )  # fmt: skip
    yield Lever(
        f"ban {now.slot}", gradient + activations, False, "no gradient and no activations; its states stay",
        f"the model trains without it{less}", verb=f"ban {now.slot}", blocked=last,
    )  # fmt: skip
    yield Lever(
        f"prune {now.slot}", block.weight_bytes(model, weights) + gradient + states + activations, False,
        "weights, gradient, states and activations of one block",
        f"gone for good, after a trial; undone if the loss does not heal{less}",
        verb=f"prune {now.slot}", blocked=last,
    )  # fmt: skip
