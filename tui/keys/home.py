"""Keys of the home screen."""

from __future__ import annotations

from tui.keys.key import Key, Place

_H: tuple[Place, ...] = ("home",)

KEYS: tuple[Key, ...] = (
    Key("enter", "enter", "open", "open", "Attach to a live run, replay a finished one, show a profile as a form",
        _H, "Runs", bar=1),
    Key("a", "a", "attach", "attach", "Attach to the highlighted run", _H, "Runs", needs="run"),
    Key("r", "r", "replay", "replay", "Replay the highlighted run", _H, "Runs", needs="run", bar=5),
    Key("c", "c", "compare", "compare", "Lay the marked runs over one another", _H, "Runs", needs="run", bar=4,
        also="two runs, at equal tokens, overlay"),
    Key("space", "space", "mark", "mark", "Mark a run; keys then act on all that are marked", _H, "Runs", needs="run",
        bar=6),
    Key("W", "W", "write_csv", "write csv", "Write the loss curve and all that was logged as CSV, for a spreadsheet",
        _H, "Runs", needs="run", also="export the loss curve as CSV, excel, table, save data, download"),
    Key("t", "t", "tag", "tag", "Give tags, or take them away", _H, "Keeping order", needs="run", bar=8),
    Key("n", "n", "note", "note", "Write a line about a run", _H, "Keeping order", needs="run", bar=9),
    Key("x", "x", "archive", "archive", "Out of the list, or back; nothing of it is touched", _H, "Keeping order",
        needs="run", bar=10),
    Key("D", "D", "delete", "delete", "Delete for good; asks first", _H, "Keeping order", needs="run", bar=11),
    Key("slash", "/", "filter", "filter", "List only what matches: name, profile, state, tag, note", _H, "List",
        bar=3),
    Key("o", "o", "sort", "sort", "By age, best loss, size, name", _H, "List", bar=7),
    Key("X", "X", "show_archived", "archived", "Archived runs too, or not", _H, "List"),
    Key("escape", "esc", "clear", "all", "No filter, no marks", _H, "List"),
    Key("l", "l", "launch", "launch", "A profile as a form; on a run, train it again with changes", _H, "Launch",
        bar=2, also="start a run with another lr, new run, learning rate, train"),
    Key("s", "s", "start", "start", "Start the highlighted profile as it is", _H, "Launch", needs="profile", bar=2),
    Key("tab", "tab", "switch_list", "runs/profiles", "Between the runs and the profiles", _H, "Launch", bar=9),
    Key("J", "J", "pipelines", "jobs", "Long jobs: prepare, exports, trials", _H, "Pages", bar=11),
    Key("q", "q", "leave", "quit", "Leave; runs go on", _H, "View", bar=12),
)  # fmt: skip
