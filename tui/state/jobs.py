"""Children of the engine that work on a checkpoint beside the training: prune trials and exports."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from engine.protocol.events import JobReported, Progress

CAPACITY = 16
"""Jobs remembered."""


class Job(Struct, frozen=True):
    """One of them."""

    news: JobReported
    """What it said last."""
    since_s: float
    """When it began, Unix time."""
    progress: Progress | None = None
    """How far it is, as far as it has said."""

    @property
    def running(self) -> bool:
        return self.news.state == "started"


class Jobs(dict[str, Job]):
    """By their ids, the newest word last."""

    def reported(self, event: JobReported, wall_s: float) -> None:
        """A job said something."""
        before = self.pop(event.job, None)
        self[event.job] = Job(event, wall_s if before is None else before.since_s)
        while len(self) > CAPACITY:
            del self[next(iter(self))]

    def progressed(self, event: Progress) -> bool:
        """Take it if it is of a job at work: the steps do not wait for that."""
        job = self.get(event.task)
        if job is None:
            return False
        if job.running:
            self[event.task] = Job(job.news, job.since_s, event)
        return True

    def engine_gone(self) -> list[JobReported]:
        """Children end with their engine; what that means for each that was at work."""
        gone = [
            replace(job.news, state="cancelled", text="the engine ended before it did")
            for job in self.values()
            if job.running
        ]
        for news in gone:
            self.reported(news, 0.0)
        return gone

    @property
    def running(self) -> list[Job]:
        return [job for job in self.values() if job.running]
