"""Duty: a share of the sequences passes a block. Which ones, how many, and what comes out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.models.decoder import Decoder
from engine.models.slotted import BlockPlan, SlottedModel
from engine.precision.policy import dtype_of
from engine.profile.schema import Slots
from engine.slots.duty import DUTIES, passing_counts, passing_sequences, possible_duties
from engine.slots.plan import Plan
from engine.slots.planner import Planner

CPU = torch.device("cpu")
T, V = 8, 32


def small_model() -> Decoder:
    model = Decoder(n_layer=4, n_head=2, n_embd=16, seq_len=T, vocab_size=V, padded_vocab_size=64)
    model.init_weights(torch.Generator().manual_seed(0))
    return model


def pinned(sequences: int, rows: list[tuple[float, bool]], step: int = 0, scale: str = "none") -> Plan:
    """A plan with these duties, `(duty, trained)` for each slot, of a step of so many sequences."""
    names = [f"block.{i}" for i in range(len(rows))]
    planner = Planner(msgspec.convert({"scale": scale}, Slots), len(rows), names, 100)
    planner.set_window(sequences)
    for slot, (duty, trained) in enumerate(rows):
        planner.pin(slot, duty, trained)
    return planner.plan(step)


def slow_loss(model: SlottedModel, x_BT: Tensor, y_BT: Tensor, rows: list[BlockPlan]) -> Tensor:
    """What a plan means: x + s * mask * f(x), every sequence of every slot computed."""
    stream = model.embed(x_BT)
    for slot, row in zip(model.slots(), rows, strict=True):
        mask = torch.full((len(x_BT), 1, 1), float(row.duty == 1))
        if row.subset is not None:
            mask[row.subset] = 1.0
        weights = {name: p if row.trained else p.detach() for name, p in slot.named_parameters()}
        added = functional_call(slot, weights, (stream, torch.float32)) - stream
        stream = stream + row.scale * mask * added
    hidden = model.close(stream, torch.float32).flatten(0, 1)
    return F.cross_entropy(F.linear(hidden, model.head_weight()), y_BT.flatten())


def gradients(model: SlottedModel) -> dict[str, Tensor]:
    """Of every parameter; no gradient counts as nothing."""
    found = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in model.named_parameters()}
    model.zero_grad()
    return found


# -- what comes out ------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    batch_size=st.integers(1, 6),
    accumulate=st.integers(1, 3),
    scale=st.sampled_from(["none", "inverse"]),
    step=st.integers(0, 1000),
    data=st.data(),
)
def test_a_step_equals_the_slow_masked_one_in_loss_and_gradients(batch_size, accumulate, scale, step, data):
    window = batch_size * accumulate
    duty = st.sampled_from(possible_duties(window))
    rows = data.draw(st.lists(st.tuples(duty, st.booleans()), min_size=4, max_size=4))
    rows[data.draw(st.integers(0, 3))] = (1.0, True)
    blocks = pinned(window, rows, step, scale).blocks(dtype_of, batch_size, accumulate, CPU)
    model = small_model()
    tokens = torch.randint(
        0, V, (accumulate, batch_size, T + 1), generator=torch.Generator().manual_seed(step)
    )
    results = []
    for loss_of in (SlottedModel.forward_loss, slow_loss):
        total = 0.0
        for micro, rows_now in zip(tokens, blocks, strict=True):
            loss = loss_of(model, micro[:, :-1], micro[:, 1:], rows_now) / accumulate
            loss.backward()
            total += loss.item()
        results.append((total, gradients(model)))
    (fast, fast_gradients), (slow, slow_gradients) = results
    assert fast == pytest.approx(slow, rel=1e-5)
    for name, gradient in fast_gradients.items():
        torch.testing.assert_close(gradient, slow_gradients[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("scale", ["none", "inverse"])
def test_a_duty_of_one_is_bit_for_bit_no_duty(scale: str) -> None:
    model = small_model()
    tokens_BT = torch.randint(0, V, (4, T + 1), generator=torch.Generator().manual_seed(1))
    x_BT, y_BT = tokens_BT[:, :-1], tokens_BT[:, 1:]
    (rows,) = pinned(4, [(1.0, True)] * 4, scale=scale).blocks(dtype_of, 4, 1, CPU)
    found = []
    for blocks in (None, rows):
        loss = model.forward_loss(x_BT, y_BT, blocks)
        loss.backward()
        found.append((loss.detach(), gradients(model)))
    assert torch.equal(found[0][0], found[1][0])
    assert all(torch.equal(g, found[1][1][name]) for name, g in found[0][1].items())


def test_what_a_shared_slot_adds_is_scaled_by_its_duty_if_asked() -> None:
    rows = [(0.25, True), (0.5, True), (1.0, True), (0.0, True)]
    for scale, said in (("none", [1, 1, 1, 1]), ("inverse", [4, 2, 1, 1])):
        for micro in pinned(8, rows, scale=scale).blocks(dtype_of, 2, 4, CPU):
            assert [row.scale for row in micro] == said


# -- how many ------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(batch_size=st.integers(1, 40), accumulate=st.integers(1, 9), draw=st.text(max_size=5), data=st.data())
def test_a_step_does_its_duty_exactly_in_even_parts_of_few_shapes(batch_size, accumulate, draw, data):
    duty = data.draw(st.sampled_from(possible_duties(batch_size * accumulate)))
    parts = passing_sequences(duty, batch_size, accumulate, draw)
    counts = {len(part) for part in parts}
    assert sum(len(part) for part in parts) == duty * batch_size * accumulate
    assert counts <= {0, *passing_counts(batch_size, accumulate)}
    assert max(counts) - min(counts) <= 1
    for part in parts:
        assert part == sorted(set(part))
        assert set(part) <= set(range(batch_size))


def test_the_duties_of_small_steps() -> None:
    assert possible_duties(1) == possible_duties(3) == (0, 1)
    assert possible_duties(2) == possible_duties(6) == (0, 0.5, 1)
    assert possible_duties(4) == possible_duties(12) == DUTIES
    assert passing_counts(16, 1) == (4, 8, 12, 16)
    assert passing_counts(1, 4) == (1,)
    assert passing_counts(2, 2) == (1, 2)
    assert passing_counts(6, 2) == (1, 2, 3, 4, 5, 6)


def test_a_micro_batch_of_one_shares_the_duty_out_over_the_step() -> None:
    model = small_model()
    called: list[int] = []
    model.slots()[1].register_forward_pre_hook(lambda _, args: called.append(len(args[0])))
    blocks = pinned(8, [(1.0, True), (0.25, True), (1.0, True), (1.0, True)]).blocks(dtype_of, 1, 8, CPU)
    for rows in blocks:
        model.forward_loss(torch.zeros(1, T, dtype=torch.int64), torch.zeros(1, T, dtype=torch.int64), rows)
    assert called == [1, 1], "2 of 8 sequences, whole micro-batches"
    assert sum(rows[1].duty for rows in blocks) / 8 == 0.25


# -- which ones ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("batch_size", "accumulate"), [(8, 1), (2, 2), (1, 4), (6, 2)])
@pytest.mark.parametrize("duty", [0.25, 0.5, 0.75])
def test_every_sequence_is_as_likely_as_the_duty_says(duty: float, batch_size: int, accumulate: int) -> None:
    draws = 1500
    seen: Counter[tuple[int, int]] = Counter()
    for step in range(draws):
        parts = passing_sequences(duty, batch_size, accumulate, f"sequences:1:{step}:0")
        seen.update((micro, i) for micro, part in enumerate(parts) for i in part)
    assert sum(seen.values()) == draws * duty * batch_size * accumulate
    bound = 4.5 * (duty * (1 - duty) / draws) ** 0.5
    for micro in range(accumulate):
        for i in range(batch_size):
            assert abs(seen[micro, i] / draws - duty) < bound


def test_every_step_and_every_slot_draws_for_itself() -> None:
    def subsets(step: int) -> list[list[int]]:
        (rows,) = pinned(16, [(0.5, True)] * 4, step).blocks(dtype_of, 16, 1, CPU)
        return [row.subset.tolist() for row in rows]

    assert len({tuple(s) for step in range(5) for s in subsets(step)}) == 20
    assert subsets(3) == subsets(3)


def test_plans_do_not_disturb_the_data_order(token_dir: Path) -> None:
    shards = Shards.open(token_dir, "train")
    orders = []
    for policy in ("all", "anneal", "random"):
        torch.manual_seed(5)
        loader = Loader(shards, 16, 4, 1)
        planner = Planner(msgspec.convert({"policy": policy, "mean_duty": 0.4}, Slots), 4, list("abcd"), 50)
        planner.set_window(8)
        batches = []
        for step in range(20):
            for _ in planner.plan(step).blocks(dtype_of, 4, 2, CPU):
                batches.append(loader.next()[0])
        batches.append(torch.rand(4))  # nor the generator that dropout draws from
        orders.append(batches)
    for other in orders[1:]:
        assert all(torch.equal(a, b) for a, b in zip(orders[0], other, strict=True))
