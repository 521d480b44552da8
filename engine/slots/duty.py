"""Duties: which shares there are, and which sequences pass a slot that takes only some.

Pure functions; a draw is named by a string, so the same step draws the same sequences after a resume.
"""

from __future__ import annotations

from random import Random

DUTIES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""A closed set: every share is a tensor shape of its own, and compiled code is made once for each."""


def passing_sequences(duty: float, batch_size: int, draw: str) -> list[int]:
    """The sequences of a micro-batch that pass: `round(duty * batch_size)` of them, at least one, ascending.

    A micro-batch too small to split evenly is rounded: a quarter of 2 sequences is 1 of them, a half.
    """
    rng = Random(draw)
    # Ranks of plain `random()` values: the one method whose output Python promises to keep across versions.
    order = sorted(range(batch_size), key=[rng.random() for _ in range(batch_size)].__getitem__)
    return sorted(order[: max(1, round(duty * batch_size))])
