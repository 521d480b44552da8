"""Rows of the home screen as text in columns, for a given width. Foreign text never becomes markup."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from engine.text import one_line
from engine.units import format_bytes, format_count
from tui.state.formatting import fit
from tui.state.home import ProfileRow, RunRow
from tui.widgets.sparkline import sparkline

_MARKS = {
    "running": ("●", "$success"),
    "paused": ("‖", "$warning"),
    "starting": ("◌", "$success"),
    "stopping": ("◌", "$warning"),
    "finished": ("✓", "$quiet"),
    "stopped": ("■", "$quiet"),
    "failed": ("✗", "$error"),
    "killed": ("✗", "$warning"),
    "unreadable": ("?", "$error"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns fit, and how wide they are, in cells."""

    name: int
    curve: int
    val: bool
    size: bool

    @classmethod
    def for_width(cls, width: int) -> Columns:
        """State, step, loss and age always; then the name, the validation loss, the size and the curve."""
        val, size = width >= 70, width >= 100
        spare = width - 45 - 8 * val - 11 * size
        name = max(10, min(34, spare))
        curve = min(40, spare - name - 2)
        return cls(name, curve if curve >= 12 else 0, val, size)


def run_header(columns: Columns) -> Content:
    """The titles over `run_row`."""
    curve = f"{'loss curve':<{columns.curve}}  " if columns.curve else ""
    size = f"{'size':>9}  " if columns.size else ""
    left = f"  {'state':<8}  {'run':<{columns.name}}  {'step':>15}  {curve}"
    val = f"{'val':>6}  " if columns.val else ""
    return Content(f"{left}{'loss':>6}  {val}{size}{'age':>6}")


def run_row(row: RunRow, columns: Columns, now_wall_s: float) -> Content:
    """One run."""
    mark, colour = _MARKS.get(row.state, ("?", "$quiet"))
    step = (
        f"{format_count(row.step)}/{format_count(row.total_steps)}"
        if row.total_steps
        else format_count(row.step)
    )
    curve = f"{sparkline(row.curve, columns.curve)}  " if columns.curve else ""
    size = f"{format_bytes(row.size_bytes):>9}  " if columns.size else ""
    name, parent = one_line(row.run_id), _parent(row)
    if len(name) + len(parent) > columns.name:
        parent = ""
    return Content.assemble(
        (f"{mark} {row.state:<8}  ", colour),
        (name if parent else _cut(name, columns.name), "bold" if row.live else ""),
        (f"{parent:<{columns.name - len(name)}}" if parent else "", "$quiet"),
        f"  {step:>15}  ",
        (curve, "$accent"),
        f"{_loss(row.loss)}  " + (f"{_loss(row.val_loss)}  " if columns.val else ""),
        (f"{size}{age(now_wall_s - row.started_wall_s):>6}", "$quiet"),
    )


def _parent(row: RunRow) -> str:
    """The end of the name of the run it came from."""
    return f" ⑂ {one_line(row.parent).rpartition('-')[2]}" if row.parent else ""


def profile_row(row: ProfileRow, width: int) -> Content:
    """One profile: its name, what it is, what it comes to."""
    name, detail = _cut(one_line(row.name), 16), one_line(row.detail)
    about = one_line(row.about) or detail
    if row.problem or width < 100:
        text = detail if row.problem else about
        return Content.assemble(
            "  ", (name, "bold"), "  ", (fit(text, width - 20), "$error" if row.problem else "")
        )
    room = width - 22 - len(detail)
    return Content.assemble("  ", (name, "bold"), "  ", _cut(about, room), "  ", (detail, "$quiet"))


def age(seconds: float) -> str:
    """`now`, `5 min`, `3 h`, `12 d`: at most 6 cells."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def _loss(value: float | None) -> str:
    return f"{value:6.3f}" if value is not None and value < 100 else f"{'–':>6}"


def _cut(text: str, width: int) -> str:
    """Exactly `width` characters."""
    return f"{fit(text, width):<{width}}"
