"""The way that led to the moment a replay shows: the store as it was on it, now and then, and the events between.

A step back starts from the nearest of these and takes a few events; from a waypoint it would take hundreds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

from engine.runlog.reader import Entry
from tui.link.rebuild import apply
from tui.state.changes import TOPICS
from tui.state.curves.series import Series
from tui.state.moments.still import Still, hold, put_back
from tui.state.store import RunStore

STRIDE = 64
"""Events between two stills, and from the first of them to where a jump arrives."""
MOST = 8
"""Stills."""


class Trail:
    """Told of every event that the replay shows, in order."""

    def __init__(self) -> None:
        self._stills: deque[Still] = deque(maxlen=MOST)
        self._passed: list[Entry] = []
        """Since the oldest still."""

    def begin(self, store: RunStore) -> None:
        """Here; what was before is not to be gone back to."""
        self._stills.clear()
        self._passed.clear()
        self._stills.append(hold(store))

    def forget(self) -> None:
        """The next step back is a jump."""
        self._stills.clear()
        self._passed.clear()

    def passed(self, entry: Entry, store: RunStore) -> None:
        """The store has just taken it in."""
        self._passed.append(entry)
        if not self._stills or entry.seq - self._stills[-1].seq >= STRIDE:
            self._stills.append(hold(store))
            del self._passed[: self._after(self._stills[0].seq)]

    def back(self, store: RunStore, seq: int) -> list[Entry] | None:
        """Show the moment of `seq` again; gives the events that were shown after it. None: it is not on the trail."""
        if not self._stills or seq < self._stills[0].seq:
            return None
        while self._stills[-1].seq > seq:
            self._stills.pop()
        still = self._stills[-1]
        put_back(store, still)
        show_curves(store, store.series, store.branch, store.step)
        here = self._after(seq)
        for entry in self._passed[self._after(still.seq) : here]:
            apply(store, entry)
        left = self._passed[here:]
        del self._passed[here:]
        store.changed(*TOPICS)
        return left

    def _after(self, seq: int) -> int:
        return bisect_right(self._passed, seq, key=lambda entry: entry.seq)


def show_curves(store: RunStore, curves: Mapping[str, Series], branch: int, step: int) -> None:
    """Of these curves what had come by a step of a branch; of the validation loss what the store knows of."""
    newest = store.evaluations[-1] if store.evaluations else None
    validated = newest.step if newest is not None and newest.branch == store.branch else -1
    for name, series in curves.items():
        part = series.upto(*((store.branch, validated) if name == "val_loss" else (branch, step)))
        part.forks = series.forks.upto(max(branch, store.branch))
        store.series[name] = part
