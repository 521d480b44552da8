"""The two rows of numbers while the crosshair is there: every curve at its step, and what happened nearest to it."""

from __future__ import annotations

from textual.content import Content

from engine.units import format_count
from tui.screens.deck.marks import marks_of
from tui.screens.deck.readout import cells_row
from tui.state.choices import Choices
from tui.state.curves.smoothing import smoothed_at
from tui.state.formatting import fit, fixed, rate, scientific, shortest
from tui.state.store import RunStore
from tui.widgets.chart import Mark
from tui.widgets.chart.marks import GLYPHS, HOLLOW, by_distance

_COLOURS = {"alarm": "$warning bold", "evaluation": "$success bold"}


def crosshair_rows(store: RunStore, choices: Choices, whole: RunStore | None, width: int) -> list[Content]:
    """Two rows; `whole` knows the run beyond the moment that `store` stands at."""
    run, at = whole or store, store.branch if whole is not None else None
    step = choices.crosshair or 0
    return [_values(run, at, step, choices.smoothing, width), _nearest(run, at, step, width)]


def _values(run: RunStore, at: int | None, step: int, smoothing: float, width: int) -> Content:
    def value(name: str) -> float | None:
        return run.series[name].value_at(step, at)

    total = run.total_steps
    share = f" {100 * step / total:3.0f}%" if total else ""
    smooth = [("smoothed", fixed(smoothed_at(run.series["loss"], step, smoothing, at)))] if smoothing else []
    tokens = run.run.tokens_per_step * step if run.run is not None else None
    lr, active = value("lr"), value("active_slots")
    return cells_row(
        [
            ("at step", f"{step:>{len(f'{total or 0:,}')},}{share}"),
            ("loss", fixed(value("loss"))),
            *smooth,
            ("ema", fixed(value("loss_ema"))),
            ("val", fixed(value("val_loss"))),
            ("lr", f"{scientific(lr):>6}" if lr is not None else "   n/a"),
            ("grad norm", fixed(value("grad_norm"))),
            ("", rate(value("tokens_per_s"))),
            ("", f"{fixed(value('step_ms'))} ms/step"),
            ("slots", f"{shortest(active):>4}" if active is not None else " n/a"),
            ("tokens", f"{format_count(tokens):>6}"),
        ],
        width,
    )


def _nearest(run: RunStore, at: int | None, step: int, width: int) -> Content:
    """The nearest mark, then actions and alarms further and further away, as many as fit."""
    marks = by_distance(marks_of(run, at), step)
    if not marks:
        return Content.assemble(("nothing was marked", "$quiet"))
    row = _told(marks[0], step, width)
    for mark in marks[1:]:
        more = _told(mark, step, width)
        if row.cell_length + more.cell_length + 3 > width:
            break
        if mark.kind in ("action", "alarm"):
            row = Content.assemble(row, "   ", more)
    return row


def _told(mark: Mark, step: int, width: int) -> Content:
    apart = mark.step - step
    where = "here" if not apart else f"{abs(apart):,} {'later' if apart > 0 else 'before'}"
    glyph = (HOLLOW if mark.left else GLYPHS)[mark.kind]
    head = Content.assemble(
        (f"{glyph} ", _COLOURS.get(mark.kind, "$foreground bold")),
        (f"step {mark.step:,} ({where})  ", "$quiet"),
    )
    return Content.assemble(head, fit(mark.text or mark.kind, width - head.cell_length))
