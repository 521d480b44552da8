"""Keys, clicks and sizes by chance, the same each time: no screen breaks, traps anybody, or destroys without asking."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deck_app import settle, still_deck
from fake_run import FakeRun, write_fake_run
from textual.events import Paste, Resize
from textual.geometry import Size

from engine.protocol import commands as c
from tui.keys import KEYS, PLACES, keys_for

ANY = sorted({name for key in KEYS for name in key.key.split(",")} | {"f1", "ctrl+a", "delete", "Z", "tilde"})
SIZES = ((120, 32), (80, 24), (200, 50), (61, 16), (20, 5), (1, 1))
PASTED = ("\x1b[2J[/]ｗｉｄｅ", "prune block.1", "loss<4", "x" * 10_000, "👩\u200d👩\u200d👧")
ASKS = (c.Stop, c.Rollback, c.Prune)


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_hands(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-3f2a", FakeRun(steps=200, outcome=""))
    app, link = still_deck(run_dir)
    async with app.run_test(size=SIZES[0]) as pilot:
        await settle(pilot)
        for _ in range(40):
            place = getattr(app.screen, "place", None)
            own = (
                [name for key in keys_for(place) for name in key.key.split(",")]
                if place in PLACES
                else ["escape"]
            )
            own = [name for name in own if name != "q" or len(app.screen_stack) > 1]
            match dice.randrange(10):
                case 0 | 1:
                    await pilot.click(
                        offset=(dice.randrange(app.size.width), dice.randrange(app.size.height))
                    )
                case 2:
                    size = Size(*dice.choice(SIZES))
                    app.post_message(Resize(size, size))
                    await pilot.resize_terminal(*size)
                case 3:
                    app.post_message(Paste(dice.choice(PASTED)))
                case 4 if len(app.screen_stack) > 1:
                    await pilot.press(dice.choice([name for name in ANY if name not in ("q", "enter")]))
                case _:
                    await pilot.press(dice.choice(own))
        await pilot.resize_terminal(*SIZES[0])
        for _ in range(30):
            if len(app.screen_stack) == 1:
                break
            await pilot.press("escape")
        assert len(app.screen_stack) == 1, app.screen_stack
        asked = [sent for sent in link.sent if isinstance(sent, ASKS)]
        assert all(isinstance(sent, c.Prune) and sent.dry_run for sent in asked), asked
