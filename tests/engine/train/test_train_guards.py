"""Steps left out: which they are, what is said of them, when the run pauses, and that no good checkpoint is lost."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from engine_run import EngineRun
from faulty_engine import FaultyRun
from patience import PATIENCE_S
from tiny_engine import report

from engine.protocol.events import Alarm, CheckpointSaved, LogLine, RunEnded, StateChanged, StepReport
from engine.train.guards.loss import STUCK_AFTER, LossGuard
from engine.train.guards.spikes import SpikeGuard, Spikes

NO_SPIKES = Spikes(0, 0, 0.0, 0.0, 0.0, 0.0)


def told(guard: LossGuard, *reports: tuple[int, int], precision: str = "fp32") -> list[str]:
    """The class names of what comes of reports of (steps, skipped)."""
    step, out = 0, []
    for steps, skipped in reports:
        step += steps
        said = list(guard.look(told_by(step, steps, skipped), NO_SPIKES, precision))
        out.append(type(said[0]).__name__ if said else "")
    return out


def told_by(step: int, steps: int, skipped: int) -> StepReport:
    return msgspec.structs.replace(report(step), steps=steps, skipped_steps=skipped)


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
    (alarm,) = LossGuard().look(told_by(10, 1, 1), NO_SPIKES, "fp32", lean=True)
    assert isinstance(alarm, Alarm)
    assert (alarm.level, alarm.code) == ("error", "lean-step-spoilt")
    assert "have moved" in alarm.message
    assert "a checkpoint of step 9 or before it: rollback" in alarm.remedy


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
    sets = (
        "train.steps=1000000",
        "checkpoint.every=20",
        "checkpoint.keep=1",
        "evaluate.every=0",
        "guard.pause_after=0",
    )
    run = EngineRun(tmp_path, token_dir, *sets).start_at(3)
    saved = run.send("checkpoint")
    run.send("lr", "1e9")
    run.step(100)
    run.send("stop")
    assert run.process is not None
    assert run.process.wait(PATIENCE_S) == 0
    run.process.communicate()
    alarms = [alarm for alarm in run.of(Alarm) if alarm.code == "loss-not-finite"]
    assert 1 <= len(alarms) <= 3, "not one a report"
    assert (run.dir / "checkpoints" / f"step-{saved.step:08d}").is_dir()
    assert max(c.step for c in run.of(CheckpointSaved)) <= saved.step + 40
    ended = run.of(RunEnded)[-1]
    assert "but not saved" in ended.reason
    assert "--set optim.lr" in ended.remedy


# -- spikes ----------------------------------------------------------------------------------------------


def trained(guard: SpikeGuard, steps: list[tuple[float, float]]) -> list[int]:
    """Feed (loss, norm) as `take_step` does; which of them were left out."""
    out = []
    for number, (loss, norm) in enumerate(steps):
        loss_, norm_ = torch.tensor(loss), torch.tensor(norm)
        finite = torch.isfinite(loss_) & torch.isfinite(norm_)
        spike = guard.judge(loss_, norm_) & finite
        left_out = ~finite | spike
        guard.note(loss_, norm_, left_out, spike, left_out)
        if left_out:
            out.append(number)
    return out


def noise(count: int) -> list[tuple[float, float]]:
    """Losses that fall, with noise on them, and gradient norms with a long tail."""
    draws = torch.randn(count, 2, generator=torch.Generator().manual_seed(1))
    return [
        (3 + 5 / (1 + i / 50) + 0.1 * a, float(torch.tensor(0.3 * b).exp()))
        for i, (a, b) in enumerate(draws.tolist())
    ]


def new_guard(window: int = 128, sigma: float = 6.0) -> SpikeGuard:
    return SpikeGuard(window, sigma, torch.device("cpu"))


def test_ordinary_noise_is_never_a_spike() -> None:
    assert trained(new_guard(), noise(2000)) == []


def test_a_spike_of_loss_or_norm_is_left_out_and_a_low_loss_is_not() -> None:
    steps = noise(400)
    steps[200], steps[250], steps[300] = (30.0, 1.0), (3.1, 50.0), (0.1, 1.0)
    guard = new_guard()
    assert trained(guard, steps) == [200, 250]
    seen = guard.read()
    assert (seen.spikes, seen.most_recent) == (2, 1)
    assert "gradient norm 50" in seen.describe()
    assert guard.read().spikes == 0, "each is told once"


def test_nothing_is_judged_before_half_a_window() -> None:
    steps = noise(200)
    steps[50], steps[120] = (30.0, 1.0), (30.0, 1.0)
    assert trained(new_guard(), steps) == [120]


def test_what_is_left_out_never_enters_the_window() -> None:
    steps = noise(500)
    for i in (150, 151, 152, 160, 300):
        steps[i] = (float("nan"), 1.0)
    for i in range(320, 330):
        steps[i] = (30.0, 1.0)
    guard = new_guard()
    assert trained(guard, steps) == [150, 151, 152, 160, 300, *range(320, 330)]
    assert guard.read().most_recent == 10


def test_a_new_window_lets_the_loss_be_another() -> None:
    guard = new_guard()
    trained(guard, noise(300))
    guard.restart()
    assert trained(guard, [(2 * loss, norm) for loss, norm in noise(300)]) == []


def test_sigma_0_judges_nothing_and_counts_all_the_same() -> None:
    guard = new_guard(sigma=0.0)
    assert trained(guard, [*noise(200), (1e9, 1.0), (float("nan"), 1.0)]) == [201]
    assert guard.read().most_recent == 1


@pytest.mark.parametrize("at", [10, 64, 170, 399])
def test_a_saved_window_goes_on_to_the_bit(at: int) -> None:
    steps = noise(400)
    steps[200], steps[399] = (30.0, 1.0), (12.0, 1.0)
    whole, first, second = new_guard(), new_guard(), new_guard()
    assert trained(first, steps[:at]) + [
        at + i for i in trained(loaded(first, second), steps[at:])
    ] == trained(whole, steps)
    assert second.state() == whole.state()


def loaded(saved: SpikeGuard, fresh: SpikeGuard) -> SpikeGuard:
    fresh.load_state(msgspec.msgpack.decode(msgspec.msgpack.encode(saved.state())))
    return fresh


def test_a_window_of_another_length_begins_anew() -> None:
    old, new = new_guard(), new_guard(64)
    trained(old, noise(300))
    assert trained(loaded(old, new), [(50.0, 1.0)]) == []


# -- a real run ------------------------------------------------------------------------------------------

QUIET = (
    "evaluate.every=0", "checkpoint.every=20", "train.steps=1000", "guard.spike_window=16", "guard.spike_sigma=1000"
)  # fmt: skip
"""Only what a test does is a spike: this project's own source, which is the data, has steps out of the ordinary."""


