"""The stretch of steps that the charts show: the whole run, its last thousand, hundred ..., or any other.

While it follows the run it moves in quarters of its width, so that the curve stands still between two moves.
"""

from __future__ import annotations

NARROWEST = 100
"""What `w` narrows to."""
CLOSEST = 20
"""What zooming narrows to."""


class StepWindow:
    """What `w`, `<`, `>`, up, down and the mouse change."""

    def __init__(self) -> None:
        self.width: int | None = None
        """Steps; `None`: all."""
        self._end: int | None = None
        """The last step shown when it does not follow the run; `None`: the newest."""
        self._waits = False
        """The newest was in sight when it was zoomed: once the run is past `_end`, it follows."""

    def narrower(self, last_step: int) -> None:
        """From all to the largest power of ten within the run, then a tenth of that; after the last, all again."""
        widest = 10 ** (len(str(max(last_step - 1, 1))) - 1)
        if self.width is not None:
            widest = 10 ** (len(str(max(self.width - 1, 1))) - 1)
        self.width, self._end = (widest, None) if widest >= NARROWEST else (None, None)

    def zoom(self, factor: float, last_step: int, whole: int, at: int | None = None) -> None:
        """Show `factor` times as much detail, so many times as few steps.

        Args:
            factor: above 1: closer.
            last_step: the newest.
            whole: the last step shown when all are.
            at: a step that stays where it is on the screen; `None`: the newest stays in sight.
        """
        start, end = self.span(last_step) or (0, whole)
        width = max(CLOSEST, round((end - start) / factor))
        if width >= whole:
            self.width = self._end = None
            return
        follows = at is None and (self._end is None or start <= last_step <= end)
        self.width = width
        if follows:
            self._end = None
            return
        pinned = end if at is None else at
        share = (pinned - start) / (end - start)
        self._end = max(width, round(pinned + (1 - share) * width))
        self._waits = self._end >= last_step

    def pan(self, share: float, last_step: int) -> None:
        """A share of the width on, or back when below 0; past the newest step it follows the run again."""
        if self.width is None:
            return
        end = self._last(last_step)
        by = round(share * self.width) or (1 if share > 0 else -1)
        self._settle(end + by, last_step)

    def reach(self, step: int, last_step: int) -> None:
        """Pan just as far as it takes to see a step."""
        start, end = self.span(last_step) or (step, step)
        if self.width is not None and not start <= step <= end:
            self._settle(step + (self.width if step < start else 0), last_step)

    def span(self, last_step: int) -> tuple[int, int] | None:
        """First and last step to show; `None`: all."""
        if self.width is None:
            return None
        end = self._last(last_step)
        return end - self.width, end

    def _settle(self, end: int, last_step: int) -> None:
        assert self.width is not None, "only a window has an end"
        end = max(self.width, end)
        self._end, self._waits = end if end < last_step else None, False

    def _last(self, last_step: int) -> int:
        if self._end is None or (self._waits and last_step > self._end):
            return self._newest(last_step)
        return self._end

    def _newest(self, last_step: int) -> int:
        assert self.width is not None, "only a window has an end"
        quarter = max(1, self.width // 4)
        return max(self.width, -(-last_step // quarter) * quarter)
