"""Walks a run's log once and turns its events into rows of tables, a batch at a time.

Memory is bounded by the batch and by the commands that wait for an answer, not by the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import astuple

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.reader import LogReader
from slotdeck.export_run import tables as t
from slotdeck.export_run.facts import RunFacts, asked_as, settings
from slotdeck.export_run.table import Row, Table
from slotdeck.export_run.tables import ON_FINAL_BRANCH, PLACED

BATCH = 16_384
"""Rows of one table that are handed on together."""

Take = Callable[[Table, list[Row]], None]
"""What a format does with the next rows of a table."""


class Walk:
    """One pass over the log. The tables come mixed, each in its own order."""

    def __init__(self, run_dir: Path, facts: RunFacts, take: Take, *, only_final: bool = False) -> None:
        """`only_final`: leave out what was left behind by a rollback or a resume from an earlier checkpoint."""
        self.facts = facts
        self.unreadable = 0
        """Events that this version cannot read."""
        self._run_dir = run_dir
        self._take = take
        self._only_final = only_final
        self._rows: dict[Table, list[Row]] = {table: [] for table in t.TABLES}
        self._accepted: dict[tuple[str, str], tuple[float, e.CommandAccepted, Row]] = {}
        self._names = facts.slot_names
        self._step = self._branch = self._seq = 0
        self._moment: tuple[int, float, float] = (0, 0.0, 0.0)
        self._doors: dict[type, Callable[[Any], None]] = {
            e.RunStarted: self._started, e.StateChanged: self._state, e.RunEnded: self._ended,
            e.WentBack: self._went_back, e.LeaseChanged: self._lease, e.SlotPlanned: self._planned,
            e.Evaluated: self._evaluated, e.Sampled: self._sampled, e.CheckpointSaved: self._saved,
            e.Pruned: self._pruned, e.JobReported: self._job, e.Probed: self._probed, e.Hardware: self._hardware,
            e.MemorySplit: self._memory, e.SlotsMeasured: self._measured, e.LogLine: self._line, e.Alarm: self._alarm,
            e.LogGap: self._gap, e.CommandAccepted: self._accept, e.CommandApplied: self._applied,
            e.CommandRefused: self._refused,
        }  # fmt: skip

    @property
    def share(self) -> float:
        """Of the log that was walked."""
        return self._seq / self.facts.head_seq

    def run(self) -> None:
        """The whole log, as far as it went when the facts were read."""
        steps, began, line = self._rows[t.STEPS], self.facts.began_wall_s, self.facts.line
        only_final, report_kind, head = self._only_final, e.StepReport.KIND, self.facts.head_seq
        for seq, kind, _, wall_s, payload in LogReader(self._run_dir).entries():
            if seq > head:
                break
            event = decode(kind, payload)
            if kind == report_kind and isinstance(event, e.StepReport):
                # Spelt out here: a long run is nearly nothing but these.
                self._step, self._branch = event.step, event.branch
                leads = event.step <= line.get(event.branch, -1)
                if leads or not only_final:
                    steps.append((seq, wall_s, wall_s - began, leads, *astuple(event)))
                    if len(steps) >= BATCH:
                        self._seq = seq
                        self._hand_on(t.STEPS)
                continue
            door = self._doors.get(type(event))
            if door is not None:
                self._moment = (seq, wall_s, wall_s - began)
                door(event)
            elif not isinstance(event, e.Event):
                self.unreadable += 1
        for wall_s, asked, place in self._accepted.values():
            told = ("accepted", asked.verb, asked.text, *self._asked(asked, wall_s))
            self._add(t.COMMANDS, place, (*told, *_UNANSWERED))
        self._rows[t.SLOTS] += [
            (number, slot.name, slot.params)
            for number, slot in enumerate(self.facts.lives[-1].slots if self.facts.lives else [])
        ]
        self._rows[t.PROFILE] += self._profile()
        for table in t.TABLES:
            self._hand_on(table)

    def _profile(self) -> Iterator[Row]:
        for life, started in enumerate(self.facts.lives, 1):
            for setting in settings(started.profile_toml):
                yield (life, setting.key, setting.value, setting.default, setting.changed)

    def _hand_on(self, table: Table) -> None:
        rows = self._rows[table]
        if rows:
            self._take(table, rows)
            rows.clear()

    def _place(self, step: int | None = None, branch: int | None = None) -> Row:
        """What begins a row: the moment, and where the run was."""
        step = self._step if step is None else step
        branch = self._branch if branch is None else branch
        return (*self._moment, self.facts.leads(branch, step), step, branch)

    def _add(self, table: Table, place: Row, rest: Row) -> None:
        if self._only_final and not place[ON_FINAL_BRANCH]:
            return
        assert len(place) == PLACED, "a row begins with its place"
        rows = self._rows[table]
        rows.append(place + rest)
        if len(rows) >= BATCH:
            self._hand_on(table)

    # -- one method an event -----------------------------------------------------------------------------

    def _started(self, event: e.RunStarted) -> None:
        self._step, self._branch = event.step, max(event.branch, self._branch)
        self._names = [slot.name for slot in event.slots]
        self._add(t.STATES, self._place(), ("started", event.resumed_from or event.parent_checkpoint, "", ""))

    def _state(self, event: e.StateChanged) -> None:
        self._add(t.STATES, self._place(event.step), ("state", event.state, event.reason, ""))

    def _ended(self, event: e.RunEnded) -> None:
        self._add(t.STATES, self._place(event.step), ("ended", event.outcome, event.reason, event.remedy))

    def _went_back(self, event: e.WentBack) -> None:
        self._step, self._branch = event.step, event.branch
        self._add(t.STATES, self._place(), ("went-back", event.checkpoint, event.reason, ""))

    def _lease(self, event: e.LeaseChanged) -> None:
        self._add(t.STATES, self._place(), ("controls", event.who if event.holder else "", event.reason, ""))

    def _planned(self, event: e.SlotPlanned) -> None:
        place = self._place(event.step, event.branch)
        for number, row in enumerate(event.rows):
            rest = (number, self._name(number), row.duty, row.trained, row.held, row.until, row.precision)
            self._add(t.SLOT_PLANS, place, (*rest, row.reason, row.pruned, event.policy))

    def _measured(self, event: e.SlotsMeasured) -> None:
        place = self._place(event.step, event.branch)
        columns = (
            event.grad_norms,
            event.weight_norms,
            event.update_norms,
            event.forward_ms,
            event.backward_ms,
        )
        for number, values in enumerate(zip(*columns, strict=False)):
            self._add(t.SLOTS_MEASURED, place, (number, self._name(number), *values))

    def _probed(self, event: e.Probed) -> None:
        place = self._place(event.step, event.branch)
        for name, loss in zip(event.slots, event.losses, strict=False):
            self._add(t.PROBES, place, (name, loss, event.loss, event.tokens, event.command_id))

    def _evaluated(self, event: e.Evaluated) -> None:
        rest = (event.loss, event.perplexity, event.tokens, event.seconds, event.command_id)
        self._add(t.EVALUATIONS, self._place(event.step, event.branch), rest)

    def _sampled(self, event: e.Sampled) -> None:
        rest = (event.prompt, event.text, event.seconds, event.command_id)
        self._add(t.SAMPLES, self._place(event.step, event.branch), rest)

    def _saved(self, event: e.CheckpointSaved) -> None:
        rest = (event.name, event.bytes, event.seconds, event.reason, event.command_id)
        self._add(t.CHECKPOINTS, self._place(event.step, event.branch), rest)

    def _pruned(self, event: e.Pruned) -> None:
        rest = (
            " ".join(event.slots), event.params_before, event.params_after, event.loss_before, event.loss_after,
            event.undone, event.reason, event.command_id,
        )  # fmt: skip
        self._add(t.PRUNES, self._place(event.step, event.branch), rest)

    def _job(self, event: e.JobReported) -> None:
        rest = (event.job, event.task, event.state, event.text, _json(event.result), event.command_id)
        self._add(t.JOBS, self._place(event.step), rest)

    def _hardware(self, event: e.Hardware) -> None:
        place = self._place()
        *machine, gpus, gpu_status = astuple(event)
        self._add(t.HARDWARE, place, (*machine, gpu_status))
        for gpu in gpus:
            self._add(t.GPUS, place, astuple(gpu))

    def _memory(self, event: e.MemorySplit) -> None:
        place = self._place(event.step)
        _, *parts, slots = astuple(event)
        self._add(t.MEMORY, place, tuple(parts))
        for number, held in enumerate(slots):
            self._add(t.MEMORY_SLOTS, place, (number, self._name(number), held))

    def _line(self, event: e.LogLine) -> None:
        self._add(t.LOG_LINES, self._place(), (event.level, event.text))

    def _gap(self, event: e.LogGap) -> None:
        text = f"{event.dropped} events are missing from the log: {event.reason}"
        self._add(t.LOG_LINES, self._place(), ("warning", text))

    def _alarm(self, event: e.Alarm) -> None:
        rest = (event.level, event.code, event.message, event.remedy)
        self._add(t.ALARMS, self._place(event.step), rest)

    def _accept(self, event: e.CommandAccepted) -> None:
        self._accepted[event.client_id, event.command_id] = (self._moment[1], event, self._place())

    def _applied(self, event: e.CommandApplied) -> None:
        rest = (event.rev, event.before, event.after, event.cost, "", "", "")
        self._answer(event, "applied", self._place(event.step, event.branch), rest)

    def _refused(self, event: e.CommandRefused) -> None:
        rest = (None, "", "", "", event.code, event.reason, event.remedy)
        self._answer(event, "refused", self._place(event.step), rest)

    def _answer(self, event: e.CommandApplied | e.CommandRefused, status: str, place: Row, rest: Row) -> None:
        found = self._accepted.pop(asked_as(event, self._accepted), None)
        if found is None:  # applied again after a resume, or accepted before the log begins
            asked: Row = ("", event.command_id, event.client_id, "", None, None)
        else:
            asked = self._asked(found[1], found[0], self._moment[1])
        self._add(t.COMMANDS, place, (status, event.verb, event.text, *asked, *rest))

    def _asked(self, event: e.CommandAccepted, wall_s: float, answered_s: float | None = None) -> Row:
        waited_s = None if answered_s is None else answered_s - wall_s
        return (event.who, event.command_id, event.client_id, _json(event.args), wall_s, waited_s)

    def _name(self, number: int) -> str:
        return self._names[number] if number < len(self._names) else ""


_UNANSWERED = (None, "", "", "", "", "", "")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""
