"""Keys of the screen of long jobs."""

from __future__ import annotations

from tui.keys.key import Key, Place

_P: tuple[Place, ...] = ("pipelines",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _P, "View", bar=12),
)  # fmt: skip
