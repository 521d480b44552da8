"""The replay: a recorded run through the same store, at any speed, from any moment.

The app owns one for each run it replays. It reads the log and never the engine; of a run that still goes on it
follows the log, so that at its end the replay shows what happens now.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from math import inf
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import Alarm, RunStarted, StepReport
from engine.runlog.lock import is_live
from engine.runlog.reader import Entry
from tui.link.rebuild import NEWEST_ONLY, apply, window_start
from tui.link.recording import Recording
from tui.link.trail import STRIDE, Trail, show_curves
from tui.link.waypoints import Waypoints
from tui.state.curves.curve import Columns
from tui.state.curves.timeline import Timeline
from tui.state.moments.goto import When
from tui.state.moments.still import put_back
from tui.state.moments.stop import Stop, StopKind
from tui.state.pending_commands import PendingCommands
from tui.state.store import RunStore

SLOWEST, FASTEST = 0.25, 1000.0
TURN_S = 1 / 30
EVENTS_A_TURN = 2000
"""At most so many before the screen gets its turn."""
PLAY_S = 0.015
"""Of a turn, for playing: a run whose events are dense, or one played fast, leaves the screen its time."""
INDEX_S = 0.008
"""Of a turn, for passing over the run's life; the screen has the rest."""
READ_AHEAD = 1024
"""Events read at once, to be played."""
IDLE_S = 5.0
"""A pause in the log longer than this, such as a night between two lives of the engine, is skipped."""
FOLLOW_S = 0.5
"""Between two looks at the end of a log that may grow."""


