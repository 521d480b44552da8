"""Ten things that one wants of a run, each done as somebody would who knows only the key bar, `?` and the palette.

Nothing is reached but by keys, and what is checked is what then stands on the screen, was sent, or was written.
"""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from engine.protocol import commands as c
from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.reader import LogReader
from tui.app import SlotdeckApp, home_screen, replay_screen
from tui.screens.compare.choose_runs import ChooseRuns
from tui.screens.compare.screen import CompareScreen
from tui.screens.deck.cockpit import CockpitScreen
from tui.screens.launch.screen import LaunchScreen
from tui.screens.log.page import LogScreen
from tui.screens.parts.text_rows import TextRows
from tui.settings import Settings
from tui.widgets.event_feed import EventFeed
from tui.widgets.lever_table import LeverTable
from tui.widgets.pick_list import PickList
from tui.widgets.slot_detail import SlotDetail
from tui.widgets.slot_table import SlotTable

DEMO = Path(__file__).parents[2] / "runs" / "recorded-demo"
"""Its operator set the learning rate sixty times too high at step 265; the guard paused it at 269."""
RUN, OTHER = "20261121-090000-demo-3f2a", "20261121-100000-demo-77b1"
SMALL = (80, 24)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the middle of training, and one that was stopped."""
    folder = tmp_path_factory.mktemp("runs")
    write_fake_run(folder / RUN, FakeRun(RUN, steps=1200, outcome=""))
    write_fake_run(folder / OTHER, FakeRun(OTHER, steps=600, seed=11, outcome="stopped"))
    return folder


@asynccontextmanager
async def cockpit(run_dir: Path) -> AsyncIterator[tuple[Pilot[Any], list[c.Command]]]:
    """A live run, and what is sent to its engine."""
    app, link = still_deck(run_dir)
    async with app.run_test(size=SMALL) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        yield pilot, link.sent


@asynccontextmanager
async def replay(run_dir: Path) -> AsyncIterator[Pilot[Any]]:
    """A recorded run, held at its start."""
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.screen.store.head_seq > 0)  # type: ignore[attr-defined]
        await press(pilot, "space", "home")
        yield pilot


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Each key once the one before has done its work."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def write(pilot: Pilot[Any], text: str) -> None:
    """As fast as a paste."""
    names = {"<": "less_than_sign", ".": "full_stop", " ": "space", "-": "minus"}
    await pilot.press(*(names.get(character, character) for character in text))
    await settle(pilot)


def lines(pilot: Pilot[Any], kind: type[Any]) -> list[str]:
    widget = pilot.app.screen.query_one(kind)
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def keys_shown(pilot: Pilot[Any]) -> str:
    return str(pilot.app.screen.query_one("#key-bar").text)  # type: ignore[attr-defined]


def said(pilot: Pilot[Any]) -> str:
    """In the corner."""
    return " ".join(notification.message for notification in pilot.app._notifications)


async def test_1_which_slot_works_least_and_why(runs: Path) -> None:
    async with cockpit(runs / RUN) as (pilot, _):
        assert "v slots" in keys_shown(pilot)
        await press(pilot, "v")
        assert "L least work" in keys_shown(pilot)
        await press(pilot, "L")
        heading, *table = (line.removeprefix(" ").removeprefix("▸") for line in lines(pilot, SlotTable))
        at = heading.index("mean▴")
        means = [float(row[at:].split()[0]) for row in table if row.strip()]
        assert means == sorted(means)
        least = table[0].split()[0]
        told = "\n".join(lines(pilot, SlotDetail))
        plan = pilot.app.screen.store.plan  # type: ignore[attr-defined]
        assert told.strip().startswith(least)
        assert f"why: {plan.rows[int(least.rpartition('.')[2])].reason}" in told


async def test_2_it_is_pinned_for_200_steps_from_a_forecast(runs: Path) -> None:
    async with cockpit(runs / RUN) as (pilot, sent):
        await press(pilot, "v", "L")
        assert "p pin" in keys_shown(pilot)
        slot = pilot.app.screen.slot.name  # type: ignore[attr-defined]
        await press(pilot, "p")
        forecast = str(pilot.app.screen.query_one("#confirm-detail", Static).content)
        assert "Duty 1 at every step" in forecast
        assert "Time: about +" in forecast
        assert "Memory: about +" in forecast
        assert sent == [], "nothing is sent before a yes"
        await press(pilot, "down", "enter")
        assert sent == [c.Pin(slot, until="+200")]


async def test_3_when_the_loss_first_went_below_a_value(runs: Path) -> None:
    value = 6.0
    first = first_below(runs / RUN, value)
    async with cockpit(runs / RUN) as (pilot, sent):
        await press(pilot, "colon")
        await write(pilot, f"loss<{value:g}")
        assert "when loss first went below 6" in str(pilot.app.screen.query_one("#line-hint", Static).content)
        await press(pilot, "enter")
        assert pilot.app.screen.choices.crosshair == first.step  # type: ignore[attr-defined]
        assert said(pilot) == f"loss first went below 6 at step {first.step:,}: {first.loss:.4g}"
        await press(pilot, "colon")
        await write(pilot, "loss<-1")
        await press(pilot, "enter")
        assert "its lowest was" in str(pilot.app.screen.query_one("#line-hint", Static).content)
        assert sent == []
    async with replay(runs / RUN) as pilot:
        assert "g go to" in keys_shown(pilot)
        await press(pilot, "g")
        await write(pilot, f"loss<{value:g}")
        await press(pilot, "enter")
        assert pilot.app.screen.store.step == first.step  # type: ignore[attr-defined]


async def test_4_what_the_operator_did_before_a_spike() -> None:
    async with replay(DEMO) as pilot:
        assert "a alarm" in keys_shown(pilot)
        assert "n action" in keys_shown(pilot)
        await press(pilot, "a")
        deck: Any = pilot.app.screen
        assert deck.store.step in (266, 267)
        assert "loss spike" in deck.query_one("#notice").text
        await press(pilot, "N")
        assert deck.store.step == 265
        assert "lr x60 applied" in " ".join(" ".join(lines(pilot, EventFeed)).split())
        await press(pilot, "home", "N")
        assert said(pilot) == "the operator did nothing before this moment"


async def test_5_two_runs_at_equal_tokens(runs: Path) -> None:
    async with cockpit(runs / RUN) as (pilot, _):
        await press(pilot, "C")
        await until(pilot, lambda: isinstance(pilot.app.screen, ChooseRuns))
        choices = pilot.app.screen.query_one(PickList)
        await until(pilot, lambda: choices.count == 2)
        await settle(pilot)
        assert len(choices.in_sight) == 2, "a row each, also on a small screen"
        await write(pilot, "77b1")
        await press(pilot, "enter", "escape")
        compare: Any = pilot.app.screen
        assert isinstance(compare, CompareScreen)
        await until(pilot, lambda: not any(run.loading for run in compare.source.runs))
        await settle(pilot)
        assert "X by tokens" in keys_shown(pilot)
        await press(pilot, "X")
        figures = compare.query_one("#pane").text
        assert "at 2.46 M tokens, as far as all of them got" in str(
            compare.query_one("#pane-box").border_title
        )
        assert re.search(rf"{OTHER[-4:]} .* [-+]\d\.\d+ +[-+]\d+\.\d%", figures), figures
        await press(pilot, "q")
        assert isinstance(pilot.app.screen, CockpitScreen)


async def test_6_a_line_of_the_log() -> None:
    async with replay(DEMO) as pilot:
        await press(pilot, "end", "slash")
        log: Any = pilot.app.screen
        assert isinstance(log, LogScreen)
        await write(pilot, "lr x60 applied")
        await until(pilot, lambda: "1 of 1" in log.query_one("#log-state").text)
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: getattr(pilot.app.screen, "place", "") == "replay")
        await until(pilot, lambda: pilot.app.screen.store.step == 265)  # type: ignore[attr-defined]


async def test_7_a_run_with_another_learning_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(
        f"[model]\nn_layer = 4\nn_head = 4\nn_embd = 64\nseq_len = 32\n[data]\ndir = '{tmp_path / 'data'}'\n"
        "[train]\nsteps = 100\n[optim]\nlr = 6e-3\nmin_lr = 6e-4\nwarmup_steps = 10\n"
    )
    (tmp_path / "data").mkdir()
    for split in ("train", "val"):
        (tmp_path / "data" / f"{split}_0000.bin").touch()
    (tmp_path / "data" / "meta.json").write_text('{"vocab_size": 320, "train": {"tokens": 102400}}')
    monkeypatch.chdir(tmp_path)
    asked = []

    def start(name: str, sets: tuple[str, ...]) -> Path:
        asked.append((name, sets))
        return write_fake_run(tmp_path / "runs" / RUN, FakeRun(RUN, steps=60, outcome=""))

    app = SlotdeckApp(lambda _: home_screen(tmp_path / "runs"), Settings(), start)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.screen.query_one("#profiles").has_focus)
        await settle(pilot)
        while "mine" not in str(app.screen.profile):  # type: ignore[attr-defined]
            await press(pilot, "down")
        assert "l launch" in keys_shown(pilot)
        await press(pilot, "l", "slash")
        await write(pilot, "optim.lr")
        await press(pilot, "enter", "enter", *["backspace"] * 5)
        await write(pilot, "2e-3")
        await press(pilot, "enter")
        assert "--set optim.lr=2e-3" in app.screen.query_one("#launch-command", TextRows).text
        assert "ctrl+s start" in keys_shown(pilot)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, CockpitScreen))
        assert asked == [("mine", ("optim.lr=2e-3",))]
        assert not any(isinstance(screen, LaunchScreen) for screen in app.screen_stack)


async def test_8_what_an_8_bit_optimizer_would_save(runs: Path) -> None:
    async with cockpit(runs / RUN) as (pilot, _):
        await press(pilot, "question_mark")
        await write(pilot, "8-bit")
        assert re.search(
            r"m +What holds every byte", str(pilot.app.screen.query_one("#help-rows", Static).content)
        )
        await press(pilot, "escape", "escape", "m")
        (line,) = (line for line in lines(pilot, LeverTable) if "8-bit optimizer" in line)
        assert re.search(r"8-bit optimizer +[\d.]+ [KMG]iB +\d+%  .*--set optim\.name=adamw8bit", line)


async def test_9_played_at_100x_it_stops_at_the_next_alarm() -> None:
    async with replay(DEMO) as pilot:
        deck: Any = pilot.app.screen
        await press(pilot, "g")
        await write(pilot, "100x")
        await pilot.press("enter")
        await until(pilot, lambda: not deck.player.playing)
        await settle(pilot)
        assert deck.player.speed == 100
        assert deck.store.step in (266, 267)
        assert "loss spike" in deck.query_one("#notice").text


async def test_10_the_loss_curve_in_a_spreadsheet(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with cockpit(runs / RUN) as (pilot, _):
        await pilot.press("ctrl+p", *"excel")
        found = pilot.app.screen.query_one("CommandList", OptionList)
        await until(pilot, lambda: found.option_count == 1 and found.highlighted is not None)
        await pilot.press("enter")
        await until(pilot, lambda: "loss.csv" in said(pilot))
        assert f"{RUN}-export/csv/loss.csv" in said(pilot)
    with (tmp_path / f"{RUN}-export" / "csv" / "loss.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    logged = reports(runs / RUN)
    assert [(int(row["step"]), float(row["loss"])) for row in rows if row["loss"]] == [
        (report.step, report.loss) for report in logged
    ]


def reports(run_dir: Path) -> list[StepReport]:
    events = (decode(entry.kind, entry.payload) for entry in LogReader(run_dir).entries())
    return [event for event in events if isinstance(event, StepReport)]


def first_below(run_dir: Path, value: float) -> StepReport:
    return next(report for report in reports(run_dir) if report.loss is not None and report.loss < value)
