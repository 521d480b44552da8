"""Small things the store knows: how it is linked, who holds the controls, what the operator did."""

from __future__ import annotations

from msgspec import Struct

AWAY = ("lost", "restarting", "gone", "version", "unreadable", "ended")
"""Statuses of a link behind which nothing moves."""


class LinkState(Struct, frozen=True):
    """How the cockpit is connected."""

    status: str
    """`connecting`, `live`, `lost`, `restarting`, `replay` or `ended`; `gone`: the run folder is not there any more,
    `version`: the engine is of another one, `unreadable`: the log cannot be read."""
    detail: str
    since_wall_s: float
    remedy: str = ""


class Lease(Struct, frozen=True):
    """Who holds the controls."""

    holder: str = ""
    """Client id; empty: nobody."""
    who: str = ""
    fence: int = 0
    reason: str = ""


class Tick(Struct, frozen=True):
    """An operator's action, marked on the curves."""

    step: int
    branch: int
    wall_s: float
    text: str
    verb: str = ""
