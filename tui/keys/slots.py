"""Keys of the page of slots."""

from __future__ import annotations

from tui.keys.key import Key, Place

_S: tuple[Place, ...] = ("slots",)

KEYS: tuple[Key, ...] = (
    Key("up,left_square_bracket", "↑ or [", "slot(-1)", "slot", "Select the slot above", _S, "Slots"),
    Key("down,right_square_bracket", "↓ or ]", "slot(1)", "slot", "Select the slot below", _S, "Slots"),
    Key("pageup", "pgup", "page_of_slots(-1)", "page", "A page up", _S, "Slots"),
    Key("pagedown", "pgdn", "page_of_slots(1)", "page", "A page down", _S, "Slots"),
    Key("home", "home", "end_of_slots(-1)", "first", "The first row", _S, "Slots"),
    Key("end", "end", "end_of_slots(1)", "last", "The last row", _S, "Slots"),
    Key("0,1,2,3,4,5,6,7,8,9", "0-9", "digit", "slot", "Select a slot by its number", _S, "Slots"),
    Key("L", "L", "least_work", "least work", "The slot that works least on top, and select it", _S, "Sort",
        bar=1),
    Key("greater_than_sign", ">", "sort(1)", "sort", "Sort by the next column", _S, "Sort", bar=2),
    Key("less_than_sign", "<", "sort(-1)", "sort", "Sort by the column before", _S, "Sort"),
    Key("I", "I", "turn", "turn", "The other way round", _S, "Sort", bar=9),
    Key("p", "p", "pin", "pin", "Keep the slot on, for some steps or until released; says first what it costs", _S,
        "Steer", "pin", "control", bar=3),
    Key("b", "b", "ban", "ban", "Keep the slot off; says first what it costs", _S, "Steer", "ban", "control", bar=4),
    Key("r", "r", "release", "release", "Give the slot back to the policy", _S, "Steer", "release", "control", bar=5),
    Key("x", "x", "precision", "precision", "Another compute type for this slot", _S, "Steer", "precision", "control",
        bar=6),
    Key("P", "P", "prune", "prune", "Take the slot out for good, after a trial; asks first", _S, "Steer", "prune",
        "control", destroys=True, bar=7),
    Key("B", "B", "probe", "probe", "Measure what leaving out each slot does to the loss", _S, "Steer", "probe",
        "control", bar=8),
    Key("m", "m", "other_page('memory')", "memory", "What holds every byte", _S, "Pages"),
    Key("f", "f", "other_page('log')", "log", "All that happened, in full", _S, "Pages"),
    Key("colon", ":", "command_line", "command", "Type any verb", _S, "View", bar=11),
    Key("escape,q,v", "esc or q or v", "leave", "back", "Back to where you were", _S, "View", bar=12),
)  # fmt: skip
