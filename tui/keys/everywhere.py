"""Keys that mean the same on every screen."""

from __future__ import annotations

from tui.keys.key import PLACES, Key

KEYS: tuple[Key, ...] = (
    Key("ctrl+p", "ctrl+p", "app.command_palette", "palette", "Search everything that can be done", PLACES,
        "View"),
    Key("d", "d", "app.dark_light", "dark/light", "Dark or light colours", PLACES, "View"),
    Key("question_mark", "?", "help", "help", "This page", PLACES, "View", bar=13),
)  # fmt: skip