class ReplaySource:
    """A recorded run and the moment shown of it."""

    def __init__(
        self,
        run_dir: Path,
        store: RunStore,
        *,
        autoplay: bool = True,
        at_seq: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_seq`: the moment to begin at, held; without one the first, playing if `autoplay`."""
        self.playing = autoplay and not at_seq
        self._first_seq = at_seq
        self.speed = 1.0
        self.holds_at_alarms = True
        """Playing stops where the engine raised an alarm."""
        self.held_at: Stop | None = None
        """The alarm at which it just did."""
        self.live = False
        """An engine works on the run now."""
        self.whole: RunStore | None = None
        """The run to its end: what the chart shows beyond the moment."""
        self.run_dir, self._store, self._clock = run_dir, store, clock
        self._recording: Recording | None = None
        self._waypoints = Waypoints()
        self._trail = Trail()
        self._seq = 0
        self._ahead: deque[Entry] = deque()
        """The next events."""
        self._wall_s = 0.0
        """The replay's own time; never far from that of the newest event shown."""
        self._at_now = False
        """All there is was shown, and the run goes on: what comes is shown as it comes."""
        self._looked_s = 0.0
        self._closed = asyncio.Event()

    # -- Source ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the log and show its first moment.

        Raises:
            SlotdeckError: not a run folder, nothing recorded, or the log cannot be read.
        """
        self._store.set_link("replay", "opening the log")
        self._recording = recording = await Recording.open(self.run_dir)
        self.live = is_live(self.run_dir) is not None
        past = recording.past
        self.whole = whole = RunStore()
        whole.load(past.tracks)
        for kind, name in ((RunStarted, "run"), (StepReport, "report")):  # until the pass is through
            if kind.KIND in past.latest:
                newest = decode(kind.KIND, past.latest[kind.KIND].payload)
                if isinstance(newest, kind):
                    setattr(whole, name, newest)
        self._waypoints.begin(past, whole)
        self.seek_seq(self._first_seq or recording.first_seq)

    async def run(self) -> None:
        """Play when playing, until closed."""
        before_s = self._clock()
        while not self._closed.is_set():
            await asyncio.sleep(TURN_S)  # the first picture comes first
            now_s = self._clock()
            try:
                self._index_for(INDEX_S)
                if now_s - self._looked_s > FOLLOW_S and not self._waypoints.passing:
                    self._looked_s = now_s
                    await self._follow()
                if self.playing:
                    self.advance((now_s - before_s) * self.speed, PLAY_S)
            except SlotdeckError as error:
                self._say_unreadable(error)
            before_s = now_s

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    # -- what there is -----------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Sequence number of the newest event shown."""
        return self._seq

    @property
    def head_seq(self) -> int:
        """The last sequence number that can be shown."""
        return self._log.head_seq

    @property
    def timeline(self) -> Timeline:
        """Unix time as the time the run was at work."""
        return self._log.timeline

    @property
    def at_now(self) -> bool:
        """What is shown is what happens now."""
        return self._at_now and self.live

    def stops(self, kind: StopKind) -> list[Stop]:
        """Every place of a kind in the run, those still to come included."""
        self._index_for(inf)
        return self._waypoints.stops[kind]

    def moments_s(self, kind: StopKind) -> tuple[float, ...]:
        """Of those found by now, in time at work; the same tuple until there are more."""
        return self._waypoints.moments_s(kind, self.timeline)

    def stop_before(self, kind: StopKind, seq: int) -> Stop | None:
        """The newest of a kind before `seq`, among those found by now."""
        return self._waypoints.beside(kind, seq, -1)

    def shape(self, width: int) -> Columns:
        """The mean loss of the whole run, from its first moment to its last, in `width` columns of equal time."""
        return self._log.shape(width)

    # -- the player --------------------------------------------------------------------------------------

    def play(self) -> None:
        """Go on; from the beginning when the end is shown of a run that has ended."""
        self.held_at = None
        if self._seq >= self.head_seq and not self.live:
            self.seek_seq(self._log.first_seq)
        self.playing = True
        self._say()

    def pause(self) -> None:
        """Hold the moment shown."""
        self.playing = self._at_now = False
        self._say()

    def set_speed(self, speed: float) -> None:
        """Times the run's own pace, 1/4 to 1000."""
        self.speed = min(max(speed, SLOWEST), FASTEST)
        self._say()

    def seek_step(self, step: int) -> None:
        """Show the moment at which this step was reported; the end when it never was."""
        self.seek_seq(self._log.seq_of_step(step))

    def seek_wall(self, wall_s: float) -> None:
        """Show a moment of Unix time."""
        self.seek_seq(self._log.seq_of_wall(wall_s))

    def seek_seq(self, seq: int) -> None:
        """Show the run as it was when `seq` had just been logged. A log that cannot be read any more is said."""
        seq = min(max(seq, self._log.first_seq), self.head_seq)
        self._at_now, self.held_at = seq == self.head_seq and self.live, None
        try:
            self._bring_to(seq)
        except SlotdeckError as error:
            self._say_unreadable(error)
            return
        self._seq, self._wall_s = seq, self._store.wall_s
        self._say()

    def go(self, kind: StopKind, by: int) -> Stop | None:
        """Show the next place of a kind (`by` 1), or the one before (-1); `None` when there is none."""
        self._index_for(inf)
        found = self._waypoints.beside(kind, self._seq, by)
        if found is not None:
            self.seek_seq(found.seq)
        return found

    def seek_when(self, when: When) -> None:
        """Show the first moment at which a value was below or above another.

        Raises:
            SlotdeckError: it never was.
        """
        found, nearest = self._log.first_when(
            when, self.stops("evaluation") if when.field == "val_loss" else ()
        )
        if found is None:
            raise when.never(nearest)
        self.seek_seq(found)

    def advance(self, seconds: float, at_most_s: float = inf) -> None:
        """Play so many seconds of the run's time, working no longer than `at_most_s` at it."""
        self._trail.forget()
        self._wall_s += seconds
        shown, until_s = 0, time.perf_counter() + at_most_s
        while (entry := self._peek()) is not None and shown < EVENTS_A_TURN:
            if shown % 32 == 31 and time.perf_counter() > until_s:
                shown = EVENTS_A_TURN
                break
            idle_s = entry.wall_s - self._store.wall_s
            if self._at_now or idle_s > IDLE_S or idle_s < -1.0:
                self._wall_s = entry.wall_s  # a pause in the log, or another life's clock
            if entry.wall_s > self._wall_s:
                return
            self._show_next()
            shown += 1
            if self.holds_at_alarms and entry.kind == Alarm.KIND and not self._at_now:
                self._hold_at(entry)
                return
        if shown == EVENTS_A_TURN:
            self._wall_s = self._store.wall_s  # the screen could not keep up with this speed
        elif entry is None:
            self._wall_s = self._store.wall_s
            if not self.live:
                self.pause()
            elif not self._at_now:
                self._at_now = True
                self._say()

    # -- inside ------------------------------------------------------------------------------------------

    @property
    def _log(self) -> Recording:
        if self._recording is None:
            raise SlotdeckError("the log is not open yet", "wait for its first picture")
        return self._recording

    def _bring_to(self, seq: int) -> None:
        """On by playing, back on the trail, and farther by a jump."""
        if self._seq <= seq <= self._seq + READ_AHEAD and self._seq:
            while (entry := self._peek()) is not None and entry.seq <= seq:
                self._show_next()
                self._trail.passed(entry, self._store)
        elif seq != self._seq:
            left = self._trail.back(self._store, seq) if seq < self._seq else None
            if left is None:
                self._jump(seq)
            else:
                self._ahead.extendleft(reversed(left))
            self._store.note_damage(len(self._log.past.damage))

    def _jump(self, seq: int) -> None:
        """From the nearest still before: life-cycle events, then the recent past event by event."""
        store, past, whole = self._store, self._log.past, self.whole
        assert whole is not None, "start opens the log"
        store.reset()
        store.commands = PendingCommands()  # a replay has no requests of its own to keep
        self._ahead.clear()
        self._trail.forget()
        known = max(min(seq, past.head_seq) - STRIDE, past.first_seq)
        from_seq = window_start(past, known)
        if from_seq > past.first_seq:
            count, uncovered = past.buckets_until(known)
            from_seq = min(from_seq, uncovered)
            still = self._waypoints.still_before(from_seq)
            if still is not None:
                put_back(store, still)
            track = past.tracks
            branch, step = (track.branch[count - 1], track.step[count - 1]) if count else (0, -1)
            show_curves(store, whole.series, branch, step)
            begin = still.seq + 1 if still is not None else 0
            for entry in past.state_before(from_seq, begin, NEWEST_ONLY):
                apply(store, entry)
        for entry in self._log.between(from_seq, seq - STRIDE):
            apply(store, entry)
        self._trail.begin(store)
        for entry in self._log.between(max(from_seq, seq - STRIDE + 1), seq):
            apply(store, entry)
            self._trail.passed(entry, store)
        store.changed("loss")

    def _peek(self) -> Entry | None:
        begin = self._seq
        while not self._ahead and begin < self.head_seq:  # a stretch of the log may be damaged
            self._ahead.extend(self._log.between(begin + 1, begin + READ_AHEAD))
            begin += READ_AHEAD
        return self._ahead[0] if self._ahead else None

    def _show_next(self) -> None:
        entry = self._ahead.popleft()
        self._seq = entry.seq
        apply(self._store, entry)

    def _hold_at(self, entry: Entry) -> None:
        self._wall_s = self._store.wall_s
        self.pause()
        alarm = decode(entry.kind, entry.payload)
        if isinstance(alarm, Alarm):
            text = self._store.alarms[-1].text if self._store.alarms else ""
            self.held_at = Stop("alarm", entry.seq, alarm.step, 0, entry.wall_s, text)

    def _index_for(self, seconds: float) -> None:
        """Pass on over the run's life for so long."""
        if self._waypoints.pass_for(seconds):
            self._store.changed("loss")

    async def _follow(self) -> None:
        """Take in what the log has got since; open it again when that is much."""
        self.live = is_live(self.run_dir) is not None
        new = await self._log.follow()
        for entry in new:
            event = decode(entry.kind, entry.payload)
            if self.whole is not None:
                self.whole.apply(entry.seq, entry.wall_s, event)
            self._waypoints.note(entry, event)
        if new:
            self._store.changed("loss")

    def _say(self) -> None:
        pace = "live" if self.at_now and self.playing else f"{self.speed:g}x" if self.playing else "paused"
        self._store.set_link("replay", pace)

    def _say_unreadable(self, error: SlotdeckError) -> None:
        self.playing = False
        self._store.set_link("unreadable", error.message, error.remedy)
