"""The page of slots: which works least and why, in one key; holds that say what they cost before they are asked for."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.events import MouseScrollDown
from textual.geometry import Offset
from textual.widgets import Input, Static

from engine.protocol import commands as c
from engine.protocol import events as e
from engine.runlog.index import History
from tui.app import SlotdeckApp, replay_screen
from tui.link.rebuild import rebuild
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.pages.memory import MemoryScreen
from tui.screens.slots.page import SlotsScreen
from tui.settings import Settings
from tui.state.slots.measures import SlotMeasure
from tui.widgets.memory_area import MemoryArea
from tui.widgets.pick_list import PickList
from tui.widgets.slot_detail import SlotDetail
from tui.widgets.slot_table import SlotTable

RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("runs") / RUN, FakeRun(RUN, steps=1200, outcome=""))


@pytest.fixture(scope="module")
def deep_dir(tmp_path_factory):
    """96 slots."""
    run = FakeRun(RUN, steps=400, outcome="", num_slots=96)
    return write_fake_run(tmp_path_factory.mktemp("deep") / RUN, run)


@asynccontextmanager
async def pressed(app, link, *keys, size=(120, 32)):
    """The page after these keys."""
    async with app.run_test(size=size) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        for key in ("v", *keys):
            await pilot.press(key)
            await settle(pilot)
        yield pilot


def rows(app):
    """The table's lines as they stand on the screen."""
    return [
        app.screen.query_one(SlotTable).render_line(y).text
        for y in range(app.screen.query_one(SlotTable).size.height)
    ]


def detail(app):
    widget = app.screen.query_one(SlotDetail)
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


def asked(app):
    """The dialog's words."""
    return str(app.screen.query_one("#confirm-detail", Static).content)


def tell(app, event):
    store = app.screen.store
    store.apply(store.head_seq + 1, store.wall_s, event)


async def test_a_slot_that_was_never_measured_is_expected_to_take_what_the_others_take(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "5") as pilot:
        seen = app.screen.store.measures
        seen.latest = tuple(SlotMeasure(0) if at == 5 else one for at, one in enumerate(seen.latest))
        await pilot.press("p")
        await settle(pilot)
        assert "not measured of this one, the others take" in asked(app).replace("\n", " ")


async def test_another_number_of_steps_is_typed_behind_what_is_typed_already(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "3", "b", "end", "enter") as pilot:
        line = app.screen.query_one(Input)
        assert line.value == "ban block.3 until=+"
        await pilot.press(*"35", "enter")
        await settle(pilot)
        assert link.sent == [c.Ban("block.3", until="+35")]
        await pilot.press("L")
        await settle(pilot)
        assert "mean▴" in rows(app)[0], "the keys are the page's again"


async def test_every_other_hold_asks_first_and_escape_sends_nothing(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "3") as pilot:
        for key, title, sent in (
            ("b", "Ban block.3?", c.Ban("block.3")),
            ("r", "Release block.3?", c.Release("block.3")),
            ("x", "Another precision for block.3?", c.Precision("bf16", "block.3")),
        ):
            link.sent.clear()
            await pilot.press(key)
            await settle(pilot)
            assert str(app.screen.query_one("#confirm-question", Static).content) == title
            await pilot.press("escape")
            await settle(pilot)
            assert link.sent == []
            await pilot.press(key)
            await settle(pilot)
            await pilot.press("enter")
            await settle(pilot)
            assert link.sent == [sent]
        await pilot.press("B")
        await settle(pilot)
        assert link.sent[-1] == c.Probe()


async def test_a_ban_tells_what_is_known_of_the_loss_and_how_to_find_out_what_is_not(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "2", "b") as pilot:
        assert "Loss: +0.0433 nats without it (probe at step 350" in asked(app)
        await pilot.press("escape")
        app.screen.store.measures.effects.clear()
        await pilot.press("b")
        await settle(pilot)
        assert "Loss: without it, not measured yet (B measures it)" in asked(app)


async def test_a_prune_offers_the_trial_and_shows_what_one_found(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "4", "P") as pilot:
        assert "No forecast yet." in asked(app)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert link.sent == [c.Prune("block.4", dry_run=True)]
        found = {
            "slots": "block.4",
            "loss_before": 5.0,
            "loss_after": 5.2,
            "ms_before": 30.0,
            "ms_after": 27.0,
        }
        tell(
            app,
            e.JobReported(
                job="job-1", task="prune-trial", state="done", step=1200, text="tried", result=found
            ),
        )
        await settle(pilot)
        assert "loss: +0.2000 nats without it (prune trial at step 1,200" in detail(app)
        await pilot.press("P")
        await settle(pilot)
        assert "Forecast at step 1,200:" in asked(app)
        assert "30" in asked(app)
        await pilot.press("down", "enter")
        await settle(pilot)
        assert link.sent[-1] == c.Prune("block.4")


