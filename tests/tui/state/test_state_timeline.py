"""The time a run was at work: nights between two engines are left out, and every moment can be found again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.state.curves.timeline import KEPT_S, Timeline


def test_a_night_between_two_engines_is_left_out() -> None:
    day, night = [100.0 + i for i in range(100)], 30_000.0
    timeline = Timeline([*day, *(moment + night for moment in day)])
    assert timeline.length_s == 99 + KEPT_S + 99
    assert timeline.work_s(150.0) == 50.0
    assert timeline.wall_s(50.0) == 150.0
    assert timeline.work_s(199.0 + night) == timeline.length_s
    assert 199.0 < timeline.wall_s(99.5) < 100.0 + night


def test_slow_reports_are_no_pause() -> None:
    assert Timeline([0.0, 600.0, 1200.0, 1800.0]).length_s == 1800.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_a_moment_of_work_is_found_again(walls: list[float], share: float) -> None:
    timeline = Timeline(walls)
    at_s = share * timeline.length_s
    assert abs(timeline.work_s(timeline.wall_s(at_s)) - at_s) < 1e-3


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40))
def test_time_never_runs_back(walls: list[float]) -> None:
    timeline = Timeline(walls)
    moments = sorted(walls)
    work = [timeline.work_s(moment) for moment in moments]
    assert work == sorted(work)
