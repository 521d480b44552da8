"""What each widget looks like: one tiny app a widget, at the sizes it gets on real terminals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from textual.app import App, ComposeResult
from told_run import BEGAN_S, hardware, memory, told_store

from tui.screens.deck.marks import marks_of
from tui.state.curves.series import Series
from tui.state.store import RunStore
from tui.theme import THEMES
from tui.widgets.chart import Chart, ChartView, Plotted
from tui.widgets.event_feed import EventFeed, FeedView
from tui.widgets.gauge import Gauges, HardwareView
from tui.widgets.lines import Lines
from tui.widgets.scrubber import Scrubber, ScrubberView
from tui.widgets.stacked_bar import MemoryView, StackedBar
from tui.widgets.waterfall import Waterfall, WaterfallView

Snap = Callable[..., bool]


class OneWidget(App[None]):
    """The widget alone on the screen."""

    def __init__(self, widget: Lines[Any], view: object, theme: str = "textual-dark") -> None:
        super().__init__()
        self._widget, self._view, self._theme = widget, view, theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES[0].variables

    def compose(self) -> ComposeResult:
        yield self._widget

    def on_mount(self) -> None:
        self.theme = self._theme
        self._widget.show(self._view)


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="module")
def store() -> RunStore:
    return told_store()


def loss_of(store: RunStore, **more: Any) -> ChartView:
    kinds = {"loss": ("train", "line"), "loss_ema": ("EMA", "strong"), "val_loss": ("val", "points")}
    curves = tuple(
        Plotted(label, store.series[name], store.series[name].version, kind, store.series[name].last)
        for name, (label, kind) in kinds.items()
    )
    return ChartView("loss", curves, marks_of(store), total_steps=store.total_steps, **more)


def slots_of(store: RunStore, selected: int | None = None) -> WaterfallView:
    assert store.plan is not None
    names, rows = tuple(store.slot_names), tuple(store.plan.rows)
    return WaterfallView(names, rows, tuple(store.slots.ticks), store.plan.policy, selected)


@pytest.mark.parametrize("size", [(40, 8), (76, 16), (150, 34)])
def test_chart(snap_compare: Snap, store: RunStore, size: tuple[int, int]) -> None:
    assert snap_compare(OneWidget(Chart(), loss_of(store)), terminal_size=size)


def test_chart_log_axis_light_theme(snap_compare: Snap, store: RunStore) -> None:
    assert snap_compare(
        OneWidget(Chart(), loss_of(store, log=True), "textual-light"), terminal_size=(100, 20)
    )


def test_chart_replay_cursor(snap_compare: Snap, store: RunStore) -> None:
    assert snap_compare(OneWidget(Chart(), loss_of(store, cursor=1000)), terminal_size=(100, 20))


def test_chart_window(snap_compare: Snap, store: RunStore) -> None:
    assert snap_compare(OneWidget(Chart(), loss_of(store, window=(400, 800))), terminal_size=(100, 20))


def some_runs(count: int, noise: float = 0.0) -> list[Series]:
    dice, runs = Random(5), [Series("loss") for _ in range(count)]
    for at, run in enumerate(runs):
        for step in range(1, 200):
            run.append(0, step, 4.0 + at / 2 + 40 / (step + 10) + dice.gauss(0, noise))
    return runs


@pytest.mark.parametrize("theme", ["slotdeck-dark", "slotdeck-light"])
def test_chart_of_several_runs_with_means_and_a_crosshair(snap_compare: Snap, theme: str) -> None:
    runs = some_runs(3, noise=0.3)
    curves = tuple(Plotted(f"r{at}", run, 1, "line", run.last, colour=at) for at, run in enumerate(runs))
    view = ChartView("loss", curves, total_steps=200, crosshair=150, smoothing=0.9)
    app = OneWidget(Chart(), view, theme)
    for known in THEMES:
        app.register_theme(known)
    assert snap_compare(app, terminal_size=(100, 20))


def test_chart_of_eight_runs_without_colours(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    runs = some_runs(8)
    curves = tuple(Plotted(f"r{at}", run, 1, "line", run.last, colour=at) for at, run in enumerate(runs))
    assert snap_compare(OneWidget(Chart(), ChartView("loss", curves)), terminal_size=(120, 24))


def test_chart_without_reports(snap_compare: Snap) -> None:
    empty = RunStore(clock=lambda: BEGAN_S)
    assert snap_compare(OneWidget(Chart(), loss_of(empty)), terminal_size=(60, 10))


def test_chart_no_color(snap_compare: Snap, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(OneWidget(Chart(), loss_of(store)), terminal_size=(76, 16))


@pytest.mark.parametrize("size", [(30, 12), (60, 20)])
def test_waterfall(snap_compare: Snap, store: RunStore, size: tuple[int, int]) -> None:
    assert snap_compare(OneWidget(Waterfall(), slots_of(store)), terminal_size=size)


def test_waterfall_tells_why(snap_compare: Snap, store: RunStore) -> None:
    assert snap_compare(OneWidget(Waterfall(), slots_of(store, selected=3)), terminal_size=(60, 14))


@pytest.mark.parametrize("size", [(40, 14), (60, 14), (110, 20)])
def test_waterfall_of_48_slots(snap_compare: Snap, size: tuple[int, int]) -> None:
    many = told_store(steps=400, slots=48)
    assert snap_compare(OneWidget(Waterfall(), slots_of(many)), terminal_size=size)


def test_waterfall_no_color(snap_compare: Snap, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(OneWidget(Waterfall(), slots_of(store)), terminal_size=(60, 20))


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((76, 5), "textual-dark"),
        ((150, 4), "textual-light"),
        ((40, 9), "textual-dark"),
        ((40, 4), "textual-dark"),
    ],
)
def test_memory(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    bar = StackedBar()
    bar.styles.height = size[1]
    assert snap_compare(OneWidget(bar, MemoryView(memory(1), "RTX 3070"), theme), terminal_size=size)


@pytest.mark.parametrize("size", [(50, 6), (76, 6), (150, 6)])
def test_hardware(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(OneWidget(Gauges(), HardwareView(hardware(), "AMD EPYC")), terminal_size=size)


@pytest.mark.parametrize("size", [(38, 6), (80, 10)])
def test_feed(snap_compare: Snap, store: RunStore, size: tuple[int, int]) -> None:
    assert snap_compare(OneWidget(EventFeed(), FeedView(tuple(store.feed))), terminal_size=size)


def test_scrubber(snap_compare: Snap) -> None:
    view = ScrubberView(40, 140, 412, 1400, True, 4.0, (41.0, 90.0, 91.0), "lr x0.5")
    assert snap_compare(OneWidget(Scrubber(), view), terminal_size=(80, 3))
