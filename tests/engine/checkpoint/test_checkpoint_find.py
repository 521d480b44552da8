"""Which checkpoint is meant, and which stay, on a run that went back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.checkpoint.find import find
from engine.checkpoint.retain import retain
from engine.checkpoint.save import Snapshot, write_checkpoint
from engine.errors import SlotdeckError
from engine.runlog.branches import Branches, Place

Put = Callable[..., str]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(branch: int, step: int, val_loss: float | None = None, held: bool = False) -> str:
        snapshot = Snapshot(
            step=step, branch=branch, model={"w": torch.zeros(2)}, optimizer={}, state=b"\x80", held=held,
            val_loss=val_loss,
        )  # fmt: skip
        return write_checkpoint(tmp_path / "checkpoints", snapshot, 0.0).name

    return write


def test_by_name_step_best_or_nothing_said(tmp_path: Path, put: Put) -> None:
    root, branches = tmp_path / "checkpoints", Branches()
    for step, val_loss in ((10, 4.0), (20, 3.0), (30, float("nan")), (40, 5.0)):
        put(0, step, val_loss)
    branches.turn(1, Place(0, 20, "step-00000020"))
    assert put(1, 30) == "step-00000030.2"
    assert find(root, "", branches) == "step-00000030.2"
    assert find(root, "", branches, before=30) == "step-00000020"
    assert find(root, "30", branches) == "step-00000030.2", "the one on the way"
    assert find(root, "40", branches) == "step-00000040", "left behind, and still to be had"
    assert find(root, "best", branches) == "step-00000020"
    assert find(root, "step-00000030", branches) == "step-00000030"
    with pytest.raises(SlotdeckError, match=r"no checkpoint of step 33; the nearest is step-00000030\.2"):
        find(root, "33", branches)
    with pytest.raises(SlotdeckError, match="no checkpoint before step 10"):
        find(root, "", branches, before=10)


def test_what_was_left_does_not_push_out_what_a_resume_would_take(tmp_path: Path, put: Put) -> None:
    root, branches = tmp_path / "checkpoints", Branches()
    for step in (10, 20, 30, 40):
        put(0, step, val_loss=1.0 if step == 40 else 2.0)
    left = put(0, 45, held=True)
    branches.turn(1, Place(0, 20, "step-00000020"))
    newest = put(1, 25)
    gone = retain(root, 2, branches.hold)
    assert gone == ["step-00000010", "step-00000030"]
    assert sorted(p.name for p in root.iterdir()) == ["step-00000020", newest, "step-00000040", left]
    assert retain(root, 1, branches.hold, spared=("step-00000020",)) == []
