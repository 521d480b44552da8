"""The charts under an operator's hands: one crosshair for all of them, closer and wider by key and mouse."""

from contextlib import asynccontextmanager

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.events import MouseScrollDown, MouseScrollUp

from engine.protocol import events as e
from tui.app import SlotdeckApp, replay_screen
from tui.settings import Settings
from tui.widgets.chart import Chart
from tui.widgets.scrubber import Scrubber


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run in the middle of training: lr x0.5 at step 900."""
    folder = tmp_path_factory.mktemp("runs") / "20261121-090000-demo-3f2a"
    return write_fake_run(folder, FakeRun(run_id=folder.name, steps=1200, outcome=""))


@asynccontextmanager
async def opened(run_dir):
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        yield app, link, pilot


def chart_of(app):
    return app.screen.query_one("#chart", Chart)


def shown_charts(app):
    return [chart for chart in app.screen.query(Chart) if chart.display]


def readout(app):
    return app.screen.query_one("#readout").text


async def turned(pilot, which, **held):
    """A notch of the wheel over the large chart."""
    await pilot._post_mouse_events([which], "#chart", offset=(40, 3), **held)


async def test_one_crosshair_points_at_a_step_on_every_chart_and_says_what_was_there(run_dir):
    async with opened(run_dir) as (app, link, pilot):
        store = app.screen.store
        spike = e.Alarm(step=610, level="warning", code="loss-spike", message="a spike of the loss")
        store.apply(store.head_seq + 1, store.wall_s, spike)
        await pilot.press("i", *["shift+left"] * 4, "right")
        await settle(pilot)
        charts = shown_charts(app)
        at = app.screen.choices.crosshair
        assert len(charts) == 4
        assert {chart.view.crosshair for chart in charts} == {at}
        assert 590 < at < 640
        assert f"at step   {at}" in readout(app)
        loss = store.series["loss"].value_at(at)
        assert f"loss {loss:.3f}" in readout(app)
        assert "a spike of the loss" in readout(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.choices.crosshair is None
        assert "ms/step" in readout(app)
        assert link.sent == []


async def test_keys_choose_what_is_drawn_and_how(run_dir):
    async with opened(run_dir) as (app, _, pilot):
        await pilot.press("j", "j", "y")
        await settle(pilot)
        view = chart_of(app).view
        assert (view.smoothing, view.log) == (0.9, True)
        assert "smoothed 0.9" in chart_of(app).render_line(0).text
        assert "ema" not in chart_of(app).render_line(0).text
        titles = []
        for _ in range(6):
            titles.append(chart_of(app).view.title)
            small = [chart.view.title for chart in shown_charts(app)[1:]]
            assert titles[-1] not in small
            await pilot.press("tab")
            await settle(pilot)
        assert titles == ["loss", "tokens/s", "grad norm", "lr", "step ms", "active slots"]
        assert chart_of(app).view.title == "loss"
        await pilot.press("shift+tab")
        await settle(pilot)
        assert chart_of(app).view.title == "active slots"


async def test_up_and_down_zoom_around_the_crosshair_and_all_charts_go_along(run_dir):
    async with opened(run_dir) as (app, _, pilot):
        app.screen.point_at(600)
        await pilot.press("up", "up")
        await settle(pilot)
        start, end = chart_of(app).view.window
        assert end - start == 375
        assert start < 600 < end
        assert {chart.view.window for chart in shown_charts(app)} == {(start, end)}
        await pilot.press("down", "down", "down")
        await settle(pilot)
        assert chart_of(app).view.window is None


async def test_the_mouse_zooms_where_it_is_drags_and_picks_a_step(run_dir):
    async with opened(run_dir) as (app, _, pilot):
        chart = chart_of(app)
        await pilot.click("#chart", offset=(40, 3))
        await settle(pilot)
        at = app.screen.choices.crosshair
        assert at == chart.step_at(40)
        for _ in range(6):
            await turned(pilot, MouseScrollUp)
        await settle(pilot)
        start, end = chart.view.window
        assert end - start < 500
        assert abs(chart.step_at(40) - at) <= (end - start) / 70, "what the wheel turned over stays there"
        await pilot.mouse_down("#chart", offset=(30, 3))
        await pilot.hover("#chart", offset=(50, 3))
        await pilot.mouse_up("#chart", offset=(50, 3))
        await settle(pilot)
        dragged, _ = chart.view.window
        assert dragged < start, "the curve went along with the mouse"
        assert app.screen.choices.crosshair == at, "a drag is no click"
        await turned(pilot, MouseScrollDown, shift=True)
        await until(pilot, lambda: chart.view.window[0] > dragged)


async def test_a_slot_under_the_mouse_tells_why_it_works(run_dir):
    async with opened(run_dir) as (app, _, pilot):
        slots = app.screen.query_one("#slots")
        column = next(x for x in range(slots.size.width) if slots.slot_at(x) == 3)
        await pilot.hover("#slots", offset=(column, 4))
        await settle(pilot)
        assert slots.view.reason.startswith("block.3 on, pin")
        await pilot.hover("#chart", offset=(30, 3))
        await settle(pilot)
        assert slots.view.reason == ""
        assert app.screen.choices.slot.at is None


async def test_keys_paint_at_once_and_many_of_them_not_more_than_thirty_times_a_second(run_dir, monkeypatch):
    async with opened(run_dir) as (app, _, pilot):
        painted = []
        paint = app.screen.paint_charts
        monkeypatch.setattr(app.screen, "paint_charts", lambda: (painted.append(1), paint()))
        clock_s = [100.0]
        app.screen._prompt = None
        app.screen.point_at(300)
        app.screen._prompt._clock = lambda: clock_s[0]
        app.screen._prompt._painted_s = clock_s[0]
        painted.clear()
        for step in range(300, 400):
            app.screen.point_at(step)
        assert painted == [], "within a thirtieth of a second nothing is painted twice"
        await until(pilot, lambda: len(painted) == 1)
        assert chart_of(app).view.crosshair == 399


async def test_in_a_replay_enter_goes_to_the_crosshair_and_nothing_on_screen_is_behind(run_dir):
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings(refresh_hz=0.5))
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0 and app.screen.whole is not None)
        app.screen.player.pause()
        app.screen.point_at(700)
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen.store.step == 700
        assert chart_of(app).view.cursor == 700
        assert app.screen.query_one(Scrubber).view.step == 700
