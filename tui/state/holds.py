"""A pin, ban or release in the plan as soon as it is applied.

The engine tells the next plan with the next step, which may be long in coming while the run is paused; the
hold itself is in effect from the moment it was applied.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol.events import CommandApplied, SlotPlanned
from engine.protocol.verbs import parse_command

HOLDS = ("pin", "ban", "release")


@dataclass(frozen=True, slots=True)
class Hold:
    """The operator's word on one slot."""

    slot: int
    held: str
    """`pin`, `ban`, or empty when the policy has it back."""
    until: int | None


def hold_of(event: CommandApplied, slot_names: list[str]) -> Hold | None:
    """What an applied command holds; `None` when it is about something else."""
    if event.verb not in HOLDS:
        return None
    try:
        command = parse_command(event.text.split())
    except SlotdeckError:  # a newer engine's wording: the next plan will tell
        return None
    if not isinstance(command, c.Pin | c.Ban | c.Release):
        return None
    slot = _index(command.slot, slot_names)
    if slot is None:
        return None
    if isinstance(command, c.Release):
        return Hold(slot, "", None)
    return Hold(slot, event.verb, _step(command.until, event.step))


def with_hold(plan: SlotPlanned, hold: Hold) -> SlotPlanned:
    """The plan with the hold marked; what the slot does changes with the next step."""
    rows = list(plan.rows)
    if hold.slot < len(rows):
        reason = f"{'' if hold.held else 'released '}by the operator, from the next step on"
        rows[hold.slot] = replace(rows[hold.slot], held=hold.held, until=hold.until, reason=reason)
    return replace(plan, rows=rows)


def _index(slot: str, slot_names: list[str]) -> int | None:
    if slot in slot_names:
        return slot_names.index(slot)
    return int(slot) if slot.isdigit() and int(slot) < len(slot_names) else None


def _step(until: str, applied_at: int) -> int | None:
    if not until:
        return None
    return applied_at + int(until[1:]) if until.startswith("+") else int(until)
