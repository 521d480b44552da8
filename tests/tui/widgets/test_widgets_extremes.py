"""Values that no run has, but a damaged log or a diverged loss may: charts draw what they can of them."""

from __future__ import annotations

from math import inf, isfinite, nan

import pytest

from tui.widgets.axes import Span, log_ticks, ticks
from tui.widgets.block_chart import block_rows

EXTREMES = (0.0, -1.0, 5e-324, 1e-300, 1.0, 1e300, 1e308, -1e308)


@pytest.mark.parametrize("low", EXTREMES)
@pytest.mark.parametrize("high", EXTREMES)
def test_an_axis_holds_any_two_numbers(low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    axis = Span()
    for _ in range(2):
        bottom, top = axis.fit(low, high)
        assert isfinite(bottom)
        assert isfinite(top)
        assert bottom < top
        assert len(ticks(bottom, top, 5)) < 20


def test_a_logarithmic_axis_ends_where_numbers_do() -> None:
    assert all(0 < value < inf for value in log_ticks(-323.0, 308.0, 6))


def test_blocks_of_what_cannot_be_drawn_are_blank_or_full() -> None:
    assert block_rows([nan, None, -1.0, 1.0], 1, 1.0) == ["   █"]
    assert block_rows([inf, 1e308], 1, 5e-324) == ["██"]
    assert block_rows([inf, 1.0], 1, inf) == ["█▁"]
    assert block_rows([1.0], 1, nan) == [" "]
