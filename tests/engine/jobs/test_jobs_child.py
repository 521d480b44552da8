"""A child that hangs, dies or cannot do what it was asked: one calm answer each."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from engine.jobs.child import Child
from engine.jobs.order import Answer, Export
from engine.jobs.progress import Reached, Told, forget, reached


def order(run_dir: Path, parent_pid: int) -> Export:
    return Export(
        job="job-1",
        run_dir=str(run_dir),
        checkpoint="step-00000001",
        parent_pid=parent_pid,
        version="0",
        format="hf",
        target=str(run_dir / "artifacts" / "out"),
    )


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    child = Child(order(tmp_path, os.getpid()), limit_s=0.0)
    answer = child.poll()
    assert answer is not None
    assert answer.error == "it was ended after 0 s without a result"
    assert answer.remedy == "its output is in artifacts/job-1.out; training goes on"
    assert not psutil.pid_exists(child.pid)


def test_one_whose_engine_is_gone_ends_before_it_does_anything(tmp_path: Path) -> None:
    answer = finished(Child(order(tmp_path, parent_pid=1), limit_s=120.0))
    assert answer.error == "it ended with exit status 1"
    assert not (tmp_path / "artifacts" / "job-1.json").exists()


def test_what_cannot_be_done_is_said_with_its_remedy(tmp_path: Path) -> None:
    answer = finished(Child(order(tmp_path, os.getpid()), limit_s=120.0))
    assert answer.error == f"{tmp_path / 'checkpoints'} holds no checkpoint yet"
    assert answer.remedy


def test_how_far_it_is_is_read_from_beside_its_answer_and_goes_with_it(tmp_path: Path) -> None:
    ask, now_s = order(tmp_path, os.getpid()), 0.0
    (tmp_path / "artifacts").mkdir()
    told = Told(ask, lambda: now_s)
    assert reached(ask) is None
    told(1, 9, "batches", "judging")
    told(2, 9, "batches", "judging")
    assert reached(ask) == Reached(1, 9, "batches", "judging"), "two in a moment are one too many"
    now_s = 1.0
    told(3, 9, "batches", "judging")
    assert reached(ask) == Reached(3, 9, "batches", "judging")
    told(0, 5, "turns", "timing")
    assert reached(ask) == Reached(0, 5, "turns", "timing"), "another part is told at once"
    forget(ask)
    assert not any((tmp_path / "artifacts").iterdir())


def finished(child: Child) -> Answer:
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    answer = child.poll()
    assert answer is not None
    return answer