def test_a_spike_is_told_once_and_a_run_of_them_pauses_and_names_the_way_back(
    tmp_path: Path, token_dir: Path
) -> None:
    run = FaultyRun(tmp_path, token_dir, *QUIET)
    run.with_faults("spike@30", "spike@60", "sealed@61", "spike@62", "nan@64")
    run.start()
    run.wait_for(lambda events: any(isinstance(e, StateChanged) and e.state == "paused" for e in events))
    alarms = {alarm.code: alarm for alarm in run.of(Alarm)}
    assert set(alarms) == {"loss-spike", "loss-spikes", "loss-not-finite"}
    assert "3 of 20 steps were left out" in alarms["loss-spikes"].message
    assert "rollback step-00000060" in alarms["loss-spikes"].remedy
    run.send("resume")
    run.wait_for_step(180)
    assert [s.state for s in run.of(StateChanged)].count("paused") == 1, "who resumes has seen it"
    assert any("no spike in" in line.text for line in run.of(LogLine))
    assert run.end() == 0


def test_one_sequence_too_much_pauses_before_the_step_and_it_is_taken_later(
    tmp_path: Path, token_dir: Path
) -> None:
    """Three attempts fail: at 4, 2 and 1 sequences."""
    run = FaultyRun(tmp_path, token_dir, "evaluate.every=0", "train.steps=40").with_faults("oom@20:3").start()
    run.wait_for(lambda events: any(isinstance(e, StateChanged) and e.state == "paused" for e in events))
    alarms = [alarm for alarm in run.of(Alarm) if alarm.code == "out-of-memory"]
    assert [alarm.level for alarm in alarms] == ["warning", "warning", "error"]
    assert "the run is paused" in alarms[-1].message
    assert alarms[-1].remedy.startswith("recompute 4, then resume")
    run.send("recompute", "4")
    run.send("resume")
    assert run.process is not None
    assert run.process.wait(PATIENCE_S) == 0, run.process.communicate()
    run.process.communicate()
    assert run.of(RunEnded)[-1].outcome == "finished"
    assert max(r.step for r in run.of(StepReport)) == 40
