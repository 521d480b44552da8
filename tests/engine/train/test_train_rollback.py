"""A rollback: the run goes on from a checkpoint as if it had been resumed there, and a kill changes nothing of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from engine_run import EngineRun

from engine.protocol.events import (
    Alarm,
    CheckpointSaved,
    CommandApplied,
    CommandRefused,
    Event,
    RunStarted,
    SlotPlanned,
    StateChanged,
    WentBack,
)
from engine.protocol.frames import encode_frame
from engine.runlog.reader import LogReader

SETS = (
    "model.dropout=0.1",
    "slots.policy=random",
    "train.steps=40",
    "checkpoint.every=10",
    "evaluate.every=0",
)


def paused_at(step: int, tmp_path: Path, token_dir: Path, *sets: str) -> EngineRun:
    """With all that was due by then on the disk."""
    run = EngineRun(tmp_path, token_dir, *SETS, *sets).start_at(step)
    run.wait_sealed(*(f"step-{due:08d}" for due in range(10, step + 1, 10)))
    return run


def applied(answer: object) -> CommandApplied:
    assert isinstance(answer, CommandApplied), answer
    return answer


def went_back(run: EngineRun, to: str) -> CommandApplied:
    """Roll back, and wait until it is in force: what a plan says next is of the new branch."""
    answer = applied(run.send("rollback", to))
    run.wait_for(lambda _: any(told.command_id == answer.command_id for told in run.of(WentBack)))
    return answer


def test_a_rolled_back_run_ends_in_the_bits_of_one_that_never_went_wrong_killed_or_not(
    tmp_path: Path, token_dir: Path
) -> None:
    straight, live, broken = (paused_at(15, tmp_path, token_dir) for _ in range(3))
    for run in (live, broken):
        run.send("ban", "2")
        run.send("lr", "x0.5")
        run.send("batch", "2")
        run.send("precision", "bf16")
        run.step(8)
        back = went_back(run, "10")
        assert back.before == "step 23 on branch 0, saved and held"
        assert back.after == (
            "step-00000010 on branch 1; as it was then: lr x0.5 -> schedule, precision bf16 -> fp32, batch 2 -> 4, "
            "block.2 ban -> free"
        )
        assert "not repeated" in back.cost
        (told,) = run.of(WentBack)
        assert (told.step, told.branch, told.from_step, told.of_branch) == (10, 1, 23, 0)
        assert run.of(StateChanged)[-1].state == "paused", "it works while paused, and stays so"
        run.step(5)
    for run in (straight, live, broken):
        run.send("pin", "1", "duty=0.5")
    broken.step(7)
    broken.wait_sealed("step-00000020.2")
    broken.kill()  # at 22 of the new branch, 20 of it saved
    assert broken.run("--resume") == (0, "")
    live.finish()
    straight.finish()
    sums = straight.sums("step-00000040")
    assert live.sums("step-00000040") == sums
    assert broken.sums("step-00000040") == sums
    left = live.dir / "checkpoints" / "step-00000023"
    assert (left / "HELD").is_file(), "what was left can be gone back to"


def test_killed_right_after_going_back_it_resumes_there_and_not_on_what_was_left(
    tmp_path: Path, token_dir: Path
) -> None:
    run = paused_at(15, tmp_path, token_dir, "train.steps=60")
    run.send("ban", "2")
    run.step(10)
    run.wait_sealed("step-00000020")
    went_back(run, "")
    went_back(run, "step-00000010")
    run.kill()
    before = len(run.events())
    run.start("--resume", "--paused")
    started = run.of(RunStarted)[-1]
    assert (started.resumed_from, started.step, started.branch) == ("step-00000010", 10, 2)
    assert not [e for e in run.events()[before:] if isinstance(e, CommandApplied) and e.verb == "ban"]
    # And forward again to what was left: its ban with it.
    back = went_back(run, "25")
    assert back.after.endswith("block.2 free -> ban")
    run.step(1)
    assert run.of(SlotPlanned)[-1].rows[2].held == "ban"
    run.kill()
    run.start("--resume")
    assert run.of(RunStarted)[-1].resumed_from == "step-00000025"
    assert run.end() == 0
    assert run.of(SlotPlanned)[-1].rows[2].held == "ban"


def test_killed_between_saying_so_and_going_it_goes_back_after_the_restart(
    tmp_path: Path, token_dir: Path
) -> None:
    run = paused_at(12, tmp_path, token_dir)
    cut_log_before(WentBack, run, lambda: went_back(run, ""))
    assert run.of(WentBack) == []
    run.start("--resume")
    run.wait_for(lambda _: len(run.of(WentBack)) == 1)
    (told,) = run.of(WentBack)
    assert (told.checkpoint, told.from_step) == ("step-00000010", 12)
    assert run.end() == 0


def cut_log_before(kind: type[Event], run: EngineRun, act: Callable[[], object]) -> None:
    """Do something, kill the engine, and take from the log the first event of `kind` and what follows."""
    act()
    run.kill()
    entry = next(found for found in LogReader(run.dir).entries() if found.kind == kind.KIND)
    (segment,) = (run.dir / "log").glob("*.slog")
    at = segment.read_bytes().index(encode_frame(entry.kind, entry.seq, entry.t_ns, entry.payload))
    os.truncate(segment, at)


def test_refusals_name_what_there_is_and_change_nothing(tmp_path: Path, token_dir: Path) -> None:
    run = paused_at(25, tmp_path, token_dir)

    def refused(to: str) -> CommandRefused:
        answer = run.send("rollback", to)
        assert isinstance(answer, CommandRefused)
        return answer

    refusal = refused("13")
    assert (refusal.code, refusal.reason) == (
        "no-checkpoint",
        "no checkpoint of step 13; the nearest is step-00000010",
    )
    assert "no checkpoint 'step-00000011' (did you mean 'step-00000010'?)" in refused("step-00000011").reason
    newest = run.dir / "checkpoints" / "step-00000020"
    with (newest / "optimizer.safetensors").open("r+b") as file:
        file.seek(2000)
        file.write(b"\xff\x00\xff\x00")
    refusal = refused("")
    assert refusal.code == "damaged-checkpoint"
    assert "step-00000020 is damaged and set aside" in refusal.reason
    assert refusal.remedy == "the next good one is step-00000010: rollback step-00000010"
    assert run.of(Alarm)[-1].code == "checkpoint-quarantined"
    assert (newest.with_name("bad-step-00000020")).is_dir()
    assert run.of(WentBack) == []
    assert run.send("note", "here").step == 25
    assert [saved.step for saved in run.of(CheckpointSaved)] == [10, 20], (
        "nothing was left, so nothing was saved"
    )
    went_back(run, "")
    assert run.end() == 0
