"""The learning rate: warm-up, cosine, and what the operator makes of it."""

from __future__ import annotations

import pytest

from engine.profile.schema import Optim
from engine.train.schedule import LrControl, scheduled_lr

OPTIM = Optim(lr=1.0, min_lr=0.1, warmup_steps=10)


def test_it_warms_up_peaks_and_ends_at_the_minimum() -> None:
    lrs = [scheduled_lr(step, 110, OPTIM) for step in range(110)]
    assert lrs[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert max(lrs) == lrs[10] == 1.0
    assert lrs[10:] == sorted(lrs[10:], reverse=True)
    assert lrs[-1] == pytest.approx(0.1)
    assert scheduled_lr(60, 111, OPTIM) == pytest.approx(0.55), "half-way between peak and end"


def test_a_constant_schedule_only_warms_up() -> None:
    constant = Optim(lr=1.0, warmup_steps=2, schedule="constant")
    assert [scheduled_lr(step, 5, constant) for step in range(5)] == [0.5, 1.0, 1.0, 1.0, 1.0]


def test_wsd_warms_up_stays_and_cools_down_in_its_last_share() -> None:
    wsd = Optim(lr=1.0, min_lr=0.1, warmup_steps=10, schedule="wsd", cooldown=0.2)
    lrs = [scheduled_lr(step, 100, wsd) for step in range(100)]
    assert lrs[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert set(lrs[10:80]) == {1.0}
    assert lrs[79] > lrs[80]
    assert lrs[80:] == sorted(lrs[80:], reverse=True)
    assert lrs[84] == pytest.approx(0.1 + 0.9 * 0.5), (
        "a quarter of the cooldown: half of the way, as 1 - sqrt"
    )
    assert lrs[-1] == pytest.approx(0.1)
    assert scheduled_lr(500, 100, wsd) == pytest.approx(0.1), "a run that was given fewer steps"


def test_a_cooldown_of_nothing_stays_and_one_of_everything_begins_after_the_warm_up() -> None:
    never = Optim(lr=1.0, min_lr=0.1, warmup_steps=2, schedule="wsd", cooldown=0.0)
    assert {scheduled_lr(step, 20, never) for step in range(2, 30)} == {1.0}
    always = Optim(lr=1.0, min_lr=0.1, warmup_steps=2, schedule="wsd", cooldown=1.0)
    lrs = [scheduled_lr(step, 20, always) for step in range(20)]
    assert max(lrs) == lrs[1] == 1.0
    assert lrs[-1] == pytest.approx(0.1)


def test_the_operator_scales_fixes_and_gives_back() -> None:
    assert LrControl.parse("x0.5").lr(0.8) == 0.4
    assert LrControl.parse("3e-4").lr(0.8) == 3e-4
    assert LrControl.parse("schedule").lr(0.8) == 0.8
    for text in ("x0.5", "3e-4", "schedule"):
        control = LrControl.parse(text)
        assert LrControl.parse(control.text) == control
