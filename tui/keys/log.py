"""Keys of the page of all that happened."""

from __future__ import annotations

from tui.keys.key import Key, Place

_L: tuple[Place, ...] = ("log",)

KEYS: tuple[Key, ...] = (
    Key("slash", "/", "search", "search", "Find text, case aside, or a regular expression", _L, "Search", bar=1),
    Key("n", "n", "hit(1)", "next", "To the next place where it stands", _L, "Search", bar=2),
    Key("N", "N", "hit(-1)", "previous", "To the place before", _L, "Search", bar=3),
    Key("h", "h", "hits_only", "hits only", "Only the lines where it stands, or all", _L, "Search"),
    Key("tab,right", "tab or →", "kind(1)", "kind", "The next kind of line: commands, evaluations, output ...", _L,
        "Filter", bar=4),
    Key("shift+tab,left", "shift+tab or ←", "kind(-1)", "kind", "The kind before", _L, "Filter"),
    Key("l", "l", "level", "level", "All lines, warnings and errors, or errors", _L, "Filter", bar=5),
    Key("right_square_bracket", "]", "slot(1)", "slot", "Only lines that name the next slot", _L, "Filter", bar=6),
    Key("left_square_bracket", "[", "slot(-1)", "slot", "Only lines that name the slot before", _L, "Filter"),
    Key("escape", "esc", "clear", "clear", "No search, then no filter, then back to where you were", _L, "Filter"),
    Key("down", "↓", "step(1)", "line", "A line on", _L, "Lines"),
    Key("up", "↑", "step(-1)", "line", "A line back", _L, "Lines"),
    Key("pagedown", "pgdn", "leaf(1)", "page", "A screenful on", _L, "Lines"),
    Key("pageup", "pgup", "leaf(-1)", "page", "A screenful back", _L, "Lines"),
    Key("home", "home", "to_start", "start", "To the first line", _L, "Lines"),
    Key("end", "end", "to_end", "follow", "To the last line, and stay there as lines come", _L, "Lines", bar=9),
    Key("enter", "enter", "open_moment", "replay", "Show the run as it was then: a replay at the selected line", _L,
        "Lines", bar=7),
    Key("y", "y", "copy", "copy", "Copy the selected line", _L, "Lines", bar=8),
    Key("Y", "Y", "copy_all", "copy all", "Copy every line that the filter leaves", _L, "Lines"),
    Key("w", "w", "write", "write", "Write every line that the filter leaves to a file here", _L, "Lines"),
    Key("q,f", "q or f", "leave", "back", "Back to where you were", _L, "View", bar=12),
)  # fmt: skip
