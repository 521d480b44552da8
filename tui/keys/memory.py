"""Keys of the page of memory."""

from __future__ import annotations

from tui.keys.key import Key, Place

_M: tuple[Place, ...] = ("memory",)

KEYS: tuple[Key, ...] = (
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _M, "View", bar=12),
)  # fmt: skip
