"""Duties: which shares there are, which of them a step can do, and which sequences pass a shared slot.

A step is a window of `batch_size * accumulate` sequences. Over the window exactly `duty` of them pass, and each
of them with that probability; a micro-batch gets its even part of them, rounded down or up. Pure functions; a
draw is named by a string, so the same step draws the same sequences after a resume.
"""

from __future__ import annotations

from math import ceil, floor
from random import Random

DUTIES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""A closed set: every share is a tensor shape of its own, and compiled code is made once for each."""
WHOLE = (0.0, 1.0)
"""A slot works for the whole step, or not."""


def possible_duties(sequences: int) -> tuple[float, ...]:
    """The duties that a step of so many sequences can do exactly: 0, 1/2 and 1 of 2 sequences; 0 and 1 of 1."""
    return tuple(duty for duty in DUTIES if (duty * sequences).is_integer())


def passing_counts(batch_size: int, accumulate: int) -> tuple[int, ...]:
    """Every number of sequences that a slot can be run on, ascending: the shapes to compile for."""
    counts = set()
    for duty in possible_duties(batch_size * accumulate):
        counts |= {floor(duty * batch_size), ceil(duty * batch_size)}
    return tuple(sorted(counts - {0}))


def passing_sequences(duty: float, batch_size: int, accumulate: int, draw: str) -> list[list[int]]:
    """For each micro-batch of a step, the sequences that pass, ascending: `duty` of the step's in all.

    A micro-batch gets `duty * batch_size` of them, rounded down or up; which ones get one more is drawn. So a
    micro-batch of one sequence runs it through the slot, or not.
    """
    passing = duty * batch_size * accumulate
    assert passing.is_integer(), f"duty {duty:g} is no whole part of {batch_size * accumulate} sequences"
    rng = Random(draw)
    fewest = floor(duty * batch_size)
    with_one_more = set(_pick(rng, accumulate, int(passing) - fewest * accumulate))
    return [sorted(_pick(rng, batch_size, fewest + (i in with_one_more))) for i in range(accumulate)]


def _pick(rng: Random, size: int, count: int) -> list[int]:
    """`count` of the numbers below `size`, each set of them equally likely."""
    # Ranks of plain `random()` values: the one method whose output Python promises to keep across versions.
    return sorted(range(size), key=[rng.random() for _ in range(size)].__getitem__)[:count]
