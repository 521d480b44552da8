"""Colours keep their meanings apart on terminals with few of them, and can be read on those with many."""

from __future__ import annotations

from itertools import combinations

import pytest
from rich.color import Color as TerminalColor
from rich.color import ColorSystem
from textual.color import Color
from textual.theme import Theme

from tui.theme import THEMES, themes

MEANINGS = ("primary", "accent", "success", "warning", "error", "foreground")
READABLE = 4.5
"""WCAG's contrast for text."""


def contrast(one: str, other: str) -> float:
    """From 1 to 21, by WCAG 2."""
    lights = []
    for colour in map(Color.parse, (one, other)):
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        lights.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05)
    return max(lights) / min(lights)


def colours(theme: Theme) -> dict[str, str]:
    named = {name: getattr(theme, name) for name in MEANINGS}
    return {**named, **theme.variables}


@pytest.mark.parametrize("theme", themes("standard"), ids=lambda theme: theme.name)
def test_no_two_meanings_become_one_of_sixteen_colours(theme: Theme) -> None:
    seen = {
        name: TerminalColor.parse(value).downgrade(ColorSystem.STANDARD).number
        for name, value in colours(theme).items()
    }
    for group in (MEANINGS, [name for name in seen if name.startswith("memory-")]):
        for one, other in combinations(group, 2):
            assert seen[one] != seen[other], f"{one} and {other} are both colour {seen[one]}"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_what_is_written_can_be_read_on_its_ground(theme: Theme) -> None:
    ground = theme.background or ""
    written = {name: value for name, value in colours(theme).items() if name in (*MEANINGS[1:], "quiet")}
    seen = {name: contrast(value, ground) for name, value in written.items()}
    assert min(seen.values()) >= READABLE, seen
