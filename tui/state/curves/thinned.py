"""A history of any length in a bounded number of entries: every one at first, then every second, every fourth ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
CAPACITY = 256
"""Entries kept; between half of it and all of it are there once it has been full."""


class Thinned(Generic[T]):
    """Entries in order; of each stretch that became one, the weightiest. The newest is always there."""

    def __init__(self, weight: Callable[[T], float] | None = None, capacity: int = CAPACITY) -> None:
        """`weight`: of what a stretch shows of its entries, the largest; None: the last of them."""
        assert capacity % 2 == 0, "entries are merged by twos"
        self._weight = weight
        self._capacity = capacity
        self._kept: list[T] = []
        """The last one stands for a stretch that may still grow."""
        self._stride = 1
        self._in_last = 0
        self._newest: T | None = None

    def __iter__(self) -> Iterator[T]:
        yield from self._kept
        if self._newest is not None and self._kept and self._kept[-1] is not self._newest:
            yield self._newest

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def newest(self) -> T | None:
        """What was appended last."""
        return self._newest

    def append(self, entry: T) -> None:
        """Take in one more."""
        self._newest = entry
        if self._kept and self._in_last < self._stride:
            self._kept[-1] = self._weightier(self._kept[-1], entry)
            self._in_last += 1
            return
        if len(self._kept) == self._capacity:
            pairs = zip(self._kept[::2], self._kept[1::2], strict=True)
            self._kept = [self._weightier(a, b) for a, b in pairs]
            self._stride *= 2
        self._kept.append(entry)
        self._in_last = 1

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Forget what is not wanted: the run went back."""
        self._kept = [entry for entry in self._kept if wanted(entry)]
        self._newest = self._kept[-1] if self._kept else None

    def _weightier(self, first: T, second: T) -> T:
        if self._weight is None:
            return second
        return first if self._weight(first) > self._weight(second) else second
