"""The run as the cockpit knows it: the one mutable object of the cockpit, and `apply` its one door.

`tui.link` feeds it, live, on re-attach and in replay alike; screens read it when `take_dirty` names their
topic. It knows nothing of Textual, sockets or files.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.protocol import events as e
from engine.protocol.codec import Unknown
from tui.state.feed import FeedItem, describe
from tui.state.pending_commands import PendingCommands
from tui.state.series import Series, Track
from tui.state.slot_history import SlotHistory

SCALARS = (
    "loss", "loss_ema", "lr", "grad_norm", "tokens_per_s", "active_slots",
    "step_ms", "data_ms", "forward_ms", "backward_ms", "optimizer_ms",
)  # fmt: skip
"""Fields of a step report that become series of the same name; `val_loss` comes from evaluations."""

TOPICS = frozenset(
    {"run", "loss", "slots", "memory", "hardware", "feed", "commands", "link", "lease", "progress", "samples"}
)


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the cockpit is connected."""

    status: str
    """`connecting`, `live`, `lost`, `replay` or `ended`."""
    detail: str
    since_wall_s: float


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the controls."""

    holder: str = ""
    """Client id; empty: nobody."""
    who: str = ""
    fence: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """An operator's action, marked on the curves."""

    step: int
    branch: int
    wall_s: float
    text: str
    verb: str = ""


