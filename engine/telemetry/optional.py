"""A reading that may not be there. Hardware says "not supported" in many ways; all of them are None here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def optional(read: Callable[[], T], *errors: type[Exception]) -> T | None:
    """What `read` returns, or None when it raises one of `errors`. Never 0 for unknown."""
    try:
        return read()
    except errors:
        return None
