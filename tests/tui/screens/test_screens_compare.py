"""Runs side by side: lined up by steps, tokens or time, with what differs between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from deck_app import settle, until
from fake_run import FakeRun, write_fake_run
from textual.pilot import Pilot

from tui.app import SlotdeckApp, compare_screen
from tui.screens.compare.screen import CompareScreen
from tui.settings import Settings
from tui.widgets.pick_list import PickList

NAMES = ("20261121-090000-demo-3f2a", "20261121-100000-demo-77b1", "20261121-110000-small-0c4d")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("runs")
    first = write_fake_run(folder / NAMES[0], FakeRun(NAMES[0], steps=1000))
    second = write_fake_run(folder / NAMES[1], FakeRun(NAMES[1], steps=600, seed=11, outcome="stopped"))
    (folder / NAMES[2] / "log").mkdir(parents=True)
    return first, second, folder / NAMES[2]


def comparison(app: SlotdeckApp) -> CompareScreen:
    """The comparison itself, which may have asked at once which runs."""
    return next(screen for screen in app.screen_stack if isinstance(screen, CompareScreen))


@asynccontextmanager
async def compared(*paths: Path) -> AsyncIterator[Pilot[Any]]:
    app = SlotdeckApp(lambda settings: compare_screen(paths, settings), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: not any(run.loading for run in comparison(app).source.runs))
        await settle(pilot)
        yield pilot


def pane(pilot: Pilot[Any]) -> str:
    screen = pilot.app.screen
    return f"{screen.query_one('#pane-box').border_title}\n{screen.query_one('#pane').text}"  # type: ignore[attr-defined]


async def test_two_runs_are_compared_where_both_have_come_to(runs: tuple[Path, ...]) -> None:
    async with compared(*runs[:2]) as pilot:
        assert "at step 600, as far as all of them got" in pane(pilot)
        await pilot.press("X")
        await settle(pilot)
        assert "at 2.46 M tokens, as far as all of them got" in pane(pilot)
        screen = pilot.app.screen
        a, b = screen.source.runs  # type: ignore[attr-defined]
        at = b.last_x("tokens")
        mine, theirs = (run.value_at("mean loss", "tokens", at) for run in (a, b))
        assert a.track.columns["loss_ema"].last[119] == mine
        assert f"{theirs - mine:+.3f}" in pane(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert "to B" in pane(pilot)
        await pilot.press("X")
        await settle(pilot)
        assert "at work" in pane(pilot)


async def test_the_crosshair_says_the_values_there(runs: tuple[Path, ...]) -> None:
    async with compared(*runs[:2]) as pilot:
        await pilot.press("i", "left", "left")
        await settle(pilot)
        at = pilot.app.screen.query_one("#chart").view.crosshair  # type: ignore[attr-defined]
        assert at is not None
        assert at < 600
        assert f"at step {at:,}" in pane(pilot)
        assert "as far as" not in pane(pilot)


async def test_what_the_operators_did_and_which_keys_differ(runs: tuple[Path, ...]) -> None:
    async with compared(*runs[:2]) as pilot:
        await pilot.press("v")
        await settle(pilot)
        assert "profiles are the same" in pane(pilot)
        await pilot.press("v")
        await settle(pilot)
        assert "pin block.3" in pane(pilot)
        assert "900" in pane(pilot)
        assert "lr x0.5" in pane(pilot)
        chart = pilot.app.screen.query_one("#chart")
        lines = [chart.render_line(y).text for y in range(chart.size.height)]
        assert any("▲" in line for line in lines[1:-2]), "on the curves"
        assert {"A", "B"} <= set(lines[-2]), "on the axis, by the letter of the run"
        await pilot.press("i")
        await settle(pilot)
        assert "▲ " in str(pilot.app.screen.query_one("#compare-note").text)  # type: ignore[attr-defined]


async def test_a_run_that_cannot_be_read_is_one_calm_line(runs: tuple[Path, ...]) -> None:
    async with compared(*runs) as pilot:
        line = next(line for line in pane(pilot).splitlines() if NAMES[2] in line)
        assert "nothing is recorded yet" in line
        assert len(pilot.app.screen.query_one("#chart").view.curves) == 2  # type: ignore[attr-defined]


async def test_from_one_run_the_others_are_chosen(runs: tuple[Path, ...]) -> None:
    async with compared(runs[0]) as pilot:
        choose = pilot.app.screen
        await until(pilot, lambda: choose.query_one(PickList).count == 3)
        await pilot.press(*"77b1")
        await until(pilot, lambda: choose.query_one(PickList).count == 1)
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(getattr(getattr(pilot.app.screen, "source", None), "runs", ())) == 2)
        source = pilot.app.screen.source  # type: ignore[attr-defined]
        await until(pilot, lambda: not source.runs[1].loading)
        await settle(pilot)
        assert NAMES[1] in pane(pilot)
