"""The micro-batch that fits is found by measuring, which leaves no trace; and one that does not fit is cut."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_run import EngineRun

from engine.errors import SlotdeckError
from engine.precision.device import is_out_of_memory
from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.events import Alarm, Event, LogLine, Progress
from engine.runlog.catalog import create_run
from engine.telemetry.torch_memory import SavedTensors
from engine.train.build import build_parts
from engine.train.fitting.fit import GivenUp, divisors, find_batch, largest, settle_batch
from engine.train.fitting.rehearsal import rehearse
from engine.train.guards.out_of_memory import make_smaller
from engine.train.life import assemble
from engine.train.micro_batches import MicroBatches
from engine.train.run import Run
from engine.train.snapshot import capture, knows_batch, restore

MIB = 2**20
Make = Callable[..., Run]


class Told:
    """A log that keeps what it is told."""

    head_seq = 0

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def commit(self, event: Event, durable: bool = False) -> int:
        self.events.append(event)
        return 0


@pytest.fixture
def make(tmp_path: Path, token_dir: Path) -> Make:
    """Makes a run of the tiny profile that tells a list, one step done."""

    def run_of(*sets: str) -> Run:
        profile = load_profile("tiny", [f"data.dir={token_dir}", "model.dropout=0.1", *sets])
        run_dir = create_run(tmp_path, profile.name, to_toml(profile), time.time(), os.urandom(2).hex())
        log: Any = Told()
        run = assemble(run_dir, build_parts(run_dir), log)
        run.choose_slots()
        run.take_step()
        return run

    return run_of


def told(run: Run) -> list[Event]:
    log: Any = run.log
    events: list[Event] = log.events
    return events


def everything(run: Run) -> list[Any]:
    """Whatever a step depends on, as values that can be compared."""
    tensors = [*run.model.state_dict().values(), *run.optimizer.state_tensors().values()]
    return [run.loader.state(), torch.get_rng_state().tolist(), [t.tolist() for t in tensors]]


def test_the_largest_size_that_fits_is_found_whichever_it_is() -> None:
    for sizes in ([1], divisors(12), divisors(480), divisors(97), list(range(1, 40))):
        for limit in range(max(sizes) + 2):
            expected = max((size for size in sizes if size <= limit), default=None)
            assert largest(sizes, limit.__ge__) == expected


def test_the_micro_batch_fills_the_limit_and_no_more(make: Make) -> None:
    run = make("train.batch_size=32", "train.accumulate=2", "train.memory_gib=1")
    before = everything(run)
    peaks = {size: peak for size, peak in find_batch(run).peaks.items() if peak is not None}
    assert max(peaks) == 64, "all of the step fits a GiB"
    counter = SavedTensors(run.model.parameters())
    rehearse(run, 64, forward=counter)
    static = sum(4 * t.nbytes for t in run.model.parameters())
    assert peaks[64] == pytest.approx(static + counter.peak_bytes, rel=0.05), (
        "the line meets what is measured there"
    )
    assert everything(run) == before
    assert all(p.grad is None for p in run.model.parameters())
    limit_mib = (peaks[16] + peaks[32]) / 2 / MIB
    run = make("train.batch_size=32", "train.accumulate=2", f"train.memory_gib={limit_mib / 1024}")
    settle_batch(run)
    assert (run.batch_size, run.accumulate, run.loader.batch_size) == (16, 4, 16)
    (line,) = [e.text for e in told(run) if isinstance(e, LogLine)]
    assert "micro-batch 16 fits" in line
    assert "4 in a step" in line
    assert any(isinstance(e, Progress) and e.task == "fit" and e.done == e.total for e in told(run))
    run.set_recompute(4)
    assert find_batch(run).batch_size > 16, "what is not kept makes room"


def test_too_little_for_one_sequence_is_one_line_with_a_remedy(make: Make) -> None:
    run = make("train.memory_gib=0.0001")
    with pytest.raises(SlotdeckError) as raised:
        find_batch(run)
    assert "one sequence of 32 tokens" in raised.value.message
    assert "train.recompute=4" in raised.value.remedy


def test_a_run_that_cannot_hold_one_sequence_is_refused_before_it_begins(
    tmp_path: Path, token_dir: Path
) -> None:
    code, said = EngineRun(tmp_path, token_dir, "train.batch=auto", "train.memory_gib=0.0001").run()
    assert code == 2
    assert said.startswith("error: a step of one sequence of 32 tokens needs")
    assert said.endswith("begin with --set train.recompute=4, or take a smaller model or shorter sequences\n")
    assert said.count("\n") == 1


def test_a_signal_ends_the_measuring(make: Make) -> None:
    run = make("train.memory_gib=1")
    run.signals.append(15)
    with pytest.raises(GivenUp):
        find_batch(run)
    settle_batch(run)
    assert run.batch_size == 4
    assert not knows_batch(run, capture(run)), "a resume measures it again"


def test_out_of_memory_halves_the_run_and_at_one_sequence_ends_it(make: Make) -> None:
    run = make()
    assert run.plan is not None
    batches = MicroBatches(run.loader, [[]])
    sizes = []
    for _ in range(2):
        make_smaller(run, batches, "you tried to allocate 9 bytes")
        sizes.append((run.batch_size, run.accumulate, run.loader.batch_size, len(batches)))
    assert sizes == [(2, 2, 2, 2), (1, 4, 1, 4)]
    alarms = [e for e in told(run) if isinstance(e, Alarm)]
    assert [alarm.code for alarm in alarms] == ["out-of-memory"] * 2
    assert "2 micro-batches of 2" in alarms[0].remedy
    with pytest.raises(SlotdeckError, match="micro-batches of one sequence") as raised:
        make_smaller(run, batches, "you tried to allocate 9 bytes")
    assert "train.recompute=4" in raised.value.remedy
    lean = make("train.lean=true")
    with pytest.raises(SlotdeckError, match="lean mode"):
        make_smaller(lean, MicroBatches(lean.loader, [[]]), "you tried to allocate 9 bytes")


def test_a_resume_keeps_the_micro_batch_unless_the_profile_was_changed(make: Make) -> None:
    run = make("train.recompute=99")
    assert run.recompute == 4, "as many as there are"
    run.set_batch(2)
    run.set_recompute(1)
    state = capture(run)
    again, other = make("train.recompute=99"), make("train.recompute=99", "train.batch_size=8")
    for resumed in (again, other):
        restore(resumed, state)
    assert (again.batch_size, again.accumulate, again.recompute, again.loader.batch_size) == (2, 2, 1, 2)
    assert (other.batch_size, other.accumulate, other.recompute) == (8, 1, 4)


def test_a_resume_on_another_kind_of_device_says_that_it_is_not_bit_for_bit(make: Make) -> None:
    state = capture(make())
    same, moved = make(), make("model.dropout=0.1")
    restore(same, state)
    state["rng"]["device"] = {"type": "cuda", "state": b""}
    restore(moved, state)
    assert not [e for e in told(same) if isinstance(e, LogLine)]
    (line,) = (e for e in told(moved) if isinstance(e, LogLine))
    assert "trained on cuda so far and on cpu from here on" in line.text
    assert "dropout draws anew" in line.text
    assert line.level == "warning"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
