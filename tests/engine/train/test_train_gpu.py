"""On a GPU: the micro-batch found by trial stays below its limit, and a real out-of-memory error is survived."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.events import Alarm, SlotsMeasured
from engine.runlog.catalog import create_run
from engine.train.build import build_parts
from engine.train.fitting.fit import find_batch
from engine.train.fitting.rehearsal import rehearse
from engine.train.life import assemble
from engine.train.run import Run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


class Told(list[Any]):
    """A log that keeps what it is told."""

    emit = list.append

    def commit(self, event: Any, durable: bool = False) -> int:
        self.append(event)
        return 0


def made(folder: Path, token_dir: Path, *sets: str) -> Run:
    profile = load_profile(
        "tiny",
        [f"data.dir={token_dir}", "train.device=cuda", "model.n_embd=256", "train.batch_size=256", *sets],
    )
    run_dir = create_run(folder, profile.name, to_toml(profile), time.time(), os.urandom(2).hex())
    log: Any = Told()
    run = assemble(run_dir, build_parts(run_dir), log)
    run.choose_slots()
    return run


def test_the_micro_batch_found_by_trial_stays_below_the_limit(tmp_path: Path, token_dir: Path) -> None:
    run = made(tmp_path, token_dir, "train.memory_gib=0.25")
    fit = find_batch(run)
    assert 1 <= fit.batch_size < 256, fit.describe()
    run.set_batch(fit.batch_size)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    run.take_step()
    assert torch.cuda.max_memory_allocated() <= fit.limit_bytes


def test_a_step_out_of_memory_is_done_in_smaller_micro_batches(tmp_path: Path, token_dir: Path) -> None:
    run = made(tmp_path, token_dir)
    rehearse(run, 32)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + (160 << 20)
    total = torch.cuda.get_device_properties(run.device).total_memory
    torch.cuda.set_per_process_memory_fraction(room / total)
    try:
        run.take_step()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    log: Any = run.log
    assert next(e.code for e in log if isinstance(e, Alarm)) == "out-of-memory"
    assert run.batch_size < 256
    assert run.sequences == 256
    assert run.meter.read().skipped_steps == 0


def test_slots_are_measured_in_the_memory_that_activations_left_and_change_no_bit(
    tmp_path: Path, token_dir: Path
) -> None:
    ends = []
    for measured in (False, True):
        run = made(tmp_path, token_dir, "train.batch_size=64", "train.compile=off", "train.recompute=2")
        for _ in range(4):
            torch.cuda.reset_peak_memory_stats()
            run.take_step()
            run.report()
            peak = torch.cuda.max_memory_allocated()
        if measured:
            run.slot_meter.ask()
        run.take_step()
        run.report()
        ends.append([p.detach().clone() for p in run.model.parameters()])
        log: Any = run.log
        if measured:
            told = [e for e in log if isinstance(e, SlotsMeasured)][-1]
            assert told.step == run.step
            assert all(ms > 0 for ms in (*told.forward_ms, *told.backward_ms))  # type: ignore[operator]
            assert all(n > 0 for n in (*told.grad_norms, *told.weight_norms, *told.update_norms))  # type: ignore[operator]
            assert torch.cuda.max_memory_allocated() <= peak
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))
