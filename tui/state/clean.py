"""Foreign text made safe to draw, at the one door through which it reaches the cockpit: `RunStore.apply`.

Names, reasons and samples in a log are whatever somebody typed, a file contained or a library raised. Widgets and
screens may draw what the store holds as it is. A reading that is no number counts as one that was not made.
"""

from __future__ import annotations

from math import isfinite

import msgspec

from engine.protocol import events as e
from engine.text import one_line, sanitise

MAX_CHARACTERS = 1 << 20
"""Of one field; a frame has no more bytes."""
MANY_LINES: dict[type, tuple[str, ...]] = {
    e.Sampled: ("prompt", "text"),
    e.RunStarted: ("profile_toml",),
    e.LogLine: ("text",),
}
"""Fields that may keep their newlines and tabs."""
_MAY_BE_MISSING = (float | None, list[float | None])
_texts: dict[type, tuple[str, ...]] = {}
"""Names of the fields of each struct that can hold text, found when it is first met."""
_readings: dict[type, tuple[str, ...]] = {}
"""And of those that hold numbers, or lists of them, that need not be known."""


def clean(event: object) -> object:
    """The event with every string in it, nested ones too, fit for a terminal; the same object where all are.

    A number that may be missing and is not finite is missing: a loss may be NaN, a temperature may not.
    """
    if not isinstance(event, msgspec.Struct):
        return event
    kind = type(event)
    if kind not in _texts:
        plain = {int, float, bool, int | None, float | None}
        fields = msgspec.structs.fields(kind)
        _texts[kind] = tuple(field.name for field in fields if field.type not in plain)
        _readings[kind] = tuple(field.name for field in fields if field.type in _MAY_BE_MISSING)
    changed: dict[str, object] = {}
    for name in _texts[kind]:
        before = getattr(event, name)
        after = _clean(before, name in MANY_LINES.get(kind, ()))
        if after is not before:
            changed[name] = after
    for name in _readings[kind]:
        before = getattr(event, name)
        if (after := _known(before)) is not before:
            changed[name] = after
    return msgspec.structs.replace(event, **changed) if changed else event


def _known(value: list[float | None] | float | None) -> list[float | None] | float | None:
    """Itself, or `None` for what is not finite."""
    if isinstance(value, list):
        known = [number if number is None or isfinite(number) else None for number in value]
        return value if known == value else known
    return value if value is None or isfinite(value) else None


def _clean(value: object, many_lines: bool) -> object:
    """The value made safe; itself where it is."""
    match value:
        case str():
            if value.isascii() and value.isprintable():
                return value
            return sanitise(value, MAX_CHARACTERS) if many_lines else one_line(value, MAX_CHARACTERS)
        case list() | tuple():
            items = [_clean(item, many_lines) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        case dict():
            pairs = {_clean(key, many_lines): _clean(item, many_lines) for key, item in value.items()}
            same = all(a is b for a, b in zip(pairs.values(), value.values(), strict=False))
            return value if same and pairs.keys() == value.keys() else pairs
        case msgspec.Struct():
            return clean(value)
        case _:
            return value
