"""What is asked before a slot is held, released or given another precision: what it costs, and how to say yes."""

from __future__ import annotations

from msgspec import Struct

from engine.protocol import commands as c
from engine.protocol.verbs import PRECISIONS, as_text
from tui.state.slots.facts import SlotFacts
from tui.state.slots.forecast import ban_forecast, pin_forecast, precision_forecast, release_forecast
from tui.state.store import RunStore

FOR_STEPS = (200, 1000)
"""How long a hold is offered for; any other number is typed."""


class Way(Struct, frozen=True):
    """A row of the dialog."""

    text: str
    line: str
    """What it types."""
    finished: bool = True
    """False: the command line opens with it, for the rest to be typed."""


class SlotQuestion(Struct, frozen=True):
    """One dialog; enter does the first of its ways."""

    title: str
    forecast: list[str]
    ways: list[Way]


def slot_question(verb: str, slot: SlotFacts, store: RunStore) -> SlotQuestion:
    """What doing this to the slot is expected to cost, and how to say yes."""
    match verb:
        case "pin":
            return SlotQuestion(f"Pin {slot.name}?", pin_forecast(slot, store), _holds("pin", slot, store))
        case "ban":
            return SlotQuestion(f"Ban {slot.name}?", ban_forecast(slot, store), _holds("ban", slot, store))
        case "release":
            way = Way("Release it", as_text(c.Release(slot.name)))
            return SlotQuestion(f"Release {slot.name}?", release_forecast(slot, store), [way])
        case "precision":
            return _precision(slot)
        case _:
            raise AssertionError(f"no question about {verb}")


def _holds(verb: str, slot: SlotFacts, store: RunStore) -> list[Way]:
    ways = [Way("Until it is released", f"{verb} {slot.name}")]
    for steps in FOR_STEPS:
        text = f"For {steps:,} steps, through step {store.step + steps:,} or just after"
        ways.append(Way(text, f"{verb} {slot.name} until=+{steps}"))
    ways.append(Way("For another number of steps ...", f"{verb} {slot.name} until=+", finished=False))
    return ways


def _precision(slot: SlotFacts) -> SlotQuestion:
    others = [value for value in PRECISIONS if value != slot.precision]
    forecast = [
        f"Computes in {slot.precision or 'the type of the run'} now.",
        "Time is known when it has run: see the column ms afterwards. A CPU is seldom faster in 16 bits.",
    ]
    ways = [
        Way(f"{value}: {precision_forecast(slot, value)}", as_text(c.Precision(value, slot.name)))
        for value in others
    ]
    return SlotQuestion(f"Another precision for {slot.name}?", forecast, ways)
