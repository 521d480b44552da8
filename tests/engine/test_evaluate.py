"""Validation and samples, and that training never notices them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from engine.evaluate import perplexity, sample, validate
from engine.models import BlockPlan, SlottedModel, build_model
from engine.profile.schema import Model

V = 70
CPU = torch.device("cpu")


def small_model(dropout: float = 0.0) -> SlottedModel:
    model = build_model(Model(n_layer=2, n_head=2, n_embd=16, seq_len=8, dropout=dropout), V)
    model.init_weights(torch.Generator().manual_seed(4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)  # far enough from uniform for ids to differ
    return model


class FixedBatches:
    """Three batches of unlike sizes."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(9)
        self.ids = [torch.randint(0, V, (rows, 9), generator=generator) for rows in (4, 4, 1)]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter([(ids[:, :-1], ids[:, 1:]) for ids in self.ids])


def generators_state() -> tuple[Tensor, object]:
    return torch.get_rng_state(), random.getstate()


def draw(
    model: SlottedModel, n: int = 12, *, temperature: float = 1.0, top_k: int = 0, seed: int = 1
) -> list[int]:
    return sample(model, [1, 2, 3], n, temperature, top_k, torch.Generator().manual_seed(seed))


# -- validation ------------------------------------------------------------------------------------------


def test_every_token_counts_the_same() -> None:
    model, batches = small_model(), FixedBatches()
    together = torch.cat(batches.ids)
    with torch.no_grad():
        expected = model.forward_loss(together[:, :-1], together[:, 1:]).item()
    loss, tokens = validate(model, batches, torch.float32, CPU)
    assert tokens == 9 * 8
    assert loss == pytest.approx(expected, rel=1e-6)


def test_it_is_the_same_each_time_with_dropout_off_and_told_batch_by_batch() -> None:
    model, told = small_model(dropout=0.5), list[tuple[int, int]]()
    first = validate(
        model, FixedBatches(), torch.float32, CPU, lambda done, total: told.append((done, total))
    )
    assert first == validate(model, FixedBatches(), torch.float32, CPU)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_it_judges_in_the_precision_of_the_run() -> None:
    model = small_model()
    full, low = (validate(model, FixedBatches(), dtype, CPU)[0] for dtype in (torch.float32, torch.bfloat16))
    assert full != low
    assert low == pytest.approx(full, rel=0.02)


def test_a_pruned_slot_may_be_left_out() -> None:
    model = small_model()
    plan = [BlockPlan(), BlockPlan(duty=0.0)]
    loss, _ = validate(model, FixedBatches(), torch.float32, CPU, blocks=plan)
    del model.blocks[1]  # type: ignore[operator]
    assert loss == validate(model, FixedBatches(), torch.float32, CPU)[0]


def test_perplexity_of_a_hopeless_loss_is_infinite() -> None:
    assert perplexity(0.0) == 1.0
    assert perplexity(1e4) == float("inf")


# -- samples ---------------------------------------------------------------------------------------------


def test_a_seed_means_the_same_text() -> None:
    model = small_model()
    assert draw(model) == draw(model)
    assert draw(model) != draw(model, seed=2)
    assert len(draw(model)) == 12, "longer than the model's 8 positions"


def test_ids_beyond_the_vocabulary_are_never_drawn() -> None:
    model = small_model()
    with torch.no_grad():  # the padded rows of the head would win every time
        model.head_weight()[V:] = 100 * model.head_weight()[1]
    assert max(draw(model, 40, temperature=3.0)) < V


def test_temperature_zero_takes_the_likeliest() -> None:
    model = small_model()
    with torch.inference_mode():
        best = int(model.next_logits(torch.tensor([[1, 2, 3]])).argmax())
    assert draw(model, 1, temperature=0.0) == [best]
    assert draw(model, 5, temperature=0.0) == draw(model, 5, temperature=1e-9) == draw(model, 5, top_k=1)


def test_top_k_bounds_the_choice() -> None:
    model = small_model()
    with torch.inference_mode():
        allowed = model.next_logits(torch.tensor([[1, 2, 3]])).topk(3).indices[0].tolist()
    drawn = {draw(model, 1, temperature=5.0, top_k=3, seed=seed)[0] for seed in range(40)}
    assert drawn == set(allowed)
    assert draw(model, 4, top_k=10_000) == draw(model, 4, top_k=0)


def test_the_text_ends_where_the_model_says_so() -> None:
    model = small_model()
    whole = draw(model, 12)
    generator = torch.Generator().manual_seed(1)
    ended = sample(model, [1, 2, 3], 12, 1.0, 0, generator, stop_at=whole[4])
    assert ended == whole[: whole.index(whole[4])]


def test_a_model_that_overflowed_says_nothing() -> None:
    model = small_model()
    with torch.no_grad():
        model.head_weight().fill_(float("nan"))
    assert draw(model) == []


# -- training does not notice ----------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_generators_gradients_weights_and_mode_are_as_before(training: bool) -> None:
    model = small_model(dropout=0.5).train(training)
    x_BT, y_BT = next(iter(FixedBatches()))
    model.forward_loss(x_BT, y_BT).backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    weights = [p.clone() for p in model.parameters()]
    torch_state, python_state = generators_state()

    validate(model, FixedBatches(), torch.float32, CPU)
    draw(model)

    after = generators_state()
    assert torch.equal(after[0], torch_state)
    assert after[1] == python_state
    assert model.training is training
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert all(
        torch.equal(a, p.grad)
        for a, p in zip(gradients, model.parameters(), strict=True)
        if p.grad is not None
    )


def test_the_mode_is_put_back_when_something_raises() -> None:
    model = small_model().train()
    with pytest.raises(AssertionError, match="positions"):
        validate(model, _TooLong(), torch.float32, CPU)
    assert model.training


class _TooLong(FixedBatches):
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        ids = torch.zeros(1, 20, dtype=torch.long)
        return iter([(ids, ids)])
