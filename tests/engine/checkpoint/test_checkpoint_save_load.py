"""Checkpoints as a user meets them: what was saved comes back, the right ones stay, others are refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.checkpoint import rng
from engine.checkpoint.load import load_newest
from engine.checkpoint.manifest import HELD
from engine.checkpoint.writer import CheckpointWriter, Failed, Saved
from engine.errors import SlotdeckError
from engine.optim.rules import Part

CPU = torch.device("cpu")
LIKE_A = Part((3, 2), torch.float32)
SHAPES = {"a.exp_avg": LIKE_A, "a.exp_avg_sq": LIKE_A, "a.step": Part((), torch.float32)}


class Told:
    """What the writer told, in order."""

    def __init__(self) -> None:
        self.saved: list[Saved] = []
        self.failed: list[Failed] = []


def model_tensors(value: float) -> dict[str, torch.Tensor]:
    return {"a": torch.full((3, 2), float(value)), "b": torch.arange(4, dtype=torch.int64)}


def writer_of(run_dir: Path, told: Told, keep: int = 3) -> CheckpointWriter:
    return CheckpointWriter(run_dir, keep, told.saved.append, told.failed.append)


def save(writer: CheckpointWriter, step: int, branch: int = 0, **more) -> None:
    states = {"a.exp_avg": torch.ones(3, 2), "a.exp_avg_sq": torch.ones(3, 2), "a.step": torch.tensor(1.0)}
    writer.save(
        step,
        branch=branch,
        model=model_tensors(step + branch / 10),
        optimizer=states,
        state={"step": step, "rng": rng.capture(CPU)},
        reason="due",
        **more,
    )
    writer.drain()


def names(run_dir: Path) -> list[str]:
    return sorted(p.name for p in (run_dir / "checkpoints").iterdir())


def newest(run_dir: Path):
    return load_newest(run_dir / "checkpoints", model_tensors(0), SHAPES)


def test_what_was_saved_comes_back(tmp_path: Path):
    told = Told()
    save(writer_of(tmp_path, told), 500, val_loss=4.5, command_id="c1")
    loaded = newest(tmp_path)
    assert loaded.name == "step-00000500"
    assert loaded.quarantined == []
    assert torch.equal(loaded.model["a"], torch.full((3, 2), 500.0))
    assert loaded.model["b"].dtype == torch.int64
    assert torch.equal(loaded.optimizer["a.step"], torch.tensor(1.0))
    assert loaded.state["step"] == 500
    assert loaded.manifest.val_loss == 4.5
    (saved,) = told.saved
    assert (saved.step, saved.name, saved.command_id) == (500, "step-00000500", "c1")
    folder = tmp_path / "checkpoints" / "step-00000500"
    assert saved.bytes == sum(p.stat().st_size for p in folder.iterdir() if p.name != "MANIFEST")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_later_change_of_the_weights_does_not_reach_a_save_in_flight(tmp_path: Path):
    writer = writer_of(tmp_path, Told())
    live = model_tensors(1.0)
    writer.save(1, branch=0, model=live, optimizer={}, state={}, reason="due")
    live["a"].fill_(99)
    writer.drain()
    assert torch.equal(newest(tmp_path).model["a"], torch.full((3, 2), 1.0))


def test_a_run_that_never_saved_has_nothing_to_load(tmp_path: Path):
    assert newest(tmp_path) is None
    writer_of(tmp_path, Told())
    assert newest(tmp_path) is None


def test_the_newest_the_best_and_those_asked_for_stay(tmp_path: Path):
    writer = writer_of(tmp_path, told := Told(), keep=2)
    save(writer, 100, held=True)
    save(writer, 200, val_loss=3.0)
    save(writer, 300, val_loss=3.5)
    save(writer, 400)
    save(writer, 500)
    assert names(tmp_path) == ["step-00000100", "step-00000200", "step-00000400", "step-00000500"]
    assert [name for saved in told.saved for name in saved.deleted] == ["step-00000300"]
    (tmp_path / "checkpoints" / "step-00000100" / HELD).unlink()
    save(writer, 600)
    assert names(tmp_path) == ["step-00000200", "step-00000500", "step-00000600"]


def test_the_same_step_again_stands_beside_the_first_and_is_the_newer(tmp_path: Path):
    writer = writer_of(tmp_path, Told())
    save(writer, 500)
    save(writer, 500, branch=1)
    assert names(tmp_path) == ["step-00000500", "step-00000500.2"]
    assert torch.equal(newest(tmp_path).model["a"], torch.full((3, 2), 500.1))


def test_many_saves_of_one_step_leave_the_last_ones(tmp_path: Path):
    told = Told()
    writer = writer_of(tmp_path, told)
    for branch in range(9):
        save(writer, 500, branch=branch // 4)
        assert newest(tmp_path).name == told.saved[-1].name
    assert names(tmp_path) == ["step-00000500.7", "step-00000500.8", "step-00000500.9"]
    assert torch.equal(newest(tmp_path).model["a"], torch.full((3, 2), 500.2))


def test_after_going_back_the_newer_branch_counts_not_the_higher_step(tmp_path: Path):
    writer = writer_of(tmp_path, Told())
    save(writer, 1000)
    save(writer, 600, branch=1)
    assert newest(tmp_path).name == "step-00000600"


def test_a_checkpoint_of_another_model_is_refused_by_name_and_stays(tmp_path: Path):
    save(writer_of(tmp_path, Told()), 500)
    wider = {**model_tensors(0), "a": torch.zeros(3, 4)}
    with pytest.raises(
        SlotdeckError, match=r"step-00000500 was saved by another model: a is 3x2 float32 there"
    ):
        load_newest(tmp_path / "checkpoints", wider, SHAPES)
    with pytest.raises(SlotdeckError, match="b is not in the model"):
        load_newest(tmp_path / "checkpoints", {"a": torch.zeros(3, 2)}, SHAPES)
    with pytest.raises(SlotdeckError, match=r"another optim\.name: .* keeps no a\.step"):
        load_newest(
            tmp_path / "checkpoints", model_tensors(0), {k: v for k, v in SHAPES.items() if "step" not in k}
        )
    narrow = {name: t.to(torch.bfloat16) for name, t in model_tensors(0).items()}
    with pytest.raises(
        SlotdeckError, match=r"another precision\.weights: a is 3x2 float32 there and 3x2 bfloat16"
    ):
        load_newest(tmp_path / "checkpoints", narrow, SHAPES)
    assert names(tmp_path) == ["step-00000500"]


def test_what_a_kill_left_behind_is_swept_and_never_loaded(tmp_path: Path):
    save(writer_of(tmp_path, Told()), 500)
    for leftover in (".tmp-step-00000600-1", ".del-step-00000400"):
        (tmp_path / "checkpoints" / leftover).mkdir()
    assert newest(tmp_path).name == "step-00000500"
    writer_of(tmp_path, Told())
    assert names(tmp_path) == ["step-00000500"]


def test_a_due_save_gives_way_to_one_in_flight_and_says_so(tmp_path: Path):
    told = Told()
    writer = writer_of(tmp_path, told)
    big = {"a": torch.zeros(4 << 20)}
    writer.save(1, branch=0, model=big, optimizer={}, state={}, reason="due")
    assert not writer.save(2, branch=0, model=big, optimizer={}, state={}, reason="due", skip_if_busy=True)
    assert writer.save(3, branch=0, model=big, optimizer={}, state={}, reason="asked")
    writer.drain()
    assert [saved.step for saved in told.saved] == [1, 3]
    assert "step 2 was left out" in told.failed[0].message


def test_every_generator_goes_on_where_it_stood(tmp_path: Path):
    def draw() -> tuple:
        return (random.random(), random.gauss(0, 1), np.random.normal(), torch.rand(3).tolist())

    random.gauss(0, 1)  # leaves its twin cached: part of the state
    writer = writer_of(tmp_path, Told())
    save(writer, 1)
    expected = [draw() for _ in range(3)]
    assert rng.restore(newest(tmp_path).state["rng"], CPU)
    assert [draw() for _ in range(3)] == expected
