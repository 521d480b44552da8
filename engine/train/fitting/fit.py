"""The largest micro-batch that fits the memory: measured, not estimated from a formula.

Used in warm-up for `train.batch = auto` and for `batch auto`. A step keeps its sequences, so what is tried are their
divisors.

    cuda        passes on the real shapes, doubling until one is over the limit or out of memory, then halving the
                interval; what counts is the most that the allocator held, plus optimizer states still to be made
    cpu, mps    the bytes that autograd saves in passes over one and two sequences, drawn out as a straight line,
                plus weights, gradients, states and the loss head's logits: running into the end of the host's
                memory would take the machine down

Weights, states, generators and the data are as they were afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import torch

from engine.errors import SlotdeckError
from engine.optim.groups import STEM
from engine.precision.device import is_out_of_memory
from engine.profile.derive import train_seq_len
from engine.protocol.events import LogLine, Progress
from engine.telemetry.torch_memory import SavedTensors, forget_peak
from engine.train.fitting.rehearsal import rehearse
from engine.train.guards.out_of_memory import give_back, smaller
from engine.units import format_bytes

if TYPE_CHECKING:
    from engine.train.run import Run

FREE_SHARE = 0.9
"""Of what is free: other processes grow, and an allocator cannot use every last gap."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found, and from what."""

    batch_size: int
    limit_bytes: int
    peaks: dict[int, int | None] = field(default_factory=dict)
    """Micro-batch -> the most bytes that a step holds with it; None: it ran out of memory."""

    def describe(self) -> str:
        """`micro-batch 8 fits 6 GiB (4: 3.1 GiB, 8: 5.4 GiB, 16: out of memory)`."""
        tried = ", ".join(
            f"{size}: {'out of memory' if peak is None else format_bytes(peak)}"
            for size, peak in sorted(self.peaks.items())
        )
        return f"micro-batch {self.batch_size} fits {format_bytes(self.limit_bytes)} ({tried})"


class GivenUp(Exception):
    """A signal came: nobody waits for the result."""


def find_batch(run: Run) -> Fit:
    """Measure the largest micro-batch. The run stays as it is; the caller sets what was found.

    Raises:
        SlotdeckError: not even one sequence fits.
        GivenUp: a signal came.
    """
    sizes = divisors(run.sequences)
    limit_bytes = memory_limit(run)
    if run.device.type == "cuda":
        peak = _tried(run)
    else:
        run.log.emit(Progress(task="fit", done=0, total=1, detail="one and two sequences"))
        peak = _drawn_out(run)
    peaks: dict[int, int | None] = {}

    def fits(size: int) -> bool:
        if run.signals:
            raise GivenUp
        bytes_ = peaks[size] = peak(size)
        done = len(peaks)
        run.log.emit(Progress(task="fit", done=done, total=done + 1, detail=f"micro-batch {size}"))
        return bytes_ is not None and bytes_ <= limit_bytes

    best = largest(sizes, fits)
    run.log.emit(Progress(task="fit", done=1, total=1))
    if best is None:
        need = peaks[1]
        needs = "runs out of memory" if need is None else f"needs {format_bytes(need)}"
        raise SlotdeckError(
            f"a step of one sequence of {train_seq_len(run.profile)} tokens {needs}, and there are"
            f" {format_bytes(limit_bytes)}",
            smaller(run, "resume" if run.step else "begin"),
        )
    return Fit(best, limit_bytes, peaks)


def settle_batch(run: Run) -> None:
    """In warm-up: find the micro-batch, if the profile wants it found, and say what was found.

    Raises:
        SlotdeckError: not even one sequence fits.
    """
    try:
        fit = find_batch(run)
    except GivenUp:
        run.batch_settled = False
        return
    run.set_batch(fit.batch_size)
    run.log.emit(LogLine(level="info", text=f"{fit.describe()}; {run.accumulate} in a step"))


def divisors(number: int) -> list[int]:
    """Ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def largest(sizes: list[int], fits: Callable[[int], bool]) -> int | None:
    """The largest of the ascending `sizes` that fits, if what is below a fitting one fits: doubling, then bisection."""
    good, bad = -1, len(sizes)
    at = 0
    while at < bad:
        if not fits(sizes[at]):
            bad = at
            break
        good = at
        doubled = next((i for i in range(at + 1, bad) if sizes[i] >= 2 * sizes[at]), None)
        if doubled is None:
            at += 1
            continue
        at = doubled
    while bad - good > 1:
        middle = (good + bad) // 2
        if fits(sizes[middle]):
            good = middle
        else:
            bad = middle
    return sizes[good] if good >= 0 else None


def memory_limit(run: Run) -> int:
    """Bytes that the run may fill: the profile's, or most of what is free and what it has already."""
    if run.profile.train.memory_gib:
        return int(run.profile.train.memory_gib * 2**30)
    if run.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(run.device)
        return int(FREE_SHARE * (free + torch.cuda.memory_reserved(run.device)))
    if run.device.type == "mps":
        return int(FREE_SHARE * torch.mps.recommended_max_memory())
    return int(FREE_SHARE * (psutil.virtual_memory().available + _weights(run)))


def _tried(run: Run) -> Callable[[int], int | None]:
    """By trial on the device."""
    to_come = max(0, _states_when_trained(run) - _states(run))

    def peak(size: int) -> int | None:
        give_back(run.device)
        forget_peak(run.device)
        try:
            # The second pass of a step runs beside the first one's gradients.
            rehearse(run, size, passes=2 if size < run.sequences else 1)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            held = None
        else:
            held = torch.cuda.max_memory_reserved(run.device) + to_come
        give_back(run.device)
        forget_peak(run.device)
        return held

    return peak


def _drawn_out(run: Run) -> Callable[[int], int]:
    """From what autograd saves for one and for two sequences."""
    saved = [_saved_bytes(run, size) for size in (1, 2)]
    each = saved[1] - saved[0]
    static = 2 * _weights(run) + _states_when_trained(run)
    seq_len, vocab = train_seq_len(run.profile), run.model.head_weight().shape[0]

    def peak(size: int) -> int:
        logits = 2 * 4 * vocab * min(run.model.head_chunk or size * seq_len, size * seq_len)
        return static + saved[0] + (size - 1) * each + logits

    return peak


def _saved_bytes(run: Run, size: int) -> int:
    counter = SavedTensors(run.model.parameters())
    rehearse(run, size, forward=counter)
    return counter.peak_bytes


def _weights(run: Run) -> int:
    return sum(p.nbytes for p in run.model.parameters())


def _states(run: Run) -> int:
    slots = range(len(run.model.slot_names))
    return run.optimizer.stem_bytes() + sum(run.optimizer.slot_bytes(i) for i in slots)


def _states_when_trained(run: Run) -> int:
    slots = (STEM, *range(len(run.model.slot_names)))
    return sum(run.optimizer.bytes_when_trained(slot) for slot in slots)
