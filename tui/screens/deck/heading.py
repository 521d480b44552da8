"""The top row: which run, in what state, how the cockpit is linked to it, and who has the controls."""

from __future__ import annotations

from textual.content import Content

from engine.protocol.events import Progress
from engine.text import one_line
from engine.units import format_count
from tui.screens.parts.text_rows import apart
from tui.state.facts import AWAY
from tui.state.formatting import countdown, fit
from tui.state.log.feed import ENDED
from tui.state.store import RunStore
from tui.state.troubles import LINK_NAMES

_STATES = {
    "starting": ("◌", "$warning"),
    "running": ("●", "$success"),
    "paused": ("‖", "$warning"),
    "stopping": ("◌", "$warning"),
    "ended": ("■", "$quiet"),
}
_LINKS = {
    "connecting": "$warning",
    "live": "$success",
    "lost": "$error",
    "restarting": "$warning",
    "replay": "$accent",
    "ended": "$quiet",
    "gone": "$error",
    "version": "$error",
    "unreadable": "$error",
}
_SAID = {
    "connecting": "connecting",
    "ended": "engine ended",
    **LINK_NAMES,
}

COMPILE = "compile"
"""The engine's task that is drawn with its time."""
SILENT_AFTER_S = 5.0
"""A live engine speaks every second; without a word for so long, that is said."""


def heading(
    store: RunStore,
    run_name: str,
    width: int,
    client_id: str,
    read_only: bool,
    now_s: float,
    thin: bool = False,
) -> Content:
    """One row of at most `width` cells; the run's name gives way first. `thin`: figures are drawn but once a second."""
    state, lease = _state(store, now_s), _lease(store, client_id, read_only)
    slow = ("thin   ", "$quiet") if thin else ""
    right = Content.assemble(slow, _link(store), "   " if lease.plain else "", lease)
    room = width - right.cell_length - state.cell_length - 4
    left = Content.assemble((fit(one_line(run_name), max(8, room)), "bold"), "  ", state)
    return apart(left, right, width, 2)


def _state(store: RunStore, now_s: float) -> Content:
    if store.link.status == "restarting":
        return Content.assemble(("◌ down", "$warning"))
    if store.ended is not None:
        colour = "$error" if store.ended.outcome == "failed" else "$quiet"
        return Content.assemble((f"{ENDED.get(store.ended.outcome, '■')} {store.ended.outcome}", colour))
    if store.link.status == "ended" and store.run is not None:
        return Content.assemble(("✗ killed", "$error"))
    glyph, colour = _STATES.get(store.state, ("◌", "$quiet"))
    if store.link.status in AWAY:
        colour = "$quiet"  # what was true when the link broke
    if store.progress is not None:
        at_work = _at_work(store.progress, now_s - store.progress_since_s)
        return Content.assemble((f"{glyph} {store.state or 'starting'}", colour), (f"  {at_work}", "$quiet"))
    silent_s = now_s - store.wall_s
    if store.link.status == "live" and store.wall_s and silent_s >= SILENT_AFTER_S:
        silence = f"  silent for {countdown(silent_s).strip()}"
        return Content.assemble((f"{glyph} {store.state}", "$quiet"), (silence, "$warning"))
    return Content.assemble((f"{glyph} {store.state or 'no news yet'}", colour))


def _at_work(task: Progress, seconds: float) -> str:
    """`evaluate 3/8`, or `compiling bf16 3/8 0:12`: one variant takes long enough to wonder."""
    count = f"{format_count(task.done)}/{format_count(task.total)}"
    if task.task != COMPILE:
        return f"{one_line(task.task)} {count}"
    precision = one_line(task.detail).split(" ")[0]
    return f"compiling {precision} {count} {countdown(seconds).strip()}"


def _link(store: RunStore) -> Content:
    link = store.link
    said = link.detail if link.status in ("connecting", "restarting") else ""
    said = said or _SAID.get(link.status, link.status)
    return Content.assemble((one_line(said), _LINKS.get(link.status, "$quiet")))


def _lease(store: RunStore, client_id: str, read_only: bool) -> Content:
    if read_only:
        holder = store.lease.who or store.lease.holder if store.link.status == "live" else ""
        held = f": {one_line(holder, 24)} has the controls" if holder else ""
        return Content.assemble((f"read-only{held}", "$quiet"))
    if store.link.status != "live":
        return Content("")  # not known now
    if store.lease.holder and store.lease.holder == client_id:
        return Content.assemble(("you have the controls", "$success"))
    if store.lease.holder:
        who = one_line(store.lease.who or store.lease.holder, 24)
        return Content.assemble((f"{who} has the controls elsewhere", "$warning"))
    return Content.assemble(("controls free", "$quiet"))
