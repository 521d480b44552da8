"""Forks and reruns: what a run is made from is recorded, and what comes out is the same bits."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from engine_run import EngineRun
from live_run import live_run
from slotdeck_command import Slotdeck, run_slotdeck

from engine.checkpoint.manifest import parse_name
from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused, RunStarted, WentBack
from engine.runlog.parent import read_parent
from engine.train.verbs.fork import plan_fork

SETS = ["model.dropout=0.1", "train.steps=30", "checkpoint.every=5", "checkpoint.keep=9", "evaluate.every=0"]


@pytest.fixture
def slotdeck(tmp_path: Path) -> Slotdeck:
    """Runs `slotdeck WORDS...` in the folder of runs."""
    return partial(run_slotdeck, cwd=tmp_path)


def paused_at(step: int, tmp_path: Path, token_dir: Path, *sets: str) -> EngineRun:
    """With all that was due by then on the disk."""
    run = EngineRun(tmp_path / "runs", token_dir, *SETS, *sets).start_at(step)
    run.wait_sealed(*(f"step-{due:08d}" for due in range(5, step + 1, 5)))
    return run


def another(run_dir: Path) -> EngineRun:
    """The engine of a run that somebody else made."""
    run = EngineRun.__new__(EngineRun)
    run.dir, run.process = run_dir, None
    return run


def newest(tmp_path: Path, old: set[Path]) -> EngineRun:
    (made,) = set((tmp_path / "runs").iterdir()) - old
    return another(made)


def test_an_interactive_run_with_a_rollback_in_it_is_repeated_to_the_same_bits(
    tmp_path: Path, token_dir: Path, slotdeck: Slotdeck
) -> None:
    run = paused_at(7, tmp_path, token_dir, "train.batch=auto", "train.memory_gib=1")
    run.send("policy", "random", "mean_duty=0.5")
    run.send("batch", "2")
    run.step(5)
    run.send("lr", "x0.5")
    run.send("ban", "0")
    run.step(6)
    run.wait_sealed("step-00000010")
    run.send("rollback", "10")
    run.wait_for(lambda _: bool(run.of(WentBack)))
    run.step(3)
    run.send("pin", "1", "duty=0.5", "until=+8")
    run.send("precision", "bf16")
    run.send("lr", "3e-4")
    run.finish()
    old = set((tmp_path / "runs").iterdir())
    done = slotdeck("rerun", run.dir.name, "--plain")
    assert done.returncode == 0, done.stderr
    assert "6 commands at their steps" in done.stdout, "the micro-batch found in warm-up is the first"
    again = newest(tmp_path, old)
    assert again.sums("step-00000030") == run.sums("step-00000030")
    applied = [(a.step, a.text) for a in again.of(CommandApplied)]
    assert applied == [
        (0, "batch 4"),
        (7, "policy random mean_duty=0.5"),
        (7, "batch 2"),
        (13, "pin 1 duty=0.5 until=+8"),
        (13, "precision bf16"),
        (13, "lr 3e-4"),
    ]
    assert {a.client_id for a in (*again.of(CommandAccepted), *again.of(CommandApplied))} == {"rerun"}
    assert again.of(RunStarted)[0].parent == run.dir.name
    assert f"from {run.dir.name}" in slotdeck("runs").stdout


def test_a_rerun_killed_before_its_commands_still_applies_them_at_their_steps(
    tmp_path: Path, token_dir: Path
) -> None:
    from slotdeck.rerun import make_rerun

    run = paused_at(22, tmp_path, token_dir)
    run.send("ban", "2")
    run.send("lr", "x0.1")
    run.finish()
    again = another(make_rerun(run.dir, []))
    again.start("--paused")
    again.kill()
    again.start_at(24, "--resume")
    again.kill()
    assert again.run("--resume") == (0, "")
    assert again.sums("step-00000030") == run.sums("step-00000030")
    assert {a.step for a in again.of(CommandApplied) if a.client_id == "rerun"} == {22}


def test_a_fork_unchanged_ends_where_its_parent_ends_killed_or_not(tmp_path: Path, token_dir: Path) -> None:
    run = paused_at(12, tmp_path, token_dir)
    run.send("rollback", "5")  # so that checkpoint 10 is of the second branch
    run.step(7)
    run.wait_sealed("step-00000010.2")
    old = set((tmp_path / "runs").iterdir())
    for words, told in (
        (("10", "model.n_layer=6"), "model.n_layer is 4 in step-00000010.2 and cannot be 6"),
        (("", "optim.name=muon"), "optim.name is adamw in step 12 and cannot be muon"),
        (("10", "optim.lrr=1"), "KEY=VALUE: unknown key 'optim.lrr' (did you mean"),
        (("10", "train.steps=10"), "step-00000010.2 has 10 steps done, and train.steps is 10"),
        (("11",), "no checkpoint of step 11; the nearest is step-00000010.2"),
    ):
        refusal = run.send("fork", *filter(None, words))
        assert isinstance(refusal, CommandRefused), refusal
        assert told in refusal.reason
    assert set((tmp_path / "runs").iterdir()) == old, "refused before anything is written"
    answer = run.send("fork", "10")
    assert isinstance(answer, CommandApplied), answer
    fork = newest(tmp_path, old)
    assert answer.after == f"{fork.dir.name}; start it: slotdeck resume {fork.dir.name}"
    shared = fork.dir / "checkpoints" / "step-00000010.2" / "model.safetensors"
    assert shared.samefile(run.dir / "checkpoints" / "step-00000010.2" / "model.safetensors")
    now = run.send("fork", "optim.lr=2e-3", "train.steps=13")
    assert isinstance(now, CommandApplied), now
    run.finish()
    fork.start_at(18, "--resume")
    fork.kill()
    assert fork.run("--resume") == (0, "")
    assert fork.sums("step-00000030") == run.sums("step-00000030")
    first = fork.of(RunStarted)[0]
    assert (first.parent, first.parent_checkpoint, first.step) == (run.dir.name, "step-00000010.2", 10)
    other = another(run.dir.with_name(now.after.split(";")[0]))
    assert other.run("--resume") == (0, "")
    assert other.of(RunStarted)[0].resumed_from == "step-00000012.2"


def test_a_fork_that_a_kill_left_unfinished_is_made_again_and_once(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path / "runs", token_dir, *SETS)
    with live_run(run) as (live, _):
        live.save("for the test")
        made = [Path(plan_fork(live, "", {}, "mine").after.split(";")[0]) for _ in range(2)]
        assert made[0] == made[1]
        fork = tmp_path / "runs" / made[0]
        (sealed,) = (fork / "checkpoints").iterdir()
        sealed.rename(sealed.with_name(f".tmp-{sealed.name}-1"))
        again = tmp_path / "runs" / plan_fork(live, "", {}, "mine").after.split(";")[0]
    assert len(list((tmp_path / "runs").iterdir())) == 2
    assert [parse_name(path.name) is not None for path in (again / "checkpoints").iterdir()] == [True]


def test_fork_from_the_command_line_needs_no_engine(
    tmp_path: Path, token_dir: Path, slotdeck: Slotdeck
) -> None:
    run = EngineRun(tmp_path / "runs", token_dir, *SETS[:5], "train.steps=10")
    assert run.run() == (0, "")
    old = set((tmp_path / "runs").iterdir())
    for words, told in (
        (("--set", "model.n_embd=64"), "model.n_embd is 32 in step-00000010 and cannot be 64"),
        (("--set", "train.stepz=9"), "unknown key 'train.stepz' (did you mean"),
        ((), "step-00000010 has 10 steps done, and train.steps is 10; set train.steps above 10"),
        (("--at", "nowhere"), "no checkpoint 'nowhere'"),
    ):
        refused = slotdeck("fork", run.dir.name, *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert told in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert set((tmp_path / "runs").iterdir()) == old
    done = slotdeck("fork", run.dir.name, "--at", "5", "--set", "train.steps=8", "--start", "--plain")
    assert done.returncode == 0, done.stderr
    fork = newest(tmp_path, old)
    parent = read_parent(fork.dir)
    assert parent is not None
    assert (parent.run, parent.checkpoint) == (run.dir.name, "step-00000005")
    assert fork.of(RunStarted)[0].total_steps == 8
