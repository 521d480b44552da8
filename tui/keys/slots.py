"""Keys of the page of slots."""

from __future__ import annotations

from tui.keys.key import Key, Place

_S: tuple[Place, ...] = ("slots",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _S, "View", bar=12),
)  # fmt: skip
