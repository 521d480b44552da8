"""The names that a run has: what the command line completes and the palette offers."""

from __future__ import annotations

from msgspec import Struct


class Known(Struct, frozen=True):
    """As they are now."""

    slots: tuple[str, ...] = ()
    """Those that are still in the model."""
    checkpoints: tuple[str, ...] = ()
    """Those that lead to where the run is, newest first."""
