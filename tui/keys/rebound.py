"""Other keys than those of the table, as the user's settings have them.

The app calls `rebind` before its first screen; the key bar, the help and the palette then show the new ones.
Actions are called as `slotdeck config --keys` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from engine.errors import SlotdeckError, nearest
from engine.text import one_line
from tui.keys.key import PLACES, Key, Place

Changes = Mapping[str, Mapping[str, str]]
"""Place, or empty for every place -> action -> keys, several after commas."""

_NAMED = {
    "space", "enter", "tab", "escape", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown",
    "up", "down", "left", "right", "comma", *(f"f{number}" for number in range(1, 25)),
}  # fmt: skip
_SHOWN = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn", "left": "←", "right": "→", "up": "↑", "down": "↓",
          "comma": ","}  # fmt: skip


def changed(table: tuple[Key, ...], changes: Changes, place: Place) -> list[Key]:
    """The rows of one screen, with these changes."""
    wanted = {**changes.get("", {}), **changes.get(place, {})}
    if not wanted:
        return [key for key in table if place in key.where]
    return [_moved(key, wanted.get(key.name, "")) for key in table if place in key.where]


def check(changes: Changes, where: str) -> None:
    """Complain of what cannot be: an unknown place, action or key, or a key that would mean two things.

    Raises:
        SlotdeckError: with `where` (a file) and the name.
    """
    from tui.keys import KEYS

    for place, wanted in changes.items():
        if place and place not in PLACES:
            close = nearest(place, list(PLACES))
            raise SlotdeckError(
                f"{where}: no place keys.{one_line(place, 60)}{close}", f"use one of: {', '.join(PLACES)}"
            )
        names = [key.name for key in KEYS if not place or place in key.where]
        for action, keys in wanted.items():
            what = ".".join(filter(None, ("keys", place, one_line(action, 60))))
            if action not in names or action == "digit":
                raise SlotdeckError(
                    f"{where}: no action {what}{nearest(action, names)}", "see: slotdeck config --keys"
                )
            for key in keys.split(","):
                _check_key(key, what, where)
    for one in PLACES:
        _check_conflicts(changed(KEYS, changes, one), changes, one, where)


def _check_key(key: str, what: str, where: str) -> None:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if not set(modifiers) <= {"ctrl", "shift", "alt"} or not (len(last) == 1 or last in _NAMED):
        close = nearest(last, sorted(_NAMED))
        raise SlotdeckError(
            f"{where}: {what} = {one_line(key, 60)!r} is not a key{close}",
            "give a character, f5, ctrl+s, pageup ...",
        )


def _check_conflicts(rows: list[Key], changes: Changes, place: Place, where: str) -> None:
    taken: dict[str, Key] = {}
    moved = {**changes.get("", {}), **changes.get(place, {})}
    for row in rows:
        for key in row.key.split(","):
            other = taken.setdefault(key, row)
            if other.name != row.name and (row.name in moved or other.name in moved):
                mine, theirs = (row, other) if row.name in moved else (other, row)
                raise SlotdeckError(
                    f"{where}: {_shown(key)} would be {mine.name} and {theirs.name} on {place}",
                    f"give keys.{place}.{theirs.name} another key, or {mine.name}",
                )


def _moved(key: Key, keys: str) -> Key:
    if not keys:
        return key
    named = [_full_name(name) for name in keys.split(",")]
    return replace(key, key=",".join(named), shown=" or ".join(map(_shown, keys.split(","))))


def _full_name(key: str) -> str:
    """As Textual calls it: `question_mark` for `?`."""
    from textual.keys import _character_to_key

    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _character_to_key(last) if len(last) == 1 else last])


def _shown(key: str) -> str:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    return "+".join([*modifiers, _SHOWN.get(last, last)])
