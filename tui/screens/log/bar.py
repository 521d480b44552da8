"""The two rows above the log's lines: which kinds are shown, and what else narrows them; every word can be clicked."""

from __future__ import annotations

from bisect import bisect_left

from engine.units import counted
from tui.screens.log.rows import LogRows
from tui.screens.parts.link_row import Link
from tui.state.formatting import fit
from tui.state.log.told import KINDS, Told

ROOMY = 100
"""Columns from which on the kinds stand apart."""


def kind_links(told: Told, width: int) -> list[Link]:
    """Every kind, the chosen one reversed: it shows without colour, and no word moves when another is chosen."""
    apart = "   " if width >= ROOMY else " "
    links = []
    for name in KINDS:
        style = "bold reverse $accent" if name == told.filter.kind else "$quiet"
        links.append(Link(((name, style), (apart, "")), f"kind_is('{name}')"))
    return links


def state_links(told: Told, rows: LogRows, width: int, *, reading: bool, searching: str) -> list[Link]:
    """How many lines, level, slot and search at the left; at the right whether the end is followed."""
    wanted, shown = told.filter, len(told.shown)
    count = f"{shown:,} of {told.count:,} lines" if shown != told.count else f"{shown:,} lines"
    links = [
        Link(((count, "$foreground"), ("   ", "")))
        if not reading
        else Link((("reading the log…   ", "$quiet"),))
    ]
    links.append(_choice("level", wanted.level, wanted.level != "all", "level"))
    links.append(_choice("slot", wanted.slot or "any", bool(wanted.slot), "slot(1)"))
    if searching:
        text = f"/{fit(searching, max(8, width - 72))} "
        links.append(Link(((text, "bold $accent"), (_hits(told, rows), "$foreground")), "search"))
    state = Link((("● following", "$success"),))
    if not rows.following:
        state = Link(((_held(rows, shown), "$quiet"),), "to_end")
    room = width - sum(link.width for link in links) - state.width
    return [*links, Link(((" " * max(1, room), ""),)), state]


def _choice(name: str, value: str, narrowed: bool, action: str) -> Link:
    return Link(
        ((f"{name} ", "$quiet"), (value, "bold $accent" if narrowed else "$foreground"), ("   ", "")), action
    )


def _hits(told: Told, rows: LogRows) -> str:
    if told.searching:
        return "…"
    if not told.hits:
        return "nowhere"
    only = " only" if told.filter.hits_only else ""
    place = bisect_left(told.hits, rows.at)
    if place < len(told.hits) and told.hits[place] == rows.at:
        return f"{place + 1:,} of {len(told.hits):,}{only}"
    return f"{counted(len(told.hits), 'hit')}{only}"


def _held(rows: LogRows, shown: int) -> str:
    below = shown - 1 - rows.at
    return f"○ line {rows.at + 1:,}, {below:,} below" if shown else ""
