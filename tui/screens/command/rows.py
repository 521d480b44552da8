"""The life of each command as rows: hollow until the engine says yes, red and explained when it says no.

A command that a child works on shows that child: at work with the time it has taken, then what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

from textual.content import Content

from engine.protocol.events import JobReported
from engine.text import one_line
from engine.units import format_duration
from tui.screens.deck.job_rows import CANCELLED, DONE, FAILED, GLYPHS, WORKING, elapsed, task_name
from tui.screens.parts.text_rows import apart
from tui.state.figures import summary
from tui.state.formatting import fit
from tui.state.pending_commands import ACCEPTED, APPLIED, REFUSED, CommandLife

_FIRST_NAMED = re.compile(r"^(prune|rollback|fork|export) (?:slots|to|at|format)=")
"""What can be said shorter: `prune slots=block.3`."""
MORE_ROWS = 3
"""Below a command, for a reason or a result."""
NO_ANSWER_S = 5.0
"""A request this old without an answer says so."""


def command_rows(lives: Iterable[CommandLife], width: int, height: int, now_s: float) -> list[Content]:
    """Newest first, at most `height` rows."""
    rows: list[Content] = []
    for life in reversed(list(lives)):
        rows += _rows(life, width, now_s)
        if len(rows) >= height:
            break
    return rows[:height] or [Content.assemble(("none yet", "$quiet"))]


def _rows(life: CommandLife, width: int, now_s: float) -> list[Content]:
    text = _FIRST_NAMED.sub(r"\1 ", one_line(life.text))
    if life.status == REFUSED:
        why = one_line(life.reason) + (f"; {one_line(life.remedy)}" if life.remedy else "")
        return [
            _line("✗", "$error bold", text, "refused", "$error bold", width),
            *_told(why, "$error", width),
        ]
    if life.job is not None:
        return _job_rows(text, life.job, life.job_since_s, width, now_s)
    if life.status == APPLIED:
        at = f"{_step_word(width)}{life.step:,}" if life.step is not None else "applied"
        change = f"{one_line(life.before)} → {one_line(life.after)}   " if life.before else ""
        roomy = len(text) + len(change) + len(at) + 4 <= width
        return [_line("✓", "$success bold", text, change * roomy + at, "$quiet", width)]
    if life.status == ACCEPTED:
        return [_line("◐", "$warning bold", text, "accepted", "$warning", width)]
    waited = now_s - life.requested_s if life.requested_s is not None else 0.0
    note = f"no answer for {format_duration(int(waited))}" if waited >= NO_ANSWER_S else "requested"
    return [_line("○", "$quiet", text, note, "$warning" if waited >= NO_ANSWER_S else "$quiet", width)]


def _step_word(width: int) -> str:
    """The same in every row, however long a command is."""
    return "at step " if width >= 60 else "step " if width >= 40 else ""


def _job_rows(text: str, news: JobReported, since_s: float, width: int, now_s: float) -> list[Content]:
    glyph = GLYPHS.get(news.state, GLYPHS[CANCELLED])
    if news.state == WORKING:
        note = elapsed(since_s, now_s)
        if len(text) + len(task_name(news)) + len(note) + 5 <= width:
            note = f"{task_name(news)} {note}"
        return [_line(glyph, "$accent bold", text, note, "$accent", width)]
    colour = {DONE: "$success", FAILED: "$error"}.get(news.state, "$quiet")
    found = one_line(news.text, 400).replace("->", "→") or summary(news.result)
    return [
        _line(
            glyph,
            f"{colour} bold",
            text,
            one_line(news.state),
            "$quiet" if news.state == DONE else colour,
            width,
        ),
        *_told(found, "$error" if news.state == FAILED else "$foreground", width),
    ]


def _told(text: str, colour: str, width: int) -> list[Content]:
    """What there is to know, on the rows below; the feed has all of it."""
    room = max(10, width - 2)
    parts = wrap(text, room)
    if len(parts) > MORE_ROWS:
        parts = [*parts[: MORE_ROWS - 1], fit(parts[MORE_ROWS - 1], room - 1).removesuffix("…") + "…"]
    return [Content.assemble((f"  {part}", colour)) for part in parts]


def _line(glyph: str, glyph_style: str, text: str, note: str, note_style: str, width: int) -> Content:
    note = fit(note, max(8, width - 8))
    text = fit(text, max(4, width - len(note) - 4))
    left = Content.assemble((glyph, glyph_style), " ", text)
    return apart(left, Content.assemble((note, note_style)), width)
