"""What can be typed to go somewhere in a replay, and what the hint says of it."""

from __future__ import annotations

import pytest

from engine.errors import SlotdeckError
from tui.state.moments.goto import AtSpeed, Goto, ToEnd, ToStep, ToStop, ToTime, When, explain, parse_goto


@pytest.mark.parametrize(
    ("typed", "meant", "told"),
    [
        ("500", ToStep(500), "step 500"),
        ("goto 2,000", ToStep(2000), "step 2,000"),
        ("12k", ToStep(12_000), "step 12,000"),
        ("1.5M", ToStep(1_500_000), "step 1,500,000"),
        ("+200", ToStep(200, relative=True), "200 steps on"),
        ("-50", ToStep(-50, relative=True), "50 steps back"),
        ("12:30", ToTime(750, clock=None), "after 12:30 of the run"),
        ("01:02:03", ToTime(3723, clock=None), "after 1:02:03 of the run"),
        ("+5m", ToTime(300, relative=True), "5 min 00 s on"),
        ("-1h30m", ToTime(-5400, relative=True), "1 h 30 min back"),
        ("90s", ToTime(90), "after 1:30 of the run"),
        ("@14:03", ToTime(50_580, clock=True), "when the clock said 14:03:00"),
        ("loss<4.5", When("loss", True, 4.5, "loss"), "when loss first went below 4.5"),
        ("when val below 4.2", When("val_loss", True, 4.2, "val"), "when val first went below 4.2"),
        ("grad > 10", When("grad_norm", False, 10.0, "grad"), "when grad first went above 10"),
        ("lr<1e-4", When("lr", True, 1e-4, "lr"), "when lr first went below 0.0001"),
        ("100x", AtSpeed(100.0), "100 times"),
        ("1/4x", AtSpeed(0.25), "0.25 times"),
        ("next alarm", ToStop("alarm", 1), "the next alarm"),
        ("previous action", ToStop("action", -1), "the previous thing the operator did"),
        ("end", ToEnd("end"), "the end of the run"),
    ],
)
def test_a_place_is_understood_and_told(typed: str, meant: Goto, told: str) -> None:
    assert parse_goto(typed) == meant
    assert told in explain(typed)


@pytest.mark.parametrize("typed", ["pause", "loss<", "nothing>3", "1/0x", "12:3:4:5", "next thing", "loss<x"])
def test_what_is_no_place_is_refused_with_what_is_one(typed: str) -> None:
    with pytest.raises(SlotdeckError, match="no place in the run"):
        parse_goto(typed)
    assert "loss<4.5" in explain(typed)
