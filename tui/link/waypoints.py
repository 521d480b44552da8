"""What a replay knows of the whole run to move in it fast: places to go to, and the store held still on the way.

Made in one pass over the log's life-cycle events, a little at a time beside the screen; a jump goes on from the
nearest still before it and costs the same anywhere in the run.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.reader import Entry
from engine.text import one_line
from tui.link.rebuild import NEWEST_ONLY
from tui.state.curves.timeline import Timeline
from tui.state.moments.still import Still, hold_far
from tui.state.moments.stop import Stop, StopKind
from tui.state.store import RunStore

STRIDE = 256
"""Life-cycle events between two stills."""
MOST = 64
"""Stills of a run, so that their lists stay small whatever its length."""
AT_ONCE = 64
"""Events between two looks at what else is to be done."""


class Waypoints:
    """Stops of each kind, and stills, in the order of the log."""

    def __init__(self) -> None:
        self.stops: dict[StopKind, list[Stop]] = {
            "action": [], "alarm": [], "evaluation": [], "checkpoint": [],
        }  # fmt: skip
        self._stills: list[Still] = []
        self._passing: Iterator[None] | None = None
        self._broken: SlotdeckError | None = None
        self._moments: dict[StopKind, tuple[float, ...]] = {}

    @property
    def passing(self) -> bool:
        """Not all of the run's life is known yet."""
        return self._passing is not None

    def begin(self, history: History, whole: RunStore) -> None:
        """Pass over the run's life from now on; `whole` knows it to the end when that is through."""
        self._passing = self._pass(history, whole)

    def pass_for(self, seconds: float) -> bool:
        """Go on with it for so long; whether that was the end of it.

        Raises:
            SlotdeckError: the log cannot be read; from then on at every call.
        """
        if self._broken is not None:
            raise self._broken
        if self._passing is None:
            return False
        until_s = time.perf_counter() + seconds
        while time.perf_counter() < until_s:
            try:
                next(self._passing)
            except StopIteration:
                self._passing = None
                return True
            except SlotdeckError as error:
                self._broken = error
                raise
        return False

    def _pass(self, history: History, whole: RunStore) -> Iterator[None]:
        seqs = history.mark_seqs
        stride = max(STRIDE, len(seqs) // MOST)
        from_seq, count = 0, 0
        for until in [*seqs[stride - 1 :: stride], history.head_seq]:
            for entry in history.state_before(until + 1, from_seq, NEWEST_ONLY):
                event = decode(entry.kind, entry.payload)
                whole.apply(entry.seq, entry.wall_s, event)
                self.note(entry, event)
                count += 1
                if count % AT_ONCE == 0:
                    yield
            self._stills.append(hold_far(whole))
            from_seq = until + 1
            yield

    def note(self, entry: Entry, event: object) -> None:
        """Remember a place, if that is what the event is."""
        match event:
            case e.CommandApplied(text=text, step=step, branch=branch):
                self._add("action", entry, step, branch, text)
            case e.Alarm(message=text, step=step):
                self._add("alarm", entry, step, 0, text)
            case e.Evaluated(step=step, branch=branch, loss=loss):
                self._add("evaluation", entry, step, branch, f"validation {loss:.3f}", loss)
            case e.CheckpointSaved(step=step, branch=branch, name=name):
                self._add("checkpoint", entry, step, branch, name)

    def moments_s(self, kind: StopKind, timeline: Timeline) -> tuple[float, ...]:
        """Of those found by now, in time at work; the same tuple until there are more."""
        known, stops = self._moments.get(kind, ()), self.stops[kind]
        if len(known) != len(stops):
            new = (timeline.work_s(stop.wall_s) for stop in stops[len(known) :])
            known = self._moments[kind] = (*known, *new)
        return known

    def still_before(self, seq: int) -> Still | None:
        """The newest still of a moment before `seq`."""
        at = bisect_left(self._stills, seq, key=lambda still: still.seq)
        return self._stills[at - 1] if at else None

    def beside(self, kind: StopKind, seq: int, by: int) -> Stop | None:
        """The next stop of a kind after `seq` (`by` 1), or the one before it (-1)."""
        stops = self.stops[kind]
        if by > 0:
            at = bisect_right(stops, seq, key=lambda stop: stop.seq)
        else:
            at = bisect_left(stops, seq, key=lambda stop: stop.seq) - 1
        return stops[at] if 0 <= at < len(stops) else None

    def _add(
        self, kind: StopKind, entry: Entry, step: int, branch: int, text: str, value: float | None = None
    ) -> None:
        self.stops[kind].append(Stop(kind, entry.seq, step, branch, entry.wall_s, one_line(text), value))
