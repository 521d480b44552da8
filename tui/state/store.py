"""The run as the cockpit knows it: the one mutable object of the cockpit, and `apply` its one door.

`tui.link` feeds it, live, on re-attach and in replay alike; screens read it when `take_dirty` names their
topic. It knows nothing of Textual, sockets or files.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from engine.protocol import events as e
from engine.protocol.codec import Unknown
from engine.text import one_line
from tui.state.changes import Changes
from tui.state.clean import clean
from tui.state.curves.curve import Track
from tui.state.curves.forks import gone_back
from tui.state.curves.series import Series
from tui.state.facts import AWAY, Lease, LinkState, Tick
from tui.state.jobs import Jobs
from tui.state.log.feed import FeedItem, describe
from tui.state.memory_history import MemoryHistory
from tui.state.pending_commands import PendingCommands
from tui.state.slots.history import SlotHistory
from tui.state.slots.measures import SlotMeasures
from tui.state.troubles import Alarms

SCALARS = (
    "loss", "loss_ema", "lr", "grad_norm", "tokens_per_s", "active_slots",
    "step_ms", "data_ms", "forward_ms", "backward_ms", "optimizer_ms",
)  # fmt: skip
"""Fields of a step report that become series of the same name; `val_loss` comes from evaluations."""

TOPICS = frozenset(
    {"run", "loss", "slots", "memory", "hardware", "feed", "commands", "link", "lease", "progress", "samples"}
)


class RunStore:
    """Everything known of one run. Bounded: a run of any length fits."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.when_answered: Callable[[], None] | None = None
        """Called when the engine has answered a command of this cockpit's own: somebody waits to see it."""
        self._dirty = Changes(TOPICS)
        self._doors: dict[type, Callable[[Any], None]] = {
            e.RunStarted: self._run_started, e.StateChanged: self._state_changed, e.RunEnded: self._run_ended,
            e.WentBack: self._went_back, e.Pruned: self._pruned, e.JobReported: self._job_reported,
            e.Alarm: self._alarm, e.StepReport: self._step_report, e.SlotPlanned: self._slot_planned,
            e.Evaluated: self._evaluated,
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
        self.running_since_s = 0.0
        """When it last began to do steps."""
        self.ended: e.RunEnded | None = None
        self.ended_wall_s = 0.0
        self.report: e.StepReport | None = None
        self.report_wall_s = 0.0
        self.wall_s = 0.0
        """Time of the newest event."""
        self.plan: e.SlotPlanned | None = None
        self.slots = SlotHistory()
        self.measures = SlotMeasures()
        self.memory_history = MemoryHistory()
        self.evaluations: list[e.Evaluated] = []
        self.samples: deque[e.Sampled] = deque(maxlen=32)
        self.checkpoints: list[e.CheckpointSaved] = []
        self.alarms: deque[FeedItem] = deque(maxlen=64)
        """The feed's lines about them."""
        self.open_alarms = Alarms()
        """Those that nothing has shown to be over."""
        self.jobs = Jobs()
        self.pruned: frozenset[str] = frozenset()
        """Names of the slots that are gone from the model."""
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
        self.lease = self.lease_before = Lease()
        self.lease_wall_s = 0.0
        """When the controls changed hands."""
        self.rev = 0
        """The run's revision: rises with each applied command."""
        self.branch = 0
        self.head_seq = 0
        """The newest sequence number applied."""
        self.unknown = 0
        """Frames of kinds that this version does not know."""
        self.damaged = 0
        """Stretches of the log that could not be read; the link counts them."""
        self.damaged_wall_s = self.gpu_lost_wall_s = self.gap_wall_s = 0.0
        """When the first of each was noticed."""
        self.gap_seq = 0
        self.gaps = 0
        """Frames that never reached the log."""
        if not keep_series:
            self.series = {name: Series(name) for name in (*SCALARS, "val_loss")}
        self._dirty |= TOPICS

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
        event = clean(event)
        self.wall_s = wall_s
        door = self._doors.get(type(event))
        if door is not None:
            door(event)
        self.memory_history.heard(event)
        if self.measures.heard(event, self.plan):
            self._dirty.add("slots")
        if self.open_alarms and self.open_alarms.heard(event):
            self._dirty.add("run")
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

    def changed(self, *topics: str) -> None:
        """What is drawn of these topics is not what it was, though no event came."""
        self._dirty |= topics

    def set_link(self, status: str, detail: str = "", remedy: str = "") -> None:
        """How the cockpit is connected now."""
        before, detail, remedy = self.link, one_line(detail, 1024), one_line(remedy, 1024)
        if (status, detail, remedy) != (before.status, before.detail, before.remedy):
            same = status == before.status or {status, before.status} == {"lost", "restarting"}
            self.link = LinkState(status, detail, before.since_wall_s if same else self._clock(), remedy)
            self._dirty.add("link")

    def set_lease(self, holder: str, who: str, fence: int) -> None:
        """Who holds the controls, as the welcome says."""
        self._lease_is(Lease(holder, one_line(who), fence), self._clock())

    def note_damage(self, stretches: int) -> None:
        """How many stretches of the log cannot be read."""
        if stretches != self.damaged:
            self.damaged, self.damaged_wall_s = stretches, self.damaged_wall_s or self.wall_s
            self._dirty.add("link")

    def request(self, command_id: str, text: str) -> None:
        """This cockpit asked for a command; nothing has been answered."""
        self.commands.request(command_id, one_line(text, 4096), self._clock())
        self._dirty.add("commands")

    # -- what the screens call ---------------------------------------------------------------------------

    def take_dirty(self, reader: object = None) -> set[str]:
        """The topics that changed since this reader asked last; all of them at its first call."""
        return self._dirty.take(reader)

    def forget_reader(self, reader: object) -> None:
        """This reader will not ask again."""
        self._dirty.forget(reader)

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
        return self.series["val_loss"].last

    def leads(self, branch: int, step: int, at: int | None = None) -> bool:
        """Whether a step of a branch is on the line to branch `at`, or to where the run is now."""
        return self.series["loss"].forks.leads(branch, step, at)

    @property
    def newest_checkpoint(self) -> e.CheckpointSaved | None:
        """The last that is not on an abandoned branch."""
        return next((c for c in reversed(self.checkpoints) if self.leads(c.branch, c.step)), None)

    def eta_s(self, now_s: float) -> float | None:
        """Seconds of running left at Unix time `now_s`: the report's figure, counting down while steps are done.

        Neither a pause counts, nor a task that stops them, such as an evaluation, nor a silence.
        """
        if self.report is None or self.report.eta_s is None or self.ended is not None:
            return None
        if self.state != "running" or self.link.status in AWAY:
            return self.report.eta_s
        if self.progress is not None:
            now_s = min(now_s, self.progress_since_s)
        since_s = max(self.report_wall_s, self.running_since_s)
        due_s = 10.0 + 2e-3 * self.report.steps * self.report.step_ms  # by then the next report is late
        return max(0.0, self.report.eta_s - min(max(0.0, now_s - since_s), due_s))

    def _tell(self, item: FeedItem) -> None:
        if item.about:
            told = (back for back, old in enumerate(reversed(self.feed), 1) if old.about == item.about)
            if before := next(told, 0):
                del self.feed[-before]
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
        self.slots.went_to(event.step, event.branch)
        self._end_jobs()
        self._dirty |= {"run", "loss", "slots", "progress"}

    def _went_back(self, event: e.WentBack) -> None:
        for series in self.series.values():
            series.fork(event.branch, event.step, event.of_branch)
        self.branch, self.set_since = event.branch, {}
        self.slots.went_to(event.step, event.branch)
        if self.report is not None:  # what is shown until the new branch reports
            tokens = self.run.tokens_per_step * event.step if self.run is not None else 0
            passed_s = self.wall_s - self.report_wall_s
            self.report, self.report_wall_s = gone_back(self.report, event, tokens, passed_s), self.wall_s
        self._dirty |= {"run", "loss", "slots"}

    def _pruned(self, event: e.Pruned) -> None:
        names = frozenset(event.slots)
        self.pruned = self.pruned - names if event.undone else self.pruned | names
        self._dirty.add("slots")

    def _job_reported(self, event: e.JobReported) -> None:
        self.jobs.reported(event, self.wall_s)
        self.commands.worked(event, self.wall_s)
        self._dirty |= {"commands", "progress"}

    def _end_jobs(self) -> None:
        for event in self.jobs.engine_gone():
            self.commands.worked(event, self.wall_s)

    def _alarm(self, event: e.Alarm) -> None:
        self.open_alarms.raised(self.head_seq, self.wall_s, event)
        self._dirty.add("run")

    def _state_changed(self, event: e.StateChanged) -> None:
        if event.state == "running" != self.state:
            self.running_since_s = self.wall_s
        self.state, self.state_reason = event.state, event.reason
        if event.state != "ended":
            self.ended = None  # another life has begun
        self._dirty.add("run")

    def _run_ended(self, event: e.RunEnded) -> None:
        self.ended, self.state, self.state_reason, self.progress = event, "ended", event.reason, None
        self.ended_wall_s = self.wall_s
        self._end_jobs()
        self._dirty |= {"run", "progress"}

    def _step_report(self, event: e.StepReport) -> None:
        self.report, self.report_wall_s, self.branch = event, self.wall_s, event.branch
        self.set_since = {}
        if event.step > self.series["loss"].last_step_of(
            event.branch
        ):  # else the curves have it: a log read again
            for name in SCALARS:
                self.series[name].append(
                    event.branch, event.step, getattr(event, name), event.step - event.steps
                )
        if self.slots.reported(event, self.wall_s):
            self._dirty.add("slots")
        self._dirty |= {"run", "loss"}

    def _slot_planned(self, event: e.SlotPlanned) -> None:
        self.plan = event
        if len(event.rows) == len(self.slot_names):
            gone = {name for name, row in zip(self.slot_names, event.rows, strict=True) if row.pruned}
            self.pruned = frozenset(gone)
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
        if not (self.hardware and self.hardware.gpu_status):
            self.gpu_lost_wall_s = self.wall_s
        self.hardware = event
        self._dirty.add("hardware")

    def _memory_split(self, event: e.MemorySplit) -> None:
        self.memory = event
        self._dirty.add("memory")

    def _progress(self, event: e.Progress) -> None:
        if self.jobs.progressed(event):
            self._dirty.add("progress")
            return
        if self.progress is None or self.progress.task != event.task:
            self.progress_since_s = self.wall_s
        self.progress = event if event.done < event.total else None
        self._dirty.add("progress")

    def _log_gap(self, event: e.LogGap) -> None:
        self.gaps += event.dropped
        self.gap_seq, self.gap_wall_s = self.head_seq, self.wall_s
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
        self._lease_is(Lease(event.holder, event.who, event.fence, event.reason), self.wall_s)

    def _lease_is(self, lease: Lease, wall_s: float) -> None:
        if lease.holder != self.lease.holder:
            self.lease_before, self.lease_wall_s = self.lease, wall_s
        self.lease = lease
        self._dirty.add("lease")
