"""A disk that takes no checkpoint: told once, looked at again and again, and saved to as soon as it has room."""

from __future__ import annotations

import time
from pathlib import Path

from faulty_engine import FaultyRun
from patience import PATIENCE_S

from engine.checkpoint.room import has_room
from engine.checkpoint.writer import Failed
from engine.protocol.events import Alarm, CheckpointSaved, RunEnded, StepReport
from engine.train.guards.full_disk import FullDisk

FAILED = Failed(100, "no space", "free some", "", (1000, 1000))


def test_it_is_told_once_and_tried_again_when_there_is_room(tmp_path: Path) -> None:
    told: list[str] = []
    root = tmp_path / "checkpoints"  # not there: as good as full
    disk = FullDisk(root, lambda message, _: told.append(message), look_s=0.01)
    assert not disk.paused
    disk.failed(FAILED)
    disk.failed(FAILED)
    assert disk.paused
    assert told == ["saving is paused: no space"]
    time.sleep(0.05)
    assert not disk.room()
    root.mkdir()
    give_up = time.monotonic() + PATIENCE_S
    while not disk.room():
        assert time.monotonic() < give_up, "it never found the room"
        time.sleep(0.01)
    assert disk.sealed(), "that ends the pause"
    assert not disk.sealed()
    disk.failed(FAILED)
    assert len(told) == 2, "new trouble is told anew"
    disk.close()
    assert list(root.iterdir()) == [], "looking leaves nothing behind"


def test_room_is_asked_for_in_files_as_large_as_they_will_be(tmp_path: Path) -> None:
    assert has_room(tmp_path, (1000, 2000, 10))
    assert not has_room(tmp_path, (1 << 60, 1))


def test_a_run_on_a_full_disk_trains_on_and_its_end_says_that_it_is_not_saved(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = ("evaluate.every=0", "train.steps=80", "checkpoint.every=20", "guard.spike_sigma=0")
    run = FaultyRun(tmp_path, token_dir, *sets)
    code, errors = run.with_faults("sealed@29", "full@30:400000").run()
    assert code == 0, errors
    assert [saved.step for saved in run.of(CheckpointSaved)] == [20]
    (alarm,) = run.of(Alarm)
    assert alarm.code == "disk-full"
    assert "saving is paused" in alarm.message
    assert "File too large" in alarm.message
    assert str(run.dir / "checkpoints") in alarm.message
    assert max(report.step for report in run.of(StepReport)) == 80
    ended = run.of(RunEnded)[-1]
    assert ended.outcome == "finished"
    assert "but not saved" in ended.reason
    assert [p.name for p in (run.dir / "checkpoints").iterdir()] == ["step-00000020"]
