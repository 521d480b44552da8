"""A loss that is not finite: said once and again at each tenfold, and no checkpoint pushes a good one out."""

from __future__ import annotations

from pathlib import Path

from engine_run import EngineRun

from engine.protocol.events import Alarm, CheckpointSaved, RunEnded
from engine.train.guards import STUCK_AFTER, LossGuard


def told(guard: LossGuard, *reports: tuple[int, int], precision: str = "fp32") -> list[str]:
    """The class names of what comes of reports of (steps, skipped)."""
    step, out = 0, []
    for steps, skipped in reports:
        step += steps
        event = guard.look(step, steps, skipped, precision)
        out.append(type(event).__name__ if event else "")
    return out


def test_an_alarm_when_it_begins_and_at_each_tenfold_and_a_line_when_it_is_over() -> None:
    guard = LossGuard()
    assert told(guard, (1, 0), (1, 1), (1, 1)) == ["", "Alarm", ""]
    assert told(guard, *[(1, 1)] * 98).count("Alarm") == 2, "at 10 and at 100 in all"
    assert told(guard, (5, 0), (5, 0)) == ["LogLine", ""]
    assert told(guard, (1, 1)) == ["Alarm"], "new trouble is told anew"


def test_fp16_may_search_for_its_scale_in_peace() -> None:
    guard = LossGuard()
    assert told(guard, *[(1, 1)] * 8, (10, 0), precision="fp16") == [""] * 9
    assert "Alarm" in told(guard, *[(1, 1)] * 9, precision="fp16")
    assert not guard.stuck


def test_in_lean_mode_a_bad_step_is_an_error_that_names_the_way_back() -> None:
    alarm = LossGuard().look(10, 1, 1, "fp32", lean=True)
    assert isinstance(alarm, Alarm)
    assert (alarm.level, alarm.code) == ("error", "lean-step-spoilt")
    assert "have moved" in alarm.message
    assert "stop save=no, then resume" in alarm.remedy


def test_stuck_means_that_no_step_at_all_takes() -> None:
    guard = LossGuard()
    told(guard, (10, 10), (10, 9), (10, 10))
    assert not guard.stuck
    told(guard, (STUCK_AFTER - 10, STUCK_AFTER - 10))
    assert guard.stuck
    told(guard, (1, 0))
    assert not guard.stuck


def test_a_run_that_blew_up_keeps_its_good_checkpoints_and_says_how_to_go_on(
    tmp_path: Path, token_dir: Path
) -> None:
    sets = ("train.steps=1000000", "checkpoint.every=20", "checkpoint.keep=1", "evaluate.every=0")
    run = EngineRun(tmp_path, token_dir, *sets).start()
    run.send("pause")
    saved = run.send("checkpoint")
    run.send("lr", "1e9")
    run.step(100)
    run.send("stop")
    assert run.process is not None
    assert run.process.wait(60) == 0
    run.process.communicate()
    alarms = [alarm for alarm in run.of(Alarm) if alarm.code == "loss-not-finite"]
    assert 1 <= len(alarms) <= 3, "not one a report"
    assert (run.dir / "checkpoints" / f"step-{saved.step:08d}").is_dir()
    assert max(c.step for c in run.of(CheckpointSaved)) <= saved.step + 40
    ended = run.of(RunEnded)[-1]
    assert "but not saved" in ended.reason
    assert "--set optim.lr" in ended.remedy
