"""How many torch threads a CPU run gets: measured, because the right number cannot be known.

On idle cores more threads are faster; on busy ones a second thread can make a step eight times slower, since
every parallel region waits for the thread that was scheduled away.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from engine.protocol.events import LogLine, Progress
from engine.train.fitting.rehearsal import rehearse

if TYPE_CHECKING:
    from engine.train.run import Run

ROUNDS = 3
CLEARLY_FASTER = 0.9
"""More threads are taken only if they need less than this share of the time."""
HOPELESS = 2.0
"""A number this many times slower than the best is not tried again."""
PATIENCE_S = 30.0
"""No further round begins after this: on a large model one round tells enough."""


@dataclass(frozen=True, slots=True)
class ThreadTrial:
    """What the trial chose, and from what."""

    chosen: int
    milliseconds: dict[int, float]
    """Median time of one forward and backward pass, by number of threads; empty if the trial was given up."""

    def describe(self) -> str:
        """`1 torch thread (1: 310 ms, 2: 420 ms)`."""
        times = ", ".join(f"{n}: {ms:.0f} ms" for n, ms in self.milliseconds.items())
        return f"{self.chosen} torch thread{'s' * (self.chosen > 1)} ({times})"


def settle_threads(run: Run, resumed_with: int | None) -> None:
    """Decide the number of torch threads: the profile's, the checkpoint's, or measured. On a CPU only.

    Args:
        run: not yet begun.
        resumed_with: the checkpoint's number: sums depend on it to the last bit. None: there is no checkpoint.
    """
    if run.device.type != "cpu":
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = run.profile.train.threads or resumed_with or (1 if cores == 1 else None)
    if given is not None:
        torch.set_num_threads(given)
        return
    trial = try_threads(
        lambda: rehearse(run, run.batch_size),
        candidates(cores),
        lambda done, total: run.log.emit(Progress(task="warm-up", done=done, total=total)),
        lambda: bool(run.signals),
    )
    if trial.milliseconds:
        run.log.emit(LogLine(level="info", text=f"threads measured in warm-up: {trial.describe()}"))


def candidates(cores: int) -> list[int]:
    """1, 2, 4, ... up to the cores, and the cores themselves."""
    powers = [1 << i for i in range(cores.bit_length()) if 1 << i < cores]
    return [*powers, cores]


def try_threads(
    work: Callable[[], None],
    numbers: list[int],
    told: Callable[[int, int], None],
    hurry: Callable[[], bool] = lambda: False,
) -> ThreadTrial:
    """Time `work` under each number, in turns so that a passing load hits them all, and set the winner.

    Args:
        work: one forward and backward pass; run once more than timed, to warm up.
        numbers: of threads, ascending.
        told: called with (done, total) as it goes.
        hurry: looked at between passes; true gives the trial up and sets the first number.
    """
    begun = time.perf_counter()
    torch.set_num_threads(numbers[0])
    work()
    seconds: dict[int, list[float]] = {n: [] for n in numbers}
    racing = list(numbers)
    for round_ in range(ROUNDS):
        for i, n in enumerate(racing):
            if hurry():
                torch.set_num_threads(numbers[0])
                return ThreadTrial(numbers[0], {})
            torch.set_num_threads(n)
            start = time.perf_counter()
            work()
            seconds[n].append(time.perf_counter() - start)
            told(round_ * len(racing) + i + 1, ROUNDS * len(racing))
        best = min(min(times) for times in seconds.values())
        racing = [n for n in racing if min(seconds[n]) < HOPELESS * best]
        if time.perf_counter() - begun > PATIENCE_S:
            break
    medians = {n: 1000 * statistics.median(times) for n, times in seconds.items()}
    chosen = numbers[0]
    for n in numbers[1:]:
        if medians[n] < CLEARLY_FASTER * medians[chosen]:
            chosen = n
    torch.set_num_threads(chosen)
    return ThreadTrial(chosen, medians)
