"""Histories that stay small however long the run, and what is known of a slot after it went back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocol import events as e
from tui.state.curves.stepped import means
from tui.state.curves.thinned import Thinned
from tui.state.memory_history import MemoryHistory
from tui.state.slots.measures import SlotMeasures


def split(step: int, activations: int = 1) -> e.MemorySplit:
    return e.MemorySplit(step=step, weights=4, gradients=4, optimizer=8, activations=activations, cache=0)


def measured(step: int, *grads: float | None) -> e.SlotsMeasured:
    count = len(grads)
    return e.SlotsMeasured(
        step=step, branch=0, grad_norms=list(grads), weight_norms=[2.0] * count, update_norms=[None] * count,
        forward_ms=[1.0 if grad is not None else None for grad in grads], backward_ms=[None] * count,
    )  # fmt: skip


@given(st.integers(1, 3000), st.sampled_from([2, 8, 64]))
@settings(max_examples=60, deadline=None)
def test_a_thinned_history_is_bounded_ordered_and_ends_with_the_newest(count: int, capacity: int) -> None:
    history: Thinned[int] = Thinned(capacity=capacity)
    for number in range(count):
        history.append(number)
    kept = list(history)
    assert len(kept) <= capacity + 1
    assert kept == sorted(set(kept))
    assert kept[-1] == history.newest == count - 1
    assert len(kept) >= min(count, capacity // 2), "it keeps about as much as there is room for"


def test_the_highest_peak_of_a_million_steps_is_never_thinned_away() -> None:
    history = MemoryHistory()
    for step in range(10_000):
        history.heard(split(step, 900 if step == 3_333 else step % 7))
    assert len(history) < 300
    assert max(one.activations for one in history) == 900
    assert history.peak is not None
    assert history.peak.step == 3_333


def test_what_was_left_behind_by_a_rollback_is_not_shown() -> None:
    memory, slots = MemoryHistory(), SlotMeasures()
    events: list[e.Event] = [
        split(100), measured(100, 1.0, 1.0),
        e.Probed(step=150, branch=0, loss=5.0, slots=["a", "b"], losses=[5.5, None], tokens=1, seconds=1.0),
        split(200, 50), measured(200, 3.0, 3.0),
        e.Probed(step=250, branch=0, loss=5.0, slots=["a"], losses=[6.0], tokens=1, seconds=1.0),
        e.WentBack(step=180, branch=1, from_step=260, checkpoint="c", reason="asked"),
    ]  # fmt: skip
    for event in events:
        memory.heard(event)
        slots.heard(event, None)
    assert [one.step for one in memory] == [100]
    assert memory.peak is not None
    assert memory.peak.activations == 1
    first = slots.of(0)
    assert first is not None
    assert first.grad_norm == 1.0
    assert set(slots.effects) == {"b"}, "what was measured later was of a model that is gone"
    assert slots.effects["b"].change is None


def test_a_slot_left_out_keeps_what_was_measured_of_it_last() -> None:
    slots = SlotMeasures()
    rows = [e.SlotRow(duty=0.5), e.SlotRow(duty=1.0)]
    plan = e.SlotPlanned(step=1, branch=0, policy="anneal", rows=rows)
    slots.heard(measured(10, 4.0, 4.0), plan)
    slots.heard(measured(20, None, 6.0), plan)
    left_out, worked = slots.of(0), slots.of(1)
    assert left_out is not None
    assert worked is not None
    assert (left_out.grad_norm, left_out.grad_ratio, left_out.ms) == (4.0, 2.0, 1.0)
    assert left_out.full_ms == 2.0, "half of the sequences took a millisecond"
    assert worked.grad_norm == 6.0


def test_a_trial_of_several_slots_says_nothing_of_one() -> None:
    slots = SlotMeasures()
    for job, names in (("1", "a"), ("2", "b,c"), ("3", "")):
        found: dict[str, e.Scalar] = {"slots": names, "loss_before": 5.0, "loss_after": 5.25}
        told = e.JobReported(job=job, task="prune-trial", state="done", step=7, text="", result=found)
        slots.heard(told, None)
    assert {name: effect.change for name, effect in slots.effects.items()} == {"a": pytest.approx(0.25)}


def test_a_value_lasts_until_the_next_and_nothing_stands_before_the_first() -> None:
    assert means([(2, 1.0), (3, 3.0), (8, 5.0)], 0, 9, 5) == [None, 2.0, 2.0, 2.0, 5.0]
    assert means([], 0, 9, 3) == [None, None, None]
