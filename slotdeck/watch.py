"""`slotdeck watch`: a line a step report, for pipes and scripts; what else happens in lines of its own.

Text: fixed columns under a head; lines that are no report begin with `#`. JSON: one object a line, with the fields by
name, as `dump` has them. It reads the log, from its first event on, and goes on with a live run until that ends.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.dump import plain
from engine.runlog.index import History
from engine.runlog.pyramid import BUCKET
from engine.runlog.reader import Entry, LogReader
from engine.text import one_line
from engine.units import format_bytes, format_left, format_moment
from slotdeck.last_known import LastKnown
from slotdeck.plain import is_at_work
from slotdeck.say import Say
from slotdeck.told import told

_POLL_S = 0.1
_INTERRUPTED = 130
_NEWEST_ONLY = frozenset({e.SlotPlanned.KIND, e.Evaluated.KIND})
"""Of these only the newest tells something of what comes."""
HEAD = (
    f"{'step':>9}  {'loss':>9}  {'mean':>9}  {'val':>9}  {'lr':>9}  {'grad':>9}  {'tokens/s':>9}  {'ms/step':>8}"
    f"  {'slots':>5}  {'prec':<4}  {'memory':>8}  ETA"
)


def watch(
    run_dir: Path, say: Say, complain: Say, *, as_json: bool, every_s: float, last: int | None = None
) -> int:
    """Tell a run until it ends.

    Args:
        run_dir: the run, live or over.
        say: takes each line.
        complain: takes what is no part of the answer.
        as_json: one JSON object a line.
        every_s: at most one report in so many seconds of the run's own time; 0: every one.
        last: begin with so many of the newest reports; 0: with what is new; `None`: with the first event.

    Returns:
        0 when it finished or was stopped, 1 when it failed or its engine went without a word, 130 for ctrl-C.
    """
    lines: _Text | _Json = _Json(say) if as_json else _Text(say)
    watcher = _Watcher(lines, every_s)
    reader = LogReader(run_dir)
    try:
        if last is not None:
            history = History(run_dir, raw_reports=0)
            begin = _begin(history, last)
            for entry in history.state_before(begin, newest_only=_NEWEST_ONLY):
                lines.knows(decode(entry.kind, entry.payload))
            reader.seek(begin)
            watcher.take(reader.poll())
        else:
            watcher.take(reader.entries())  # one at a time: a long run does not fit
        while True:
            at_work = is_at_work(run_dir)
            watcher.take(reader.poll())
            if not at_work:
                break
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        return _INTERRUPTED
    watcher.last()
    if watcher.outcome or last == 0:
        return _code(run_dir, watcher.outcome)
    complain(f"{one_line(run_dir.name)}: its engine went without a word")
    return 1


def _begin(history: History, last: int) -> int:
    """The sequence number of the first of so many of the newest reports."""
    if not last:
        return history.head_seq + 1
    buckets = history.tracks.wall_s
    back = last // BUCKET + 2  # the last of them may not be full
    begin = history.seq_at(wall_s=buckets[-back]) if len(buckets) > back else history.first_seq
    entries = history.between(begin, history.head_seq)
    reports = deque((entry.seq for entry in entries if entry.kind == e.StepReport.KIND), last)
    return reports[0] if len(reports) == last else begin


def _code(run_dir: Path, outcome: str) -> int:
    if not outcome:  # it ended before we looked
        newest = History(run_dir, raw_reports=0).latest.get(e.RunEnded.KIND)
        event = decode(newest.kind, newest.payload) if newest else None
        outcome = event.outcome if isinstance(event, e.RunEnded) else ""
    return 0 if outcome in ("finished", "stopped") else 1


class _Watcher:
    """Chooses what is told."""

    def __init__(self, lines: _Text | _Json, every_s: float) -> None:
        self.outcome = ""
        """Of the newest life, once it has ended."""
        self._lines = lines
        self._every_s = every_s
        self._told_wall_s = -math.inf
        self._held_back: tuple[Entry, e.StepReport] | None = None
        """The newest report, where it was left out: told when something else happens, and at the end."""

    def take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            event = decode(entry.kind, entry.payload)
            match event:
                case e.StepReport():
                    self._report(entry, event)
                case e.Event():
                    if isinstance(event, e.RunStarted | e.RunEnded):
                        self.last()
                        self.outcome = event.outcome if isinstance(event, e.RunEnded) else ""
                    self._lines.event(entry, event)
                case _:
                    pass

    def last(self) -> None:
        """Tell the newest report if it was left out."""
        if self._held_back is not None:
            self._lines.report(*self._held_back)
            self._held_back = None

    def _report(self, entry: Entry, report: e.StepReport) -> None:
        if entry.wall_s - self._told_wall_s < self._every_s:
            self._held_back = (entry, report)
            return
        self._told_wall_s, self._held_back = entry.wall_s, None
        self._lines.report(entry, report)


class _Text:
    """Fixed columns."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._known = LastKnown()
        say(HEAD)

    def knows(self, event: object) -> None:
        """What was before the first line."""
        self._known.take(event)

    def report(self, _: Entry, report: e.StepReport) -> None:
        known = self._known
        val = "-" if known.val_loss is None else f"{known.val_loss:.4f}"
        self._say(
            f"{report.step:>9}  {report.loss:>9.4f}  {report.loss_ema:>9.4f}  {val:>9}  {report.lr:>9.2e}"
            f"  {report.grad_norm:>9.3g}  {report.tokens_per_s:>9.0f}  {report.step_ms:>8.1f}"
            f"  {report.active_slots:>5.2f}  {one_line(report.precision, 4):<4}"
            f"  {format_bytes(known.memory_bytes):>8}  {format_left(report.eta_s)}"
        )

    def event(self, _: Entry, event: e.Event) -> None:
        self.knows(event)
        match event:
            case e.RunStarted():
                resumed = f", resumed from {event.resumed_from}" if event.resumed_from else ""
                self._tell(f"{event.run_id} starts at step {event.step} of {event.total_steps}{resumed}")
                return
            case e.WentBack():
                self._tell(f"back from step {event.from_step} to {event.checkpoint}: {event.reason}")
                return
            case _:
                pass
        self._tell(told(event))

    def _tell(self, line: str) -> None:
        if line:
            told_in_one = line.replace("\n    | ", " | ")  # a sample has several
            self._say(f"# {one_line(told_in_one, 2000)}")


class _Json:
    """Objects."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def knows(self, _: object) -> None:
        """An object says what it says by itself."""

    def report(self, entry: Entry, event: e.Event) -> None:
        row = {
            "seq": entry.seq,
            "kind": type(event).__name__,
            "time": format_moment(entry.wall_s),
            "fields": _named(event),
        }
        self._say(json.dumps(row, ensure_ascii=False, allow_nan=False))

    def event(self, entry: Entry, event: e.Event) -> None:
        if event.RELIABLE or isinstance(event, e.LogLine):
            self.report(entry, event)


def _named(value: object) -> object:
    """An event with its fields by name, as JSON can say it."""
    match value:
        case msgspec.Struct():
            return {name: _named(getattr(value, name)) for name in value.__struct_fields__}
        case list():
            return [_named(part) for part in value]
    return plain(value)
