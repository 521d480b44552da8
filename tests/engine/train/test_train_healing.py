"""A fork made while a prune is still to be judged, or at a checkpoint that a job was done on."""

from __future__ import annotations

from pathlib import Path

from engine_run import EngineRun
from live_run import live_run

from engine.checkpoint.fork import make_fork
from engine.checkpoint.manifest import HELD
from engine.control.mailbox import Accepted
from engine.protocol.commands import Prune
from engine.protocol.events import LogLine, StateChanged
from engine.train.loop import obey


def test_a_fork_says_that_it_cannot_undo_its_parents_prune_and_its_parent_still_can(
    tmp_path: Path, token_dir: Path
) -> None:
    folder = EngineRun(tmp_path, token_dir, "train.compile=off", "evaluate.tokens=1000")
    with live_run(folder) as (run, _):
        run.meter.start()
        run.mailbox.put(Accepted("1", "tester", "tester@here", Prune(slots="2", trial=False), 1))
        obey(run)
        assert run.healing is not None
        run.choose_slots()
        run.take_step()
        run.save("for the test")
    fork = EngineRun.__new__(EngineRun)
    fork.dir = make_fork(folder.dir, "step-00000001", [], now_s=1.8e9, token="cafe")
    with live_run(fork) as (run, _):
        assert run.model.pruned == [2]
        assert run.healing is None
    lines = [event.text for event in fork.of(LogLine)]
    assert "the prune of block.2 stays and is not judged: step-00000000 is not in this run" in lines
    with live_run(folder) as (run, _):
        assert run.healing is not None


def test_a_fork_at_a_jobs_checkpoint_keeps_it_and_the_job_keeps_nothing(
    tmp_path: Path, token_dir: Path
) -> None:
    folder = EngineRun(tmp_path, token_dir, "train.compile=off", "evaluate.tokens=1000")
    with live_run(folder) as (run, _):
        run.save("for job-1 (export)", held=True)
    fork = EngineRun.__new__(EngineRun)
    fork.dir = make_fork(folder.dir, "step-00000000", [], now_s=1.8e9, token="cafe")
    held = [there.dir / "checkpoints" / "step-00000000" / HELD for there in (folder, fork)]
    assert all(mark.exists() for mark in held)
    for there in (folder, fork):
        with live_run(there):
            pass
    assert [mark.exists() for mark in held] == [False, True], (
        "an engine that starts clears up after lost jobs"
    )


def test_a_run_whose_engine_was_lost_while_paused_waits(tmp_path: Path, token_dir: Path) -> None:
    folder = EngineRun(tmp_path, token_dir, "train.compile=off", "evaluate.tokens=1000")
    with live_run(folder) as (run, _):
        run.begin(paused=True)
        assert run.state == "paused"
    assert folder.of(StateChanged)[-1].state == "paused"
