"""Home over real run folders: what is listed, what the keys do, what an empty folder says."""

from pathlib import Path

import pytest
from deck_app import until
from fake_run import FakeRun, write_fake_run
from textual.widgets import OptionList, Static

from tui.app import SlotdeckApp
from tui.link.runs import HomeReader
from tui.screens.home import HomeScreen
from tui.screens.replay import ReplayScreen
from tui.settings import Settings


@pytest.fixture
def runs_dir(tmp_path):
    for name, steps, outcome in (
        ("20261121-090000-demo-3f2a", 600, "finished"),
        ("20261120-080000-demo-aaaa", 60, ""),
    ):
        write_fake_run(tmp_path / name, FakeRun(name, steps=steps, outcome=outcome))
    return tmp_path


def home_app(runs_dir, start=None):
    return SlotdeckApp(lambda _: HomeScreen(HomeReader(runs_dir).read), Settings(), start)


async def test_runs_are_listed_newest_first_with_how_they_ended(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        runs = app.screen.query_one("#runs", OptionList)
        await until(pilot, lambda: runs.option_count == 2)
        first, second = (str(runs.get_option_at_index(i).prompt) for i in range(2))
        assert "finished" in first
        assert "600/3,000" in first
        assert "killed" in second


async def test_enter_replays_a_finished_run_and_q_comes_back(runs_dir):
    app = home_app(runs_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.screen.query_one("#runs", OptionList).option_count == 2)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.store.head_seq > 0)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_a_profile_is_started_by_the_callback_and_its_refusal_is_shown(runs_dir):
    asked = []

    def start(name: str) -> Path:
        asked.append(name)
        raise OSError("no space left on the device")

    app = home_app(runs_dir, start)
    async with app.run_test(size=(120, 32), notifications=True) as pilot:
        await until(pilot, lambda: app.screen.query_one("#profiles", OptionList).option_count > 0)
        await pilot.press("tab")
        name = app.screen.query_one("#profiles", OptionList).highlighted_option.id
        await pilot.press("s")
        await until(pilot, lambda: any("no space left" in note.message for note in app._notifications))
        assert asked == [name]


async def test_an_empty_folder_says_what_to_do(tmp_path):
    app = home_app(tmp_path / "runs")
    async with app.run_test(size=(120, 32)) as pilot:
        empty = app.screen.query_one("#runs-empty", Static)
        await until(pilot, lambda: "No runs yet" in str(empty.content))
        assert "press s to start one" in str(empty.content)
