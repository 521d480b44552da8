"""The one job beside the training: from the verb that asked for it to what came of it.

A job works on a checkpoint. Where the verb means the run as it is now, one is saved first, and the child starts when it
is sealed. The checkpoint is held while the job works. The loop calls `poll` between two steps and while paused; it
never waits. Every job is told by `JobReported`: started, then done, failed or cancelled; on its way by `Progress`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.checkpoint.find import sealed
from engine.checkpoint.manifest import HELD
from engine.checkpoint.writer import Failed, Saved
from engine.errors import SlotdeckError
from engine.jobs.child import Child
from engine.jobs.order import Answer, AnyOrder
from engine.jobs.progress import EVERY_S, Reached
from engine.protocol.events import JobReported, Progress, Scalar
from engine.runlog.run_folder import ARTIFACTS
from engine.text import one_line
from engine.train.verbs.change import Refused

if TYPE_CHECKING:
    from engine.train.run import Run

LIMIT_S = 3600.0
"""A job that takes longer is ended: at nice 19 beside a busy machine minutes are usual."""

FOR = "for job-"
"""What the reason of a job's save begins with."""
MARK = b"for "
"""What a job writes into its hold on a checkpoint that was there before; any other save's hold is empty."""
Told = tuple[str, Mapping[str, Scalar]]
"""What a job found, for people, and its figures."""


@dataclass(slots=True)
class Job:
    """The one at work."""

    id: str
    task: str
    command_id: str
    order: Callable[[str], AnyOrder]
    """What to ask of the child, once the checkpoint has a name."""
    done: Callable[[Answer], Told]
    """Called with a result, between two steps; what it found is told, then `afterwards`. May raise SlotdeckError."""
    afterwards: Callable[[Answer], None]
    checkpoint: str = ""
    """Empty until the save that it waits for is sealed."""
    held: bool = False
    """Whether the hold on it is ours to take off."""
    not_saved: Failed | None = None
    """Why there will be no checkpoint."""
    child: Child | None = None
    reached: Reached | None = None
    """How far it said it was."""

    @property
    def reason(self) -> str:
        """Of the save that it waits for."""
        return f"for {self.id} ({self.task})"


class Jobs:
    """Of one run; used from its training thread."""

    def __init__(self, run: Run, limit_s: float = LIMIT_S) -> None:
        self._run, self._limit_s = run, limit_s
        self._job: Job | None = None
        self._look_s = 0.0
        """When its progress is looked at next."""

    def next_id(self) -> str:
        """The id of a job begun by the command that is being judged now; check that there is none at work.

        Raises:
            Refused: there is one.
        """
        if (job := self._job) is not None:
            raise Refused("busy", f"{job.id} ({job.task}) is at work", "ask again when it is done")
        return f"job-{self._run.rev + 1}"

    def begin(self, job: Job, text: str) -> None:
        """Take it on: at its checkpoint, or at the run as it is now."""
        assert self._job is None, "whoever asks has looked whether there is one"
        self._job = job
        self._tell(job, "started", text)
        if job.checkpoint:
            self._hold(job)
        else:
            self._run.save(job.reason, job.command_id, held=True)
            job.held = True

    def poll(self) -> None:
        """Start the child once its checkpoint is there, and take what came of it. Costs a system call or none."""
        job = self._job
        if job is None:
            return
        if job.child is None:
            self._start(job)
            return
        answer = job.child.poll()
        if answer is None:
            if time.monotonic() >= self._look_s:
                self._look_s = time.monotonic() + EVERY_S
                self._tell_progress(job, job.child)
            return
        self._tell_progress(job, job.child)
        job.child.forget()
        self._job = None
        self._release(job)
        try:
            if answer.error:
                raise SlotdeckError(answer.error, answer.remedy)
            text, figures = job.done(answer)
        except SlotdeckError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            self._tell(job, "failed", error.message + remedy)
            return
        self._tell(job, "done", text, figures)
        job.afterwards(answer)

    def cancel(self, reason: str) -> None:
        """End the one at work, if any."""
        job = self._job
        if job is None:
            return
        if job.child is not None:
            job.child.end()
            job.child.forget()
        if not job.checkpoint:
            self._run.writer.drain()  # which may still tell what its name is
        self._job = None
        self._release(job)
        self._tell(job, "cancelled", reason)

    def saved(self, done: Saved) -> None:
        """From the writer thread: a checkpoint is sealed, perhaps the one that is waited for."""
        if (job := self._job) is not None and done.reason == job.reason:
            job.checkpoint = done.name

    def not_saved(self, failed: Failed) -> None:
        """From the writer thread: a save came to nothing."""
        if (job := self._job) is not None and failed.command_id == job.command_id:
            job.not_saved = failed

    def clear_up(self) -> None:
        """Take off the holds that a killed engine's job left, and what it said on its way; the operator's own stay."""
        for path in (self._run.run_dir / ARTIFACTS).glob("job-*.progress*"):
            path.unlink()
        root = self._run.writer.root
        for manifest in sealed(root):
            mark = root / manifest.name / HELD
            if not mark.exists():
                continue
            said = mark.read_bytes()
            if said.startswith(MARK) or (not said and manifest.reason.startswith(FOR)):
                mark.unlink()

    def close(self) -> None:
        """The engine ends, in whatever way: the child with it, the log untouched."""
        if self._job is not None and self._job.child is not None:
            self._job.child.end()
            self._release(self._job)
        self._job = None

    # -- inside ------------------------------------------------------------------------------------------

    def _start(self, job: Job) -> None:
        if job.not_saved is not None:
            self._job = None
            self._tell(job, "failed", f"{job.not_saved.message}; {job.not_saved.remedy}")
            return
        if not job.checkpoint:
            return
        try:
            job.child = Child(job.order(job.checkpoint), self._limit_s)
        except OSError as error:
            self._job = None
            self._release(job)
            self._tell(job, "failed", f"no process could be started: {error.strerror}")

    def _tell_progress(self, job: Job, child: Child) -> None:
        """How far the child says it is."""
        if (reached := child.reached()) is not None and reached != job.reached:
            job.reached = reached
            self._run.log.emit(
                Progress(
                    task=job.id,
                    done=reached.done,
                    total=reached.total,
                    detail=reached.detail,
                    unit=reached.unit,
                )
            )

    def _hold(self, job: Job) -> None:
        """Keep the checkpoint from being cleared away; one that is held already is left as it is."""
        mark = self._run.writer.root / job.checkpoint / HELD
        if not mark.exists():
            mark.touch(mode=0o600)
            mark.write_bytes(MARK + job.id.encode())
            job.held = True

    def _release(self, job: Job) -> None:
        if job.held and job.checkpoint:
            (self._run.writer.root / job.checkpoint / HELD).unlink(missing_ok=True)

    def _tell(self, job: Job, state: str, text: str, figures: Mapping[str, Scalar] | None = None) -> None:
        self._run.log.commit(
            JobReported(
                job=job.id,
                task=job.task,
                state=state,
                step=self._run.step,
                text=one_line(text, 1024),
                result=dict(figures or {}),
                command_id=job.command_id,
            )
        )
