"""Small models, batches and states that the optimizer's tests share."""

from __future__ import annotations

import msgspec
import pytest
import torch

from engine.models.decoder import Decoder
from engine.models.layers import narrow_matrices
from engine.models.slotted import BlockPlan
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

RULES = ["adamw", "adamw8bit", "muon"]
WEIGHTS = ["fp32", "bf16"]
PROFILE = Optim(lr=1e-2, weight_decay=0.1)
SEED = 7


def needs(rule: str) -> None:
    """Skip where the rule's extra is not installed."""
    if rule == "adamw8bit":
        pytest.importorskip("torchao", reason="the extra `lean` is not installed", exc_type=ImportError)


def small_model(weights: str = "fp32", seed: int = 0) -> Decoder:
    """Three blocks whose matrices are large enough for 8-bit states: 64 wide."""
    model = Decoder(n_layer=3, n_head=2, n_embd=64, seq_len=8, vocab_size=32, padded_vocab_size=64)
    model.init_weights(torch.Generator().manual_seed(seed))
    if weights == "bf16":
        for slot in model.slots():
            narrow_matrices(slot)
    return model


def small(rule: str, weights: str = "fp32", seed: int = 0) -> tuple[Decoder, SlottedOptimizer]:
    """A model and the optimizer over it."""
    needs(rule)
    model = small_model(weights, seed)
    return model, SlottedOptimizer(model, msgspec.structs.replace(PROFILE, name=rule), seed=SEED)


def loss_of(model: Decoder, blocks: list[BlockPlan] | None = None, seed: int = 0) -> torch.Tensor:
    """Of four sequences drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    x_BT = torch.randint(0, 32, (4, 8), generator=generator)
    y_BT = torch.randint(0, 32, (4, 8), generator=generator)
    return model.forward_loss(x_BT, y_BT, blocks)


def train(model: Decoder, optimizer: SlottedOptimizer, steps: range) -> None:
    """The plain way, clipped."""
    for step in steps:
        loss_of(model, seed=step).backward()
        optimizer.clip(1.0)
        optimizer.step(found_inf=torch.zeros(()))
        optimizer.zero_grad()


def bits(model: Decoder, optimizer: SlottedOptimizer) -> dict[str, torch.Tensor]:
    """Copies of every weight and every state."""
    tensors = {**model.state_dict(), **optimizer.state_tensors()}
    return {name: t.detach().clone() for name, t in tensors.items() if name != "updates"}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
