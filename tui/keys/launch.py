"""Keys of the form that starts a run."""

from __future__ import annotations

from tui.keys.key import Key, Place

_L: tuple[Place, ...] = ("launch",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _L, "View", bar=12),
)  # fmt: skip
