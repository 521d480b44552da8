"""Killed and resumed: the run goes on from its newest good checkpoint, and ends where it would have ended."""

from __future__ import annotations

from pathlib import Path

from engine_run import EngineRun

from engine.protocol.events import Alarm, CommandApplied, RunEnded, RunStarted, StepReport

DROPOUT = "model.dropout=0.1"
"""So that the global generator matters."""


def test_killed_and_resumed_ends_in_the_same_bits_as_uninterrupted(tmp_path: Path, token_dir: Path) -> None:
    whole = EngineRun(tmp_path, token_dir, DROPOUT, "checkpoint.every=10")
    assert whole.run() == (0, "")
    broken = EngineRun(tmp_path, token_dir, DROPOUT, "checkpoint.every=10").start()
    broken.wait_for_step(25)
    broken.kill()
    assert broken.run("--resume") == (0, "")
    assert broken.sums("step-00000060") == whole.sums("step-00000060")
    first, again = broken.of(RunStarted)
    assert again.step in (20, 30, 40, 50)
    assert again.resumed_from == f"step-{again.step:08d}"
    assert again.branch == first.branch + 1, "its steps repeat, so they are on a branch of their own"
    assert broken.of(StepReport)[-1].step == 60


def test_commands_after_the_checkpoint_are_applied_again_at_their_steps(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = ("checkpoint.every=0", "train.steps=300", "evaluate.every=0")
    run = EngineRun(tmp_path, token_dir, *sets).start()
    run.send("pause")
    run.send("checkpoint")
    run.step(5)
    pinned = run.send("pin", "1", "until=+50")
    run.send("lr", "1e-4")
    run.kill()
    assert run.run("--resume") == (0, "")
    again = [a for a in run.of(CommandApplied) if a.branch == 1]
    assert [a.verb for a in again] == ["pin", "lr"], "what shaped the training, and neither pause nor step"
    assert [a.step for a in again] == [pinned.step, pinned.step]
    assert run.of(StepReport)[-1].lr == 1e-4


def test_a_damaged_newest_checkpoint_is_set_aside_and_said_so(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir, "checkpoint.every=20", "train.steps=1000000").start()
    run.wait_for_step(45)
    run.kill()
    newest = max((run.dir / "checkpoints").glob("step-*"))
    with (newest / "model.safetensors").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\x00\xff\x00")
    run.start("--resume")
    assert run.end() == 0
    (alarm,) = run.of(Alarm)
    assert alarm.code == "checkpoint-quarantined"
    assert newest.name in alarm.message
    assert run.of(RunStarted)[-1].step == int(newest.name[5:]) - 20


def test_a_finished_run_and_a_second_engine_are_refused_in_one_line(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir)
    assert run.run() == (0, "")
    code, line = run.run("--resume")
    assert code == 2
    assert "is finished: 60 of 60 steps done" in line
    code, line = run.run()
    assert code == 2
    assert "has begun already" in line
    busy = EngineRun(tmp_path, token_dir, "train.steps=1000000").start()
    first, busy.process = busy.process, None
    code, line = busy.run("--resume")
    assert code == 2
    assert "in use by another engine" in line
    busy.process = first
    assert busy.end() == 0


def test_a_run_killed_before_its_first_checkpoint_begins_again_and_says_so(
    tmp_path: Path, token_dir: Path
) -> None:
    run = EngineRun(tmp_path, token_dir, "checkpoint.every=0", "train.steps=1000000").start()
    run.wait_for_step(3)
    run.kill()
    run.start("--resume")
    run.send("stop")
    assert run.process is not None
    assert run.process.wait(60) == 0
    run.process.communicate()
    assert run.of(Alarm)[0].code == "no-checkpoint"
    assert run.of(RunStarted)[-1].branch == 1
    assert run.of(RunEnded)[-1].outcome == "stopped"
