"""Home over real run folders: what is listed, found, sorted, labelled and deleted, and what an empty folder says."""

from pathlib import Path

import pytest
from deck_app import settle, until
from fake_run import FakeRun, write_fake_run
from many_runs import write_many_runs
from textual.command import CommandList
from textual.widgets import Static

from engine.runlog.label import read_label
from tui.app import SlotdeckApp
from tui.link.runs import HomeReader
from tui.messages import CompareAsked, LaunchAsked
from tui.screens.deck.replay import ReplayScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.home.screen import HomeScreen
from tui.screens.launch.screen import LaunchScreen
from tui.screens.parts.text_rows import TextRows
from tui.screens.pipelines.screen import PipelinesScreen
from tui.settings import Settings
from tui.widgets.pick_list import PickList


@pytest.fixture
def runs_dir(tmp_path):
    for name, steps, outcome in (
        ("20261121-090000-demo-3f2a", 600, "finished"),
        ("20261120-080000-tiny-aaaa", 60, ""),
    ):
        write_fake_run(tmp_path / name, FakeRun(name, steps=steps, outcome=outcome))
    return tmp_path


def home_app(runs_dir, start=None, read_only=False):
    return SlotdeckApp(
        lambda _: HomeScreen(HomeReader(runs_dir), read_only), Settings(), start, read_only=read_only
    )


def runs_of(app):
    return app.screen.query_one("#runs", PickList)


async def listed(pilot, count):
    """Wait until so many runs are listed and measured."""
    app = pilot.app
    await until(pilot, lambda: runs_of(app).count == count and not app.screen._looking)
    await settle(pilot)
    return runs_of(app)


async def test_runs_are_listed_newest_first_with_how_they_ended(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        first, second = (await listed(pilot, 2)).text.split("\n")
        assert "finished" in first
        assert "600/3,000" in first
        assert "killed" in second
        assert "2 runs, 0 live" in app.screen.query_one("#home-title", TextRows).text
        assert "free" in app.screen.query_one("#home-title", TextRows).text


async def test_enter_replays_a_finished_run_and_q_comes_back(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await listed(pilot, 2)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.store.head_seq > 0)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen) and app.screen.form is not None)
        assert app.screen.form.text("train.steps") == "3000", "the form of this run's profile"
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_what_is_typed_after_a_slash_filters_as_it_is_typed_and_esc_clears_it(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        rows = await listed(pilot, 2)
        await pilot.press("slash")
        await settle(pilot)
        await pilot.press("t", "i", "n")
        await until(pilot, lambda: rows.count == 1)
        assert "tiny-aaaa" in rows.text
        await pilot.press("enter")
        await settle(pilot)
        assert rows.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: rows.count == 2)


async def test_sorting_by_best_loss_puts_the_lowest_on_top_and_keeps_unmeasured_runs_last(tmp_path):
    write_many_runs(tmp_path, 12)
    app = home_app(tmp_path)
    async with app.run_test(size=(120, 32)) as pilot:
        rows = await listed(pilot, 12)
        await pilot.press("o")
        await settle(pilot)
        best = [row.best for row in app.screen.listed]
        known = [value for value in best if value is not None]
        assert known == sorted(known)
        assert best[: len(known)] == known
        assert "best▴" in app.screen.query_one("#runs-header", TextRows).text
        assert rows.cursor == 0


async def test_marked_runs_are_tagged_together_found_by_the_tag_and_compared(runs_dir):
    app = home_app(runs_dir)
    asked = []
    async with app.run_test(
        size=(120, 32), message_hook=lambda m: asked.append(m) if isinstance(m, CompareAsked) else None
    ) as pilot:
        rows = await listed(pilot, 2)
        await pilot.press("space", "space", "t")
        await settle(pilot)
        await pilot.press(*"base", "enter")
        await until(pilot, lambda: all(read_label(path).tags == ("base",) for path in runs_dir.glob("2*")))
        detail = app.screen.query_one("#run-detail", TextRows)
        await until(pilot, lambda: rows.count == 2 and "#base" in detail.text)
        await pilot.press("home", "space", "space", "c")
        await until(pilot, lambda: bool(asked))
        assert {path.name[16:20] for path in asked[0].paths} == {"demo", "tiny"}


