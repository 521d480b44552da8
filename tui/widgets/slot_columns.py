"""The columns of the table of slots: what each says, how it is sorted, and which of them fit."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tui.state.formatting import duty, fit, fixed, scientific, size
from tui.state.slots.facts import SlotFacts

Value = float | str | None
UNKNOWN = "–"
REASON_FROM = 24
"""Columns of a terminal that a reason is worth beginning in."""


class SlotColumn(Struct, frozen=True):
    """One of them."""

    name: str
    """Also its title."""
    width: int
    text: Callable[[SlotFacts], str]
    key: Callable[[SlotFacts], Value]
    """What is sorted by; None always comes last."""
    rank: int
    """The least are the first to be shown."""
    most_first: bool = False
    left: bool = False
    """Text at the left edge, not a number at the right one."""


def ratio(value: float) -> str:
    """Six characters: `5.2e-4`."""
    return scientific(value)


def milliseconds(value: float) -> str:
    """Five characters: `3.120`, `31.20`, `312.0`."""
    return fixed(value, 5)


def _number(value: float | None, text: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else text(value)


def _trained(slot: SlotFacts) -> str:
    return UNKNOWN if slot.duty is None else "yes" if slot.trained else "no"


def _held(slot: SlotFacts) -> str:
    if slot.pruned:
        return "× pruned"
    until = f" →{slot.until:,}" if slot.until is not None else ""
    return f"{slot.held}{until}" if slot.held else ""


def _effect(slot: SlotFacts) -> str:
    if slot.effect is None:
        return UNKNOWN
    return "nan" if slot.effect.change is None else f"{slot.effect.change:+.4f}"


def _effect_at(slot: SlotFacts) -> str:
    if slot.effect is None:
        return "not measured"
    return f"{_effect(slot)} @{slot.effect.step:,}"


def _change(slot: SlotFacts) -> float | None:
    return slot.effect.change if slot.effect is not None else None


COLUMNS: tuple[SlotColumn, ...] = (
    SlotColumn("slot", 9, lambda s: s.name, lambda s: s.at, 0, left=True),
    SlotColumn("now", 4, lambda s: UNKNOWN if s.duty is None else duty(s.duty), lambda s: s.duty, 1),
    SlotColumn(
        "mean",
        5,
        lambda s: UNKNOWN if s.mean_duty is None else f"{s.mean_duty:.2f}",
        lambda s: s.mean_duty,
        2,
    ),
    SlotColumn("train", 6, _trained, lambda s: None if s.duty is None else float(s.trained), 8),
    SlotColumn("held", 11, _held, lambda s: s.held or None, 3, left=True),
    SlotColumn("prec", 5, lambda s: s.precision or UNKNOWN, lambda s: s.precision or None, 9, left=True),
    SlotColumn(
        "grad",
        7,
        lambda s: _number(s.measure.grad_norm, lambda v: fixed(v, 6)),
        lambda s: s.measure.grad_norm,
        11,
    ),
    SlotColumn(
        "grad/w", 7, lambda s: _number(s.measure.grad_ratio, ratio), lambda s: s.measure.grad_ratio, 10
    ),
    SlotColumn(
        "upd/w", 7, lambda s: _number(s.measure.update_ratio, ratio), lambda s: s.measure.update_ratio, 6
    ),
    SlotColumn(
        "ms", 6, lambda s: _number(s.measure.ms, milliseconds), lambda s: s.measure.ms, 4, most_first=True
    ),
    SlotColumn("bytes", 9, lambda s: size(s.num_bytes), lambda s: s.num_bytes, 7, most_first=True),
    SlotColumn("without", 8, _effect, _change, 5),
    SlotColumn("why", REASON_FROM, lambda s: s.reason, lambda s: s.reason or None, 12, left=True),
)
NAMES = tuple(column.name for column in COLUMNS)
_WITH_STEP = SlotColumn("without", 16, _effect_at, _change, 5)
"""The same with the step it was measured at, where there is room for it."""


class Fitted(Struct, frozen=True):
    """The columns that a table of some width shows."""

    columns: tuple[SlotColumn, ...]
    gap: int

    @classmethod
    def to(cls, width: int, longest_name: int) -> Fitted:
        """As many as fit, in the order of their ranks; what is left goes to the reason."""
        name = min(max(longest_name, 5), 20)
        gap = 1 if width < 100 else 2
        chosen: list[SlotColumn] = []
        used = 2
        for column in sorted(COLUMNS, key=lambda column: column.rank):
            wide = _sized(column, name) if column.name == "slot" else column
            if used + wide.width + gap > width:
                break
            chosen.append(wide)
            used += wide.width + gap
        shown = {column.name: column for column in chosen}
        spare = width - used
        if "why" in shown:
            more = _WITH_STEP.width - shown["without"].width
            if spare >= more:
                shown["without"], spare = _WITH_STEP, spare - more
            shown["why"] = _sized(shown["why"], shown["why"].width + spare)
        return cls(tuple(shown[name] for name in NAMES if name in shown), gap)


def cell(column: SlotColumn, slot: SlotFacts) -> str:
    """Exactly the column's width."""
    text = fit(column.text(slot), column.width)
    return text.ljust(column.width) if column.left else text.rjust(column.width)


def ordered(rows: tuple[SlotFacts, ...], by: str, turned: bool) -> list[SlotFacts]:
    """Sorted by a column; slots that are gone last, before them those of which it is not known."""
    column = COLUMNS[NAMES.index(by)]
    known = [row for row in rows if column.key(row) is not None and not row.pruned]
    unknown = [row for row in rows if column.key(row) is None and not row.pruned]
    known.sort(key=lambda row: (column.key(row), row.at), reverse=column.most_first != turned)
    return [*known, *unknown, *(row for row in rows if row.pruned)]


def _sized(column: SlotColumn, width: int) -> SlotColumn:
    return SlotColumn(
        column.name, width, column.text, column.key, column.rank, column.most_first, column.left
    )
