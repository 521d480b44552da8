"""A full disk, a real one: what the run lives by is logged all the same, telemetry comes back with the room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_engine import report

from engine.protocol.codec import decode
from engine.protocol.events import Alarm, LogGap, LogLine, RunEnded, StateChanged, StepReport
from engine.runlog.reader import LogReader
from engine.runlog.reserve import BYTES, Reserve
from engine.runlog.writer import LogWriter


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A run folder on a disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    run_dir = disk / "run"
    (run_dir / "log").mkdir(parents=True)
    yield run_dir
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_on_a_full_disk_commands_alarms_and_the_end_are_still_logged(small_disk: Path) -> None:
    writer = LogWriter(small_disk, "r")
    writer.commit(StateChanged(state="running", step=0))
    filler = small_disk / "filler"
    fill(filler)
    step = 0
    while not writer.failing:
        step += 1
        writer.emit(report(step))
        writer.commit(StateChanged(state="running", step=step))
    for _ in range(200):
        step += 1
        writer.emit(report(step))
        assert writer.commit(StateChanged(state="running", step=step), durable=True) > 0
    assert "No space left" in writer.failing
    filler.unlink()
    step += 1
    writer.commit(StateChanged(state="running", step=step))
    writer.emit(report(step))
    assert not writer.failing
    fill(filler)
    for _ in range(2000):
        step += 1
        writer.emit(report(step))
        if writer.failing:
            break
        writer.commit(StateChanged(state="running", step=step))
    assert writer.failing
    assert writer.commit(RunEnded(step=step, outcome="stopped", reason="the end"), durable=True) > 0
    writer.close()

    events = [decode(entry.kind, entry.payload) for entry in LogReader(small_disk).entries()]
    assert isinstance(events[-1], RunEnded)
    states = [event.step for event in events if isinstance(event, StateChanged)]
    assert states == sorted(set(states)), "in order, each once"
    assert len(states) >= step - 1, "none was lost, but perhaps the last, whose disk filled up"
    gaps = [event.dropped for event in events if isinstance(event, LogGap)]
    assert len(gaps) == 1
    assert gaps[0] >= 200
    reports = sum(isinstance(event, StepReport) for event in events)
    assert reports < step - 200
    alarms = [event for event in events if isinstance(event, Alarm)]
    assert [alarm.code for alarm in alarms] == ["log-failed"] * 2, "one for each time that the disk was full"
    assert any(isinstance(event, LogLine) and "written again" in event.text for event in events)


def test_the_room_is_set_aside_while_a_writer_lives_and_no_longer(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    writer = LogWriter(tmp_path, "r")
    assert (tmp_path / "log" / "reserve").stat().st_size == BYTES
    writer.close()
    assert not (tmp_path / "log" / "reserve").exists()


def test_a_disk_that_cannot_set_room_aside_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    reserve = Reserve(tmp_path)
    assert reserve.take()
    assert not reserve.release()
    assert list(tmp_path.iterdir()) == []
