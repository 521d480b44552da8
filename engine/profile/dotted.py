"""A profile's tables as one: dotted keys, as `--set` has them, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dotted(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """`{"train": {"steps": 10}}` -> `{"train.steps": 10}`, in the table's order."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= dotted(value, f"{above}{key}.")
        else:
            found[above + key] = value
    return found
