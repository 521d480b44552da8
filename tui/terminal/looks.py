"""Looks of cells: what the parameters of SGR sequences add up to, and the shortest way from one look to another.

The canvas meets looks in what Textual writes; the difference asks how to change between two. Equal looks are the same
object, so that rows are compared quickly. A cockpit has a few dozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

_ATTRIBUTES = frozenset({"1", "2", "3", "4", "5", "7", "8", "9", "21", "53"})
_OFF = {
    "22": ("1", "2"), "23": ("3",), "24": ("4", "21"), "25": ("5",), "27": ("7",), "28": ("8",),
    "29": ("9",), "55": ("53",),
}  # fmt: skip
_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that show on a cell without ink: lines, and colours turned round."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colours as SGR parameters, empty for the terminal's own, and attributes. Made by `look` alone."""

    ink: str
    ground: str
    attributes: frozenset[str]
    blank: Look | None
    """What of it shows on a space; None: all."""


@cache
def look(ink: str = "", ground: str = "", attributes: frozenset[str] = frozenset()) -> Look:
    """The one look with these colours and attributes."""
    plain = not ink and not attributes
    return Look(ink, ground, attributes, None if plain or attributes & _ON_BLANKS else look("", ground))


PLAIN = look()


def same_on_blank(one: Look, other: Look) -> bool:
    """Whether a space looks the same in both."""
    return (one.blank or one) is (other.blank or other)


@cache
def after(before: Look, parameters: str) -> Look:
    """The look once an SGR sequence has come, e.g. `1;38;2;95;135;175`. What is not known changes nothing."""
    ink, ground, attributes = before.ink, before.ground, set(before.attributes)
    words = iter(parameters.split(";"))
    for word in words:
        number = int(word or 0)
        if number == 0:
            ink, ground, attributes = "", "", set()
        elif word in _ATTRIBUTES:
            attributes.add(word)
        elif word in _OFF:
            attributes.difference_update(_OFF[word])
        elif number in (38, 48):
            kind = next(words, "5")
            colour = ";".join([word, kind, *(next(words, "0") for _ in range(3 if kind == "2" else 1))])
            ink, ground = (colour, ground) if number == 38 else (ink, colour)
        elif 30 <= number <= 39 or 90 <= number <= 97:
            ink = "" if number == 39 else word
        elif 40 <= number <= 49 or 100 <= number <= 107:
            ground = "" if number == 49 else word
    return look(ink, ground, frozenset(attributes))


@cache
def change(before: Look | None, to: Look) -> str:
    """The shortest sequence from one look to another; `before` is None where it is not known."""
    if before is to:
        return ""
    afresh = ";".join(["0", *sorted(to.attributes), *filter(None, (to.ink, to.ground))])
    if before is None:
        return f"\x1b[{afresh}m"
    parts = [off for off, gone in _OFF.items() if (before.attributes - to.attributes) & set(gone)]
    kept = before.attributes - {name for off in parts for name in _OFF[off]}
    parts += sorted(to.attributes - kept)
    if before.ink != to.ink:
        parts.append(to.ink or "39")
    if before.ground != to.ground:
        parts.append(to.ground or "49")
    return f"\x1b[{min(';'.join(parts), afresh, key=len)}m"
