"""Keys that mean the same on every screen."""

from __future__ import annotations

from tui.keys.key import PLACES, Key

KEYS: tuple[Key, ...] = (
    Key("ctrl+p", "ctrl+p", "app.command_palette", "palette", "Search everything that can be done", PLACES,
        "View"),
    Key("comma", ",", "app.settings", "settings", "Settings, and other keys for what this screen does", PLACES, "View"),
    Key("d", "d", "app.dark_light", "dark/light", "Dark or light colours", PLACES, "View"),
    Key("ctrl+l", "ctrl+l", "app.draw_again", "redraw",
        "Draw the screen again, after another program wrote over it", PLACES, "View"),
    Key("question_mark", "?", "help", "help", "The keys of this screen", PLACES, "View", bar=99),
)  # fmt: skip
