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


def test_the_operator_scales_fixes_and_gives_back() -> None:
    assert LrControl.parse("x0.5").lr(0.8) == 0.4
    assert LrControl.parse("3e-4").lr(0.8) == 3e-4
    assert LrControl.parse("schedule").lr(0.8) == 0.8
    for text in ("x0.5", "3e-4", "schedule"):
        control = LrControl.parse(text)
        assert LrControl.parse(control.text) == control
