"""What each event changes of what is known of a run: one method an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.protocol import events as e
from tui.state.changes import Changes
from tui.state.curves.forks import gone_back
from tui.state.facts import Lease, Tick
from tui.state.store_facts import SCALARS, StoreFacts


class StoreEvents(StoreFacts):
    """The facts, and how they change; which topics did is kept for those who look."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._dirty = Changes()
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
        super().__init__(clock)

    def _take_in(self, event: object) -> None:
        """What an event of a known kind changes; nothing for the others."""
        door = self._doors.get(type(event))
        if door is not None:
            door(event)

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
