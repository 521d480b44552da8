"""Rows of the home screen as text in columns, for a given width. Foreign text never becomes markup."""

from __future__ import annotations

from msgspec import Struct
from textual.content import Content

from engine.text import one_line
from engine.units import format_bytes, format_count
from tui.state.formatting import age, fit, fit_middle, padded
from tui.state.home import UNREAD, ProfileRow, RunRow, Sort
from tui.widgets.sparkline import sparkline

_MARKS = {
    "running": ("●", "$success"),
    "paused": ("‖", "$warning"),
    "starting": ("◌", "$warning"),
    "stopping": ("◌", "$warning"),
    "finished": ("✓", "$quiet"),
    "stopped": ("■", "$quiet"),
    "failed": ("✗", "$error"),
    "killed": ("✗", "$error"),
    "unreadable": ("?", "$error"),
    UNREAD: ("·", "$quiet"),
}
BESIDE_LEAST = 7
"""Cells left beside a name from which tags stand there where they have no column, or the run it came from."""
STEP_ALONE, STEP_OF_ALL = 7, 15
"""Cells of the step, and of that and the last one."""
MARK_CELLS = 2
"""The first cells of a row: whether it is marked."""


class Columns(Struct, frozen=True):
    """Which columns fit, and how wide they are, in cells."""

    name: int
    step: int
    curve: int
    loss: bool
    size: bool
    tags: int

    @classmethod
    def for_width(cls, width: int) -> Columns:
        """State, step, best loss and age always; then the name, the last loss, the size, the curve and the tags."""
        loss, size, step = width >= 92, width >= 100, STEP_OF_ALL if width >= 72 else STEP_ALONE
        spare = width - 32 - step - 8 * loss - 11 * size
        name = max(10, min(35, spare))
        curve = min(40, spare - name - 2)
        curve = curve if curve >= 12 else 0
        tags = spare - name - (curve + 2 if curve else 0) - 2
        return cls(name, step, curve, loss, size, min(60, tags) if tags >= 10 else 0)


def run_header(columns: Columns, sort: Sort = "age") -> Content:
    """The titles over `run_row`; the list is sorted by the one with the arrow."""

    def title(text: str, sorts: Sort, cells: int) -> Content:
        marked = f"{text}{'▴' if sorts == 'name' else '▾' if sorts != 'loss' else '▴'}"
        shown, style = (marked, "$accent") if sort == sorts else (text, "")
        pad = " " * (abs(cells) - len(shown))
        return Content.assemble(pad if cells > 0 else "", (shown, style), "" if cells > 0 else pad)

    return Content.assemble(
        f"    {'state':<8}  ",
        title("run", "name", -columns.name),
        f"  {'step':>{columns.step}}  ",
        f"{'loss curve':<{columns.curve}}  " if columns.curve else "",
        f"{'loss':>6}  " if columns.loss else "",
        title("best", "loss", 6),
        "  ",
        Content.assemble(title("size", "size", 9), "  ") if columns.size else "",
        title("age", "age", 6),
        f"  {'tags, note':<{columns.tags}}" if columns.tags else "",
    )


def sort_at(columns: Columns, column: int) -> Sort | None:
    """What a click on the header means: the list is sorted by the title under it."""
    x = 14 + columns.name
    if 14 <= column < x:
        return "name"
    x += 4 + columns.step + (columns.curve + 2 if columns.curve else 0) + 8 * columns.loss
    if x <= column < x + 6:
        return "loss"
    x += 8
    if columns.size:
        if x <= column < x + 9:
            return "size"
        x += 11
    return "age" if x <= column < x + 6 else None


