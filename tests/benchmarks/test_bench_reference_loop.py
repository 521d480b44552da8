"""The engine with slots off and chunking off is the plain reference loop, bit for bit."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch

from benchmarks.peers.gpt import GPT, Shape
from benchmarks.peers.plain import Recipe, adamw, train
from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.catalog import create_run
from engine.runlog.lock import RunLock
from engine.runlog.reader import LogReader
from engine.runlog.writer import LogWriter
from engine.train.build import build_parts
from engine.train.life import assemble

STEPS, BATCH, SEQ_LEN, VOCAB = 12, 6, 24, 320
SETTINGS = {
    "model.n_layer": 3,
    "model.n_head": 2,
    "model.n_embd": 32,
    "model.seq_len": SEQ_LEN,
    "model.vocab_size": VOCAB,
    "train.steps": STEPS,
    "train.batch_size": BATCH,
    "train.seed": 7,
    "train.device": "cpu",
    "train.threads": 1,
    "train.head_chunk": 0,
    "train.grad_clip": 0.5,
    "precision.compute": "fp32",
    "slots.policy": "all",
    "optim.lr": 3e-3,
    "optim.min_lr": 3e-4,
    "optim.warmup_steps": 3,
    "evaluate.tokens": 64,
    "telemetry.slots_every_s": 1e-6,  # every step but those at which memory is measured
}


def engine(runs: Path, token_dir: Path, *more: str) -> tuple[list[float], list[torch.Tensor]]:
    """Losses, as the run's log has them, and final weights of a real run."""
    sets = [f"data.dir={token_dir}", *(f"{k}={v}" for k, v in SETTINGS.items()), *more]
    profile = load_profile("tiny", sets)
    run_dir = create_run(runs, profile.name, to_toml(profile), time.time(), os.urandom(2).hex())
    with RunLock(run_dir):
        log = LogWriter(run_dir, run_dir.name)
        run = assemble(run_dir, build_parts(run_dir), log)
        run.begin()
        while run.step < run.total_steps:
            run.choose_slots()
            run.take_step()
            run.report()
        log.close()
    events = [decode(entry.kind, entry.payload) for entry in LogReader(run_dir).entries()]
    losses = [e.loss for e in events if isinstance(e, StepReport)]
    return losses, [p.detach() for p in run.model.parameters()]


def reference(token_dir: Path, recipe: Recipe) -> tuple[list[float], list[torch.Tensor]]:
    """The same of the plain loop."""
    model = GPT(Shape(3, 2, 32, SEQ_LEN, VOCAB), 7)
    loader = Loader(Shards.open(token_dir, "train"), SEQ_LEN, BATCH, 7, vocab_size=VOCAB)
    batches = (loader.next() for _ in range(STEPS))
    losses = [loss.item() for loss in train(model, [adamw(model, recipe)], batches, recipe)]
    return losses, [p.detach() for p in model.parameters()]


@pytest.mark.parametrize(
    ("schedule", "recipe"),
    [
        ("cosine", Recipe(steps=STEPS, lr=3e-3, min_lr=3e-4, warmup_steps=3, grad_clip=0.5)),
    ],
)
def test_slots_off_is_the_plain_loop_bit_for_bit(
    tmp_path: Path, token_dir: Path, schedule: str, recipe: Recipe
) -> None:
    losses, weights = engine(tmp_path / "runs", token_dir, f"optim.schedule={schedule}")
    plain_losses, plain_weights = reference(token_dir, recipe)
    assert len(losses) == STEPS
    assert losses == plain_losses
    assert losses[-1] < losses[0]
    assert len(weights) == len(plain_weights)
    for ours, theirs in zip(weights, plain_weights, strict=True):
        assert torch.equal(ours, theirs)


def test_the_textbook_attention_computes_the_same_up_to_rounding() -> None:
    ids = torch.randint(0, VOCAB, (2, SEQ_LEN), generator=torch.Generator().manual_seed(1))
    shape = Shape(3, 2, 32, SEQ_LEN, VOCAB)
    assert torch.allclose(GPT(shape, 7)(ids, ids), GPT(shape, 7, naive=True)(ids, ids), atol=1e-5)
