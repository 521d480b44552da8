"""The live cockpit under an operator's hands: what keys and typed lines send, and what the screen says."""

import asyncio

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.widgets import Input, OptionList, Static

from engine.protocol import commands as c
from engine.protocol import events as e
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.log.page import LogScreen
from tui.screens.log.rows import LogRows
from tui.state.formatting import clock


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run in the middle of training."""
    folder = tmp_path_factory.mktemp("runs") / "20261121-090000-demo-3f2a"
    return write_fake_run(folder, FakeRun(run_id=folder.name, steps=1200, outcome=""))


def text_of(app, selector):
    return app.screen.query_one(selector).text


async def pressed(app, link, *keys):
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await one_by_one(pilot, keys)
        yield pilot


async def one_by_one(pilot, keys):
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await settle(pilot)


COMMANDS = [
    (["space"], c.Pause()),
    (["s"], c.Step()),
    (["full_stop"], c.Step()),
    (["c"], c.Checkpoint()),
    (["e"], c.Evaluate()),
    (["g"], c.Sample()),
    (["5", "p"], c.Pin("block.5")),
    (["right", "b"], c.Ban("block.0")),
    (["left", "r"], c.Release("block.7")),
    (["left_square_bracket", "left_square_bracket", "p"], c.Pin("block.6")),
    (["l", *"3e-4", "enter"], c.Lr("3e-4")),
    (["x", *"bf", "tab", "enter"], c.Precision("bf16")),
    (["o", *"anneal", "space", *"mean_duty", "equals_sign", *"0", "full_stop", "6", "enter"],
     c.Policy("anneal", {"mean_duty": 0.6})),
    (["n", *"warm", "enter"], c.Note("warm")),
    (["colon", *"pin", "space", *"bl", "tab", "enter"], c.Pin("block.0")),
    (["S", "enter"], c.Stop(save=True)),
    (["S", "down", "enter"], c.Stop(save=False)),
    (["colon", *"stop", "enter", "enter"], c.Stop(save=True)),
]  # fmt: skip


async def test_keys_send_typed_commands(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        for keys, sent in COMMANDS:
            await one_by_one(pilot, keys)
            assert link.sent == [sent], keys
            link.sent.clear()
            await one_by_one(pilot, ["escape"])  # no slot is selected any more


async def test_nothing_is_sent_without_a_slot_or_after_a_change_of_mind(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        for keys in (["p"], ["b"], ["r"], ["S", "escape"], ["S", "up", "enter"], ["l", "escape"]):
            await one_by_one(pilot, keys)
            assert link.sent == [], keys


async def test_a_command_is_hollow_and_changes_nothing_until_the_engine_answers(run_dir):
    app, link = still_deck(run_dir)
    async for _ in pressed(app, link, "space"):
        assert text_of(app, "#commands").splitlines()[0].startswith("○ pause")
        assert "● running" in text_of(app, "#heading")


async def test_a_wrong_line_is_explained_where_it_was_typed_and_stays_for_mending(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link, "colon", *"pni", "enter"):
        hint = app.screen.query_one("#line-hint", Static)
        assert "did you mean 'pin'?" in str(hint.content)
        assert app.screen.query_one(Input).value == "pni"
        await pilot.press("escape")
        await pilot.press("space")
        assert link.sent == [c.Pause()]


async def test_numbers_select_slots_of_two_digits(tmp_path):
    run_dir = write_fake_run(tmp_path / "r", FakeRun(run_id="r", steps=100, num_slots=24, outcome=""))
    app, link = still_deck(run_dir)
    async for _ in pressed(app, link, "1", "7", "p", "3", "p"):
        assert link.sent == [c.Pin("block.17"), c.Pin("block.3")]


async def test_the_reason_for_a_slot_is_told_when_it_is_selected(run_dir):
    app, link = still_deck(run_dir)
    async for _ in pressed(app, link, "3"):
        slots = app.screen.query_one("#slots")
        told = " ".join(
            slots.render_line(y).text.strip() for y in (slots.size.height - 2, slots.size.height - 1)
        )
        assert told == "block.3 on, pin until 1,400; pinned by ada@box7"


async def test_a_cockpit_that_only_watches_cannot_steer_and_says_so(run_dir):
    app, link = still_deck(run_dir, read_only=True, client_id="c-bob")
    async for pilot in pressed(app, link, "space", "s", "S", "t"):
        assert (link.sent, link.taken) == ([], 0)
        assert "ada@box7 has the controls" in text_of(app, "#heading")
        assert "pause" not in app.screen.query_one("#key-bar").render().plain
        await pilot.press("colon", *"pause", "enter")
        await pilot.pause()
        assert "without --read-only" in str(app.screen.query_one("#line-hint", Static).content)


async def test_taking_the_controls(run_dir):
    app, link = still_deck(run_dir, client_id="c-bob")
    async for _ in pressed(app, link, "t"):
        assert link.taken == 1


async def test_a_lost_link_is_named_with_its_reason_and_keys_that_steer_are_gone(run_dir):
    app, link = still_deck(run_dir, "lost", "the engine closed the line")
    async for _ in pressed(app, link, "space"):
        assert "link lost" in text_of(app, "#heading")
        assert "the engine closed the line; trying again" in text_of(app, "#notice")
        assert link.sent == []


async def test_a_past_that_is_read_while_the_cockpit_is_left_is_not_drawn_any_more(run_dir):
    app, link = still_deck(run_dir)
    begun = asyncio.Event()

    async def start():
        begun.set()
        while app.screen.query("#commands"):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        link.loaded.set()

    link.start = start
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, begun.is_set)
    assert link.loaded.is_set()


async def test_an_ended_run_says_how_it_ended(tmp_path):
    run_dir = write_fake_run(tmp_path / "r", FakeRun(run_id="r", steps=200, outcome="failed"))
    app, link = still_deck(run_dir, "ended", "failed: the loss is not finite since step 2,990")
    async for _ in pressed(app, link):
        assert "✗ failed" in text_of(app, "#heading")
        assert "failed at step 200: the loss is not finite" in text_of(app, "#notice")
        assert "resume with a lower lr" in text_of(app, "#notice")


async def test_a_killed_run_says_how_to_go_on(run_dir):
    app, link = still_deck(run_dir, "ended", "engine killed after step 1,200; slotdeck resume demo")
    async for pilot in pressed(app, link):
        assert "✗ killed" in text_of(app, "#heading")
        assert "slotdeck resume demo" in text_of(app, "#notice")
        assert "eta n/a" in text_of(app, "#readout")
        await pilot.press("f")
        await settle(pilot)
        told = clock(app.screen.store.wall_s)
        now = app.screen.query_one("#log-now", Static).content.plain
        assert f"last told at {told}" in now, "nobody knows when it died"


async def test_an_alarm_stays_in_sight_until_it_is_put_away(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        store = app.screen.store
        full = e.Alarm(step=1200, level="error", code="disk", message="the disk is full", remedy="make room")
        store.apply(store.head_seq + 1, store.wall_s, full)
        await settle(pilot)
        assert "the disk is full; make room" in text_of(app, "#notice")
        await pilot.press("2", "escape")
        await settle(pilot)
        assert text_of(app, "#notice"), "the first esc lets go of the slot"
        await pilot.press("escape")
        await settle(pilot)
        assert text_of(app, "#notice") == ""


async def test_an_engine_that_says_nothing_any_more_is_not_shown_as_running(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        app.screen._clock = lambda: app.screen.store.wall_s + 8
        await settle(pilot)
        assert "silent for 0:08" in text_of(app, "#heading")


async def test_what_is_set_while_paused_stands_beside_what_the_last_step_used(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        store = app.screen.store
        applied = e.CommandApplied(
            command_id="z", verb="lr", text="lr 5e-4", step=1200, branch=0, rev=9, before="3e-4", after="5e-4"
        )
        store.apply(store.head_seq + 1, store.wall_s, applied)
        await settle(pilot)
        assert " → 5.0e-4 " in text_of(app, "#readout")


async def test_a_click_picks_a_slot(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        slots = app.screen.query_one("#slots")
        column = next(x for x in range(slots.size.width) if slots.slot_at(x) == 5)
        await pilot.click("#slots", offset=(column, 4))
        await pilot.press("p")
        assert link.sent == [c.Pin("block.5")]


async def test_the_window_narrows_to_the_last_steps_pans_and_widens_again(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link, "w"):
        chart = app.screen.query_one("#chart")
        assert chart.view.window == (250, 1250)
        await one_by_one(pilot, ["w"])
        assert chart.view.window == (1100, 1200)
        await one_by_one(pilot, ["less_than_sign"])
        assert chart.view.window == (1050, 1150)
        await one_by_one(pilot, ["greater_than_sign"])
        assert chart.view.window == (1100, 1200)
        await one_by_one(pilot, ["w"])
        assert chart.view.window is None


async def test_the_full_feed_tells_everything_and_closes(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link, "f"):
        assert isinstance(app.screen, LogScreen)
        assert "pin block.3 applied: auto → pin (ada@box7)" in app.screen.query_one(LogRows).text
        await pilot.press("escape")
        assert not isinstance(app.screen, LogScreen)


async def test_leaving_says_that_training_goes_on(run_dir):
    app, link = still_deck(run_dir)
    said = []
    app.exit = lambda code, message=None: said.append((code, str(message)))
    async for _ in pressed(app, link, "q"):
        assert said == [(0, f"training goes on; come back with: slotdeck attach {run_dir.name}")]


async def test_help_lists_the_keys_and_closes(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link, "question_mark"):
        assert isinstance(app.screen, HelpScreen)
        box = app.screen.query_one("#help-box")
        of_all = box.region
        for letter in "pinx":
            await pilot.press(letter)
            assert box.region == of_all
        await pilot.press("escape", "escape")
        assert not isinstance(app.screen, HelpScreen)


async def test_keys_of_verbs_that_take_words_send_them_and_what_destroys_asks_first(run_dir):
    app, link = still_deck(run_dir)
    asked = [
        (["R", *"500", "enter", "down", "enter"], c.Rollback("500")),
        (["R", "tab", "enter", "enter"], None),
        (["R", *"best", "enter", "escape"], None),
        (["R", "tab", "enter", "down", "enter"], c.Rollback("step-00001000")),
        (["P", *"1", "enter", "enter"], None),
        (["P", *"1", "enter", "down", "enter"], c.Prune("1", dry_run=True)),
        (["P", *"1", "enter", "down", "down", "enter"], c.Prune("1")),
        (["P", *"block", "full_stop", *"3", "space", *"dry", "tab", "enter"], c.Prune("block.3", dry_run=True)),
        (["F", *"best", "space", *"optim", "full_stop", *"lr", "equals_sign", *"1e-4", "enter"],
         c.Fork("best", {"optim.lr": "1e-4"})),
        (["E", "tab", "enter"], c.Export("hf")),
        (["k", "tab", "enter"], c.Batch("auto")),
        (["u", *"4", "enter"], c.Recompute(4)),
    ]  # fmt: skip
    async for pilot in pressed(app, link):
        for keys, sent in asked:
            link.sent.clear()
            await pilot.press(*keys)
            await settle(pilot)
            assert link.sent == ([sent] if sent is not None else []), keys


async def test_a_rollback_says_what_is_left_behind_and_a_prune_what_it_will_cost(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link, "R", *"500", "enter"):
        detail = str(app.screen.query_one("#confirm-detail", Static).content)
        assert detail.startswith("Goes back from step 1,200 to step-00000500. 700 steps are left behind")
        assert "A checkpoint of now is saved first" in detail
        await pilot.press("escape", "P", *"1", "enter")
        await settle(pilot)
        detail = str(app.screen.query_one("#confirm-detail", Static).content)
        assert "No forecast yet. The trial makes one, and changes nothing." in detail


async def test_controls_taken_by_another_are_said_until_they_are_back(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        store = app.screen.store
        for fence, (holder, who) in enumerate([("c-bob", "bob@box9"), ("c-ada", "ada@box7")], 2):
            store.apply(store.head_seq + 1, store.wall_s, e.LeaseChanged(holder=holder, who=who, fence=fence))
            await settle(pilot)
            said = text_of(app, "#notice")
            assert ("bob@box9 took the controls; t takes them back" in said) == (holder == "c-bob")


async def test_a_disk_that_has_room_again_is_trouble_no_more(run_dir):
    app, link = still_deck(run_dir)
    async for pilot in pressed(app, link):
        store = app.screen.store
        full = e.Alarm(step=1200, level="error", code="disk-full", message="no room", remedy="make room")
        store.apply(store.head_seq + 1, store.wall_s, full)
        await settle(pilot)
        assert "disk full: saving paused since" in text_of(app, "#notice")
        saved = e.CheckpointSaved(
            step=1210, branch=0, name="step-00001210", bytes=9, seconds=0.1, reason="due"
        )
        store.apply(store.head_seq + 1, store.wall_s, saved)
        await settle(pilot)
        assert "disk full" not in text_of(app, "#notice")


async def test_stop_asks_and_names_what_would_be_lost(run_dir):
    app, link = still_deck(run_dir)
    async for _ in pressed(app, link, "S"):
        assert isinstance(app.screen, ConfirmScreen)
        assert "resumed from step 1,000" in str(app.screen.query_one("#confirm-detail", Static).content)


async def test_the_palette_finds_a_verb_with_its_slot(run_dir):
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await pilot.press("ctrl+p", *"ban", "space", *"block", "full_stop", "2")
        await until(pilot, lambda: app.screen.query_one(OptionList).highlighted is not None)
        await pilot.press("enter")
        await pilot.pause()
        assert link.sent == [c.Ban("block.2")]


async def test_a_terminal_too_small_says_what_it_needs_and_recovers(run_dir):
    app, link = still_deck(run_dir)
    async with app.run_test(size=(50, 12)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        assert app.screen.query_one("TooSmall").display
        assert "needs 60 x 16" in str(app.screen.query_one("TooSmall", Static).content)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert not app.screen.query_one("TooSmall").display


async def test_foreign_text_is_never_markup_nor_escape(tmp_path):
    class Hostile(FakeRun):
        def names(self):
            return ["[red]block[/red]\x1b[31m", "[b", "]x["]

    run_dir = write_fake_run(
        tmp_path / "[bold]r", Hostile(run_id="[bold]r", steps=100, outcome="", num_slots=3)
    )
    app, link = still_deck(run_dir)
    async for _ in pressed(app, link, "0"):
        assert "[bold]r" in text_of(app, "#heading")
