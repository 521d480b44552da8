"""What a lever is said to save is what a run with it pulled holds less."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.profile.levers import Lever, Situation, levers
from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.events import MemorySplit
from engine.runlog.catalog import create_run
from engine.train.build import build_parts
from engine.train.life import assemble
from engine.train.meters.memory import MemoryWatch
from engine.train.run import Run

WIDE = ("slots.policy=all", "model.n_embd=64", "precision.compute=fp32")
"""Matrices of 4,096 values and more, so that all of them have 8-bit states."""
Measure = Callable[..., tuple[Situation, MemorySplit]]


class Silent:
    """A log that nobody reads."""

    head_seq = 0

    def emit(self, event: object) -> None:
        """Forget it."""

    def commit(self, event: object, durable: bool = False) -> int:
        """Forget it."""
        return 0


@pytest.fixture
def measure(tmp_path: Path, token_dir: Path) -> Measure:
    """Three steps of a real run; its situation and what it holds."""

    def measured(*sets: str, recompute: int = 0) -> tuple[Situation, MemorySplit]:
        profile = load_profile("tiny", [f"data.dir={token_dir}", *WIDE, *sets])
        run_dir = create_run(tmp_path, profile.name, to_toml(profile), time.time(), os.urandom(2).hex())
        log: Any = Silent()
        run = assemble(run_dir, build_parts(run_dir), log)
        seconds = count(step=10.0)
        run.memory = MemoryWatch(
            run.model, run.optimizer, run.device, lambda: next(seconds), lean=profile.train.lean
        )
        run.recompute = recompute or run.recompute
        for _ in range(3):
            run.choose_slots()
            run.take_step()
        split = run.memory.take()
        assert split is not None
        return situation(run, split), split

    return measured


def situation(run: Run, split: MemorySplit) -> Situation:
    return Situation(
        profile=run.profile,
        slots=len(run.model.remaining),
        stem_params=sum(p.numel() for p in run.model.stem_parameters()),
        weights=split.weights,
        gradients=split.gradients,
        optimizer=split.optimizer,
        activations=split.activations,
        working=float(len(run.model.remaining)),
        batch_size=run.batch_size,
        accumulate=run.accumulate,
        recompute=run.recompute,
        precision=run.precision,
        slot="block.2",
    )


def lever(now: Situation, name: str) -> Lever:
    return next(found for found in levers(now) if found.name == name)


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("name", ["adamw8bit", "muon"])
def test_another_optimizer_saves_to_the_byte_what_was_said(measure: Measure, name: str, width: int) -> None:
    if name == "adamw8bit":
        pytest.importorskip("torchao")
    size = f"model.n_embd={width}"
    now, before = measure(size)
    _, after = measure(size, f"optim.name={name}")
    title = {"adamw8bit": "8-bit optimizer", "muon": "Muon"}[name]
    assert lever(now, title).saves_bytes == before.optimizer - after.optimizer > 0


def test_what_a_step_in_backward_and_narrow_weights_save(measure: Measure) -> None:
    now, before = measure()
    _, lean = measure("train.lean=true")
    assert lever(now, "step in backward").saves_bytes == before.gradients - lean.gradients > 0
    _, narrow = measure("precision.weights=bf16")
    saved = before.weights + before.gradients - narrow.weights - narrow.gradients
    assert lever(now, "bf16 weights").saves_bytes == saved > 0


def test_what_recomputing_a_smaller_batch_and_bf16_save_of_the_activations(measure: Measure) -> None:
    now, before = measure()
    for blocks in (2, 4):
        _, after = measure(recompute=blocks)
        told = lever(now, f"recompute {blocks} blocks")
        assert told.saves_bytes == before.activations - after.activations > 0
        assert told.verb == f"recompute {blocks}"
    _, after = measure("train.batch_size=2")
    assert lever(now, "micro-batch 2").saves_bytes == pytest.approx(
        before.activations - after.activations, rel=0.1
    )
    large, before = measure("train.batch_size=16")
    _, after = measure("train.batch_size=16", "precision.compute=bf16")
    assert lever(large, "bf16 compute").saves_bytes == pytest.approx(
        before.activations - after.activations, rel=0.1
    )


def test_a_lever_that_is_pulled_already_or_cannot_be_says_so(measure: Measure) -> None:
    now, _ = measure("train.lean=true", "optim.name=muon", "train.batch_size=1", recompute=4)
    found = levers(now)
    assert {one.name: one.blocked for one in found if one.blocked} == {
        "step in backward": "in use",
        "Muon": "in use",
        "recompute 2 blocks": "in use",
        "recompute 4 blocks": "in use",
        "micro-batch 1": "a lean step is one micro-batch",
        "bf16 compute": "saves nothing at this batch",
    }
    assert [bool(one.blocked) for one in found] == sorted(bool(one.blocked) for one in found)
    assert all(one.verb or one.setting for one in found)


def test_a_single_slot_saves_its_gradient_and_where_it_is_pruned_all_it_has(measure: Measure) -> None:
    now, split = measure()
    frozen, banned, pruned = (lever(now, f"{how} block.2").saves_bytes for how in ("freeze", "ban", "prune"))
    assert frozen == split.slots[2] - 3 * frozen - 4 * 12, (
        "weights, gradients and two means are alike; and 12 counters"
    )
    assert pruned == split.slots[2] + banned - frozen
