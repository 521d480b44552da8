"""Prune: a trial beside the training, the slots gone for good, and back again when the model does not get over it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from engine_run import EngineRun
from patience import PATIENCE_S
from safetensors import safe_open

from engine.protocol.events import (
    Alarm,
    CheckpointSaved,
    CommandApplied,
    CommandRefused,
    JobReported,
    Progress,
    Pruned,
    RunStarted,
    SlotPlanned,
    StepReport,
    WentBack,
)
from engine.shrink.choose import choose
from slotdeck.export import export_run


@pytest.fixture(autouse=True)
def hurried_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """At their usual priority they would wait for every other test that runs on this machine."""
    monkeypatch.setenv("SLOTDECK_JOBS_NICE", "0")


SETS = (
    "model.dropout=0.1", "evaluate.tokens=2000", "prune.probe_tokens=1000", "slots.policy=random",
    "guard.spike_sigma=0",
)  # fmt: skip


def done(run: EngineRun, tasks: int = 1) -> list[JobReported]:
    """Wait until so many jobs have ended, and how they did."""

    def ended() -> list[JobReported]:
        return [job for job in run.of(JobReported) if job.state != "started"]

    run.wait_for(lambda _: len(ended()) == tasks)
    return ended()


def refusal(run: EngineRun, *words: str) -> str:
    answer = run.send(*words)
    assert isinstance(answer, CommandRefused)
    return answer.reason


def test_pruned_killed_and_resumed_equals_the_uninterrupted_bit_for_bit(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = [*SETS, "train.steps=24", "checkpoint.every=6", "checkpoint.keep=9", "evaluate.every=0"]
    sets += ["prune.heal_steps=9", "prune.tolerance=1", "train.recompute=3"]
    whole, broken = (EngineRun(tmp_path, token_dir, *sets) for _ in range(2))
    for run in (whole, broken):
        run.start_at(9)
        run.wait_sealed("step-00000006")
        if run is broken:  # a dry run more or less makes no difference
            assert isinstance(run.send("prune", "amount=1", "dry_run=yes"), CommandApplied)
        applied = run.send("prune", "3,block.1", "trial=no")
        assert isinstance(applied, CommandApplied)
        assert applied.text == "prune slots=3,block.1 trial=no"
        run.step(5)
        again = run.send("prune", "0", "trial=no")
        assert isinstance(again, CommandRefused)
        assert again.code == "healing"
    broken.kill()
    for later in broken.dir.glob("checkpoints/step-*[12349]*"):  # as if it had been killed before the prune
        shutil.rmtree(later)
    broken.start("--resume")
    assert broken.of(RunStarted)[-1].step == 6
    assert broken.process is not None
    assert broken.process.wait(PATIENCE_S) == 0
    broken.process.communicate()
    whole.finish()
    assert broken.sums("step-00000024") == whole.sums("step-00000024")
    for run in (whole, broken):
        pruned = run.of(Pruned)[-1]
        assert (pruned.slots, pruned.undone) == (["block.1", "block.3"], False)
        assert pruned.params_after < pruned.params_before
        rows = run.of(SlotPlanned)[-1].rows
        assert [row.pruned for row in rows] == [False, True, False, True]
        saved = {c.name: c for c in run.of(CheckpointSaved)}
        assert saved["step-00000009"].reason == "before the prune"
        assert saved["step-00000024"].bytes < 0.7 * saved["step-00000009"].bytes
        with safe_open(
            run.dir / "checkpoints" / "step-00000024" / "model.safetensors", framework="pt"
        ) as file:
            numbers = {name.split(".")[1] for name in file.keys() if name.startswith("blocks.")}  # noqa: SIM118
        assert numbers == {"0", "2"}, "those that remain keep their names"
    model = choose(whole.dir).model
    assert model.pruned == [1, 3]
    out = tmp_path / "hf"
    export_run(whole.dir, out, checkpoint="newest", dtype="fp32", overwrite=False, say=lambda _: None)
    with safe_open(out / "model.safetensors", framework="pt") as file:
        assert {name.split(".")[2] for name in file.keys() if ".h." in name} == {"0", "1"}  # noqa: SIM118


def test_a_trial_changes_nothing_until_it_is_done_and_then_the_engine_prunes_and_undoes_it(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = [*SETS, "train.steps=1000000", "checkpoint.every=0", "evaluate.every=0"]
    sets += ["prune.heal_steps=2", "prune.tolerance=0"]
    run = EngineRun(tmp_path, token_dir, *sets).start_at(300)  # by then each block is worth something
    run.send("lr", "0")  # so that nothing heals
    assert refusal(run, "prune", "block.7").startswith("no slot 'block.7'")
    for amount in ("4", "99"):
        assert "one must remain" in refusal(run, "prune", f"amount={amount}")
    assert refusal(run, "prune", "0,1,2,3") == "no slot would be left"
    asked = run.send("prune", "amount=1", "dry_run=yes")
    assert isinstance(asked, CommandApplied)
    busy = run.send("export")
    assert isinstance(busy, CommandRefused)
    assert (busy.code, busy.reason) == ("busy", f"job-{asked.rev} (prune-trial) is at work")
    (told,) = done(run)
    assert (told.state, told.command_id) == ("done", asked.command_id)
    assert [p for p in run.of(Progress) if p.task == told.job][-1].detail == "timing a step"
    figures = told.result
    for what in ("params", "bytes"):
        before, after = figures[f"{what}_before"], figures[f"{what}_after"]
        assert isinstance(before, int)
        assert isinstance(after, int)
        assert after < before
    assert figures["probe_tokens"]
    assert str(figures["slots"]) in told.text
    assert not run.of(Pruned)
    (trial,) = [c for c in run.of(CheckpointSaved) if c.command_id == asked.command_id]
    assert not (run.dir / "checkpoints" / trial.name / "HELD").exists(), "held only while it was needed"
    assert (run.dir / "artifacts" / f"{told.job}.json").is_file()

    run.send("prune", "0,1,2")
    assert done(run, 2)[-1].state == "done"
    run.wait_for(lambda _: bool(run.of(Pruned)))
    (own,) = [c for c in run.of(CommandApplied) if c.client_id == "engine"]
    assert own.text == "prune slots=block.0,block.1,block.2 trial=no"
    run.send("resume")
    run.wait_for(
        lambda _: len(run.of(WentBack)) == 1 and len(run.of(StepReport)) > 0 and len(run.of(Pruned)) == 2
    )
    first, last = run.of(Pruned)
    assert (first.undone, last.undone, last.slots) == (False, True, first.slots)
    assert (last.params_before, last.params_after) == (first.params_after, first.params_before)
    assert last.loss_after is not None
    assert last.loss_before is not None
    assert last.loss_after > last.loss_before
    assert [alarm.code for alarm in run.of(Alarm)] == ["prune-undone"]
    run.wait_for_step(last.step + 3)
    assert not any(row.pruned for row in run.of(SlotPlanned)[-1].rows)
    run.kill()
    run.start("--resume")
    assert run.of(RunStarted)[-1].step == last.step, "at the checkpoint before the prune"
    run.wait_for_step(last.step + 2)
    assert run.end() == 0
    assert len(run.of(Pruned)) == 2, "what was undone is not done again"


@pytest.mark.skipif(sys.platform != "linux", reason="children are looked at through /proc")
def test_an_export_beside_the_training_equals_one_from_the_shell_and_a_killed_job_is_a_calm_failure(
    tmp_path: Path, token_dir: Path
) -> None:
    run = EngineRun(
        tmp_path, token_dir, *SETS, "train.steps=1000000", "checkpoint.every=100", "evaluate.every=0"
    ).start()
    run.send("export")
    (told,) = done(run)
    assert told.state == "done"
    assert {p.unit for p in run.of(Progress) if p.task == told.job} == {"parts"}
    assert not list((run.dir / "artifacts").glob("*.progress"))
    made, again = run.dir / str(told.result["path"]), tmp_path / "again"
    checkpoint = str(told.result["checkpoint"])
    export_run(run.dir, again, checkpoint=checkpoint, dtype="fp32", overwrite=False, say=lambda _: None)
    for name in ("model.safetensors", "config.json"):
        assert (made / name).read_bytes() == (again / name).read_bytes()
    step = told.result["step"]
    assert isinstance(step, int)
    assert run.of(StepReport)[-1].step > step, "training went on"
    run.wait_for(lambda _: any(saved.reason == "due" for saved in run.of(CheckpointSaved)))
    run.send("pause")
    run.send("export", f"at={checkpoint}")
    pid = job_pid(run)
    os.kill(pid, signal.SIGKILL)
    failed = done(run, 2)[-1]
    assert failed.state == "failed"
    assert failed.text.startswith("it was ended by SIGKILL; its output is in artifacts/job-")
    usual = [saved.name for saved in run.of(CheckpointSaved) if saved.reason == "due"][-1]
    run.send("export", f"at={usual}")
    orphan = job_pid(run)
    score = Path(f"/proc/{orphan}/oom_score_adj")
    run.wait_for(
        lambda _: score.read_text() == "1000\n"
    )  # it has begun, and asked to be told of its engine's end
    os.kill(orphan, signal.SIGSTOP)  # so that it is at work when its engine is killed
    run.kill()
    wait_gone(orphan)
    run.start("--resume")
    run.send("export")
    assert run.end() == 0
    assert run.of(JobReported)[-1].state == "cancelled"
    assert not list(run.dir.glob("checkpoints/*/HELD")), "a checkpoint is held only while it is worked on"


def job_pid(run: EngineRun) -> int:
    """The process at work for the run's engine."""
    import psutil

    assert run.process is not None
    engine = psutil.Process(run.process.pid)
    found: list[int] = []

    def there(_: object) -> bool:
        found[:] = [p.pid for p in engine.children() if "engine.jobs" in p.cmdline()]
        return bool(found)

    run.wait_for(there)
    return found[0]


def wait_gone(pid: int) -> None:
    import psutil

    assert (
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=PATIENCE_S)[1]
        == []
    )
