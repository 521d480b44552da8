"""What home says around its lists: the folder and the disk, what is listed, what to do when nothing is."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from engine.units import counted, format_bytes
from tui.screens.parts.text_rows import apart
from tui.state.formatting import fit_start
from tui.state.home import HomeView, Sort

_ORDER: dict[Sort, str] = {
    "age": "newest first",
    "loss": "best loss first",
    "size": "largest first",
    "name": "by name",
}


def title(view: HomeView, width: int, read_only: bool) -> Content:
    """The folder, how many runs, and the disk."""
    live = sum(run.live for run in view.runs)
    used = format_bytes(sum(run.size_bytes or 0 for run in view.runs))
    free = f", {format_bytes(view.free_bytes)} free" if view.free_bytes is not None else ""
    measured = sum(run.size_bytes is not None for run in view.runs)
    over = "" if measured == len(view.runs) else "over "
    used = f"{over}{used} used" if measured or not view.runs else "measuring sizes"
    right = f"{counted(len(view.runs), 'run')}, {live} live   {used}"
    right += free if len("slotdeck") + 2 + len(right) + len(free) <= width else ""
    mode = "  read-only" if read_only else ""
    room = width - len("slotdeck") - len(mode) - len(right) - 4
    folder = one_line(str(view.runs_dir))
    folder = fit_start(folder, room) if len(folder) <= room or room > 8 else ""
    left = Content.assemble(("slotdeck", "bold $accent"), (mode, "$quiet"), f"  {folder}")
    return apart(left, Content(right), width)


def status(view: HomeView, listed: int, marked: int, words: str, sort: Sort, archived: bool) -> Content:
    """How many are marked and match, in which order, and what is hidden; nothing where there are no runs."""
    if not view.runs:
        return Content()
    hidden = 0 if archived else sum(run.archived and not run.live for run in view.runs)
    parts = [(f"{marked} marked", "bold $accent")] if marked else []
    if words:
        parts.append((f"{listed} of {len(view.runs)} match “{one_line(words)}”", "$accent"))
    parts.append((_ORDER[sort], "$quiet"))
    if hidden:
        parts.append((f"{hidden} archived (X shows them)", "$quiet"))
    return Content("  ·  ").join([Content.assemble(part) for part in parts])


def empty(view: HomeView, words: str) -> Content:
    """What to do when there is nothing."""
    if words:
        return Content(
            f"None of {counted(len(view.runs), 'run')} matches “{one_line(words)}”.\n\nesc clears it"
        )
    if view.runs:
        return Content(f"All {counted(len(view.runs), 'run')} are archived.\n\nX shows them")
    how = (
        "Choose a profile below: enter shows it as a form, s starts it as it is."
        if view.profiles
        else "slotdeck train PROFILE starts one;\nslotdeck demo shows everything at work."
    )
    return Content(f"No runs yet in {one_line(str(view.runs_dir))}.\n\n{how}")