async def test_everything_works_by_mouse(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        table = app.screen.query_one(SlotTable)
        title = rows(app)[0]
        await pilot.click(SlotTable, offset=Offset(title.index("ms"), 0))
        await settle(pilot)
        assert "ms▾" in rows(app)[0], "the slowest first"
        await pilot.click(SlotTable, offset=Offset(rows(app)[0].index("ms▾"), 0))
        await settle(pilot)
        assert "ms▴" in rows(app)[0], "and the other way round"
        wanted = table.view.rows[4]
        await pilot.click(SlotTable, offset=Offset(5, 5))
        await settle(pilot)
        assert detail(app).startswith(wanted.name)
        bar = app.screen.query_one("#key-bar")
        for offset in ((0, 0), None):
            await pilot.click(bar, offset=Offset(bar.text.index("p pin") + 3, 0))
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            if offset is not None:
                await pilot.click(offset=offset)
                await until(pilot, lambda: isinstance(app.screen, SlotsScreen))
        await settle(pilot)
        await pilot.click(PickList, offset=Offset(4, 1))
        await settle(pilot)
        assert link.sent == [c.Pin(wanted.name, until="+200")]


async def test_the_selected_slot_stays_selected_when_the_rows_change_places(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "6") as pilot:
        for _ in range(3):
            await pilot.press("greater_than_sign")
            await settle(pilot)
            assert [row.split()[1] for row in rows(app) if row.startswith("▸")] == ["block.6"]
        await pilot.press("I", "less_than_sign", "less_than_sign")
        await settle(pilot)
        assert detail(app).startswith("block.6")
        sorted_rows = rows(app)
        await pilot.press("escape", "v")
        await settle(pilot)
        assert rows(app) == sorted_rows, "the order is kept while one looks elsewhere"


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_96_slots_scroll_with_the_selected_one_in_sight(deep_dir, size):
    app, link = still_deck(deep_dir)
    async with pressed(app, link, "end", size=size) as pilot:
        assert any(row.startswith("▸ block.95") for row in rows(app))
        table = app.screen.query_one(SlotTable)
        assert "of 96   sorted by slot" in app.screen.query_one("#slots-summary").text
        await pilot.press("pageup", "up")
        await settle(pilot)
        wanted = 95 - table.page - 1
        assert any(row.startswith(f"▸ block.{wanted}") for row in rows(app))
        await pilot.press("home")
        await settle(pilot)
        assert rows(app)[1].startswith("▸ block.0")
        before = table.first
        table.post_message(_wheel(table))
        await until(pilot, lambda: table.first == before + 3)
        await pilot.press("9", "5")
        await settle(pilot)
        assert any(row.startswith("▸ block.95") for row in rows(app))


def _wheel(widget):
    return MouseScrollDown(widget, 3, 3, 0, 1, 0, False, False, False)


async def test_news_of_the_engine_appear_without_a_key(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "1") as pilot:
        names, store = app.screen.store.slot_names, app.screen.store
        tell(
            app,
            e.Probed(
                step=1200, branch=0, loss=5.0, slots=names, losses=[5.5] * 7 + [None], tokens=4, seconds=1.0
            ),
        )
        measured = e.SlotsMeasured(
            step=1200, branch=0, grad_norms=[None] * 8, weight_norms=[2.0] * 8, update_norms=[0.5] * 8,
            forward_ms=[4.0] * 8, backward_ms=[8.0] * 8,
        )  # fmt: skip
        tell(app, measured)
        await until(pilot, lambda: "+0.5000 nats" in detail(app))
        line = next(row for row in rows(app) if row.startswith("▸"))
        assert "12.00" in line
        assert "2.5e-1" in line
        assert "–" not in line, "the gradient that was not measured there is the one measured before"
        assert "+0.5000" in line
        plan = store.plan
        held = [e.SlotRow(duty=1.0, held="pin", until=1210), *plan.rows[1:]]
        tell(app, e.SlotPlanned(step=1205, branch=0, policy="anneal", rows=held))
        tell(
            app,
            e.SlotPlanned(step=1211, branch=0, policy="anneal", rows=[e.SlotRow(duty=0.5), *plan.rows[1:]]),
        )
        await pilot.press("0")
        await until(pilot, lambda: "pin expired" in detail(app))


async def test_a_replay_steers_nothing_and_other_pages_are_a_key_away(run_dir):
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        await pilot.press("end", "v")
        await settle(pilot)
        assert isinstance(app.screen, SlotsScreen)
        await pilot.press("p", "b", "P", "B")
        await settle(pilot)
        assert isinstance(app.screen, SlotsScreen)
        await pilot.press("m")
        await settle(pilot)
        assert isinstance(app.screen, MemoryScreen)
        deck = app.screen.deck
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.place == "replay"
        await until(pilot, lambda: deck.measured is not None)
        deck.player.seek_step(700)
        assert [split.step for split in deck.measured.splits(deck.store)] == [0, 300, 600], (
            "nothing of the future"
        )


async def test_histories_go_back_to_the_start_however_late_the_cockpit_was_opened(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, "0") as pilot:
        await until(pilot, lambda: app.screen.deck.measured is not None)
        await settle(pilot)
        store = app.screen.store
        for _ in rebuild(store, History(run_dir), store.head_seq, recent=40):
            pass
        assert next(row[0].step for row in store.measures.history) == 1000
        app.screen.redraw()
        curves = {curve.name: curve.points for curve in app.screen.query_one(SlotDetail).view.curves}
        assert [step for step, _ in curves["upd/w"]] == list(range(100, 1201, 100))
        assert curves["duty"][0][0] == 100
        await pilot.press("m")
        await settle(pilot)
        splits = app.screen.query_one(MemoryArea).view.splits
        assert [split.step for split in splits] == [0, 300, 600, 900, 1200]
