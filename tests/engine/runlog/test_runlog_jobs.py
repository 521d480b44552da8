"""How far long jobs are, told in the runs folder: at work, done, failed, interrupted, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

from engine.errors import SlotdeckError
from engine.runlog.jobs import KEEP, JobFile, JobWriter, interrupt, list_jobs, telling

ROOT = Path(__file__).parents[3]
ENDLESS = """
import sys, time
from pathlib import Path
from engine.runlog.jobs import telling
with telling(Path(sys.argv[1]), "prepare", "data/x", ("slotdeck", "prepare")) as job:
    job.told("encoding", 1, 4, "B", "")
    print("told", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def endless(tmp_path: Path):
    child = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"told\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_job_is_told_while_it_runs_and_when_it_is_done(tmp_path: Path) -> None:
    with telling(tmp_path, "prepare", "data/x", ("slotdeck", "prepare", "x")) as job:
        assert list_jobs(tmp_path) == [], "nothing is told of what has not begun"
        job.told("encoding", 10, 40, "B", "3 documents")
        ((_, told),) = list_jobs(tmp_path)
        assert (told.state, told.done, told.total, told.stage) == ("running", 10, 40, "encoding")
        assert told.pid == os.getpid()
    ((_, told),) = list_jobs(tmp_path)
    assert told.state == "done"
    assert told.command == ("slotdeck", "prepare", "x")


def test_what_is_told_is_written_at_most_once_a_second_and_at_each_new_stage(tmp_path: Path) -> None:
    now_s = [1000.0]
    job = JobWriter(tmp_path, JobFile(task="prepare", what="x"), clock=lambda: now_s[0])
    seen = []
    for stage, after_s in (("a", 0.0), ("a", 0.5), ("b", 0.1), ("b", 1.0)):
        now_s[0] += after_s
        job.told(stage, len(seen), 9, "B", "")
        seen.append(list_jobs(tmp_path)[0][1].done)
    assert seen == [0, 0, 2, 3]
    job.over("done")


def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    def work() -> None:
        with telling(tmp_path, "prepare", "x", ()) as job:
            job.told("encoding", 1, 2, "B", "")
            raise SlotdeckError("the disk is full", "make room")

    with pytest.raises(SlotdeckError):
        work()
    ((_, told),) = list_jobs(tmp_path)
    assert (told.state, told.detail) == ("failed", "the disk is full; make room")


def test_a_job_that_was_killed_is_shown_as_killed(tmp_path: Path, endless: subprocess.Popen[bytes]) -> None:
    assert list_jobs(tmp_path)[0][1].state == "running"
    endless.kill()
    endless.wait()
    assert list_jobs(tmp_path)[0][1].state == "killed"


def test_an_interrupted_job_was_cancelled(tmp_path: Path, endless: subprocess.Popen[bytes]) -> None:
    ((job_id, _),) = list_jobs(tmp_path)
    interrupt(tmp_path, job_id)
    assert endless.wait(PATIENCE_S) in (-signal.SIGINT, 130, 1)
    assert list_jobs(tmp_path)[0][1].state == "cancelled"
    with pytest.raises(SlotdeckError, match="is over"):
        interrupt(tmp_path, job_id)


def test_a_folder_that_cannot_be_written_stops_no_job(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with telling(tmp_path / "runs", "prepare", "x", ()) as job:
        job.told("encoding", 1, 2, "B", "")
    assert list_jobs(tmp_path / "runs") == []


def test_old_jobs_are_forgotten_and_torn_ones_are_passed_over(tmp_path: Path) -> None:
    for number in range(KEEP + 5):
        job = JobWriter(tmp_path, JobFile(task="prepare", what="x"), clock=lambda n=number: 1e9 + n)
        job.told("a", 1, 1, "B", "")
        job.over("done")
    assert len(list_jobs(tmp_path)) == KEEP + 1
    (tmp_path / ".jobs" / "29990101-000000-beef.json").write_bytes(b'{"task": "pre')
    assert len(list_jobs(tmp_path)) == KEEP + 1
