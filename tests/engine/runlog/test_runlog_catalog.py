"""Runs as a user lists and names them, and the lock that keeps a second engine out."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_run import FakeClock, FakeRun, write_fake_run

from engine.errors import SlotdeckError
from engine.protocol.events import RunEnded
from engine.runlog.catalog import create_run, find_run, list_runs
from engine.runlog.lock import RunLock, is_live
from engine.runlog.remembered import RememberedRuns
from engine.runlog.segment import segment_paths
from engine.runlog.summary import summarise

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 21, 9, 0, 0, tzinfo=UTC)


def test_a_new_run_is_named_for_its_time_and_profile_and_closed_to_others(tmp_path: Path) -> None:
    run_dir = create_run(tmp_path / "runs", "My Run!/..", "x = 1\n", NOW, "3f2a")
    assert run_dir.name == "20261121-090000-my-run-3f2a"
    assert (run_dir / "profile.toml").read_text() == "x = 1\n"
    assert sorted(p.name for p in run_dir.iterdir()) == ["artifacts", "checkpoints", "log", "profile.toml"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in (run_dir, run_dir / "log")} == {0o700}
    assert stat.S_IMODE((run_dir / "profile.toml").stat().st_mode) == 0o600
    assert create_run(tmp_path / "runs", "b", "", NOW.timestamp(), "0001").name == "20261121-090000-b-0001"
    with pytest.raises(SlotdeckError, match="exists already"):
        create_run(tmp_path / "runs", "b", "", NOW, "0001")


def test_finished_killed_and_empty_runs_each_get_their_row(tmp_path: Path) -> None:
    write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    killed = write_fake_run(tmp_path / "20261121-100000-demo-bbbb", FakeRun(steps=600, outcome=""))
    create_run(tmp_path, "fresh", "", datetime(2026, 11, 21, 11, tzinfo=UTC), "cccc")
    (tmp_path / "no-run").mkdir()
    fresh, second, first = list_runs(tmp_path)
    assert (fresh.state, fresh.step, fresh.loss, fresh.outcome) == ("", 0, None, "")
    assert (first.outcome, first.state, first.step, first.total_steps) == ("finished", "ended", 3000, 3000)
    assert first.loss is not None
    assert first.val_loss is not None
    assert first.started_wall_s == pytest.approx(NOW.timestamp())
    assert first.ended_wall_s is not None
    assert first.size_bytes == sum(p.stat().st_size for p in first.path.rglob("*") if p.is_file())
    assert (second.path, second.outcome, second.live, second.profile_name) == (
        killed,
        "killed",
        False,
        "demo",
    )
    assert list_runs(tmp_path / "nowhere") == []


def test_the_newest_is_the_one_begun_last_whatever_they_are_called(tmp_path: Path) -> None:
    later = FakeClock()
    later.advance(60)
    write_fake_run(tmp_path / "recorded-demo", FakeRun(steps=20))
    write_fake_run(tmp_path / "20261121-100000-demo-bbbb", FakeRun(steps=20, clock=later))
    assert [run.path.name for run in list_runs(tmp_path)] == ["20261121-100000-demo-bbbb", "recorded-demo"]


def test_a_run_under_an_engine_is_live_and_has_no_outcome(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    with RunLock(run_dir):
        row = summarise(run_dir)
        assert (row.live, row.outcome, row.ended_wall_s) == (True, "", None)
    assert not summarise(run_dir).live


def test_an_unreadable_run_still_has_a_row(tmp_path: Path) -> None:
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa")
    segment_paths(run_dir)[0].write_bytes(b"garbage" * 100)
    row = summarise(run_dir)
    assert (row.step, row.loss, row.run_id) == (0, None, run_dir.name)


def test_a_resumed_run_is_no_longer_finished(tmp_path: Path) -> None:
    from engine.protocol.events import StateChanged
    from engine.runlog.writer import LogWriter

    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-aaaa", FakeRun(steps=600, outcome="stopped"))
    assert summarise(run_dir).outcome == "stopped"
    writer = LogWriter(run_dir, run_dir.name)
    writer.commit(StateChanged(state="running", step=600))
    writer.commit(RunEnded(step=700, outcome="failed", reason="no memory"))
    writer.close()
    row = summarise(run_dir)
    assert (row.outcome, row.step, row.total_steps) == ("failed", 700, 3000)


@pytest.mark.parametrize(
    "text", ["20261121-090000-demo-aaaa", "20261121-09", "aaaa", "demo-aaaa", "000-demo-aa"]
)
def test_a_run_is_found_by_any_part_that_only_it_has(tmp_path: Path, text: str) -> None:
    expected = create_run(tmp_path, "demo", "", NOW, "aaaa")
    create_run(tmp_path, "demo", "", datetime(2026, 11, 22, tzinfo=UTC), "bbbb")
    assert find_run(text, tmp_path) == expected
    assert find_run(str(expected), tmp_path / "elsewhere") == expected


def test_what_does_not_name_one_run_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(SlotdeckError, match=r"no runs in .*slotdeck train"):
        find_run("demo", tmp_path)
    create_run(tmp_path, "demo", "", NOW, "aaaa")
    create_run(tmp_path, "demo", "", NOW, "bbbb")
    with pytest.raises(SlotdeckError, match=r"2 runs match '2026'.*demo-aaaa, .*demo-bbbb"):
        find_run("2026", tmp_path)
    with pytest.raises(SlotdeckError, match=r"no run 'xyz'.*demo-bbbb"):
        find_run("xyz", tmp_path)
    with pytest.raises(SlotdeckError, match="is not a run folder"):
        find_run(str(tmp_path), tmp_path)
    with pytest.raises(SlotdeckError, match="does not exist"):
        find_run("./nowhere", tmp_path)


def test_a_second_engine_is_told_who_is_there(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        with pytest.raises(
            SlotdeckError, match=rf"pid {os.getpid()} on {socket.gethostname()}.*slotdeck attach"
        ):
            RunLock(tmp_path)
        holder = is_live(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.here) == (os.getpid(), True)
    assert is_live(tmp_path) is None
    RunLock(tmp_path).release()


def test_the_lock_dies_with_its_engine(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from engine.runlog.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "locked\n"
    holder = is_live(tmp_path)
    assert holder is not None
    assert holder.pid == child.pid
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert is_live(tmp_path) is None
    RunLock(tmp_path).release()


def test_no_folder_no_lock(tmp_path: Path) -> None:
    assert is_live(tmp_path / "nowhere") is None
    with pytest.raises(SlotdeckError, match="does not exist"):
        RunLock(tmp_path / "nowhere")


def test_a_folder_whose_name_is_not_utf8_is_listed_and_forgotten(tmp_path: Path) -> None:
    run_dir = tmp_path / "20261121-090000-caf\udce9-3f2a"
    write_fake_run(run_dir, FakeRun("20261121-090000-demo-3f2a", steps=20))
    for _ in range(2):
        runs = RememberedRuns(tmp_path)
        assert runs.look(run_dir).step == 20
        runs.save()
