"""From the store to what the page of slots draws."""

from __future__ import annotations

from collections.abc import Callable

from engine.units import counted
from tui.state.formatting import duty
from tui.state.measured_log import MeasuredLog
from tui.state.slots.facts import SlotFacts, slot_facts
from tui.state.slots.forecast import effect_words
from tui.state.slots.measures import SlotMeasure
from tui.state.slots.story import story
from tui.state.slots.words import doing, holding
from tui.state.store import RunStore
from tui.widgets.slot_columns import COLUMNS, NAMES, milliseconds, ordered, ratio
from tui.widgets.slot_detail import Curve, SlotDetailView
from tui.widgets.slot_table import SlotTableView

_FIGURES: tuple[tuple[str, Callable[[float], str], Callable[[SlotMeasure], float | None]], ...] = (
    ("ms", milliseconds, lambda measure: measure.ms),
    ("upd/w", ratio, lambda measure: measure.update_ratio),
    ("grad/w", ratio, lambda measure: measure.grad_ratio),
)


def table_view(store: RunStore, by: str, turned: bool, selected: int | None) -> SlotTableView:
    """The table, sorted."""
    rows = ordered(slot_facts(store), by, turned)
    down = COLUMNS[NAMES.index(by)].most_first != turned
    if store.link.status == "connecting":
        return SlotTableView(tuple(rows), by, down, selected, empty="reading the log")
    return SlotTableView(tuple(rows), by, down, selected)


def detail_view(
    store: RunStore, slot: SlotFacts | None, measured: MeasuredLog | None = None, may_probe: bool = True
) -> SlotDetailView:
    """The selected slot in full.

    Args:
        store: the run.
        slot: the one; `None`: none is selected.
        measured: what the log has of the time before the store's own histories.
        may_probe: the engine can be asked to measure what is not known.
    """
    if slot is None:
        return SlotDetailView()
    curves = [Curve("duty", _duties(store, slot.at, measured), duty, top=1.0)]
    rows = [*store.measures.history] if measured is None else measured.measures(store)
    rows = [row for row in rows if slot.at < len(row)]
    for name, text, figure in _FIGURES:
        seen = [(row[slot.at], figure(row[slot.at])) for row in rows]
        curves.append(Curve(name, tuple((one.step, value) for one, value in seen if value is not None), text))
    begun = [curve.points[0][0] for curve in curves if curve.points]
    ticks = [tick for tick in store.ticks if store.leads(tick.branch, tick.step)]
    return SlotDetailView(
        name=slot.name,
        does=_does(slot),
        why=slot.reason,
        effect=f"loss: {effect_words(slot, may_probe)}",
        curves=tuple(curves),
        marks=_marks(store, slot.at),
        first=min(begun, default=store.step),
        last=store.step,
        story=tuple(story(slot.at, slot.name, ticks, store.measures)),
    )


def summary(store: RunStore) -> str:
    """One line over the table: how many slots are at work, and under whom."""
    if store.plan is None:
        return "the slots have no plan yet" if store.slot_names else ""
    left = len(store.slot_names) - len(store.pruned)
    active = sum(row.duty for row in store.plan.rows if not row.pruned)
    held = sum(1 for row in store.plan.rows if row.held)
    words = f"{active:g} of {counted(left, 'slot')} at work   policy {store.plan.policy}"
    return words + (f"   {held} held" if held else "")


def _does(slot: SlotFacts) -> str:
    if slot.pruned:
        return "pruned: gone from the model"
    if slot.duty is None:
        return "no plan yet"
    late = f"{slot.mean_duty:.2f} of late" if slot.mean_duty is not None else ""
    holds = holding(slot.held, slot.until, slot.trained, " until released")
    return ", ".join(filter(None, (doing(slot.duty), late, *holds, slot.precision)))


def _duties(store: RunStore, at: int, measured: MeasuredLog | None) -> tuple[tuple[int, float], ...]:
    ticks = (t for t in store.slots.ticks if at < len(t.duty) and store.leads(t.branch, t.step))
    seen = [(tick.step, tick.duty[at]) for tick in ticks]
    end = seen[0][0] if seen else store.step + 1
    return (*(measured.duties(store, at, end) if measured is not None else ()), *seen)


def _marks(store: RunStore, at: int) -> tuple[tuple[int, str], ...]:
    ticks = (t for t in store.slots.ticks if at < len(t.held) and store.leads(t.branch, t.step))
    return tuple((t.step, t.held[at] or ("" if t.trained[at] else "forward")) for t in ticks)
