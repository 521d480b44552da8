"""Keys of the home screen."""

from __future__ import annotations

from tui.keys.key import Key, Place

_H: tuple[Place, ...] = ("home",)

KEYS: tuple[Key, ...] = (
    Key("enter", "enter", "open", "open", "Attach to a live run, replay a finished one, start a profile",
        _H, "Home", bar=1),
    Key("a", "a", "attach", "attach", "Attach to the highlighted run", _H, "Home", needs="run", bar=2),
    Key("r", "r", "replay", "replay", "Replay the highlighted run", _H, "Home", needs="run", bar=3),
    Key("s", "s", "start", "start", "Start the highlighted profile", _H, "Home", needs="profile", bar=4),
    Key("tab", "tab", "switch_list", "runs/profiles", "Between the runs and the profiles", _H, "Home", bar=5),
    Key("q", "q", "leave", "quit", "Leave; runs go on", _H, "View", bar=12),
    Key("J", "J", "pipelines", "jobs", "Long jobs: prepare, exports, trials", _H, "Pages"),
)  # fmt: skip
