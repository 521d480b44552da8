"""Saved in the middle and resumed, a training ends in the very same bits as one that was never stopped."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.checkpoint import rng
from engine.checkpoint.load import load_newest
from engine.checkpoint.writer import CheckpointWriter
from engine.models.decoder import Decoder
from engine.optim.slotted import SlottedOptimizer
from engine.precision.policy import dtype_of
from engine.profile.schema import Optim, Slots
from engine.slots.planner import Planner

CPU = torch.device("cpu")
STEPS = 12


class Training:
    """Model, optimizer and planner, with dropout so that the generators matter."""

    def __init__(self) -> None:
        self.model = Decoder(
            n_layer=4, n_head=2, n_embd=16, seq_len=8, vocab_size=32, padded_vocab_size=64, dropout=0.1
        )
        self.model.init_weights(torch.Generator().manual_seed(0))
        self.optimizer = SlottedOptimizer(self.model, Optim(lr=1e-2))
        names = self.model.slot_names
        self.planner = Planner(Slots(policy="anneal", mean_duty=0.5), len(names), names, STEPS)

    def run(self, first: int, last: int) -> None:
        for step in range(first, last):
            x_BT, y_BT = torch.randint(0, 32, (2, 4, 8))
            plan = self.planner.plan(step)
            self.optimizer.match(plan.trained)
            self.model.forward_loss(x_BT, y_BT, plan.blocks(dtype_of, 4, 1, CPU)[0]).backward()
            norm = self.optimizer.clip(1.0)
            self.optimizer.step(found_inf=(~torch.isfinite(norm)).float())
            self.optimizer.zero_grad()

    def bits(self) -> dict[str, torch.Tensor]:
        tensors = {**self.model.state_dict(), **self.optimizer.state_tensors()}
        return {name: t.clone() for name, t in tensors.items()}


def test_a_resumed_training_ends_in_the_same_bits(tmp_path: Path):
    def holds(planner: Planner) -> None:
        planner.pin(1, duty=0.5, until=9)
        planner.pin(2, trained=False, until=8)

    torch.manual_seed(5)
    straight = Training()
    straight.run(0, 3)
    holds(straight.planner)
    straight.run(3, STEPS)

    torch.manual_seed(5)
    killed = Training()
    killed.run(0, 3)
    holds(killed.planner)
    killed.run(3, 6)
    told: list[object] = []
    writer = CheckpointWriter(tmp_path, 1, told.append, told.append)
    writer.save(
        6,
        branch=0,
        model=killed.model.state_dict(),
        optimizer=killed.optimizer.state_tensors(),
        state={"planner": killed.planner.state(), "rng": rng.capture(CPU)},
        reason="due",
    )
    killed.run(6, 8)  # what is lost with the process
    writer.drain()

    torch.manual_seed(99)
    resumed = Training()
    loaded = load_newest(
        tmp_path / "checkpoints", resumed.model.state_dict(), resumed.optimizer.state_shapes()
    )
    assert loaded is not None
    resumed.model.load_state_dict(loaded.model)
    resumed.optimizer.load_state_tensors(loaded.optimizer)
    resumed.planner.load_state(loaded.state["planner"])
    rng.restore(loaded.state["rng"], CPU)
    resumed.run(6, STEPS)

    ours, theirs = resumed.bits(), straight.bits()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
