"""How many torch threads a CPU run gets: measured, because the right number cannot be known.

On idle cores more threads are faster; on busy ones a second thread can make a step eight times slower, since
every parallel region waits for the thread that was scheduled away.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

ROUNDS = 3
CLEARLY_FASTER = 0.9
"""More threads are taken only if they need less than this share of the time."""


HOPELESS = 2.0
"""A number this many times slower than the best is not tried again."""


@dataclass(frozen=True, slots=True)
class ThreadTrial:
    """What the trial chose, and from what."""

    chosen: int
    milliseconds: dict[int, float]
    """Median time of one forward and backward pass, by number of threads."""

    def describe(self) -> str:
        """`1 torch thread (1: 310 ms, 2: 420 ms)`."""
        times = ", ".join(f"{n}: {ms:.0f} ms" for n, ms in self.milliseconds.items())
        return f"{self.chosen} torch thread{'s' * (self.chosen > 1)} ({times})"


def candidates(cores: int) -> list[int]:
    """1, 2, 4, ... up to the cores, and the cores themselves."""
    powers = [1 << i for i in range(cores.bit_length()) if 1 << i < cores]
    return [*powers, cores]


def try_threads(
    work: Callable[[], None], numbers: list[int], told: Callable[[int, int], None]
) -> ThreadTrial:
    """Time `work` under each number, in turns so that a passing load hits them all, and set the winner.

    Args:
        work: one forward and backward pass; run once more than timed, to warm up.
        numbers: of threads, ascending.
        told: called with (done, total) as it goes.
    """
    torch.set_num_threads(numbers[0])
    work()
    seconds: dict[int, list[float]] = {n: [] for n in numbers}
    racing = list(numbers)
    for round_ in range(ROUNDS):
        for i, n in enumerate(racing):
            torch.set_num_threads(n)
            start = time.perf_counter()
            work()
            seconds[n].append(time.perf_counter() - start)
            told(round_ * len(racing) + i + 1, ROUNDS * len(racing))
        best = min(min(times) for times in seconds.values())
        racing = [n for n in racing if min(seconds[n]) < HOPELESS * best]
    medians = {n: 1000 * statistics.median(times) for n, times in seconds.items()}
    chosen = numbers[0]
    for n in numbers[1:]:
        if medians[n] < CLEARLY_FASTER * medians[chosen]:
            chosen = n
    torch.set_num_threads(chosen)
    return ThreadTrial(chosen, medians)
