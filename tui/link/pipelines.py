"""Long jobs: those told in the runs folder, and those in the logs of its runs. Reads in a thread.

Of runs that are over, the newest few are looked at once; live ones are followed at the price of what is new.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace as with_changes

from engine.errors import SlotdeckError
from engine.protocol import codec
from engine.protocol import events as ev
from engine.runlog.catalog import run_dirs
from engine.runlog.index import History
from engine.runlog.jobs import JobFile, interrupt, list_jobs
from engine.runlog.lock import is_live
from engine.runlog.parent import read_parent
from engine.runlog.reader import LogReader
from engine.text import one_line
from tui.state.pipelines import CANCELLED, DONE, FAILED, RUNNING, JobRow, JobsView, rate_and_eta

RUNS_OVER = 24
"""Newest runs that are over whose jobs are listed."""
MOST_JOBS = 200
_KINDS = frozenset(
    kind.KIND
    for kind in (
        ev.JobReported,
        ev.Probed,
        ev.Evaluated,
        ev.Progress,
        ev.StepReport,
        ev.RunEnded,
        ev.RunStarted,
    )
)
_STATES = {"started": RUNNING, "done": DONE, "failed": FAILED, "cancelled": CANCELLED}


class PipelinesReader:
    """Looks again and again. One thread at a time."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._logs: dict[Path, RunJobs] = {}

    def read(self) -> JobsView:
        """Every job: those at work first, then the newest.

        Raises:
            SlotdeckError: the folder cannot be read.
        """
        now_s = time.time()
        jobs = [_told(job_id, job, now_s) for job_id, job in list_jobs(self.runs_dir)]
        over = 0
        for path in reversed(run_dirs(self.runs_dir)):
            live = is_live(path) is not None
            over += not live
            if live or over <= RUNS_OVER:
                jobs += self._of_run(path, live, now_s)
        jobs.sort(key=lambda job: (job.state != RUNNING, -job.began_wall_s))
        return JobsView(tuple(jobs[:MOST_JOBS]), now_s)

    def interrupt(self, job_id: str) -> None:
        """Ask a job to end. Raises SlotdeckError."""
        interrupt(self.runs_dir, job_id)

    def _of_run(self, path: Path, live: bool, now_s: float) -> Iterator[JobRow]:
        log = self._logs.get(path)
        if log is None:
            log = self._logs[path] = RunJobs(path)
        if live or log.live is not False:
            try:
                log.look()
            except (SlotdeckError, OSError):
                return
            log.live = live
        yield from log.rows(now_s)


