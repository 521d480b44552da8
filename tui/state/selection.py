"""Which slot the operator has picked, by arrow, number or mouse."""

from __future__ import annotations


class SlotSelection:
    """One slot, or none."""

    def __init__(self) -> None:
        self.at: int | None = None
        """Counted from 0."""
        self._typed = ""

    def pick(self, slot: int | None) -> None:
        """This one; `None`: none."""
        self.at, self._typed = slot, ""

    def move(self, by: int, count: int) -> None:
        """To a neighbour, round the ends; the first move picks the first or the last of `count`."""
        if count:
            at = self.at if self.at is not None else -1 if by > 0 else count
            self.pick((at + by) % count)

    def digit(self, digit: int, count: int) -> None:
        """By number; `1` then `2` is slot 12 where there is one."""
        for typed in (f"{self._typed}{digit}", str(digit)):
            if int(typed) < count:
                self.at, self._typed = int(typed), typed
                return
