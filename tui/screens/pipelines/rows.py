"""Rows of the page of jobs as text in columns, for a given width. Foreign text never becomes markup."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from engine.units import format_bytes, format_count, format_duration
from tui.state.formatting import age, countdown, fit, padded
from tui.state.pipelines import RUNNING, JobRow

_MARKS = {
    RUNNING: ("▷", "$success"),
    "done": ("✓", "$quiet"),
    "failed": ("✗", "$error"),
    "cancelled": ("■", "$quiet"),
    "killed": ("✗", "$error"),
}
BAR_CELLS = 12
STATE_CELLS, TASK_CELLS, RATE_CELLS = 11, 12, 15


def job_header(width: int) -> Content:
    """The titles over `job_row`."""
    rate = f"{'rate':>{RATE_CELLS}}  " if width >= 100 else ""
    what = _what_cells(width)
    return Content(
        f"  {'state':<{STATE_CELLS}}  {'job':<{TASK_CELLS}}  {'of':<{what}}  {'progress':<{BAR_CELLS + 5}}  {rate}"
        f"{'left':>8}  {'since':>6}"
    )


def job_row(job: JobRow, width: int, now_wall_s: float) -> Content:
    """One job."""
    mark, colour = _MARKS.get(job.state, ("?", "$quiet"))
    running = job.state == RUNNING
    rate = f"{_rate(job) if running else '':>{RATE_CELLS}}  " if width >= 100 else ""
    left = countdown(job.eta_s) if running and job.eta_s is not None else " " * 8
    return Content.assemble(
        (f"{mark} {padded(job.state, STATE_CELLS)}  ", colour),
        (f"{padded(job.task, TASK_CELLS)}  ", "bold" if running else ""),
        f"{padded(one_line(job.what), _what_cells(width))}  ",
        _bar(job),
        "  ",
        rate,
        left,
        (f"  {age(now_wall_s - (job.ended_wall_s or job.began_wall_s)):>6}", "$quiet"),
    )


def detail_rows(job: JobRow, width: int, now_wall_s: float) -> list[Content]:
    """What the columns have no room for: three rows."""
    lasted = (job.ended_wall_s or now_wall_s) - job.began_wall_s
    ended = "" if job.ended_wall_s is None else f", {job.state} {_ago(now_wall_s - job.ended_wall_s)}"
    first = [
        one_line(job.what, 1000),
        one_line(job.stage),
        _done(job),
        f"{format_duration(max(0.0, lasted))}{ended}",
    ]
    rows = [
        Content.assemble((one_line(job.task), "bold"), "   ", " · ".join(part for part in first if part)),
        Content.assemble((one_line(job.detail, 1000), "$error" if job.state == "failed" else "")),
        Content.assemble(("$ ", "$quiet"), one_line(job.command, 2000)) if job.command else Content(),
    ]
    return [row.truncate(width, ellipsis=True) for row in rows]


def _what_cells(width: int) -> int:
    fixed = 2 + STATE_CELLS + 2 + TASK_CELLS + 2 + 2 + BAR_CELLS + 5 + 2 + 8 + 2 + 6
    return max(8, min(60, width - fixed - (RATE_CELLS + 2 if width >= 100 else 0)))


def _bar(job: JobRow) -> Content:
    share = job.share
    if share is None or (job.state == "done" and not job.total):
        return Content(" " * (BAR_CELLS + 5))
    full = round(share * BAR_CELLS)
    return Content.assemble(
        ("━" * full, "$primary" if job.state == RUNNING else "$quiet"),
        ("─" * (BAR_CELLS - full), "$panel"),
        f" {share:4.0%}",
    )


def _rate(job: JobRow) -> str:
    if job.rate_per_s is None:
        return "n/a"
    if job.unit == "B":
        return f"{format_bytes(job.rate_per_s)}/s"
    return fit(f"{job.rate_per_s:.3g} {job.unit or 'parts'}/s", RATE_CELLS)


def _done(job: JobRow) -> str:
    if not job.total:
        return ""
    write = format_bytes if job.unit == "B" else format_count
    unit = "" if job.unit == "B" else f" {job.unit}".rstrip()
    return f"{write(job.done)} of {write(job.total)}{unit}"


def _ago(seconds: float) -> str:
    told = age(seconds)
    return "just now" if told == "now" else f"{told} ago"
