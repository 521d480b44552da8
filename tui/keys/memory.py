"""Keys of the page of memory."""

from __future__ import annotations

from tui.keys.key import Key, Place

_M: tuple[Place, ...] = ("memory",)

KEYS: tuple[Key, ...] = (
    Key("up,left_square_bracket", "↑ or [", "lever(-1)", "lever", "Select the lever above", _M, "Memory"),
    Key("down,right_square_bracket", "↓ or ]", "lever(1)", "lever", "Select the lever below", _M, "Memory", bar=1),
    Key("home", "home", "lever(-1000)", "first", "The lever that saves most", _M, "Memory"),
    Key("end", "end", "lever(1000)", "last", "The last lever", _M, "Memory"),
    Key("enter", "enter", "pull", "pull", "Type the verb that pulls the lever, or tell how a next start has it", _M,
        "Memory", bar=2),
    Key("tab", "tab", "turn", "by slot", "By purpose over the steps, or by slot, where there is room for one", _M,
        "Memory", bar=3),
    Key("v", "v", "other_page('slots')", "slots", "The slots as a table", _M, "Pages", bar=10),
    Key("f", "f", "other_page('log')", "log", "All that happened, in full", _M, "Pages"),
    Key("colon", ":", "command_line", "command", "Type any verb", _M, "View", bar=11),
    Key("escape,q,m", "esc or q or m", "leave", "back", "Back to where you were", _M, "View", bar=12),
)  # fmt: skip
