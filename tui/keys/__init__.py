"""Every key of the cockpit, once: bindings, help screen, key bar and docs/keys.md are made from this table.

A module a screen. Screens take their bindings from `bindings(place)` and hide what does not apply by `Key.needs`.
"""

from __future__ import annotations

from textual.binding import Binding

from tui.keys import compare, deck, everywhere, home, launch, log, memory, pipelines, slots
from tui.keys.key import PLACES, Key, Place

__all__ = ["KEYS", "PLACES", "TITLES", "Key", "Place", "as_markdown", "bindings", "groups", "keys_for"]

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
        "Made from `tui/keys/` by `python -m docs.key_table`; do not edit by hand.",
        "Any verb can also be typed after `:`, found with `ctrl+p`, or sent by `slotdeck send RUN VERB`.",
    ]
    for place, title in TITLES.items():
        lines += ["", f"## {title}", "", "| key | does | verb |", "|---|---|---|"]
        for key in keys_for(place):
            shown = " ".join(f"`{name}`" for name in key.shown.split(" or "))
            lines.append(f"| {shown} | {key.help} | {f'`{key.verb}`' if key.verb else ''} |")
    return "\n".join(lines) + "\n"
