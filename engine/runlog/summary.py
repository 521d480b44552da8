"""A run in one row: what its log says of it, told once or followed as the log grows.

Called by the catalog for lists of runs and by the front door for one. Reads only.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from engine.errors import SlotdeckError
from engine.protocol import codec
from engine.protocol import events as ev
from engine.runlog.index import History
from engine.runlog.lock import is_live
from engine.runlog.parent import read_parent
from engine.runlog.reader import Entry, LogReader
from engine.runlog.restarts import awaited
from engine.text import one_line

CURVE_POINTS = 80
RAW_REPORTS = 4096
"""A log of up to so many reports is drawn from each of them, a longer one from buckets of 64."""
MOST_POINTS = 2048
"""Of a curve that is being followed; then every other one goes."""
FOLLOWED = frozenset(
    kind.KIND for kind in (ev.RunStarted, ev.StateChanged, ev.StepReport, ev.Evaluated, ev.RunEnded)
)


class RunSummary(Struct, frozen=True):
    """A run in one row."""

    path: Path
    run_id: str
    profile_name: str
    state: str
    """As the engine last said; `unreadable` if the log cannot be read, empty before its first event."""
    live: bool
    """An engine holds its lock now, or is awaited."""
    step: int
    total_steps: int
    loss: float | None
    """The last reported training loss."""
    val_loss: float | None
    """The last measured validation loss."""
    started_wall_s: float | None
    ended_wall_s: float | None
    """When it said its last word; None while it is live."""
    size_bytes: int
    """Everything in the folder, checkpoints included."""
    outcome: str
    """`finished`, `stopped`, `failed`; `killed` if an engine went without a word; empty while it is live."""
    parent: str = ""
    """The run it was forked from, or whose commands it repeats."""
    reason: str = ""
    """Why it failed; while an engine is awaited, `engine restarting (2 of 3)`."""
    best_val_loss: float | None = None
    """The lowest validation loss that was measured."""
    best_step: int = 0
    curve: tuple[float, ...] = ()
    """The mean training loss at even steps from the first to the last, at most 80; `summarise` leaves it out."""


@dataclass(slots=True)
class Telling:
    """What the log has said so far."""

    profile_name: str = ""
    total_steps: int = 0
    begun: bool = False
    step: int = 0
    state: str = ""
    outcome: str = ""
    reason: str = ""
    loss: float | None = None
    val_loss: float | None = None
    best_val_loss: float | None = None
    best_step: int = 0
    span: tuple[float, float] = (0.0, 0.0)
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def take(self, event: object) -> None:
        """The next word of the log."""
        match event:
            case ev.RunStarted():
                self.begun, self.profile_name, self.total_steps = True, event.profile_name, event.total_steps
                self.step, self.state, self.outcome, self.reason = event.step, "starting", "", ""
            case ev.StateChanged():
                self.step, self.state = event.step, event.state
            case ev.StepReport():
                self.step, self.loss = event.step, event.loss
                self._draw(event.step, event.loss_ema)
            case ev.Evaluated():
                self.val_loss = event.loss
                self._judge(event)
            case ev.RunEnded():
                self.step, self.outcome, self.state = event.step, event.outcome, "ended"
                self.reason = event.reason if event.outcome == "failed" else ""
            case _:
                pass

    @property
    def curve(self) -> tuple[float, ...]:
        """The loss at even steps: where a run went back, what it left behind is gone."""
        if len(self.steps) <= CURVE_POINTS:
            return tuple(self.losses)
        first, last = self.steps[0], self.steps[-1]
        wanted = (first + (last - first) * i / (CURVE_POINTS - 1) for i in range(CURVE_POINTS))
        return tuple(self.losses[bisect_right(self.steps, step) - 1] for step in wanted)

    def _judge(self, event: ev.Evaluated) -> None:
        if math.isfinite(event.loss) and (self.best_val_loss is None or event.loss < self.best_val_loss):
            self.best_val_loss, self.best_step = event.loss, event.step

    def _draw(self, step: int, loss: float) -> None:
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.losses.pop()
        self.steps.append(step)
        self.losses.append(loss)
        if len(self.steps) > MOST_POINTS:
            self.steps, self.losses = self.steps[::2], self.losses[::2]

    def read(self, history: History) -> None:
        """All that a log holds."""
        self.span = history.span
        # In the order they were logged: the newest word on the step and the state counts.
        for entry in sorted(history.latest.values()):
            if entry.kind in FOLLOWED:
                self.take(codec.decode(entry.kind, entry.payload))
        for entry in history.marks:
            if entry.kind == ev.Evaluated.KIND:
                event = codec.decode(entry.kind, entry.payload)
                if isinstance(event, ev.Evaluated):
                    self._judge(event)

    def read_curve(self, history: History) -> None:
        """The losses, instead of the newest one alone."""
        self.steps, self.losses = [], []
        track = history.tracks
        column = track.columns.get("loss_ema")
        for step, loss in zip(track.step, column.last if column is not None else (), strict=False):
            self._draw(step, loss)


class Followed:
    """A run that may still be at work: what its log says, kept up to date at the price of what is new."""

    def __init__(self, run_dir: Path) -> None:
        """Reads nothing yet."""
        self._run_dir = run_dir
        self._telling: Telling | None = None
        self._reader: LogReader | None = None

    def look(self) -> Telling:
        """What the log says now.

        Raises:
            SlotdeckError: it cannot be read.
        """
        if self._telling is None or self._reader is None:
            history = History(self._run_dir, raw_reports=RAW_REPORTS)
            self._telling = Telling()
            self._telling.read(history)
            self._telling.read_curve(history)
            self._reader = LogReader(self._run_dir, history.head_seq + 1)
            return self._telling
        for entry in self._reader.poll():
            self._take(self._telling, entry)
        return self._telling

    @staticmethod
    def _take(telling: Telling, entry: Entry) -> None:
        telling.span = (telling.span[0] or entry.wall_s, entry.wall_s)
        if entry.kind in FOLLOWED:
            telling.take(codec.decode(entry.kind, entry.payload))


def summarise(run_dir: Path) -> RunSummary:
    """One run's row, whatever state its log is in; its curve is left out."""
    presence = presence_of(run_dir)
    telling: Telling | None = None
    try:
        history = History(run_dir, raw_reports=0)
    except SlotdeckError:
        pass
    else:
        telling = Telling()
        telling.read(history)
        telling.steps, telling.losses = [], []
    return summary_of(run_dir, telling, presence, size_of(run_dir))


