"""What each block is missed by, held against a model from which it was really taken."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from engine.analysis.missed import leave_each_out
from engine.evaluate import validate
from engine.models import SlottedModel, build_model
from engine.profile.schema import Model

CPU = torch.device("cpu")


class TwoBatches:
    """Of unlike sizes."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(9)
        ids = [torch.randint(0, 70, (rows, 9), generator=generator) for rows in (4, 1)]
        return iter([(ids_BT[:, :-1], ids_BT[:, 1:]) for ids_BT in ids])


@pytest.fixture
def model() -> SlottedModel:
    model = build_model(Model(n_layer=4, n_head=2, n_embd=16, seq_len=8, dropout=0.5), 70)
    model.init_weights(torch.Generator().manual_seed(4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model.train()


def test_each_loss_is_that_of_the_model_without_the_block(model: SlottedModel) -> None:
    model.prune_to([2])
    told: list[tuple[int, int]] = []
    found = leave_each_out(
        model, TwoBatches(), device=CPU, told=lambda done, total: told.append((done, total))
    )
    assert found.slots == (0, 1, 3)
    assert found.tokens == 5 * 8
    assert found.loss == validate(model, TwoBatches(), torch.float32, CPU)[0]
    for slot, loss in zip(found.slots, found.losses, strict=True):
        without = deepcopy(model)
        without.prune_to([2, slot])
        assert loss == validate(without, TwoBatches(), torch.float32, CPU)[0]
    assert told == [(0, 4), (1, 4), (1, 4), (2, 4), (2, 4), (3, 4), (3, 4), (4, 4)]
    assert len({found.loss, *found.losses}) == 4, "each of them is another model"


def test_it_leaves_model_and_generators_as_they_were_also_when_it_is_cut_short(model: SlottedModel) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()

    def enough(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave_each_out(model, TwoBatches(), device=CPU, told=enough)
    leave_each_out(model, TwoBatches(), device=CPU)
    assert model.training
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
