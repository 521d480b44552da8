"""Keys of the screen of long jobs."""

from __future__ import annotations

from tui.keys.key import Key, Place

_P: tuple[Place, ...] = ("pipelines",)

KEYS: tuple[Key, ...] = (
    Key("enter", "enter", "open", "open the run", "The run that the job belongs to", _P, "Jobs", bar=1),
    Key("y", "y", "copy", "copy", "Copy the job's command line", _P, "Jobs", bar=2),
    Key("x", "x", "interrupt", "cancel", "End a prepare that is at work; asks first", _P, "Jobs", bar=3),
    Key("escape,q", "esc or q", "leave", "back", "Back to where you were", _P, "View", bar=12),
)  # fmt: skip