def presence_of(run_dir: Path) -> tuple[bool, str]:
    """Whether somebody works on a run or is awaited, and in that case the words for it."""
    if is_live(run_dir) is not None:
        return True, ""
    expected = awaited(run_dir)
    return bool(expected), expected


def summary_of(
    run_dir: Path, telling: Telling | None, presence: tuple[bool, str], size_bytes: int
) -> RunSummary:
    """The row from its parts; `telling` is None for a log that cannot be read."""
    live, expected = presence
    told = telling or Telling(state="unreadable")
    outcome, reason = ("", expected) if live else (told.outcome, told.reason)
    if not live and told.begun and not outcome:
        outcome = "killed"
    return RunSummary(
        path=run_dir,
        run_id=one_line(run_dir.name),
        profile_name=one_line(told.profile_name),
        state=one_line(told.state),
        live=live,
        step=told.step,
        total_steps=told.total_steps,
        loss=told.loss,
        val_loss=told.val_loss,
        started_wall_s=told.span[0] or None,
        ended_wall_s=None if live else told.span[1] or None,
        size_bytes=size_bytes,
        outcome=one_line(outcome),
        reason=one_line(reason, 1024),
        parent=_parent_of(run_dir),
        best_val_loss=told.best_val_loss,
        best_step=told.best_step,
        curve=told.curve,
    )


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(info.st_size for info in files_below(folder))


def files_below(folder: Path) -> Iterator[os.stat_result]:
    """What the disk says of every file below; those that vanish meanwhile are left out."""
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                yield os.lstat(os.path.join(base, name))
            except OSError:
                continue


def _parent_of(run_dir: Path) -> str:
    """A fork or a rerun says it before its engine does."""
    try:
        parent = read_parent(run_dir)
    except SlotdeckError:
        return ""
    return one_line(parent.run) if parent else ""
