"""The replay: a recorded run through the same store, at any speed, from any moment.

The app owns one for each run it replays. It reads the log and never the engine; a run that still goes on can
be replayed as far as its log reached when the replay began.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.commands import AnyCommand
from engine.protocol.events import CommandApplied
from engine.runlog.index import History
from engine.runlog.reader import Entry, LogReader
from tui.link.rebuild import RECENT_EVENTS, apply, rebuild
from tui.state.pending_commands import PendingCommands
from tui.state.store import RunStore

SLOWEST, FASTEST = 0.25, 1000.0
TURN_S = 1 / 30
EVENTS_A_TURN = 2000
"""At most so many before the screen gets its turn."""
IDLE_S = 5.0
"""A pause in the log longer than this, such as a night between two lives of the engine, is skipped."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in the run."""

    seq: int
    step: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class Action:
    """What an operator did, and where in the log."""

    seq: int
    step: int
    branch: int
    wall_s: float
    text: str


class ReplaySource:
    """A recorded run and the moment shown of it."""

    def __init__(
        self,
        run_dir: Path,
        store: RunStore,
        *,
        autoplay: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.playing = autoplay
        self.speed = 1.0
        self.whole: RunStore | None = None
        """The run to its end: what the chart shows beyond the moment."""
        self.ticks: list[Action] = []
        """Every operator action of the run, those still to come included."""
        self.run_dir, self._store, self._clock = run_dir, store, clock
        self._history: History | None = None
        self._log: LogReader | None = None
        self._seq = 0
        self._ahead: list[Entry] = []
        """The next events, last one first."""
        self._wall_s = 0.0
        """The replay's own time; never far from that of the newest event shown."""
        self._closed = asyncio.Event()

    # -- Source ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the log and show its first moment.

        Raises:
            SlotdeckError: not a run folder, nothing recorded, or the log cannot be read.
        """
        self._store.set_link("replay", "opening the log")
        self._history = await asyncio.to_thread(History, self.run_dir)
        if not self._history.head_seq:
            raise SlotdeckError(f"{self.run_dir.name} has nothing recorded yet", "attach to it instead")
        self._log = LogReader(self.run_dir)
        for entry in self._history.marks:
            event = decode(entry.kind, entry.payload)
            if isinstance(event, CommandApplied):
                self.ticks.append(Action(entry.seq, event.step, event.branch, entry.wall_s, event.text))
        whole = RunStore()
        for _ in rebuild(whole, self._history, self._log, self._history.head_seq, recent=64):
            await asyncio.sleep(0)
        self.whole = whole
        self.seek_seq(self._history.first_seq)

    async def run(self) -> None:
        """Play when playing, until closed."""
        before_s = self._clock()
        while not self._closed.is_set():
            now_s = self._clock()
            if self.playing:
                self.advance((now_s - before_s) * self.speed)
            before_s = now_s
            await asyncio.sleep(TURN_S)

    def close(self) -> None:
        """Stop."""
        self._closed.set()

    def send(self, command: AnyCommand) -> str:  # noqa: ARG002
        """A replay cannot be steered."""
        raise SlotdeckError(
            "this is a replay: what is shown has already happened", "attach to a running one to steer"
        )

    def take_lease(self) -> None:
        """Nor can its controls be taken."""
        raise SlotdeckError("this is a replay: it has no controls", "attach to a running one to steer")

    # -- the player --------------------------------------------------------------------------------------

    @property
    def position(self) -> Moment:
        """The moment shown."""
        return Moment(self._seq, self._store.step, self._store.wall_s)

    @property
    def span(self) -> tuple[float, float]:
        """Unix time of the first and the last event."""
        return self._past.span

    @property
    def head_seq(self) -> int:
        """The last sequence number that can be shown."""
        return self._past.head_seq

    def play(self) -> None:
        """Go on; from the beginning when the end is shown."""
        if self._seq >= self._past.head_seq:
            self.seek_seq(self._past.first_seq)
        self.playing = True
        self._say()

    def pause(self) -> None:
        """Hold the moment shown."""
        self.playing = False
        self._say()

    def set_speed(self, speed: float) -> None:
        """Times the run's own pace, 1/4 to 1000."""
        self.speed = min(max(speed, SLOWEST), FASTEST)
        self._say()

    def seek_step(self, step: int) -> None:
        """Show the moment at which this step was reported; the end when it never was."""
        self.seek_seq(self._past.seq_at(step=step))

    def seek_wall(self, wall_s: float) -> None:
        """Show a moment of Unix time."""
        just_after_s = wall_s + 1e-6
        self.seek_seq(self._past.seq_at(wall_s=just_after_s) - 1)

    def seek_seq(self, seq: int) -> None:
        """Show the run as it was when `seq` had just been logged."""
        seq = min(max(seq, self._past.first_seq), self._past.head_seq)
        if self._seq <= seq <= self._seq + RECENT_EVENTS and self._seq:
            self._show_until(lambda entry: entry.seq <= seq)
        else:
            assert self._log is not None, "start opens the log"
            self._store.commands = PendingCommands()  # a replay has no requests of its own to keep
            for _ in rebuild(self._store, self._past, self._log, seq):
                pass
            self._ahead = []
        self._seq, self._wall_s = seq, self._store.wall_s
        self._say()

    def next_action(self) -> Action | None:
        """Show the next thing an operator did; `None` when there is none."""
        found = next((action for action in self.ticks if action.seq > self._seq), None)
        return self._go(found)

    def previous_action(self) -> Action | None:
        """Show the thing an operator did before; `None` when there is none."""
        found = next((action for action in reversed(self.ticks) if action.seq < self._seq), None)
        return self._go(found)

    def advance(self, seconds: float) -> None:
        """Play so many seconds of the run's time."""
        self._wall_s += seconds
        shown = 0
        while (entry := self._peek()) is not None and shown < EVENTS_A_TURN:
            idle_s = entry.wall_s - self._store.wall_s
            if idle_s > IDLE_S or idle_s < -1.0:  # a pause in the log, or another life's clock
                self._wall_s = entry.wall_s
            if entry.wall_s > self._wall_s:
                return
            self._show_next()
            shown += 1
        if shown == EVENTS_A_TURN:
            self._wall_s = self._store.wall_s  # the screen could not keep up with this speed
        elif entry is None:
            self.pause()

    # -- inside ------------------------------------------------------------------------------------------

    @property
    def _past(self) -> History:
        assert self._history is not None, "start opens the log"
        return self._history

    def _go(self, action: Action | None) -> Action | None:
        if action is not None:
            self.seek_seq(action.seq)
        return action

    def _peek(self) -> Entry | None:
        if not self._ahead and self._seq < self._past.head_seq:
            assert self._log is not None, "start opens the log"
            for entry in self._log.entries(self._seq + 1):
                if entry.seq > self._past.head_seq or len(self._ahead) == RECENT_EVENTS:
                    break
                self._ahead.append(entry)
            self._ahead.reverse()
        return self._ahead[-1] if self._ahead else None

    def _show_next(self) -> None:
        entry = self._ahead.pop()
        self._seq = entry.seq
        apply(self._store, entry)

    def _show_until(self, wanted: Callable[[Entry], bool]) -> None:
        while (entry := self._peek()) is not None and wanted(entry):
            self._show_next()

    def _say(self) -> None:
        pace = f"{self.speed:g}x" if self.playing else "paused"
        self._store.set_link("replay", pace)
