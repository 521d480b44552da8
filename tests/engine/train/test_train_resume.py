"""Killed and resumed: the run goes on from its newest good checkpoint, and ends where it would have ended."""

from __future__ import annotations

import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

from engine_run import EngineRun
from faulty_engine import FaultyRun
from patience import PATIENCE_S
from time_left import check_time_left

from engine.data.shard_format import HEADER_BYTES, unpack
from engine.protocol.events import (
    Alarm,
    CheckpointSaved,
    CommandApplied,
    LogLine,
    RunEnded,
    RunStarted,
    StepReport,
)

DROPOUT = "model.dropout=0.1"
"""So that the global generator matters."""


def test_killed_and_resumed_ends_in_the_same_bits_as_uninterrupted(tmp_path: Path, token_dir: Path) -> None:
    whole = EngineRun(tmp_path, token_dir, DROPOUT, "checkpoint.every=10")
    assert whole.run() == (0, "")
    broken = FaultyRun(tmp_path, token_dir, DROPOUT, "checkpoint.every=10").with_faults("die@27").start_at(25)
    broken.wait_sealed("step-00000020")
    broken.send("resume")
    assert broken.process is not None
    assert broken.process.wait(PATIENCE_S) == -signal.SIGKILL
    broken.process.communicate()
    assert broken.with_faults().run("--resume") == (0, "")
    assert broken.sums("step-00000060") == whole.sums("step-00000060")
    first, again = broken.of(RunStarted)
    assert (again.step, again.resumed_from) == (20, "step-00000020")
    assert again.branch == first.branch + 1, "steps that repeat are on a branch of their own"
    assert broken.of(StepReport)[-1].step == 60


def test_micro_batch_recomputation_and_precision_changed_live_survive_a_kill_bit_for_bit(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = [DROPOUT, "train.steps=40", "checkpoint.every=10", "checkpoint.keep=9", "evaluate.every=0"]
    sets += ["slots.policy=random", "optim.schedule=wsd", "precision.weights=bf16", "model.gates=true"]
    sets += [
        "optim.gate_l1=0.01",
        "train.recompute=1",
        "train.batch=auto",
    ]
    whole, broken = (EngineRun(tmp_path, token_dir, *sets) for _ in range(2))
    for run in (whole, broken):
        run.start_at(13)
        assert run.send("batch", "auto").after == "4 x 1"
        changes = [run.send("batch", "2"), run.send("recompute", "3"), run.send("precision", "bf16")]
        assert [(c.before, c.after) for c in changes] == [
            ("4 x 1", "2 x 2"),
            ("1 of 4 blocks", "3 of 4 blocks"),
            ("fp32", "bf16"),
        ]
        run.step(12)
    broken.wait_sealed("step-00000010", "step-00000020")
    broken.kill()
    shutil.rmtree(broken.dir / "checkpoints" / "step-00000020")  # as if it had been killed before 20
    assert broken.run("--resume") == (0, "")
    whole.finish()
    assert broken.sums("step-00000040") == whole.sums("step-00000040")
    assert any("micro-batch 4 fits" in line.text for line in whole.of(LogLine))
    for run in (whole, broken):
        last = run.of(StepReport)[-1]
        assert (last.batch_size, last.accumulate, last.recompute) == (2, 2, 3)
    assert broken.of(RunStarted)[-1].step == 10
    check_time_left(broken.dir)
    again = [done for done in broken.of(CommandApplied) if done.branch == 1]
    assert [(done.text, done.step) for done in again] == [
        ("batch 4", 13),
        ("batch 2", 13),
        ("recompute 3", 13),
        ("precision bf16", 13),
    ]


def test_commands_after_the_checkpoint_are_applied_again_at_their_steps(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = ("checkpoint.every=0", "train.steps=300", "evaluate.every=0")
    run = EngineRun(tmp_path, token_dir, *sets).start_at(3)
    run.send("checkpoint")
    run.wait_sealed("step-00000003")
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
    sets = ("checkpoint.every=20", "train.steps=1000000", "guard.spike_sigma=0")
    run = EngineRun(tmp_path, token_dir, *sets).start()
    run.wait_for(lambda _: len(run.of(CheckpointSaved)) >= 2)
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
    assert run.process.wait(PATIENCE_S) == 0
    run.process.communicate()
    assert run.of(Alarm)[0].code == "no-checkpoint"
    assert run.of(RunStarted)[-1].branch == 1
    assert run.of(RunEnded)[-1].outcome == "stopped"


def set_steps(run: EngineRun, steps: int) -> None:
    """As `slotdeck resume --set train.steps=N` leaves the profile."""
    path = run.dir / "profile.toml"
    path.write_text(re.sub(r"^steps = \d+", f"steps = {steps}", path.read_text(), count=1, flags=re.M))


def test_a_command_still_to_be_repeated_survives_a_second_stop(tmp_path: Path, token_dir: Path) -> None:
    sets = ["optim.schedule=constant", "slots.policy=random", "checkpoint.every=10", "checkpoint.keep=9"]
    sets += ["evaluate.every=0"]
    whole, broken = (EngineRun(tmp_path, token_dir, *sets) for _ in range(2))
    for run in (whole, broken):
        run.start_at(44)
        run.send("ban", "2")
    whole.finish()
    broken.wait_sealed("step-00000020", "step-00000030", "step-00000040")
    broken.kill()
    for name in ("step-00000030", "step-00000040"):
        shutil.rmtree(broken.dir / "checkpoints" / name)
    set_steps(broken, 30)  # a life from 20 to 30, which ends before the ban's step
    assert broken.run("--resume") == (0, "")
    set_steps(broken, 60)
    assert broken.run("--resume") == (0, "")
    assert [started.step for started in broken.of(RunStarted)] == [0, 20, 30]
    assert [done.step for done in broken.of(CommandApplied) if done.verb == "ban"] == [44, 44]
    assert broken.sums("step-00000060") == whole.sums("step-00000060")


def test_data_of_another_vocabulary_is_refused_and_nothing_is_logged(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir)
    assert run.run() == (0, "")
    other = Path(shutil.copytree(token_dir, tmp_path / "other"))
    for shard in other.glob("*.bin"):
        with shard.open("r+b") as file:
            header = replace(unpack(file.read(HEADER_BYTES)), vocab_hash="ab" * 32)
            file.seek(0)
            file.write(header.pack())
    for name in ("meta.json", "tokenizer.json"):
        (other / name).unlink()
    set_steps(run, 90)
    path = run.dir / "profile.toml"
    path.write_text(path.read_text().replace(str(token_dir), str(other)))
    code, line = run.run("--resume")
    assert code == 2
    assert "another vocabulary (abababababab)" in line
    assert line.count("\n") == 1
    assert len(list((run.dir / "log").iterdir())) == 1, "refused before the log was opened"
