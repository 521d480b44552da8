"""Rows of the page of jobs as text in columns, for a given width. Foreign text never becomes markup."""

from __future__ import annotations

from msgspec import Struct
from textual.content import Content

from engine.text import one_line
from engine.units import format_bytes, format_count, format_duration
from tui.state.formatting import age, countdown, fit, fit_middle, padded
from tui.state.pipelines import RUNNING, JobRow

_MARKS = {
    RUNNING: ("▷", "$success"),
    "done": ("✓", "$quiet"),
    "failed": ("✗", "$error"),
    "cancelled": ("■", "$quiet"),
    "killed": ("✗", "$error"),
}
STATE_CELLS, TASK_CELLS, WHAT_CELLS, RATE_CELLS = 9, 11, 36, 15
SAYS_LEAST = 16
"""Cells from which what a job says is worth a column."""


class Columns(Struct, frozen=True):
    """Which columns fit, and how wide they are, in cells."""

    what: int
    bar: int
    rate: bool
    since: bool
    says: int

    @classmethod
    def for_width(cls, width: int) -> Columns:
        """Without the rate, then the age, where it is narrow; what the job says where there is room left."""
        rate, since = width >= 100, width >= 70
        bar = 12 if rate else 8 if since else 5
        room = width - (24 + STATE_CELLS + TASK_CELLS + bar + (RATE_CELLS + 2) * rate + 8 * since)
        what = max(8, min(WHAT_CELLS, room))
        says = room - what - 2
        return cls(what, bar, rate, since, says if says >= SAYS_LEAST else 0)


def job_header(columns: Columns) -> Content:
    """The titles over `job_row`."""
    rate = f"{'rate':>{RATE_CELLS}}  " if columns.rate else ""
    return Content(
        f"   {'state':<{STATE_CELLS}}  {'job':<{TASK_CELLS}}  {'of':<{columns.what}}"
        f"  {'progress':<{columns.bar + 5}}  {rate}{'left':>8}"
        f"{'   since' if columns.since else ''}{'  says' if columns.says else ''}"
    )


def job_row(job: JobRow, columns: Columns, now_wall_s: float) -> Content:
    """One job."""
    mark, colour = _MARKS.get(job.state, ("?", "$quiet"))
    running = job.state == RUNNING
    rate = f"{_rate(job) if running else '':>{RATE_CELLS}}  " if columns.rate else ""
    left = countdown(job.eta_s) if running and job.eta_s is not None else " " * 8
    says = ": ".join(one_line(part, 400) for part in (job.stage if running else "", job.detail) if part)
    return Content.assemble(
        (f" {mark} {padded(job.state, STATE_CELLS)}  ", colour),
        (f"{padded(job.task, TASK_CELLS)}  ", "bold" if running else ""),
        f"{fit_middle(one_line(job.what), columns.what):<{columns.what}}  ",
        _bar(job, columns.bar),
        "  ",
        rate,
        left,
        (f"  {age(now_wall_s - (job.ended_wall_s or job.began_wall_s)):>6}" if columns.since else "", "$quiet"),
        (f"  {padded(says, columns.says)}" if columns.says else "", "$error" if job.state == "failed" else "$quiet"),
    )  # fmt: skip


def detail_rows(job: JobRow, width: int, now_wall_s: float) -> list[Content]:
    """What the columns have no room for: three rows."""
    if job.ended_wall_s is None:
        now = _rate(job)
    else:
        lasted = format_duration(max(0.0, job.ended_wall_s - job.began_wall_s))
        now = f"{lasted}, {job.state} {_ago(now_wall_s - job.ended_wall_s)}"
    first = [one_line(job.what, 1000), one_line(job.stage), _done(job), now]
    rows = [
        Content.assemble((one_line(job.task), "bold"), "   ", " · ".join(part for part in first if part)),
        Content.assemble((one_line(job.detail, 1000), "$error" if job.state == "failed" else "")),
        Content.assemble(("$ ", "$quiet"), one_line(job.command, 2000)) if job.command else Content(),
    ]
    return [row.truncate(width, ellipsis=True) for row in rows]


def _bar(job: JobRow, cells: int) -> Content:
    share = job.share
    if share is None or (job.state == "done" and not job.total):
        return Content(" " * (cells + 5))
    full = round(share * cells)
    return Content.assemble(
        ("━" * full, "$primary" if job.state == RUNNING else "$quiet"),
        ("─" * (cells - full), "$panel"),
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
