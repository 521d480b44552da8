"""Every verb on a real engine: when it takes effect, what the log says of it, and what a refusal changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_run import EngineRun
from faulty_engine import FaultyRun
from patience import PATIENCE_S
from raw_peer import RawPeer

from engine.data.shard_format import HEADER_BYTES
from engine.protocol.events import (
    CheckpointSaved,
    CommandAccepted,
    CommandApplied,
    CommandRefused,
    Evaluated,
    LogLine,
    Probed,
    RunEnded,
    Sampled,
    SlotPlanned,
    SlotsMeasured,
    StepReport,
)
from engine.protocol.messages import Request
from engine.protocol.verbs import parse_command


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory, token_dir: Path) -> Iterator[EngineRun]:
    """One engine for the tests of this file, paused soon after it began; each test leaves it paused."""
    run = EngineRun(tmp_path_factory.mktemp("runs"), token_dir, "train.steps=1000000", "sample.prompt=def ")
    run.start_at(3)
    yield run
    assert run.end() == 0


def step_of(run: EngineRun) -> int:
    return run.send("note", "where", "are", "we").step


def test_paused_means_no_step_until_stepped(paused: EngineRun) -> None:
    at = step_of(paused)
    assert paused.send("note", "still", "here").step == at
    paused.step(3)
    assert step_of(paused) == at + 3
    assert paused.of(SlotsMeasured)[-1].step == at + 3, "what slots cost is told of the step before a pause"


def test_a_command_is_accepted_then_applied_with_before_and_after(paused: EngineRun) -> None:
    applied = paused.send("lr", "x0.5")
    assert isinstance(applied, CommandApplied)
    assert "(schedule)" in applied.before
    assert "(schedule x0.5)" in applied.after
    order = [e for e in paused.events() if getattr(e, "command_id", "") == applied.command_id]
    assert [type(e) for e in order] == [CommandAccepted, CommandApplied]
    back = paused.send("lr", "schedule")
    assert isinstance(back, CommandApplied)
    assert back.after == applied.before
    assert back.rev == applied.rev + 1


def test_held_slots_do_what_the_operator_said(paused: EngineRun) -> None:
    paused.send("pin", "2", "trained=no", "until=+2")
    paused.send("ban", "block.1")
    paused.wait_for(lambda _: [row.held for row in paused.of(SlotPlanned)[-1].rows] == ["", "ban", "pin", ""])
    paused.step(2)
    rows = paused.of(SlotPlanned)[-1].rows
    assert (rows[2].held, rows[2].duty, rows[2].trained) == ("pin", 1.0, False)
    assert (rows[1].held, rows[1].duty) == ("ban", 0.0)
    paused.send("release", "1")
    paused.step()
    rows = paused.of(SlotPlanned)[-1].rows
    assert [row.held for row in rows] == [""] * 4, "the pin expired, the ban was released"


def test_precision_changes_between_two_steps_and_loses_nothing(paused: EngineRun) -> None:
    for name in ("bf16", "fp32"):
        assert paused.send("precision", name).verb == "precision"
        paused.step()
        assert paused.of(StepReport)[-1].precision == name
    paused.send("precision", "bf16", "slot=3")
    paused.step()
    assert paused.of(StepReport)[-1].precision == "fp32*"
    assert paused.of(SlotPlanned)[-1].rows[3].precision == "bf16"


def test_evaluate_sample_and_checkpoint_answer_with_their_result(paused: EngineRun) -> None:
    asked = [paused.send("evaluate"), paused.send("sample", "import", "os"), paused.send("checkpoint")]
    paused.wait_for(lambda _: any(c.command_id == asked[2].command_id for c in paused.of(CheckpointSaved)))
    (evaluated,) = [e for e in paused.of(Evaluated) if e.command_id == asked[0].command_id]
    (sampled,) = [e for e in paused.of(Sampled) if e.command_id == asked[1].command_id]
    assert evaluated.step == asked[0].step
    assert sampled.prompt == "import os"
    assert (paused.dir / "checkpoints" / f"step-{asked[2].step:08d}" / "MANIFEST").is_file()


def test_a_probe_works_while_paused_and_leaves_the_run_at_its_step(paused: EngineRun) -> None:
    asked = paused.send("probe")
    assert isinstance(asked, CommandApplied)
    paused.wait_for(lambda _: any(told.command_id == asked.command_id for told in paused.of(Probed)))
    told = paused.of(Probed)[-1]
    assert (told.step, told.slots) == (asked.step, [f"block.{i}" for i in range(4)])
    assert step_of(paused) == asked.step


def test_a_policy_takes_its_options(paused: EngineRun) -> None:
    applied = paused.send("policy", "random", "mean_duty=0.5")
    assert isinstance(applied, CommandApplied)
    assert "random" in applied.after
    assert isinstance(paused.send("policy", "anneal"), CommandApplied)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ban", "block.9"), "no slot 'block.9'"),
        (("precision", "fp16"), "fp16 needs a CUDA GPU"),
        (("policy", "random", "mean_dutty=0.5"), "mean_duty"),
        (("pin", "1", "until=0"), "not ahead"),
        (("pause",), "paused already"),
        (("release", "0"), "not held"),
        (("policy", "random", "every=1e300"), "every=1e+300"),
        (("batch", "3"), "3 does not divide the step's 4 sequences"),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(paused: EngineRun, words: tuple[str, ...], told: str) -> None:
    before = paused.send("note", "before")
    refused = paused.send(*words)
    assert isinstance(refused, CommandRefused)
    assert told in refused.reason
    after = paused.send("note", "after")
    assert isinstance(before, CommandApplied)
    assert isinstance(after, CommandApplied)
    assert after.rev == before.rev + 1, "a refused command leaves no revision behind"


def test_what_was_accepted_behind_a_stop_is_refused_and_not_forgotten(
    tmp_path: Path, token_dir: Path
) -> None:
    run = FaultyRun(tmp_path, token_dir, "train.steps=1000000", "checkpoint.every=0").with_faults("asked@3:4")
    run.start()
    with RawPeer(run.dir) as peer:
        peer.attach("hasty")
        for number, line in enumerate(["stop", "lr 1e-4", "note too late", "checkpoint"]):
            peer.send(Request(command_id=f"k{number}", command=parse_command(line.split())))
        assert run.process is not None
        assert run.process.wait(PATIENCE_S) == 0
    run.process.communicate()
    refused = [e for e in run.of(CommandRefused) if e.code == "wrong-state"]
    assert [e.command_id for e in refused] == ["k1", "k2", "k3"]
    assert [e.command_id for e in run.of(CommandApplied)] == ["k0"]
    assert isinstance(run.events()[-1], RunEnded)


def test_without_a_tokenizer_a_sample_is_refused_and_training_goes_on(
    tmp_path: Path, token_dir: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for shard in token_dir.glob("*.bin"):
        (bare / shard.name).write_bytes(shard.read_bytes()[HEADER_BYTES:])  # as nanoGPT writes them
    run = EngineRun(tmp_path, bare, "train.steps=1000000", "sample.every=2").start()
    run.wait_for_step(4)
    refused = run.send("sample", "x")
    assert isinstance(refused, CommandRefused)
    assert refused.code == "no-tokenizer"
    assert run.end() == 0
    assert not run.of(Sampled)
    assert [line.text for line in run.of(LogLine) if line.level == "warning"] == [
        f"no samples will be drawn: there is no tokenizer.json in {bare}"
    ]


def test_a_signal_cuts_an_evaluation_short(tmp_path: Path, token_dir: Path) -> None:
    run = FaultyRun(tmp_path, token_dir, "evaluate.batch_size=1").with_faults("judged@0:SIGTERM")
    assert run.run() == (0, "")
    assert not run.of(Evaluated)
    assert run.of(RunEnded)[-1].reason == "stopped by SIGTERM"


def test_a_deleted_run_folder_ends_the_run_and_is_not_made_again(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir, "train.steps=1000000", "checkpoint.every=5").start()
    run.wait_for_step(3)
    while run.dir.exists():  # a checkpoint may be renamed into it meanwhile
        shutil.rmtree(run.dir, ignore_errors=True)
    assert run.process is not None
    assert run.process.wait(PATIENCE_S) == 1
    assert "is gone: deleted or moved" in run.process.communicate()[1]
    assert not run.dir.exists()


def test_stop_without_saving_saves_nothing(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir, "train.steps=1000000", "checkpoint.every=0").start()
    run.send("stop", "save=no")
    assert run.process is not None
    assert run.process.wait(PATIENCE_S) == 0
    run.process.communicate()
    assert run.of(RunEnded)[-1].outcome == "stopped"
    assert not any((run.dir / "checkpoints").glob("step-*"))


def test_one_signal_stops_with_a_checkpoint(tmp_path: Path, token_dir: Path) -> None:
    run = EngineRun(tmp_path, token_dir, "train.steps=1000000", "checkpoint.every=0").start()
    run.wait_for_step(3)
    assert run.end() == 0
    ended = run.of(RunEnded)[-1]
    assert (ended.outcome, ended.reason) == ("stopped", "stopped by SIGTERM")
    assert (run.dir / "checkpoints" / f"step-{ended.step:08d}" / "MANIFEST").is_file()
