"""The verb `probe` on a real run: what it tells, and that the steps after it are those without it, bit for bit."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import torch
from engine_run import EngineRun
from live_run import live_run

from engine.protocol.commands import Probe
from engine.protocol.events import Evaluated, LogLine, Probed, Progress
from engine.train import snapshot
from engine.train.run import Run
from engine.train.verbs.apply import plan_change

SETS = ("train.compile=off", "model.dropout=0.2", "slots.policy=random", "slots.mean_duty=0.6")


def steps(run: Run, count: int) -> None:
    for _ in range(count):
        run.choose_slots()
        assert run.take_step()


def whole_state(run: Run) -> dict[str, Any]:
    """Everything that the next steps depend on."""
    tensors = {**run.model.state_dict(), **run.optimizer.state_tensors()}
    return {name: tensor.clone() for name, tensor in tensors.items()} | {"rest": snapshot.capture(run)}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    return bool(ours == theirs)


def probed(run: Run, command_id: str) -> None:
    plan_change(run, Probe(), command_id).effect()


def test_the_training_is_the_same_with_and_without_it(tmp_path: Path, token_dir: Path) -> None:
    found = []
    for ask in (False, True):
        folder = EngineRun(tmp_path, token_dir, *SETS, "prune.probe_tokens=300")
        with live_run(folder) as (run, _):
            steps(run, 3)
            before = whole_state(run)
            if ask:
                probed(run, "k1")
                after = whole_state(run)
                # Only the speed that the time left is told by: it was read at the report before the probe.
                for state in (before, after):
                    for key in ("loss_ema", "ema_weight", "seconds_per_step"):
                        del state["rest"][key]
                assert same(before, after)
            steps(run, 3)
            found.append({name: p.clone() for name, p in run.model.state_dict().items()})
    assert same(*found)
    assert not folder.of(Evaluated)
    (told,) = folder.of(Probed)
    assert (told.step, told.command_id, told.tokens) == (3, "k1", 9 * 32)
    assert told.slots == ["block.0", "block.1", "block.2", "block.3"]
    assert all(loss is not None and loss != told.loss for loss in told.losses)
    progress = [event for event in folder.of(Progress) if event.task == "probe"]
    assert {event.unit for event in progress} == {"slots"}
    assert (progress[0].done, progress[-1].done, progress[-1].total) == (0, 4, 4)


def test_a_slot_that_is_gone_is_not_asked_about_and_an_overflow_is_no_number(
    tmp_path: Path, token_dir: Path
) -> None:
    folder = EngineRun(tmp_path, token_dir, *SETS)
    with live_run(folder) as (run, _):
        run.model.prune_to([1])
        assert plan_change(run, Probe(), "k1").cost.startswith("4 passes over 1,")
        with torch.no_grad():
            next(run.model.slots()[3].parameters()).fill_(float("nan"))
        probed(run, "k1")
    (told,) = folder.of(Probed)
    assert told.slots == ["block.0", "block.2", "block.3"]
    assert [loss is None for loss in told.losses] == [True, True, False]


def test_nobody_waits_for_it_when_the_run_is_to_end(tmp_path: Path, token_dir: Path) -> None:
    folder = EngineRun(tmp_path, token_dir, *SETS)
    with live_run(folder) as (run, _):
        run.signals.append(signal.SIGTERM)
        probed(run, "k1")
    assert not folder.of(Probed)
    assert any("the probe was cut short" in line.text for line in folder.of(LogLine))
