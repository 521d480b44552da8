"""What is known of each slot now, as one row: for the table of slots and for what is forecast of one."""

from __future__ import annotations

from msgspec import Struct, field

from tui.state.slots.measures import Effect, SlotMeasure
from tui.state.store import RunStore

LATE_TICKS = 60
"""Ticks of a second that "of late" means: the last minute at work."""


class SlotFacts(Struct, frozen=True):
    """One slot. `None`: not known."""

    at: int
    """Its place in the table of slots."""
    name: str
    duty: float | None = None
    mean_duty: float | None = None
    """Of late."""
    trained: bool = True
    held: str = ""
    until: int | None = None
    precision: str = ""
    """Its own, or the run's."""
    measure: SlotMeasure = field(default_factory=lambda: SlotMeasure(0))
    num_bytes: int | None = None
    """Weights, gradients and optimizer states."""
    effect: Effect | None = None
    reason: str = ""
    pruned: bool = False


def slot_facts(store: RunStore) -> tuple[SlotFacts, ...]:
    """A row for each slot, in the order of the table of slots."""
    late = mean_duties(store)
    return tuple(_facts(store, at, name, late) for at, name in enumerate(store.slot_names))


def mean_duties(store: RunStore) -> tuple[float, ...]:
    """For each slot the mean over the last minute at work; empty before the first second of it."""
    ticks = [tick for tick in list(store.slots.ticks)[-LATE_TICKS:] if store.leads(tick.branch, tick.step)]
    ticks = [tick for tick in ticks if len(tick.duty) == len(store.slot_names)]
    return tuple(sum(duties) / len(ticks) for duties in zip(*(tick.duty for tick in ticks), strict=True))


def run_precision(store: RunStore) -> str:
    """The compute type of slots that have none of their own."""
    told = store.report.precision if store.report is not None else ""
    return store.set_since.get("precision", told)


def _facts(store: RunStore, at: int, name: str, late: tuple[float, ...]) -> SlotFacts:
    rows = store.plan.rows if store.plan is not None else []
    held_bytes = store.memory.slots if store.memory is not None else []
    known = SlotFacts(
        at,
        name,
        mean_duty=late[at] if at < len(late) else None,
        precision=run_precision(store),
        measure=store.measures.of(at) or SlotMeasure(0),
        num_bytes=held_bytes[at] if at < len(held_bytes) else None,
        effect=store.measures.effects.get(name),
        pruned=name in store.pruned,
    )
    if at >= len(rows):
        return known
    row = rows[at]
    return SlotFacts(
        at,
        name,
        duty=row.duty,
        mean_duty=known.mean_duty if known.mean_duty is not None else row.duty,
        trained=row.trained,
        held=row.held,
        until=row.until,
        precision=row.precision or known.precision,
        measure=known.measure,
        num_bytes=known.num_bytes,
        effect=known.effect,
        reason=row.reason,
        pruned=known.pruned,
    )
