"""What holding a slot, or another precision for it, is expected to cost, before it is asked for.

Estimates from what was measured: a slot's milliseconds, its duty of late, the bytes of its layout. Said as "about".
"""

from __future__ import annotations

from tui.state.formatting import size
from tui.state.slots.facts import SlotFacts
from tui.state.store import RunStore


def pin_forecast(slot: SlotFacts, store: RunStore) -> list[str]:
    """Of keeping it on."""
    late = slot.mean_duty if slot.mean_duty is not None else slot.duty
    return [
        _works(late, 1.0),
        _time(slot, store, 1.0 - (late or 0.0)),
        _activations(slot, store, 1.0 - (late or 0.0)),
    ]


def ban_forecast(slot: SlotFacts, store: RunStore) -> list[str]:
    """Of keeping it off."""
    late = slot.mean_duty if slot.mean_duty is not None else slot.duty
    return [
        _works(late, 0.0),
        _time(slot, store, -(late or 0.0)),
        _activations(slot, store, -(late or 0.0)),
        f"Loss: {effect_words(slot)}",
    ]


def release_forecast(slot: SlotFacts, store: RunStore) -> list[str]:
    """Of giving it back to the policy."""
    policy = store.plan.policy if store.plan is not None else "the policy"
    if not slot.held:
        return ["It is not held: nothing changes."]
    until = f", which would last through step {slot.until:,}" if slot.until is not None else ""
    return [
        f"Ends the {slot.held}{until}; from the next step on {policy} chooses for it again.",
        _policy_time(slot),
    ]


def precision_forecast(slot: SlotFacts, value: str) -> str:
    """Of one compute type, in a few words."""
    if value == slot.precision:
        return "as it is now"
    now, then = (4 if name == "fp32" else 2 for name in (slot.precision or "fp32", value))
    return {
        (4, 2): "about half the bytes between its matmuls; weights and states stay",
        (2, 4): "about twice the bytes between its matmuls; the most exact",
    }.get((now, then), "about the same bytes; weights and states stay")


def effect_words(slot: SlotFacts, may_probe: bool = True) -> str:
    """What leaving it out does to the validation loss, or how that is found out."""
    if slot.effect is None:
        return "without it, not measured yet" + (" (B measures it)" if may_probe else "")
    if slot.effect.change is None:
        return f"not finite without it ({slot.effect.how} at step {slot.effect.step:,})"
    return (
        f"{slot.effect.change:+.4f} nats without it ({slot.effect.how} at step {slot.effect.step:,}, "
        "right after leaving it out)"
    )


def _works(before: float | None, after: float) -> str:
    of_late = "its duty of late is not known" if before is None else f"{before:.2f} of late"
    return f"Duty {after:g} at every step; {of_late}."


def _time(slot: SlotFacts, store: RunStore, more: float) -> str:
    full, whose = slot.measure.full_ms, "it takes"
    if full is None:
        others = [one.full_ms for one in store.measures.latest if one.full_ms is not None]
        if not others:
            return "Time: not measured yet."
        full, whose = sum(others) / len(others), "not measured of this one, the others take"
    change = full * more
    step_ms = store.report.step_ms if store.report is not None else 0.0
    share = f" ({change / step_ms:+.1%} of {step_ms:.3g} ms)" if step_ms else ""
    return f"Time: about {change:+.2g} ms a step{share}; {whose} {full:.3g} ms at duty 1."


def _activations(slot: SlotFacts, store: RunStore, more: float) -> str:
    """Weights and states stay where they are; activations go with the duty."""
    split, plan = store.memory, store.plan
    stays = f"its {size(slot.num_bytes).strip()} of weights, gradients and states stay"
    if split is None or plan is None:
        return "Memory: not measured yet."
    working = sum(row.duty for row in plan.rows)
    if not working:
        return f"Memory: {stays}."
    change = round(split.activations / working * more)
    sign = "+" if change >= 0 else "-"
    return f"Memory: about {sign}{size(abs(change)).strip()} of activations; {stays}."


def _policy_time(slot: SlotFacts) -> str:
    full = slot.measure.full_ms
    if full is None:
        return "Time: its milliseconds are not measured yet."
    return f"Time: it takes {full:.3g} ms a step at duty 1, and less when the policy shares it."