def run_row(row: RunRow, columns: Columns, now_wall_s: float, marked: bool = False) -> Content:
    """One run."""
    mark, colour = _MARKS.get(row.state, ("?", "$quiet"))
    step = (
        f"{format_count(row.step)}/{format_count(row.total_steps)}"
        if row.total_steps and columns.step > STEP_ALONE
        else format_count(row.step)
        if row.state != UNREAD
        else ""
    )
    name = one_line(row.run_id)
    beside, hue = ("", "") if columns.tags or not row.tags else (f" {_tags(row)}", "$secondary")
    beside, hue = (beside, hue) if beside or not row.parent else (_parent(row), "$quiet")
    room = columns.name - len(name)
    beside = fit(beside, room) if room >= BESIDE_LEAST else ""
    ink = "bold" if row.live else "$quiet" if row.archived else ""
    return Content.assemble(
        ("◆ " if marked else "  ", "$accent"),
        (f"{mark} {padded(row.state, 8)}  ", colour),
        (name if beside else f"{fit_middle(name, columns.name):<{columns.name}}", ink),
        (f"{beside:<{room}}" if beside else "", hue),
        f"  {step:>{columns.step}}  ",
        (f"{sparkline(row.curve, columns.curve)}  " if columns.curve else "", "$primary"),
        f"{_loss(row.loss)}  " if columns.loss else "",
        f"{_loss(row.best)}  ",
        (f"{_size(row.size_bytes)}  " if columns.size else "", "$quiet"),
        (f"{age(now_wall_s - row.started_wall_s) if row.started_wall_s else '':>6}", "$quiet"),
        _about(row, columns.tags),
    )


def _about(row: RunRow, cells: int) -> Content:
    """Tags and note, then why it ended."""
    if not cells:
        return Content()
    kept = " ".join(filter(None, (_tags(row), one_line(row.note))))
    reason = one_line(row.reason, 400)
    said = Content.assemble((kept, "$secondary"), "  " if kept and reason else "", (reason, _reason_ink(row)))
    said = said.truncate(cells, ellipsis=True)
    return Content.assemble("  ", said, " " * (cells - said.cell_length))


def detail_rows(row: RunRow, width: int) -> list[Content]:
    """What the columns have no room for: two rows."""
    name = Content.assemble(
        (one_line(row.run_id), "bold"),
        (f"   {_tags(row)}" if row.tags else "", "$secondary"),
        (f"   “{one_line(row.note, 1000)}”" if row.note else "", ""),
        ("   archived" if row.archived else "", "$quiet"),
    )
    best = row.best
    facts = [
        f"profile {one_line(row.profile_name)}" if row.profile_name else "",
        f"best validation loss {best:.4f}{f' at step {row.best_step:,}' if row.best_step else ''}"
        if best is not None and best == best
        else "never evaluated"
        if row.state != UNREAD
        else "",
        f"last {row.val_loss:.4f}" if row.val_loss is not None and row.val_loss != best else "",
        f"{format_bytes(row.size_bytes)}" if row.size_bytes is not None else "",
        f"from {one_line(row.parent)}" if row.parent else "",
    ]
    told = " · ".join(fact for fact in facts if fact)
    reason = one_line(row.reason, 1024)
    second = Content.assemble((reason, _reason_ink(row)), (" · " if reason and told else "") + told)
    return [row.truncate(width, ellipsis=True) for row in (name, second.stylize_before("$quiet"))]


def _reason_ink(row: RunRow) -> str:
    return "$error" if row.state == "failed" else "$warning"


def _tags(row: RunRow) -> str:
    return " ".join(f"#{one_line(tag)}" for tag in row.tags)


def _parent(row: RunRow) -> str:
    """The end of the name of the run it came from."""
    return f" ↳ {one_line(row.parent).rpartition('-')[2]}" if row.parent else ""


def profile_row(row: ProfileRow, width: int) -> Content:
    """One profile: its name, what it is, what it comes to."""
    name, detail = padded(one_line(row.name), 16), one_line(row.detail)
    about = one_line(row.about) or detail
    if row.problem or width < 100:
        text = detail if row.problem else about
        return Content.assemble(
            "  ", (name, "bold"), "  ", (fit(text, width - 20), "$error" if row.problem else "")
        )
    room = width - 22 - len(detail)
    return Content.assemble("  ", (name, "bold"), "  ", padded(about, room), "  ", (detail, "$quiet"))


def _size(size_bytes: int | None) -> str:
    return f"{'' if size_bytes is None else format_bytes(size_bytes):>9}"


def _loss(value: float | None) -> str:
    return f"{value:6.3f}" if value is not None and value < 100 else f"{'–':>6}"
