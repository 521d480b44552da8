"""Every key of the cockpit, once: bindings, help screen, key bar and docs/keys.md are made from this table.

Screens take their bindings from `bindings(place)` and hide what does not apply by `Key.needs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Place = Literal["home", "live", "replay"]
Needs = Literal["", "control", "run", "profile"]


@dataclass(frozen=True, slots=True)
class Key:
    """One row."""

    key: str
    """Textual's name, several after commas."""
    shown: str
    """As printed on a keyboard, several with `or` between."""
    action: str
    """`action_<this>` of the screen."""
    label: str
    """One or two words for the key bar."""
    help: str
    where: tuple[Place, ...]
    group: str
    verb: str = ""
    """The verb it sends, if it sends one."""
    needs: Needs = ""
    """`control`: a live engine that this cockpit may steer. `run`, `profile`: one is highlighted at home."""
    destroys: bool = False
    """Asks before it acts."""
    bar: int = 0
    """Rank in the key bar; 0: only in the help."""


_L: tuple[Place, ...] = ("live",)
_R: tuple[Place, ...] = ("replay",)
_H: tuple[Place, ...] = ("home",)
_LR: tuple[Place, ...] = ("live", "replay")
_ALL: tuple[Place, ...] = ("home", "live", "replay")

KEYS: tuple[Key, ...] = (
    # run
    Key("space", "space", "toggle_pause", "pause", "Pause after the current step, or go on", _L, "Run",
        "pause", "control", bar=1),
    Key("s,full_stop", "s or .", "step", "step", "Run one step, then pause", _L, "Run", "step",
        "control", bar=2),
    Key("c", "c", "checkpoint", "checkpoint", "Save a checkpoint now", _L, "Run", "checkpoint",
        "control", bar=9),
    Key("e", "e", "evaluate", "evaluate", "Measure the validation loss now", _L, "Run", "evaluate",
        "control"),
    Key("g", "g", "sample", "sample", "Draw text from the model", _L, "Run", "sample", "control"),
    Key("R", "R", "fill('rollback ')", "roll back", "Go back to a checkpoint, on a new branch; asks first", _L, "Run",
        "rollback", "control", destroys=True),
    Key("F", "F", "fill('fork ')", "fork", "Make a new run from a checkpoint of this one", _L, "Run", "fork",
        "control"),
    Key("E", "E", "fill('export ')", "export", "Write the model for other programs", _L, "Run", "export",
        "control"),
    Key("S", "S", "stop", "stop", "End the run, saving or not; asks first", _L, "Run", "stop", "control",
        destroys=True, bar=8),
    # slots
    Key("left,left_square_bracket", "← or [", "slot(-1)", "slot", "Select the slot to the left", _L, "Slots"),
    Key("right,right_square_bracket", "→ or ]", "slot(1)", "slot", "Select the slot to the right", _L,
        "Slots"),
    Key("left_square_bracket", "[", "slot(-1)", "slot", "Select the slot to the left", _R, "Slots"),
    Key("right_square_bracket", "]", "slot(1)", "slot", "Select the slot to the right", _R, "Slots"),
    Key("0,1,2,3,4,5,6,7,8,9", "0-9", "digit", "slot", "Select a slot by its number", _LR, "Slots"),
    Key("escape", "esc", "put_away", "no slot", "Select no slot; when none is, put away the alarm", _LR,
        "Slots"),
    Key("p", "p", "pin", "pin", "Keep the selected slot on", _L, "Slots", "pin", "control", bar=3),
    Key("b", "b", "ban", "ban", "Keep the selected slot off", _L, "Slots", "ban", "control", bar=4),
    Key("r", "r", "release", "release", "Give the selected slot back to the policy", _L, "Slots",
        "release", "control", bar=5),
    Key("P", "P", "fill('prune ')", "prune", "Take slots out for good, after a trial; asks first", _L, "Slots", "prune",
        "control", destroys=True),
    # settings
    Key("l", "l", "fill('lr ')", "lr", "Set the learning rate", _L, "Settings", "lr", "control", bar=6),
    Key("x", "x", "fill('precision ')", "precision", "Change the compute precision", _L, "Settings",
        "precision", "control", bar=7),
    Key("k", "k", "fill('batch ')", "batch", "Sequences of a micro-batch, or auto", _L, "Settings", "batch",
        "control"),
    Key("u", "u", "fill('recompute ')", "recompute", "Blocks that compute again in backward", _L, "Settings",
        "recompute", "control"),
    Key("o", "o", "fill('policy ')", "policy", "Choose who picks the slots", _L, "Settings", "policy",
        "control"),
    Key("n", "n", "fill('note ')", "note", "Write a remark into the log", _L, "Settings", "note", "control"),
    Key("t", "t", "take_lease", "take controls", "Have the controls, whoever holds them",
        _L, "Settings", needs="control", bar=2),
    # replay
    Key("space", "space", "toggle_play", "play", "Play or hold", _R, "Replay", bar=1),
    Key("plus,equals_sign", "+", "speed(2)", "faster", "Play twice as fast", _R, "Replay", bar=5),
    Key("minus", "-", "speed(0.5)", "slower", "Play half as fast", _R, "Replay", bar=6),
    Key("left", "←", "seek(-1)", "back", "One report back", _R, "Replay", bar=2),
    Key("right", "→", "seek(1)", "on", "One report on", _R, "Replay", bar=3),
    Key("shift+left", "shift+←", "leap(-1)", "back", "A twentieth of the run back", _R, "Replay"),
    Key("shift+right", "shift+→", "leap(1)", "on", "A twentieth of the run on", _R, "Replay"),
    Key("n", "n", "next_action", "next action", "To the next thing the operator did", _R, "Replay", bar=4),
    Key("N", "N", "previous_action", "previous action", "To the previous thing the operator did", _R,
        "Replay"),
    Key("home", "home", "to_start", "start", "To the start", _R, "Replay"),
    Key("end", "end", "to_end", "end", "To the end", _R, "Replay"),
    # home
    Key("enter", "enter", "open", "open", "Attach to a live run, replay a finished one, start a profile",
        _H, "Home", bar=1),
    Key("a", "a", "attach", "attach", "Attach to the highlighted run", _H, "Home", needs="run", bar=2),
    Key("r", "r", "replay", "replay", "Replay the highlighted run", _H, "Home", needs="run", bar=3),
    Key("s", "s", "start", "start", "Start the highlighted profile", _H, "Home", needs="profile", bar=4),
    Key("tab", "tab", "switch_list", "runs/profiles", "Between the runs and the profiles", _H, "Home", bar=5),
    # view
    Key("y", "y", "log_scale", "log y", "Logarithmic or linear loss axis", _LR, "View"),
    Key("w", "w", "window", "window", "The whole run, or its last 1000, 100 ... steps", _LR, "View"),
    Key("less_than_sign", "<", "pan(-1)", "back", "The window half its width back", _LR, "View"),
    Key("greater_than_sign", ">", "pan(1)", "on", "The window half its width on", _LR, "View"),
    Key("f", "f", "log", "full feed", "All that happened, in full, samples too", _LR, "View", bar=10),
    Key("z", "z", "zoom", "zoom", "The loss chart alone, or everything", _LR, "View"),
    Key("colon", ":", "command_line", "command", "Type any verb; in a replay, a step to go to", _LR,
        "View", bar=11),
    Key("ctrl+p", "ctrl+p", "app.command_palette", "palette", "Search everything that can be done", _ALL,
        "View"),
    Key("d", "d", "app.dark_light", "dark/light", "Dark or light colours", _ALL, "View"),
    Key("question_mark", "?", "help", "help", "This page", _ALL, "View", bar=13),
    Key("q", "q", "leave", "detach", "Leave; training goes on", _L, "View", bar=12),
    Key("q", "q", "leave", "leave", "Leave the replay", _R, "View", bar=12),
    Key("q", "q", "leave", "quit", "Leave; runs go on", _H, "View", bar=12),
)  # fmt: skip

