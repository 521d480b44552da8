"""A run as the formulas of its levers need it: its profile, what was measured, what is set now."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from engine.profile.levers import Situation
from engine.profile.schema import Profile
from tui.state.slots.facts import SlotFacts, run_precision, slot_facts
from tui.state.store import RunStore


def situation(store: RunStore, selected: int | None = None) -> Situation | None:
    """Of the run now; `None` before memory was measured, or where the profile is of a version not known here."""
    run, split = store.run, store.memory
    profile = profile_of(run.profile_toml) if run is not None else None
    if run is None or split is None or profile is None:
        return None
    left = [slot for slot in slot_facts(store) if not slot.pruned]
    report, train = store.report, profile.train
    slot = _named(left, selected)
    return Situation(
        profile=profile,
        slots=len(left),
        stem_params=run.model.stem_params,
        weights=split.weights,
        gradients=split.gradients,
        optimizer=split.optimizer,
        activations=split.activations,
        working=sum(one.duty if one.duty is not None else 1.0 for one in left),
        batch_size=report.batch_size if report is not None and report.batch_size else train.batch_size,
        accumulate=report.accumulate if report is not None and report.accumulate else train.accumulate,
        recompute=report.recompute if report is not None else train.recompute,
        precision=run_precision(store) or "fp32",
        device=run.machine.device,
        slot=slot.name if slot is not None else "",
        block_forward_ms=_mean([_full(one, one.measure.forward_ms) for one in left]),
        block_ms=_mean([one.measure.full_ms for one in left]),
    )


@lru_cache(maxsize=4)
def profile_of(text: str) -> Profile | None:
    """The resolved profile that a run began with; `None`: it is written for another version."""
    try:
        return msgspec.toml.decode(text, type=Profile)
    except msgspec.DecodeError:
        return None


def _named(left: list[SlotFacts], selected: int | None) -> SlotFacts | None:
    """The slot that levers on one name: the selected one, else the one that is missed least, else the last."""
    for slot in left:
        if slot.at == selected:
            return slot
    known = [(slot.effect.change, slot) for slot in left if slot.effect and slot.effect.change is not None]
    return min(known, key=lambda pair: pair[0])[1] if known else left[-1] if left else None


def _full(slot: SlotFacts, ms: float | None) -> float | None:
    return ms / slot.measure.duty if ms is not None and slot.measure.duty else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
