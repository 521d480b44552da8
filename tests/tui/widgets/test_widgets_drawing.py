"""Drawing: what is on screen agrees with the numbers, and only what changed is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from deck_app import until
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.geometry import Region
from told_run import told_store

from engine.protocol.events import MemorySplit, SlotRow
from tui.state.curves.curve import Columns
from tui.state.curves.series import Series
from tui.state.formatting import fixed
from tui.state.log.feed import FeedItem
from tui.state.slots.history import SlotTick
from tui.theme import THEMES
from tui.widgets.axes import Span, grown, label, log_ticks, ticks
from tui.widgets.braille import Canvas
from tui.widgets.chart import Chart, ChartView, Mark, Plotted
from tui.widgets.event_feed import EventFeed, FeedView
from tui.widgets.lines import Lines
from tui.widgets.sparkline import sparkline
from tui.widgets.stacked_bar import MemoryView, shares
from tui.widgets.waterfall import Waterfall, WaterfallView


class Sent:
    """Mixed into a widget: the regions it asked to be sent."""

    def refresh(self, *regions: Region, **how: bool) -> Any:
        self.__dict__.setdefault("sent", []).append(list(regions))
        return super().refresh(*regions, **how)  # type: ignore[misc]


class WatchedChart(Sent, Chart):
    pass


class WatchedWaterfall(Sent, Waterfall):
    pass


class Alone(App[None]):
    def __init__(self, widget: Lines[Any]) -> None:
        super().__init__()
        self.widget = widget

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES[0].variables

    def compose(self) -> ComposeResult:
        yield self.widget


def rows_of(widget: Lines[Any]) -> list[str]:
    return [widget.render_line(y).text for y in range(widget.size.height)]


def view_of(*series: Series, **more: Any) -> ChartView:
    return ChartView(
        "loss",
        tuple(Plotted("train", s, s.version, "line", s.last) for s in series),
        total_steps=1000,
        **more,
    )


def falling(steps: int) -> Series:
    series = Series("loss")
    for step in range(1, steps + 1):
        series.append(0, step, 8.0 - step / 100)
    return series


async def test_a_new_point_sends_a_few_rows_and_no_more() -> None:
    chart, series = WatchedChart(), falling(390)
    async with Alone(chart).run_test(size=(100, 30)) as pilot:
        chart.show(view_of(series))
        await pilot.pause()
        before = rows_of(chart)
        chart.__dict__["sent"] = []
        series.append(0, 391, 4.09)
        chart.show(view_of(series))
        after = rows_of(chart)
        changed = {y for y in range(30) if before[y] != after[y]}
        sent = chart.__dict__["sent"]
        assert {region.y for regions in sent for region in regions} == changed
        assert len(changed) <= 3


async def test_a_view_like_the_last_sends_nothing() -> None:
    chart, series = WatchedChart(), falling(50)
    async with Alone(chart).run_test(size=(60, 20)) as pilot:
        chart.show(view_of(series))
        await pilot.pause()
        chart.__dict__["sent"] = []
        chart.show(view_of(series))
        assert chart.__dict__["sent"] == []


async def test_a_new_theme_and_a_new_size_are_drawn_afresh() -> None:
    chart, series = Chart(), falling(50)
    app = Alone(chart)
    async with app.run_test(size=(60, 20)) as pilot:
        chart.show(view_of(series))
        await pilot.pause()
        dark = chart.render_line(0)
        app.theme = "textual-light"
        await until(pilot, lambda: chart.render_line(0) != dark)
        assert chart.render_line(0).text == dark.text
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: [len(row) for row in rows_of(chart)] == [40] * 10)


async def test_old_dots_stay_while_the_run_goes_on() -> None:
    chart, series = Chart(), falling(310)
    async with Alone(chart).run_test(size=(100, 30)) as pilot:
        chart.show(view_of(series))
        await pilot.pause()
        before = rows_of(chart)
        for step in range(311, 380):
            series.append(0, step, 5.0 + step % 7 / 10)
        chart.show(view_of(series))
        reach = 7 + int(300 / 400 * 93) - 1
        assert [row[:reach] for row in rows_of(chart)[1:]] == [row[:reach] for row in before[1:]]


async def test_the_legend_shows_the_newest_values_and_the_axis_the_marks() -> None:
    store = told_store(steps=450)
    chart = Chart()
    async with Alone(chart).run_test(size=(100, 20)) as pilot:
        loss = store.series["loss"]
        chart.show(replace(view_of(loss), marks=(Mark(412, "action"), Mark(200, "checkpoint"))))
        await pilot.pause()
        rows = rows_of(chart)
        assert fixed(loss.last) in rows[0]
        assert rows[-2][7 + int(412 / 600 * 93)] == "▲"
        assert rows[-2][7 + int(200 / 600 * 93)] == "◆"


async def test_actions_alarms_and_checkpoints_stand_on_the_curve() -> None:
    chart, series = Chart(), falling(500)
    marks = (Mark(100, "checkpoint"), Mark(200, "alarm"), Mark(300, "action"), Mark(300, "checkpoint"))
    async with Alone(chart).run_test(size=(100, 30)) as pilot:
        chart.show(replace(view_of(series), marks=marks))
        await pilot.pause()
        *plot, _, _ = rows_of(chart)[1:]
        seen = {char: y for y, row in enumerate(plot) for char in row if char in "◆!▲"}
        assert seen["◆"] < seen["!"] < seen["▲"], "each as high as the falling loss was by then"
        assert sum(row.count("◆") for row in plot) == 1, "an action hides the checkpoint that it made"


@pytest.mark.parametrize("width", [44, 60])
async def test_the_legend_names_its_curves_on_a_narrow_chart_too(width: int) -> None:
    store, chart = told_store(steps=450), Chart()
    names = {"loss": "train", "loss_ema": "ema", "val_loss": "val"}
    curves = tuple(Plotted(label, store.series[name], 1, "line", 4.812) for name, label in names.items())
    async with Alone(chart).run_test(size=(width, 12)) as pilot:
        chart.show(ChartView("loss", curves))
        await pilot.pause()
        assert all(f" {label} 4.812" in rows_of(chart)[0] for label in names.values())


async def test_a_line_that_is_broken_off_ends_with_its_ellipsis() -> None:
    feed = EventFeed()
    item = FeedItem(
        1, 1.0, 5, "alarm", "!", "out of memory at step 1200 with micro-batches of one sequence; " * 4
    )
    async with Alone(feed).run_test(size=(60, 6)) as pilot:
        feed.show(FeedView((item,)))
        await pilot.pause()
        last = rows_of(feed)[2].rstrip()
        assert last.endswith("…")
        assert not last.endswith(" …")


async def test_a_loss_that_is_not_finite_is_marked_on_the_axis() -> None:
    chart, series = Chart(), falling(50)
    series.append(0, 51, float("nan"))
    async with Alone(chart).run_test(size=(60, 20)) as pilot:
        chart.show(view_of(series))
        await pilot.pause()
        assert "!" in rows_of(chart)[-2]


@pytest.mark.parametrize("size", [(1, 1), (9, 3), (20, 4), (200, 50)])
async def test_every_widget_survives_every_size(size: tuple[int, int]) -> None:
    store = told_store(steps=200)
    assert store.plan is not None
    chart, waterfall, feed = Chart(), Waterfall(), EventFeed()
    shown: list[tuple[Lines[Any], object]] = [
        (chart, view_of(store.series["loss"])),
        (
            waterfall,
            WaterfallView(
                tuple(store.slot_names), tuple(store.plan.rows), tuple(store.slots.ticks), "all", 1
            ),
        ),
        (feed, FeedView(tuple(store.feed), "what happened")),
    ]
    for widget, view in shown:
        async with Alone(widget).run_test(size=size) as pilot:
            widget.show(view)
            await pilot.pause()
            assert len(rows_of(widget)) == widget.size.height


def tick(index: int, *duty: float) -> SlotTick:
    return SlotTick(index * 10, duty, ("",) * len(duty), (True,) * len(duty))


async def test_the_waterfalls_newest_row_is_at_the_bottom_and_held_slots_stay_above() -> None:
    waterfall = WatchedWaterfall()
    rows = (SlotRow(duty=1.0), SlotRow(duty=0.0, held="ban"))
    all_ticks = tuple(tick(i, 1.0, 0.5) for i in range(41))
    async with Alone(waterfall).run_test(size=(40, 20)) as pilot:
        waterfall.show(WaterfallView(("block.0", "block.1"), rows, all_ticks[:40]))
        await pilot.pause()
        waterfall.__dict__["sent"] = []
        waterfall.show(WaterfallView(("block.0", "block.1"), rows, all_ticks))
        shown = rows_of(waterfall)
        assert [row.split()[0] for row in shown[3:-1]] == [str(step) for step in range(250, 410, 10)]
        assert "B" in shown[2]
        sent = [region for regions in waterfall.__dict__["sent"] for region in regions]
        assert {region.right for region in sent} == {5}, "only the step numbers differ"


async def test_duty_reads_without_colour() -> None:
    waterfall = Waterfall()
    duties = (0.0, 0.25, 0.5, 0.75, 1.0)
    names = tuple(f"block.{i}" for i in range(5))
    async with Alone(waterfall).run_test(size=(40, 12)) as pilot:
        waterfall.show(WaterfallView(names, tuple(SlotRow(duty=d) for d in duties), (tick(0, *duties),)))
        await pilot.pause()
        row = next(r for r in rows_of(waterfall) if "█" in r)
        assert [c for c in "·░▒▓█" if c in row] == list("·░▒▓█")


async def test_markup_in_foreign_text_is_shown_as_it_is() -> None:
    store = told_store(steps=20)
    item = replace(store.feed[0], text="[bold red]x[/] 日本語 " * 20)
    feed = EventFeed()
    async with Alone(feed).run_test(size=(80, 3)) as pilot:
        feed.show(FeedView((item,)))
        await pilot.pause()
        assert "[bold red]x[/] 日本語" in rows_of(feed)[0]


def test_a_line_has_no_holes() -> None:
    columns = Columns.empty(20)
    for x, value in ((0, 0.0), (1, 10.0), (2, 0.0), (10, 5.0), (19, 10.0)):
        columns.low[x] = columns.high[x] = value
    canvas = Canvas(10, 5)
    canvas.line(columns, 0.0, 10.0, float)
    assert all(any(row[x] for row in canvas.rows) for x in range(10))
    assert all(row[0] for row in canvas.rows), "a jump is drawn from end to end"


def test_axes_move_seldom_and_never_cut() -> None:
    span = Span()
    first = span.fit(4.0, 8.0)
    assert span.fit(4.1, 7.0) == first
    low, high = span.fit(4.0, 12.0)
    assert low <= 4.0
    assert high >= 12.0
    assert grown(0, None) == 20
    assert grown(301, 1000) == 400
    assert grown(999, 1000) == 1000
    assert log_ticks(0.5, 0.95, 4) == [4.0, 6.0, 8.0]
    assert log_ticks(-4.0, 0.0, 8) == [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    assert [label(t, 2.0) for t in ticks(3.5, 8.5, 3)] == ["4", "6", "8"]


def test_memory_parts_fill_the_bar_and_none_is_lost() -> None:
    assert sum(shares([1, 10**9, 0, 5], 40)) == 40
    assert shares([1, 10**9, 0, 5], 40)[0] == 1
    split = MemorySplit(
        step=1, weights=1, gradients=2, optimizer=3, activations=4, cache=5, other=6, total=60
    )
    assert dict(MemoryView(split).parts)["free"] == 39
    roomy = MemoryView(msgspec.structs.replace(split, total=1000))
    assert [name for name, _ in roomy.parts] == ["weights", "gradients", "optimizer", "activations", "cache"]
    assert roomy.free_bytes == 979


def test_a_sparkline_says_the_shape() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8) == "█▇▆▅▄▃▂▁"
    assert sparkline([], 4) == "    "
    assert sparkline([1.0, float("nan")], 2) == "▄ "
