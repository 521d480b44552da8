"""A cockpit and a home that only watch: keys that would steer are answered, nothing is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from textual.events import Paste
from textual.widgets import Input

from tui.app import SlotdeckApp, run_attach
from tui.keys import keys_for
from tui.link.runs import HomeReader
from tui.messages import ProfileChosen
from tui.screens.home.screen import HomeScreen
from tui.screens.parts.text_rows import TextRows
from tui.settings import Settings


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_fake_run(
        tmp_path / "20261121-090000-demo-3f2a", FakeRun("demo", steps=200, outcome="", num_slots=2)
    )


async def test_every_key_that_steers_is_answered_and_sends_nothing(run_dir: Path) -> None:
    app, link = still_deck(run_dir, read_only=True, client_id="c-bob")
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "read-only" in app.screen.query_one("#heading", TextRows).text
        for key in keys_for("live"):
            if key.needs == "control":
                app.clear_notifications()
                await pilot.press(key.key.split(",")[0])
                said = [note.message for note in app._notifications]
                assert len(said) == 1, key.key
                assert "read-only" in said[0], key.key
        assert link.sent == []
        assert link.taken == 0


async def test_a_key_that_cannot_steer_now_says_why(run_dir: Path, tmp_path: Path) -> None:
    app, link = still_deck(run_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert [note.message for note in app._notifications] == [
            "no slot is selected: ← and → select one, or its number"
        ]
        app.clear_notifications()
        await pilot.press("t", "space", "right", "p")
        await settle(pilot)
        assert (link.taken, [type(sent).__name__ for sent in link.sent]) == (1, ["Pause", "Pin"])
        assert not app._notifications, "what is done needs no word in the corner"
    ended, link = still_deck(write_fake_run(tmp_path / "ended", FakeRun("ended", steps=60)))
    async with ended.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in (["space"], ["v", "p"], ["B"]):
            ended.clear_notifications()
            await pilot.press(*keys)
            await settle(pilot)
            (note,) = ended._notifications
            assert note.message == (
                "nothing can be steered now: the run has ended; resume it with: slotdeck resume ended"
            )
        assert link.sent == []


async def test_home_that_only_watches_starts_nothing(run_dir: Path) -> None:
    def start(name: str, sets: tuple[str, ...]) -> Path:
        raise AssertionError(f"{name} was started")

    app = SlotdeckApp(
        lambda _: HomeScreen(HomeReader(run_dir.parent), read_only=True),
        Settings(),
        start,
        read_only=True,
    )
    async with app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: "read-only" in app.screen.query_one("#home-title", TextRows).text)
        app.screen.post_message(ProfileChosen("tiny"))
        await until(pilot, lambda: any("read-only" in note.message for note in app._notifications))


async def test_home_over_a_cockpit_that_only_watches_only_watches_too(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SlotdeckApp] = []
    monkeypatch.setattr(SlotdeckApp, "run", lambda app: opened.append(app))
    run_attach(run_dir, read_only=True)
    async with opened[0].run_test(size=(120, 32)) as pilot:
        await pilot.press("H")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await until(pilot, lambda: "read-only" in pilot.app.screen.query_one("#home-title", TextRows).text)


async def test_what_is_pasted_is_safe_in_every_field(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        for key in ("ctrl+p", "colon", "slash"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.focused, Input))
            pilot.app.post_message(Paste("a\x1b]52;c;aGk=\x07\x9b2J\nb"))
            await settle(pilot)
            assert getattr(pilot.app.focused, "value", "") == r"a\x1b]52;c;aGk=\x07\x9b2J"
            await pilot.press("escape")
            await settle(pilot)


async def test_a_word_in_the_corner_is_text_and_safe_whatever_it_says(run_dir: Path) -> None:
    app, _ = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await settle(pilot)
        app.screen.notify("\x1b]52;c;aGk=\x07 [@click=app.bell]x[/] \u202e")
        await until(pilot, lambda: len(app._notifications) == 1)
        (said,) = app._notifications
        assert said.message == "\\x1b]52;c;aGk=\\x07 [@click=app.bell]x[/] \\u202e"
        assert said.markup is False
        await settle(pilot)
