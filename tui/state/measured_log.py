"""What the whole log has of memory and of the slots' measurements, thinned: for before the store's own histories begin.

Made by `tui.link.measured` in a thread; the pages of slots and memory put it in front of what the store saw itself.
"""

from __future__ import annotations

from msgspec import Struct

from engine.protocol.events import MemorySplit, SlotPlanned, SlotsMeasured
from tui.state.curves.thinned import Thinned
from tui.state.memory_history import own_bytes
from tui.state.slots.measures import SlotMeasure, measures_of
from tui.state.store import RunStore

CAPACITY = 512
"""Entries kept of each: more than any terminal has columns."""


class SplitThen(Struct, frozen=True):
    """Memory at one place of the log."""

    seq: int
    branch: int
    split: MemorySplit


class MeasuredThen(Struct, frozen=True):
    """The slots at one place of the log."""

    seq: int
    step: int
    branch: int
    measures: tuple[SlotMeasure, ...]
    duties: tuple[float, ...]
    """Their mean since the measurement before; empty: no plan is known."""


class MeasuredLog:
    """Fed in the order of the log, every branch; what leads to a moment is picked when it is asked for."""

    def __init__(self) -> None:
        self.head_seq = 0
        """It knows the log up to here."""
        self._splits: Thinned[SplitThen] = Thinned(lambda then: own_bytes(then.split), CAPACITY)
        self._slots: Thinned[MeasuredThen] = Thinned(capacity=CAPACITY)

    def split(self, seq: int, branch: int, split: MemorySplit) -> None:
        """Memory was measured."""
        self._splits.append(SplitThen(seq, branch, split))

    def measured(self, seq: int, event: SlotsMeasured, plans: list[SlotPlanned]) -> None:
        """The slots were measured; `plans`: some of those since the time before, evenly, the newest last."""
        plan = plans[-1] if plans else None
        of_slot = list(zip(*([row.duty for row in each.rows] for each in plans), strict=False))
        duties = tuple(sum(duty) / len(duty) for duty in of_slot)
        self._slots.append(MeasuredThen(seq, event.step, event.branch, measures_of(event, plan), duties))

    def splits(self, store: RunStore) -> list[MemorySplit]:
        """On the way to the moment that the store shows, in the order of their steps; what it saw itself among them."""
        line = store.series["loss"].forks.line()
        here = (then for then in self._splits if then.seq <= store.head_seq)
        found = {then.split.step: then.split for then in here if then.split.step <= line.get(then.branch, -1)}
        found.update((split.step, split) for split in store.memory_history)
        return [found[step] for step in sorted(found)]

    def measures(self, store: RunStore) -> list[tuple[SlotMeasure, ...]]:
        """The same of the slots' measurements."""
        found = {then.step: then.measures for then in self._leading(store)}
        found.update((row[0].step, row) for row in store.measures.history if row)
        return [found[step] for step in sorted(found)]

    def duties(self, store: RunStore, slot: int, end: int) -> list[tuple[int, float]]:
        """`(step, mean duty since the one before)` of a slot, before step `end`."""
        before = (then for then in self._leading(store) if then.step < end)
        return [(then.step, then.duties[slot]) for then in before if slot < len(then.duties)]

    def _leading(self, store: RunStore) -> list[MeasuredThen]:
        line = store.series["loss"].forks.line()
        here = (then for then in self._slots if then.seq <= store.head_seq)
        return [then for then in here if then.step <= line.get(then.branch, -1)]
