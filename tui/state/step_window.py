"""The stretch of steps that the loss chart shows: the whole run, or the last thousand, hundred ..., or further back.

It moves in quarters of its width, so that the curve stands still between two moves.
"""

from __future__ import annotations

NARROWEST = 100


class StepWindow:
    """What `w`, `<` and `>` change."""

    def __init__(self) -> None:
        self.width: int | None = None
        """Steps; `None`: all."""
        self._end: int | None = None
        """The last step shown when panned back; `None`: the newest."""

    def narrower(self, last_step: int) -> None:
        """From all to the largest power of ten within the run, then a tenth of that; after the last, all again."""
        widest = 10 ** (len(str(max(last_step - 1, 1))) - 1)
        width = widest if self.width is None else self.width // 10
        self.width, self._end = (width, None) if width >= NARROWEST else (None, None)

    def pan(self, by: int, last_step: int) -> None:
        """Half a width back (-1) or on (1); past the newest step it follows the run again."""
        if self.width is None:
            return
        end = self._newest(last_step) if self._end is None else self._end
        end = max(self.width, end + by * self.width // 2)
        self._end = end if end < last_step else None

    def span(self, last_step: int) -> tuple[int, int] | None:
        """First and last step to show; `None`: all."""
        if self.width is None:
            return None
        end = self._newest(last_step) if self._end is None else self._end
        return end - self.width, end

    def _newest(self, last_step: int) -> int:
        assert self.width is not None, "only a window has an end"
        quarter = self.width // 4
        return max(self.width, -(-last_step // quarter) * quarter)