TITLES: dict[Place, str] = {"home": "Home", "live": "Cockpit", "replay": "Replay"}


def keys_for(place: Place) -> list[Key]:
    """The rows of one screen, in table order."""
    return [key for key in KEYS if place in key.where]


def bindings(place: Place) -> list[Binding]:
    """The rows of one screen as Textual bindings."""
    return [
        Binding(name, f"digit({name})" if key.action == "digit" else key.action, key.label, show=False)
        for key in keys_for(place)
        for name in key.key.split(",")
    ]


def groups(place: Place) -> dict[str, list[Key]]:
    """The rows of one screen by group."""
    table: dict[str, list[Key]] = {}
    for key in keys_for(place):
        table.setdefault(key.group, []).append(key)
    return table


def as_markdown() -> str:
    """docs/keys.md: a table for each screen."""
    lines = [
        "# Keys",
        "",
        "Made from `tui/keys.py` by `python -m tui.keys`; do not edit by hand.",
        "Any verb can also be typed after `:`, found with `ctrl+p`, or sent by `slotdeck send RUN VERB`.",
    ]
    for place, title in TITLES.items():
        lines += ["", f"## {title}", "", "| key | does | verb |", "|---|---|---|"]
        for key in keys_for(place):
            shown = " ".join(f"`{name}`" for name in key.shown.split(" or "))
            lines.append(f"| {shown} | {key.help} | {f'`{key.verb}`' if key.verb else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(as_markdown())
