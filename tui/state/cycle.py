"""Going round through a few choices, as a key does that is pressed again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def cycled(choices: Iterable[T], now: T, by: int = 1) -> T:
    """The choice so many places after `now`, round the ends; from what is no choice, counted from the first."""
    found = list(choices)
    at = found.index(now) if now in found else 0
    return found[(at + by) % len(found)]
