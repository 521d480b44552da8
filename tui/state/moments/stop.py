"""A place in a run that one wants to go to: something the operator did, an alarm, an evaluation, a checkpoint."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

StopKind = Literal["action", "alarm", "evaluation", "checkpoint"]


class Stop(Struct, frozen=True):
    """One of them, and where in the log."""

    kind: StopKind
    seq: int
    step: int
    branch: int
    wall_s: float
    text: str
    """One line, safe to draw."""
    value: float | None = None
    """The loss that an evaluation found."""
