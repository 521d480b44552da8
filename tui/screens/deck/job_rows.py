"""How a job beside the training is told: at work with the time it has taken, then what came of it."""

from __future__ import annotations

from engine.protocol.events import JobReported
from engine.text import one_line
from tui.state.formatting import countdown
from tui.state.jobs import Job

WORKING, DONE, FAILED, CANCELLED = "started", "done", "failed", "cancelled"
GLYPHS = {WORKING: "▷", DONE: "✓", FAILED: "✗", CANCELLED: "■"}


def task_name(news: JobReported) -> str:
    """`prune trial`."""
    return one_line(news.task).replace("-", " ")


def elapsed(since_s: float, now_s: float) -> str:
    """`0:42`."""
    return countdown(max(0.0, now_s - since_s)).strip()


def at_work(job: Job, now_s: float) -> tuple[str, str]:
    """A glyph and a line for a job at work."""
    text = f": {one_line(job.news.text)}" if job.news.text else ""
    if (reached := job.progress) is not None:
        text += f" ({one_line(reached.detail)} {reached.done} of {reached.total} {one_line(reached.unit)})"
    return GLYPHS[WORKING], f"{task_name(job.news)} at work for {elapsed(job.since_s, now_s)}{text}"
