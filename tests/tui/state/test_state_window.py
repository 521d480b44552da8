"""The stretch of steps on the charts: what zooming and panning leave where it is."""

from __future__ import annotations

from tui.state.curves.step_window import CLOSEST, StepWindow


def test_zooming_at_a_step_leaves_it_where_it_is() -> None:
    window = StepWindow()
    window.zoom(4, last_step=1800, whole=2000, at=500)
    assert window.span(1800) == (375, 875), "a quarter from the left before and after"
    window.zoom(2, last_step=1800, whole=2000, at=500)
    assert window.span(1800) == (438, 688)


def test_zooming_out_ends_at_the_whole_run() -> None:
    window = StepWindow()
    window.zoom(8, 1800, 2000, at=500)
    for _ in range(3):
        window.zoom(0.5, 1800, 2000, at=500)
    assert window.span(1800) is None


def test_zooming_without_a_crosshair_follows_the_run() -> None:
    window = StepWindow()
    window.zoom(4, 1800, 2000)
    assert window.span(1800) == (1375, 1875)
    assert window.span(1900) == (1500, 2000)


def test_zoomed_where_the_run_is_it_waits_and_then_follows() -> None:
    window = StepWindow()
    window.zoom(1.25, 1200, 1500, at=600)
    assert window.span(1200) == window.span(1300) == (120, 1320)
    assert window.span(1400) == (300, 1500)


def test_panned_back_it_stays_and_panned_on_it_follows_again() -> None:
    window = StepWindow()
    window.zoom(4, 1800, 2000)
    window.pan(-0.5, 1800)
    assert window.span(1800) == window.span(1900) == (1125, 1625)
    window.pan(0.5, 1800)
    assert window.span(1900) == (1500, 2000)


def test_it_never_leaves_the_run_nor_closes_up() -> None:
    window = StepWindow()
    for _ in range(20):
        window.zoom(2, 1800, 2000, at=3)
        window.pan(-1, 1800)
    start, end = window.span(1800) or (0, 0)
    assert (start, end - start) == (0, CLOSEST)


def test_a_step_out_of_sight_is_reached_by_the_shortest_way() -> None:
    window = StepWindow()
    window.zoom(20, 1800, 2000, at=500)
    start, end = window.span(1800) or (0, 0)
    window.reach(end + 7, 1800)
    assert window.span(1800) == (start + 7, end + 7)
    window.reach(start, 1800)
    assert window.span(1800) == (start, end)
