"""Numbers as people read them."""

from __future__ import annotations

from engine.units import counted, format_figure, format_left


def test_one_is_not_a_plural() -> None:
    assert [counted(n, "slot") for n in (0, 1, 2, 1200)] == ["0 slots", "1 slot", "2 slots", "1,200 slots"]


def test_what_is_left_is_told_in_whole_seconds_as_the_estimate_that_it_is() -> None:
    told = [format_left(seconds) for seconds in (None, 0.0, 0.07, 4.2, 59.4, 75, float("inf"))]
    assert told == ["n/a", "0 s", "0 s", "4 s", "59 s", "1 min 15 s", "n/a"]


def test_a_figure_has_three_digits_and_no_exponent() -> None:
    assert [format_figure(ms) for ms in (0.85, 93.24, 944.4, 1092.8)] == ["0.85", "93.2", "944", "1,093"]
