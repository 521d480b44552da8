"""How far a job is: the child writes it into a small file, the engine reads it between two steps. No torch.

It stands beside the answer, as `STEM.progress`, is replaced whole, and goes when the job is over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from engine.jobs.order import Order

EVERY_S = 0.5
"""How often it is written, and read."""


class Reached(msgspec.Struct, frozen=True):
    """How far it is."""

    done: int
    total: int
    unit: str
    """What they count: `batches`."""
    detail: str = ""
    """What it is at."""


class Told:
    """The child's side: called as often as one likes."""

    def __init__(self, order: Order, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._path = order.stem.with_suffix(".progress")
        self._clock_s, self._due_s, self._detail = clock_s, 0.0, ""

    def __call__(self, done: int, total: int, unit: str, detail: str = "") -> None:
        """Written at once where `detail` is new, and otherwise when it is time."""
        if self._clock_s() < self._due_s and detail == self._detail:
            return
        self._due_s, self._detail = self._clock_s() + EVERY_S, detail
        draft = self._path.with_suffix(".progress.tmp")
        with suppress(OSError):  # a full disk is told by the answer, which needs it, too
            draft.write_bytes(msgspec.json.encode(Reached(done, total, unit, detail)))
            os.replace(draft, self._path)


def reached(order: Order) -> Reached | None:
    """How far the job is; None before it has said so."""
    try:
        return msgspec.json.decode(order.stem.with_suffix(".progress").read_bytes(), type=Reached)
    except (OSError, msgspec.DecodeError):
        return None


def forget(order: Order) -> None:
    """The job is over."""
    for suffix in (".progress", ".progress.tmp"):
        order.stem.with_suffix(suffix).unlink(missing_ok=True)
