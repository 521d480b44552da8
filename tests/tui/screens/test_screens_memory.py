"""The page of memory: what holds the bytes, what each lever would save, and one key from there to the command."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from deck_app import settle, still_deck
from fake_run import FakeRun, write_fake_run
from textual.geometry import Offset
from textual.widgets import Input

from engine.protocol import commands as c
from engine.protocol import events as e
from tui.screens.slots.page import SlotsScreen
from tui.widgets.lever_table import LeverTable
from tui.widgets.memory_area import MemoryArea
from tui.widgets.slot_bytes import SlotBytes

RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("runs") / RUN, FakeRun(RUN, steps=1500, outcome=""))


@asynccontextmanager
async def pressed(app, link, *keys, size=(120, 32)):
    """The page after these keys."""
    async with app.run_test(size=size) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        for key in ("m", *keys):
            await pilot.press(key)
            await settle(pilot)
        yield pilot


def shown(app, kind):
    widget = app.screen.query_one(kind)
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def row_of(app, name):
    return next(y for y, row in enumerate(shown(app, LeverTable)) if row[2:].startswith(name))


async def select(pilot, name):
    """Down to a lever."""
    names = [lever.name for lever in pilot.app.screen.found]
    await pilot.press("home", *["down"] * names.index(name))
    await settle(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 32), (200, 50)])
async def test_what_an_8_bit_optimizer_saves_stands_there_and_how_to_have_it(run_dir, size):
    app, link = still_deck(run_dir)
    async with pressed(app, link, size=size) as pilot:
        line = shown(app, LeverTable)[row_of(app, "8-bit optimizer")]
        assert "35.6 MiB" in line, "of 70 MiB of states, 8 bytes of most values become 2.03"
        assert "counted --set optim.name=adamw8bit" in line
        await select(pilot, "8-bit optimizer")
        told = shown(app, LeverTable)
        assert any("updates unpack and pack" in row for row in told), "what it costs"
        assert any("slotdeck train demo --set optim.name=adamw8bit" in row for row in told)
        await pilot.press("enter")
        await settle(pilot)
        assert app.clipboard == "slotdeck train demo --set optim.name=adamw8bit"
        assert link.sent == []


async def test_a_live_lever_opens_the_command_line_and_nothing_is_sent_before_enter(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        for name, typed, sent in (
            ("recompute 4 blocks", "recompute 4", c.Recompute(4)),
            ("micro-batch 8", "batch 8", c.Batch("8")),
            ("step in backward", "fork train.lean=true", c.Fork("", {"train.lean": "true"})),
        ):
            link.sent.clear()
            await select(pilot, name)
            assert any(f"enter types: {typed}" in row for row in shown(app, LeverTable))
            await pilot.press("enter")
            await settle(pilot)
            assert app.screen.query_one(Input).value == typed
            assert link.sent == []
            await pilot.press("enter")
            await settle(pilot)
            assert link.sent == [sent]


async def test_what_is_pulled_already_says_so_and_does_nothing(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        await select(pilot, "bf16 compute")
        assert any("computes in bf16" in row for row in shown(app, LeverTable))
        await pilot.press("enter")
        await settle(pilot)
        assert not app.screen.query_one("#command-line").has_class("open")


async def test_a_lever_is_chosen_and_pulled_by_mouse(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        for _ in range(2):
            await pilot.click(LeverTable, offset=Offset(6, row_of(app, "recompute 8") + 1))
            await settle(pilot)
        assert app.screen.query_one(Input).value == "recompute 8"


async def test_the_bytes_are_told_over_the_steps_and_by_slot(run_dir, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        area = shown(app, MemoryArea)
        assert "the most: 1.33 GiB at step 1,200" in area[0]
        assert area[-1].split() == ["step", "0", "step", "1,500"]
        first = {row[14] for row in area[1:-1]}
        assert first == set("WGOAC"), "told apart without colour"
        assert "12.0 MiB each" in shown(app, SlotBytes)[0]
        store = app.screen.store
        grown = e.MemorySplit(
            step=1600, weights=1, gradients=1, optimizer=1, activations=2 << 30, cache=0, total=8 << 30,
            slots=[1 << 20] * 7 + [3 << 20],
        )  # fmt: skip
        store.apply(store.head_seq + 1, store.wall_s, grown)
        await settle(pilot)
        assert "the most: 2.00 GiB at step 1,600" in shown(app, MemoryArea)[0]
        assert "1.00 MiB to 3.00 MiB" in shown(app, SlotBytes)[0]


async def test_a_narrow_terminal_turns_between_purpose_and_slot(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link, size=(80, 24)) as pilot:
        assert app.screen.query_one(MemoryArea).display
        assert not app.screen.query_one(SlotBytes).display
        await pilot.press("tab")
        await settle(pilot)
        assert app.screen.query_one(SlotBytes).display
        assert not app.screen.query_one(MemoryArea).display
        assert "by slot" in shown(app, SlotBytes)[0]


async def test_the_slot_that_is_selected_is_the_one_that_levers_name(run_dir):
    app, link = still_deck(run_dir)
    async with pressed(app, link) as pilot:
        assert any("ban block.7" in row for row in shown(app, LeverTable)), "the one that is missed least"
        await pilot.press("v", "2", "m")
        await settle(pilot)
        assert any("ban block.2" in row for row in shown(app, LeverTable))
        await pilot.press("v")
        await settle(pilot)
        assert isinstance(app.screen, SlotsScreen)


async def test_before_anything_is_measured_it_says_so(tmp_path):
    quiet = FakeRun(RUN, steps=0, outcome="")
    app, link = still_deck(write_fake_run(tmp_path / RUN, quiet))
    async with pressed(app, link) as pilot:
        app.screen.store.reset()
        await settle(pilot)
        assert "not measured yet" in "\n".join(shown(app, MemoryArea))
        assert "the run has not begun yet" in "\n".join(shown(app, LeverTable))
