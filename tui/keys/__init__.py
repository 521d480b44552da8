"""Every key of the cockpit, once: bindings, help screen, key bar and docs/keys.md are made from this table.

A module a screen. Screens take their bindings from `bindings(place)` and hide what does not apply by `Key.needs`.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from tui.keys import compare, deck, everywhere, home, launch, log, memory, pipelines, slots
from tui.keys.key import PLACES, Key, Place
from tui.keys.rebound import Changes, changed

__all__ = [
    "KEYS",
    "PLACES",
    "TITLES",
    "Key",
    "Place",
    "as_markdown",
    "as_table",
    "bindings",
    "groups",
    "keys_for",
    "rebind",
]

KEYS: tuple[Key, ...] = (
    *home.KEYS, *launch.KEYS, *pipelines.KEYS, *deck.KEYS, *slots.KEYS, *memory.KEYS, *log.KEYS, *compare.KEYS,
    *everywhere.KEYS,
)  # fmt: skip

TITLES: dict[Place, str] = {
    "home": "Home",
    "launch": "Launch",
    "pipelines": "Jobs",
    "live": "Cockpit",
    "replay": "Replay",
    "slots": "Slots",
    "memory": "Memory",
    "log": "Log",
    "compare": "Compare",
}


_changes: Changes = {}
"""What the user's settings say; the same for every screen of a process."""


def rebind(changes: Changes) -> dict[str, str]:
    """Use other keys from now on, and give them by the id of the binding, for `App.set_keymap`."""
    global _changes
    _changes = changes
    return {
        f"{place}.{key.key}": new.key
        for place in PLACES
        for key, new in zip(changed(KEYS, {}, place), keys_for(place), strict=True)
        if key.key != new.key
    }


def keys_for(place: Place) -> list[Key]:
    """The rows of one screen, in table order, with the user's keys."""
    return changed(KEYS, _changes, place)


def bindings(place: Place) -> list[Binding]:
    """The rows of one screen as Textual bindings, with the table's keys: `rebind` says which differ."""
    return [
        Binding(
            name, f"digit({name})" if key.action == "digit" else key.action, key.label, show=False,
            id=f"{place}.{key.key}",
        )
        for key in changed(KEYS, {}, place)
        for name in key.key.split(",")
    ]  # fmt: skip


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
        "Made from `tui/keys/` by `python -m docs.key_table`; do not edit by hand.",
        "Any verb can also be typed after `:`, found with `ctrl+p`, or sent by `slotdeck send RUN VERB`.",
    ]
    for place, title in TITLES.items():
        lines += ["", f"## {title}", "", *as_table(keys_for(place))]
    return "\n".join(lines) + "\n"


def as_table(keys: Iterable[Key]) -> list[str]:
    """Keys as the lines of a table in Markdown."""
    lines = ["| key | does | verb |", "|---|---|---|"]
    for key in keys:
        shown = " ".join(f"`{name}`" for name in key.shown.split(" or "))
        lines.append(f"| {shown} | {key.help} | {f'`{key.verb}`' if key.verb else ''} |")
    return lines
