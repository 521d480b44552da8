"""Keys of the screen that compares runs."""

from __future__ import annotations

from tui.keys.key import Key, Place

_C: tuple[Place, ...] = ("compare",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _C, "View", bar=12),
)  # fmt: skip
