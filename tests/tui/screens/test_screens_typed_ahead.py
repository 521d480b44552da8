"""Over a slow line many keys arrive at once: they are for what the first of them opens, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.events import Key, Paste
from textual.keys import _character_to_key
from textual.widgets import Input

from engine.protocol import commands as c
from tui.app import SlotdeckApp
from tui.screens.deck.cockpit import CockpitScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.log.page import LogScreen

NAMES = {"\n": "enter", "\t": "tab", "\x1b": "escape"}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_fake_run(tmp_path / "run", FakeRun("run", steps=200, outcome="", num_slots=4))


def at_once(app: SlotdeckApp, text: str) -> None:
    """All of them are there before the first is looked at."""
    for character in text:
        name = NAMES.get(character) or _character_to_key(character)
        app.post_message(Key(name, None if character in NAMES else character))


async def test_a_command_typed_at_once_is_that_command_and_no_keys(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, ":pin 3 until=+200\n")
        await until(pilot, lambda: bool(link.sent))
        await settle(pilot)
        (sent,) = link.sent
        assert isinstance(sent, c.Pin)
        assert sent.slot == "3"


async def test_a_value_typed_at_once_stands_in_the_line(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, "lx0.5")
        line = app.screen.query_one("#line-input", Input)
        await until(pilot, lambda: line.value == "lr x0.5")
        assert link.sent == []


async def test_a_search_typed_at_once_is_searched_for(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, "/valid")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await until(pilot, lambda: app.screen.query_one("#log-search Input", Input).value == "valid")


async def test_help_typed_at_once_is_narrowed(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, "?pin")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, HelpScreen)
                and "pin▏" in str(app.screen.query_one("#help-box").border_subtitle)
            ),
        )


async def test_keys_after_a_closed_line_are_the_screens_again(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, ":note a\n")
        await until(pilot, lambda: len(link.sent) == 1)
        at_once(app, "cc")
        await until(pilot, lambda: len(link.sent) == 3)
        assert isinstance(app.screen, CockpitScreen)
        assert [type(sent) for sent in link.sent] == [c.Note, c.Checkpoint, c.Checkpoint]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (":prec\t", "precision"),
        ("lx0.5\n:note a", "note a"),
        ("?\x1b:lr 2", "lr 2"),
        ("f\x1b:pin 3", "pin 3"),
    ],
)
async def test_a_line_typed_behind_anything_is_the_one_meant(run_dir: Path, typed: str, line: str) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, typed)
        await until(pilot, lambda: app.screen_stack[0].query_one("#line-input", Input).value == line)


async def test_a_paste_behind_a_key_is_for_what_the_key_opens(run_dir: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        at_once(app, ":")
        app.post_message(Paste("pin 3"))
        at_once(app, "\n")
        await until(pilot, lambda: bool(link.sent))
        assert isinstance(link.sent[0], c.Pin)
