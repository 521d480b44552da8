"""Keys of the page of all that happened."""

from __future__ import annotations

from tui.keys.key import Key, Place

_L: tuple[Place, ...] = ("log",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _L, "View", bar=12),
)  # fmt: skip
