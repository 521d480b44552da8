"""Keys of the form that starts a run."""

from __future__ import annotations

from tui.keys.key import Key, Place

_L: tuple[Place, ...] = ("launch",)

KEYS: tuple[Key, ...] = (
    Key("enter", "enter", "edit", "edit", "Change the value; of choices, take the next", _L, "Form", bar=1),
    Key("left", "←", "turn(-1)", "back", "The choice before", _L, "Form"),
    Key("right", "→", "turn(1)", "on", "The next choice", _L, "Form"),
    Key("backspace", "backspace", "reset", "as it was", "The value that the profile has", _L, "Form", bar=4),
    Key("slash", "/", "filter", "find", "Only keys that match: name, help, choices", _L, "Form", bar=3),
    Key("ctrl+s", "ctrl+s", "start", "start", "Start the run and watch it", _L, "Run", bar=2),
    Key("tab", "tab", "switch", "button", "Between the form and the button", _L, "Run"),
    Key("y", "y", "copy", "copy", "Copy the command line", _L, "Run", bar=5),
    Key("escape,q", "esc or q", "leave", "back", "First no filter, then back to where you were", _L, "View", bar=12),
)  # fmt: skip
