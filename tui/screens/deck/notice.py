"""The row under the heading: what is wrong and what to do about it, else the run's state in words, else nothing.

It is always one row, so that trouble never moves what stands below; all of it in full is in the full feed.
"""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from tui.screens.deck.job_rows import at_work
from tui.screens.parts.text_rows import apart
from tui.state.formatting import clock, fit
from tui.state.log.feed import ENDED
from tui.state.store import RunStore
from tui.state.troubles import ERROR, OFFERS_ROLLBACK, WARNING, Trouble, troubles

_COLOURS = {ERROR: "$error", WARNING: "$warning"}


def notice(
    store: RunStore,
    width: int,
    now_s: float,
    *,
    client_id: str = "",
    read_to: int = 0,
    may_control: bool = False,
) -> Content:
    """One row of at most `width` cells. Alarms up to `read_to` have been put away."""
    found = troubles(store, client_id, read_to)
    if not found:
        return _calm(store, width, now_s, may_control)
    newest = found[0]
    more = f"+{len(found) - 1}  " if len(found) > 1 else ""
    seen = "  esc seen" if any(trouble.seq for trouble in found) else ""
    end = f"  {more}f all{seen}"
    colour = _COLOURS.get(newest.level, "$foreground")
    text = _short_named(_said(newest, _remedy(store, newest, may_control)), store, width - 2 - len(end))
    left = Content.assemble(("! ", f"{colour} bold"), (text, colour))
    return apart(left, Content.assemble((end, "$quiet")), width, 0)


def trouble_rows(store: RunStore, width: int, client_id: str, read_to: int) -> list[Content]:
    """All of them in full, newest first: for the full feed."""
    rows: list[Content] = []
    for trouble in troubles(store, client_id, read_to):
        colour = _COLOURS.get(trouble.level, "$foreground")
        rows.append(Content.assemble(("! ", f"{colour} bold"), (fit(_named(trouble), width - 2), colour)))
        for text in filter(None, (trouble.said, trouble.remedy)):
            rows += [Content.assemble("  ", line.plain) for line in Content(text).wrap(max(8, width - 2))]
    return rows


def _remedy(store: RunStore, trouble: Trouble, may_control: bool) -> str:
    """What to do; where a key does it, the key."""
    if trouble.code not in OFFERS_ROLLBACK or not may_control:
        return trouble.remedy
    saved = store.newest_checkpoint
    to = f" to {saved.step:,}" if saved is not None else ""
    return f"R rolls back{to}" + (", space goes on" if store.state == "paused" else "")


def _named(trouble: Trouble) -> str:
    times = f" ({trouble.times} times)" if trouble.times > 1 else ""
    if trouble.when == "at":
        return f"{clock(trouble.since_s)} {trouble.name}{times}"
    comma = "," * (trouble.when != "since")
    return f"{trouble.name}{times}{comma} {trouble.when} {clock(trouble.since_s)}"


def _said(trouble: Trouble, remedy: str) -> list[str]:
    """In falling order of what one wishes to read; of what there is beyond the name, the remedy goes last."""
    name, whole = trouble.name, _named(trouble)
    mark = ";" if ":" in name else ":"
    said = f"{mark} {trouble.said}" if trouble.said else ""
    if not remedy:
        return [f"{whole}{said}", f"{name}{said}"]
    return [f"{whole}{said}; {remedy}", f"{whole}; {remedy}", f"{name}; {remedy}"]


def _short_named(wishes: list[str], store: RunStore, room: int) -> str:
    """The first that fits; where none does, the run is called by the end of its name, which a command takes too."""
    run_id = one_line(store.run.run_id) if store.run is not None else ""
    if run_id:
        wishes = [*wishes, *(wish.replace(run_id, run_id.rpartition("-")[2]) for wish in wishes)]
    return next((wish for wish in wishes if len(wish) <= room), fit(wishes[-1], room))


def _calm(store: RunStore, width: int, now_s: float, may_control: bool) -> Content:
    """What the run is at when nothing is wrong and it does not simply train."""
    glyph, text = _state(store, now_s, may_control)
    return (
        Content.assemble((f"{glyph} {_short_named([text], store, width - 2)}", "$quiet"))
        if text
        else Content("")
    )


def _state(store: RunStore, now_s: float, may_control: bool) -> tuple[str, str]:
    ended, run = store.ended, store.run
    if ended is not None:
        on = (
            f"; go on with: slotdeck resume {one_line(run.run_id)}"
            if run and ended.outcome == "stopped"
            else ""
        )
        mark = ENDED.get(ended.outcome, "■")
        return mark, f"{ended.outcome} at step {ended.step:,}{_because(ended.reason)}{on}"
    if store.state == "paused":
        on = "; space goes on" if may_control else ""
        return "‖", f"paused at step {store.step:,}{_because(store.state_reason)}{on}"
    if store.jobs.running:
        return at_work(store.jobs.running[-1], now_s)
    if run is not None and run.parent:
        at = f" at {one_line(run.parent_checkpoint)}" if run.parent_checkpoint else ""
        return "↳", f"from {one_line(run.parent)}{at}"
    return "", ""


def _because(reason: str) -> str:
    return f": {one_line(reason)}" if reason else ""
