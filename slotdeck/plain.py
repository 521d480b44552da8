"""Progress in plain lines, for pipes, dumb terminals and `--plain`: read from the log, like everything else.

A line every two seconds while it steps, and one for whatever else happens. It never draws, moves or colours.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.lock import is_live
from engine.runlog.reader import Entry, LogReader
from engine.runlog.restarts import awaited
from engine.text import one_line
from engine.units import counted, format_bytes, format_count, format_left
from slotdeck.last_known import LastKnown
from slotdeck.say import Say
from slotdeck.told import told
from tui.link.spawn import Spawned

LINE_EVERY_S = 2.0
_POLL_S = 0.1


@dataclass
class Teller:
    """Turns events into lines."""

    say: Say
    line_every_s: float = LINE_EVERY_S
    ended: e.RunEnded | None = None
    total_steps: int = 0
    _num_slots: int = 0
    _known: LastKnown = field(default_factory=LastKnown)
    _pending: e.StepReport | None = None
    _told_wall_s: float = field(default=0.0)

    def take(self, wall_s: float, event: object) -> None:
        """Tell one event of the log."""
        self._known.take(event)
        match event:
            case e.StepReport():
                self._pending = event
                if wall_s - self._told_wall_s >= self.line_every_s:
                    self._told_wall_s = wall_s
                    self._tell_step()
            case e.RunStarted():
                self._begin(event)
            case e.Event():
                if isinstance(event, e.RunEnded):
                    self.ended = event
                if line := told(event):
                    self._tell_step()
                    self.say(line)
            case _:
                pass

    def _begin(self, event: e.RunStarted) -> None:
        self.total_steps, self._num_slots, self.ended = event.total_steps, len(event.slots), None
        machine, model = event.machine, event.model
        self.say(
            f"run {one_line(event.run_id)}: {format_count(model.params)} parameters in "
            f"{counted(len(event.slots), 'slot')} and a stem, {format_count(event.total_steps)} steps of "
            f"{format_count(event.tokens_per_step)} tokens"
        )
        where = f"on {one_line(machine.device_name or machine.device)} of {one_line(machine.host)}, pid {event.pid}"
        begun = (
            f"; resumed from {one_line(event.resumed_from)} at step {event.step}"
            if event.resumed_from
            else ""
        )
        self.say(where + begun)

    def _tell_step(self) -> None:
        report, self._pending = self._pending, None
        if report is None:
            return
        known, width = self._known, len(f"{self.total_steps}")
        self.say(
            f"step {report.step:>{width}}/{self.total_steps}"
            f"  loss {report.loss:.4f}"
            f"  val {'n/a' if known.val_loss is None else f'{known.val_loss:.4f}'}"
            f"  {format_count(report.tokens_per_s)} tokens/s"
            f"  slots {report.active_slots:.3g}/{self._num_slots}"
            f"  {one_line(report.precision, 16)}"
            f"  mem {format_bytes(known.memory_bytes)}"
            f"  ETA {format_left(report.eta_s)}"
        )


def follow(run_dir: Path, engine: Spawned | None, say: Say) -> int:
    """Tell a run until it ends. Returns 0 when it finished or stopped, 1 when it failed or died.

    Args:
        run_dir: the run.
        engine: when we started it: told from its start on, and asked to stop with a checkpoint by the first
            ctrl-C; a second one leaves it to itself. None: only watching, what happened so far is told in
            short, and the first ctrl-C leaves.
        say: takes each line.
    """
    teller = Teller(say)
    if engine is None:
        history = History(run_dir, raw_reports=0)
        past = sorted(history.state_before(history.head_seq + 1))
        _tell(teller, past)
        reader = LogReader(run_dir, history.head_seq + 1)
    else:
        reader = LogReader(run_dir, engine.log_from)
    asked = False
    while True:
        try:
            alive = engine.process.poll() is None if engine else is_at_work(run_dir)
            _tell(teller, reader.poll())
            if not alive:
                return _end(teller, engine, run_dir, say)
            time.sleep(_POLL_S)
        except KeyboardInterrupt:
            if engine is None or asked:
                say("left running")
                return 0
            asked = True
            engine.process.send_signal(signal.SIGTERM)
            say("stopping with a checkpoint; ctrl-C again leaves the engine to itself")


def is_at_work(run_dir: Path) -> bool:
    """An engine steps, or one is awaited."""
    return is_live(run_dir) is not None or bool(awaited(run_dir))


def _tell(teller: Teller, entries: Iterable[Entry]) -> None:
    for entry in entries:
        teller.take(entry.wall_s, decode(entry.kind, entry.payload))


def _end(teller: Teller, engine: Spawned | None, run_dir: Path, say: Say) -> int:
    if teller.ended is not None:
        return 0 if teller.ended.outcome in ("finished", "stopped") else 1
    status = engine.process.poll() if engine else None
    if status == 0:
        say("the engine ended in order, but the log could not take its last words: is the disk full?")
        return 1
    how = f" ({signal.Signals(-status).name})" if status is not None and status < 0 else ""
    say(f"the engine went without a word{how}; its output is in {one_line(str(run_dir / 'engine.out'))}")
    return 1
