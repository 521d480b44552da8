"""Holds that ended by themselves, seen from plan to plan."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from engine.protocol.events import SlotPlanned, SlotRow

CAPACITY = 256
"""Remembered, of all slots together."""


class Happened(Struct, frozen=True):
    """One thing that happened to a slot."""

    step: int
    text: str


class Expiries:
    """Fed with every plan."""

    def __init__(self) -> None:
        self._ended: deque[tuple[int, int, str]] = deque(maxlen=CAPACITY)
        self._held: list[tuple[int, SlotRow]] = []
        """Slots that the last plan held, with their rows."""
        self._branch = 0

    def planned(self, plan: SlotPlanned) -> None:
        """A new plan: a hold of the last one that is gone now, and whose step has come, has expired."""
        if plan.branch == self._branch:
            for slot, old in self._held:
                gone = slot < len(plan.rows) and not plan.rows[slot].held
                if gone and old.until is not None and plan.step >= old.until:
                    self._ended.append((slot, old.until, f"{old.held} expired"))
        self._held = [(slot, row) for slot, row in enumerate(plan.rows) if row.held]
        self._branch = plan.branch

    def went_to(self, step: int) -> None:
        """The run goes on from this step."""
        self._held = []
        self._ended = deque((one for one in self._ended if one[1] <= step), maxlen=CAPACITY)

    def of(self, slot: int) -> list[Happened]:
        """Those of one slot."""
        return [Happened(step, text) for at, step, text in self._ended if at == slot]