async def test_an_archived_run_is_out_of_the_list_until_it_is_asked_for(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        rows = await listed(pilot, 2)
        await pilot.press("x")
        await until(pilot, lambda: rows.count == 1)
        assert "1 archived" in app.screen.query_one("#home-status", TextRows).text
        await pilot.press("X")
        await until(pilot, lambda: rows.count == 2)
        assert read_label(runs_dir / "20261121-090000-demo-3f2a").archived


async def test_deleting_names_the_run_and_what_it_frees_and_its_first_answer_keeps_it(runs_dir):
    app = home_app(runs_dir)
    run_dir = runs_dir / "20261121-090000-demo-3f2a"
    async with app.run_test(size=(120, 32)) as pilot:
        rows = await listed(pilot, 2)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settle(pilot)
        detail = str(app.screen.query_one("#confirm-detail", Static).content)
        assert run_dir.name in detail
        assert "KiB" in detail
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        assert run_dir.exists()
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settle(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: not run_dir.exists() and rows.count == 1)


async def test_who_only_watches_cannot_label_or_delete(runs_dir):
    app = home_app(runs_dir, read_only=True)
    async with app.run_test(size=(120, 32)) as pilot:
        await listed(pilot, 2)
        await pilot.press("x", "D")
        await settle(pilot)
        assert isinstance(app.screen, HomeScreen)
        assert not read_label(runs_dir / "20261121-090000-demo-3f2a").archived


async def test_l_on_a_run_asks_for_its_own_profile_and_on_a_profile_for_that(runs_dir):
    app = home_app(runs_dir)
    asked = []
    async with app.run_test(
        size=(120, 32), message_hook=lambda m: asked.append(m.name) if isinstance(m, LaunchAsked) else None
    ) as pilot:
        await listed(pilot, 2)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        assert set(asked) == {str(runs_dir / "20261121-090000-demo-3f2a" / "profile.toml")}
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        await pilot.press("tab")
        await settle(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        await pilot.press("J")
        await until(pilot, lambda: isinstance(app.screen, PipelinesScreen))


async def test_a_profile_is_started_by_the_callback_and_its_refusal_is_shown(runs_dir):
    asked = []

    def start(name: str, sets: tuple[str, ...]) -> Path:
        asked.append((name, sets))
        raise OSError("no space left on the device")

    app = home_app(runs_dir, start)
    async with app.run_test(size=(120, 32), notifications=True) as pilot:
        await listed(pilot, 2)
        await pilot.press("tab")
        await settle(pilot)
        name = app.screen.profile
        await pilot.press("s")
        await until(pilot, lambda: any("no space left" in note.message for note in app._notifications))
        assert asked == [(name, ())]


async def test_the_mouse_highlights_marks_sorts_and_opens(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        rows = await listed(pilot, 2)
        await pilot.click("#runs", offset=(30, 1))
        await settle(pilot)
        assert rows.cursor == 1
        await pilot.click("#runs", offset=(0, 1))
        await settle(pilot)
        assert "1 marked" in app.screen.query_one("#home-status", TextRows).text
        await pilot.click("#runs-header", offset=(15, 0))
        await settle(pilot)
        assert "by name" in app.screen.query_one("#home-status", TextRows).text
        await pilot.click("#runs", offset=(30, 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))


async def test_an_empty_folder_says_what_to_do(tmp_path):
    app = home_app(tmp_path / "runs")
    async with app.run_test(size=(120, 32)) as pilot:
        empty = app.screen.query_one("#runs-empty", Static)
        await until(pilot, lambda: "No runs yet" in str(empty.content))
        assert "enter shows it as a form" in str(empty.content)


async def test_the_palette_finds_the_form_by_a_word_of_what_it_is_for(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await listed(pilot, 2)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: bool(app.screen.query(CommandList)))
        await settle(pilot)
        await pilot.press("l", "r")
        found = app.screen.query_one(CommandList)
        await until(pilot, lambda: found.option_count > 0 and "another lr" in str(found.options[0].prompt))