class RunStore:
    """Everything known of one run. Bounded: a run of any length fits."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._dirty: set[str] = set()
        self._doors: dict[type, Callable[[Any], None]] = {
            e.RunStarted: self._run_started, e.StateChanged: self._state_changed, e.RunEnded: self._run_ended,
            e.StepReport: self._step_report, e.SlotPlanned: self._slot_planned, e.Evaluated: self._evaluated,
            e.Sampled: self._sampled, e.CheckpointSaved: self._checkpoint_saved, e.Hardware: self._hardware,
            e.MemorySplit: self._memory_split, e.Progress: self._progress,
            e.LogGap: self._log_gap, e.CommandAccepted: self._accepted, e.CommandApplied: self._applied,
            e.CommandRefused: self._refused, e.LeaseChanged: self._lease_changed,
        }  # fmt: skip
        self.link = LinkState("connecting", "", clock())
        self.commands = PendingCommands()
        self.series: dict[str, Series] = {}
        self.reset()

    def reset(self, keep_series: bool = False) -> None:
        """Back to nothing known; the link and this cockpit's own requests stay.

        `keep_series`: the curves stay too, for a replay that jumps within a run whose tracks are loaded.
        """
        self.run: e.RunStarted | None = None
        self.state = ""
        """`starting`, `running`, `paused`, `stopping` or `ended`; empty before the first event."""
        self.state_reason = ""
        self.ended: e.RunEnded | None = None
        self.report: e.StepReport | None = None
        self.report_wall_s = 0.0
        self.wall_s = 0.0
        """Time of the newest event."""
        self.plan: e.SlotPlanned | None = None
        self.slots = SlotHistory()
        self.evaluations: list[e.Evaluated] = []
        self.samples: deque[e.Sampled] = deque(maxlen=32)
        self.checkpoints: list[e.CheckpointSaved] = []
        self.alarms: deque[FeedItem] = deque(maxlen=64)
        self.set_since: dict[str, str] = {}
        """`lr` and `precision` as set since the last report: what the next one will say."""
        self.hardware: e.Hardware | None = None
        self.memory: e.MemorySplit | None = None
        self.progress: e.Progress | None = None
        """A long task inside the engine; `None` when there is none or it is done."""
        self.progress_since_s = 0.0
        """When it began."""
        self.feed: deque[FeedItem] = deque(maxlen=500)
        self.ticks: list[Tick] = []
        self.lease = Lease()
        self.rev = 0
        """The run's revision: rises with each applied command."""
        self.branch = 0
        self.head_seq = 0
        """The newest sequence number applied."""
        self.unknown = 0
        """Frames of kinds that this version does not know."""
        self.damaged = 0
        """Stretches of the log that could not be read; the link counts them."""
        self.gaps = 0
        """Frames that never reached the log, or that the link had to leave out."""
        if not keep_series:
            self.series = {name: Series(name) for name in (*SCALARS, "val_loss")}
        self._dirty = set(TOPICS)

    # -- what the link calls -----------------------------------------------------------------------------

    def apply(self, seq: int, wall_s: float, event: object) -> None:
        """Take in one event. What was seen before (`seq` <= `head_seq`) is ignored, a newer kind counted.

        `seq` 0 is for answers that are in no log, such as a refusal for want of the lease.
        """
        if seq:
            if seq <= self.head_seq:
                return
            self.head_seq = seq
        if isinstance(event, Unknown):
            self.unknown += 1
            return
        self.wall_s = wall_s
        door = self._doors.get(type(event))
        if door is not None:
            door(event)
        life = self.commands.get(getattr(event, "command_id", ""))
        item = describe(seq, wall_s, event, life.who if life is not None else "")
        if item is not None:
            self._tell(item)

    def load(self, track: Track) -> None:
        """Take the curves of the log's pyramid; reports among them that arrive again are ignored."""
        for name in SCALARS:
            if name in track.columns:
                self.series[name].load(track, track.columns[name])
        self._dirty.add("loss")

    def set_link(self, status: str, detail: str = "") -> None:
        """How the cockpit is connected now."""
        if (status, detail) != (self.link.status, self.link.detail):
            since = self.link.since_wall_s if status == self.link.status else self._clock()
            self.link = LinkState(status, detail, since)
            self._dirty.add("link")

    def set_lease(self, holder: str, who: str, fence: int) -> None:
        """Who holds the controls, as the welcome says."""
        self.lease = Lease(holder, who, fence)
        self._dirty.add("lease")

    def note_gap(self, dropped: int) -> None:
        """The link left out telemetry that will not come."""
        self.gaps += dropped
        self._dirty.add("link")

    def note_damage(self, stretches: int) -> None:
        """How many stretches of the log cannot be read."""
        if stretches != self.damaged:
            self.damaged = stretches
            self._dirty.add("link")

    def request(self, command_id: str, text: str) -> None:
        """This cockpit asked for a command; nothing has been answered."""
        self.commands.request(command_id, text, self._clock())
        self._dirty.add("commands")

    # -- what the screens call ---------------------------------------------------------------------------

    def take_dirty(self) -> set[str]:
        """The topics that changed since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    @property
    def step(self) -> int:
        """Steps done."""
        if self.report is not None:
            return self.report.step
        return self.run.step if self.run is not None else 0

    @property
    def total_steps(self) -> int | None:
        return self.run.total_steps if self.run is not None else None

    @property
    def slot_names(self) -> list[str]:
        return [slot.name for slot in self.run.slots] if self.run is not None else []

    @property
    def val_loss(self) -> float | None:
        return self.evaluations[-1].loss if self.evaluations else None

    def eta_s(self, now_s: float) -> float | None:
        """Seconds of running left at Unix time `now_s`: the report's figure, counting down while it runs."""
        if self.report is None or self.report.eta_s is None or self.ended is not None:
            return None
        if self.state != "running" or self.link.status in ("lost", "ended"):
            return self.report.eta_s
        return max(0.0, self.report.eta_s - max(0.0, now_s - self.report_wall_s))

    def _tell(self, item: FeedItem) -> None:
        if item.command_id:
            accepted = next((old for old in reversed(self.feed) if old.command_id == item.command_id), None)
            if accepted is not None:
                self.feed.remove(accepted)
        self.feed.append(item)
        self._dirty.add("feed")
        if item.kind == "alarm":
            self.alarms.append(item)
            self._dirty.add("run")

    # -- one method an event -----------------------------------------------------------------------------

    def _run_started(self, event: e.RunStarted) -> None:
        if event.branch > self.branch:
            for series in self.series.values():
                series.fork(event.branch, event.step)
        self.run, self.ended, self.report, self.progress = event, None, None, None
        self.branch = event.branch
        self._dirty |= {"run", "loss", "slots", "progress"}

    def _state_changed(self, event: e.StateChanged) -> None:
        self.state, self.state_reason = event.state, event.reason
        self._dirty.add("run")

    def _run_ended(self, event: e.RunEnded) -> None:
        self.ended, self.state, self.state_reason, self.progress = event, "ended", event.reason, None
        self._dirty |= {"run", "progress"}

    def _step_report(self, event: e.StepReport) -> None:
        self.report, self.report_wall_s, self.branch = event, self.wall_s, event.branch
        self.set_since = {}
        for name in SCALARS:
            self.series[name].append(event.branch, event.step, getattr(event, name), event.step - event.steps)
        if self.slots.reported(event, self.wall_s):
            self._dirty.add("slots")
        self._dirty |= {"run", "loss"}

    def _slot_planned(self, event: e.SlotPlanned) -> None:
        self.plan = event
        self.slots.planned(event, self.wall_s)
        self._dirty.add("slots")

    def _evaluated(self, event: e.Evaluated) -> None:
        self.evaluations.append(event)
        self.series["val_loss"].append(event.branch, event.step, event.loss)
        self._dirty |= {"loss", "run"}

    def _sampled(self, event: e.Sampled) -> None:
        self.samples.append(event)
        self._dirty.add("samples")

    def _checkpoint_saved(self, event: e.CheckpointSaved) -> None:
        self.checkpoints.append(event)
        self._dirty.add("loss")

    def _hardware(self, event: e.Hardware) -> None:
        self.hardware = event
        self._dirty.add("hardware")

    def _memory_split(self, event: e.MemorySplit) -> None:
        self.memory = event
        self._dirty.add("memory")

    def _progress(self, event: e.Progress) -> None:
        if self.progress is None or self.progress.task != event.task:
            self.progress_since_s = self.wall_s
        self.progress = event if event.done < event.total else None
        self._dirty.add("progress")

    def _log_gap(self, event: e.LogGap) -> None:
        self.gaps += event.dropped
        self._dirty.add("link")

    def _accepted(self, event: e.CommandAccepted) -> None:
        self.commands.accepted(event, self.wall_s)
        self._dirty.add("commands")

    def _applied(self, event: e.CommandApplied) -> None:
        self.commands.applied(event, self.wall_s)
        self.rev = event.rev
        self.ticks.append(Tick(event.step, event.branch, self.wall_s, event.text, event.verb))
        if event.verb == "lr" or (event.verb == "precision" and "slot=" not in event.text):
            self.set_since = {**self.set_since, event.verb: event.after}
        self._dirty |= {"commands", "loss"}

    def _refused(self, event: e.CommandRefused) -> None:
        self.commands.refused(event, self.wall_s)
        self._dirty.add("commands")

    def _lease_changed(self, event: e.LeaseChanged) -> None:
        self.lease = Lease(event.holder, event.who, event.fence, event.reason)
        self._dirty.add("lease")