@dataclass(slots=True)
class RunJobs:
    """The jobs that one run's log tells of."""

    path: Path
    live: bool | None = None
    """When it was looked at last; None: never."""
    jobs: dict[str, JobRow] = field(default_factory=dict)
    _reader: LogReader | None = None

    def look(self) -> None:
        """Take in what is new.

        Raises:
            SlotdeckError: the log cannot be read.
        """
        if self._reader is None:
            self._begin()
            history = History(self.path, raw_reports=0)
            entries = [*history.marks, *(e for e in history.latest.values() if e.kind == ev.Progress.KIND)]
            for entry in sorted(set(entries)):
                self._take(entry.kind, entry.payload, entry.wall_s)
            newest = max((e.seq for e in history.latest.values() if e.kind == ev.StepReport.KIND), default=0)
            progress = history.latest.get(ev.Progress.KIND)
            if progress is not None and progress.seq < newest:
                self._stepped()
            self._reader = LogReader(self.path, history.head_seq + 1)
            return
        for entry in self._reader.poll():
            if entry.kind in _KINDS:
                self._take(entry.kind, entry.payload, entry.wall_s)

    def rows(self, now_s: float) -> Iterator[JobRow]:
        """The jobs; what runs in an engine that is gone was cut short."""
        for job in self.jobs.values():
            if job.state != RUNNING:
                yield job
            elif self.live:
                rate, eta = rate_and_eta(job.done, job.total, now_s - job.began_wall_s)
                yield with_changes(job, rate_per_s=rate, eta_s=eta)
            else:
                yield with_changes(job, state=CANCELLED, detail="the engine ended before it did")

    def _begin(self) -> None:
        try:
            parent = read_parent(self.path)
        except SlotdeckError:
            return
        if parent is not None:
            made_s = self.path.stat().st_ctime
            words = [
                "slotdeck",
                parent.kind,
                parent.run,
                *(["--at", parent.checkpoint] if parent.checkpoint else []),
            ]
            self.jobs["parent"] = self._row(
                parent.kind, DONE, made_s, detail=parent.describe(), command=shlex.join(words)
            )

    def _take(self, kind: int, payload: bytes, wall_s: float) -> None:
        event = codec.decode(kind, payload)
        match event:
            case ev.JobReported():
                self._reported(event, wall_s)
            case ev.Progress():
                self._progressed(event, wall_s)
            case ev.Evaluated():
                where = f"at step {event.step:,}, {event.tokens:,} tokens"
                detail = f"loss {event.loss:.4f} {where} in {event.seconds:.1f} s"
                self._over("evaluate", wall_s, event.seconds, detail, DONE)
            case ev.Probed():
                detail = f"{len(event.slots)} slots at step {event.step:,} in {event.seconds:.1f} s"
                self._over("probe", wall_s, event.seconds, detail, DONE)
            case ev.StepReport():
                self._stepped()
            case ev.RunEnded() | ev.RunStarted():
                self._ended(wall_s)
            case _:
                pass

    def _reported(self, event: ev.JobReported, wall_s: float) -> None:
        key, state = f"job-{event.job}", _STATES.get(event.state, FAILED)
        known = self.jobs.get(key)
        row = known or self._row(event.task, state, wall_s)
        self.jobs[key] = with_changes(
            row,
            state=state,
            detail=one_line(event.text, 1000),
            ended_wall_s=None if state == RUNNING else wall_s,
        )

    def _progressed(self, event: ev.Progress, wall_s: float) -> None:
        key = f"now-{event.task}"
        known = self.jobs.get(key)
        if known is None or event.done < known.done:
            known = self._row(event.task, RUNNING, wall_s)
        over = 0 < event.total <= event.done
        self.jobs[key] = with_changes(
            known, done=event.done, total=event.total, unit=one_line(event.unit), detail=one_line(event.detail, 400),
            state=DONE if over else RUNNING, ended_wall_s=wall_s if over else None,
        )  # fmt: skip

    def _over(self, task: str, wall_s: float, seconds: float, detail: str, state: str) -> None:
        """Measurements are told when they are over; the newest of a kind is enough."""
        self.jobs.pop(f"now-{task}", None)
        row = self._row(task, state, wall_s - seconds, detail=detail)
        self.jobs[f"last-{task}"] = with_changes(row, ended_wall_s=wall_s)

    def _stepped(self) -> None:
        """What an engine does between steps is over when it steps again."""
        for key in [key for key in self.jobs if key.startswith("now-")]:
            del self.jobs[key]

    def _ended(self, wall_s: float) -> None:
        self._stepped()
        for key, job in self.jobs.items():
            if job.state == RUNNING:
                self.jobs[key] = with_changes(
                    job, state=CANCELLED, ended_wall_s=wall_s, detail="the engine ended before it did"
                )

    def _row(self, task: str, state: str, began_wall_s: float, detail: str = "", command: str = "") -> JobRow:
        return JobRow(
            task=one_line(task, 40), what=one_line(self.path.name), state=state, began_wall_s=began_wall_s,
            ended_wall_s=None if state == RUNNING else began_wall_s, detail=detail, run=self.path,
            command=command or _command(task, self.path),
        )  # fmt: skip


def _command(task: str, run: Path) -> str:
    verbs = {
        "evaluate": "evaluate",
        "probe": "probe",
        "export": "export",
        "prune-trial": "prune amount=1 dry_run=yes",
    }
    return f"slotdeck send {shlex.quote(run.name)} {verbs[task]}" if task in verbs else ""


def _told(job_id: str, job: JobFile, now_s: float) -> JobRow:
    running = job.state == RUNNING
    seen_s = now_s if running else job.told_wall_s
    rate, eta = rate_and_eta(job.done, job.total, seen_s - job.stage_wall_s)
    return JobRow(
        task=one_line(job.task, 40), what=one_line(job.what, 400), state=one_line(job.state, 20),
        began_wall_s=job.began_wall_s, ended_wall_s=None if running else job.told_wall_s,
        stage=one_line(job.stage, 60), done=job.done, total=job.total, unit=one_line(job.unit, 20), rate_per_s=rate,
        eta_s=eta if running else None, detail=one_line(job.detail, 1000),
        command=shlex.join(one_line(word, 1000) for word in job.command), job_id=job_id if running else "",
    )  # fmt: skip
