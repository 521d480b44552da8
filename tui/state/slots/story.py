"""What was done with one slot, oldest first: holds and what ended them, precisions, trials and prunes."""

from __future__ import annotations

from tui.state.facts import Tick
from tui.state.slots.expiries import Happened
from tui.state.slots.measures import SlotMeasures

_ON_ONE = ("pin", "ban", "release", "prune")


def story(slot: int, name: str, ticks: list[Tick], seen: SlotMeasures) -> list[Happened]:
    """Of one slot. `ticks`: what the operator did, on the way to where the run is."""
    found = [Happened(tick.step, tick.text) for tick in ticks if _is_about(tick, slot, name)]
    found += seen.expiries.of(slot)
    effect = seen.effects.get(name)
    if effect is not None:
        change = "loss not finite" if effect.change is None else f"{effect.change:+.4f} nats"
        found.append(Happened(effect.step, f"{effect.how}: {change}"))
    for event in seen.pruned:
        if name in event.slots:
            rest = ", ".join(other for other in event.slots if other != name)
            beside = f" with {rest}" if rest else ""
            found.append(Happened(event.step, ("prune undone" if event.undone else "pruned") + beside))
    return sorted(found, key=lambda one: one.step)


def _is_about(tick: Tick, slot: int, name: str) -> bool:
    words = tick.text.split()
    if tick.verb == "precision":
        return any(word in (f"slot={name}", f"slot={slot}") for word in words[1:])
    if tick.verb not in _ON_ONE or len(words) < 2:
        return False
    return bool({name, str(slot)} & set(words[1].removeprefix("slots=").removeprefix("slot=").split(",")))
