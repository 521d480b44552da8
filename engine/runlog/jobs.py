"""`.jobs` in the runs folder: how far long jobs outside of any engine are, such as `slotdeck prepare`.

A job writes `<id>.json` afresh at most once a second and holds `<id>.lock` locked for as long as it lives; the kernel
drops the lock when it dies, so a job that says `running` and holds no lock was killed. Read by the cockpit's page of
jobs. Nothing here may ever stop the job itself: where the folder cannot be written, nobody is told.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.errors import SlotdeckError
from engine.protocol.codec import escaped
from engine.runlog.lock import take_flock, word_of_holder
from engine.small_file import open_plain, write_whole
from engine.text import one_line

FOLDER = ".jobs"
EVERY_S = 1.0
KEEP = 50
"""Jobs that are over and still listed."""
_MAX_BYTES = 64 << 10
RUNNING, DONE, FAILED, CANCELLED, KILLED = "running", "done", "failed", "cancelled", "killed"


class JobFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job says of itself."""

    task: str
    """`prepare`."""
    what: str
    """What it makes, for people: the folder."""
    command: tuple[str, ...] = ()
    """Its command line, for doing it again."""
    pid: int = 0
    host: str = ""
    began_wall_s: float = 0.0
    told_wall_s: float = 0.0
    """When this was written."""
    state: str = RUNNING
    """`running`, `done`, `failed`, `cancelled`; readers add `killed`."""
    stage: str = ""
    stage_wall_s: float = 0.0
    """When the stage began: rates are of the stage."""
    done: int = 0
    total: int = 0
    unit: str = ""
    """What `done` and `total` count: `B`."""
    detail: str = ""
    """What else there is to say, such as the documents so far; of a failure, why."""


class JobWriter:
    """Says how far one job is."""

    def __init__(self, runs_dir: Path, job: JobFile, clock: Callable[[], float] = time.time) -> None:
        """Nothing is written before the first word: what is refused at once leaves no trace."""
        now_s = clock()
        self._clock = clock
        self._job = replace(
            job, pid=os.getpid(), host=socket.gethostname(), began_wall_s=now_s, stage_wall_s=now_s
        )
        self._folder = runs_dir / FOLDER
        self._name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_s))}-{secrets.token_hex(2)}"
        self._due_s = 0.0
        self._begun = False
        self._fd = -1

    def told(self, stage: str, done: int, total: int, unit: str, detail: str) -> None:
        """How far it is; written when a second has passed, or a stage."""
        self._begin()
        now_s = self._clock()
        began_s = self._job.stage_wall_s
        if stage != self._job.stage:
            self._due_s, began_s = 0.0, now_s
        self._job = replace(
            self._job, stage=stage, stage_wall_s=began_s, done=done, total=total, unit=unit, detail=detail
        )
        if now_s >= self._due_s:
            self._due_s = now_s + EVERY_S
            self._write()

    def over(self, state: str, detail: str = "") -> None:
        """It is `done`, `failed` or `cancelled`."""
        self._job = replace(self._job, state=state, detail=detail or self._job.detail)
        self._write()
        if self._fd >= 0:
            with suppress(OSError):
                (self._folder / f"{self._name}.lock").unlink()
            os.close(self._fd)
            self._fd = -1

    def _begin(self) -> None:
        """Take the lock, once; older jobs that are over are forgotten."""
        if self._begun:
            return
        self._begun = True
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _forget(self._folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._folder / f"{self._name}.lock", flags, 0o600)
            take_flock(self._fd)

    def _write(self) -> None:
        if self._fd < 0:
            return
        told = replace(self._job, told_wall_s=self._clock())
        with suppress(OSError):
            write_whole(
                self._folder / f"{self._name}.json", msgspec.json.encode(escaped(msgspec.to_builtins(told)))
            )


@contextmanager
def telling(runs_dir: Path, task: str, what: str, command: Sequence[str]) -> Iterator[JobWriter]:
    """A job at work: how it ends is told, whatever ends it."""
    writer = JobWriter(runs_dir, JobFile(task=task, what=what, command=tuple(command)))
    try:
        yield writer
    except SlotdeckError as error:
        writer.over(FAILED, str(error))
        raise
    except KeyboardInterrupt:
        writer.over(CANCELLED, "interrupted")
        raise
    except BaseException as error:
        writer.over(FAILED, f"{type(error).__name__}: {error}")
        raise
    writer.over(DONE)


def list_jobs(runs_dir: Path) -> list[tuple[str, JobFile]]:
    """Every job by its id, newest first; of one that died without a word the state is `killed`."""
    found = []
    for path in _files(runs_dir / FOLDER):
        job = _read(path)
        if job is None:
            continue
        if job.state == RUNNING and word_of_holder(path.with_suffix(".lock")) is None:
            job = _read(path) or job  # it may have ended between the two looks
            job = replace(job, state=KILLED) if job.state == RUNNING else job
        found.append((path.stem, job))
    return found


def interrupt(runs_dir: Path, job_id: str) -> None:
    """Ask a job that runs on this machine to end, as ctrl+c in its terminal would.

    Raises:
        SlotdeckError: it is over, runs elsewhere or belongs to another user.
    """
    jobs = dict(list_jobs(runs_dir))
    job = jobs.get(job_id)
    if job is None or job.state != RUNNING:
        raise SlotdeckError("this job is over", "there is nothing to end")
    if job.host != socket.gethostname():
        raise SlotdeckError(f"this job runs on {one_line(job.host)}", "end it there")
    try:
        os.kill(job.pid, signal.SIGINT)
    except OSError as error:
        raise SlotdeckError(
            f"pid {job.pid} cannot be interrupted: {error.strerror}", "end it yourself"
        ) from None


def _files(folder: Path) -> list[Path]:
    try:
        return sorted((path for path in folder.iterdir() if path.suffix == ".json"), reverse=True)
    except OSError:
        return []


def _read(path: Path) -> JobFile | None:
    try:
        with open_plain(path) as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=JobFile)
    except (OSError, msgspec.DecodeError):
        return None


def _forget(folder: Path) -> None:
    """The oldest that are over."""
    for path in _files(folder)[KEEP:]:
        lock = path.with_suffix(".lock")
        if word_of_holder(lock) is None:
            path.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
