"""Draws docs/cockpit.svg, the README's picture: the real replay screen on the recorded run.

python -m docs.picture
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from tui.app import SlotdeckApp, replay_screen
from tui.screens.deck.replay import ReplayScreen
from tui.settings import Settings

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "runs" / "recorded-demo"
PICTURE = ROOT / "docs" / "cockpit.svg"
SIZE = (120, 34)
AT_STEP = 150
"""While one slot is pinned and one banned, the note on the schedule just written."""


async def draw(run_dir: Path = RECORDED, step: int = AT_STEP) -> str:
    """The screen as SVG, the replay held at `step`."""
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, ReplayScreen), "a replay was opened"
        while not screen.store.head_seq:
            await pilot.pause(0.05)
        screen.player.pause()
        screen.player.seek_step(step)
        await pilot.press("5", "y")
        await pilot.pause(1.5)
        assert abs(screen.store.step - step) <= 1, f"the replay stands at {screen.store.step}, not at {step}"
        return _readable(app.export_screenshot(title="slotdeck replay recorded-demo"))


def _readable(svg: str) -> str:
    """Blanks kept by every viewer, and no font fetched from the network."""
    svg = re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.S)
    return svg.replace("<text ", '<text xml:space="preserve" ')


if __name__ == "__main__":
    os.environ["COLORTERM"] = "truecolor"  # the picture has all colours, whatever terminal it is made in
    PICTURE.write_text(asyncio.run(draw()), encoding="utf-8")
