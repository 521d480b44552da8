"""Where an axis begins and ends, and what is written on it. Pure numbers; the chart calls it.

Stable on purpose: an axis that moves with every point repaints the whole chart over a slow link.
"""

from __future__ import annotations

from math import ceil, floor, log10

GROWTH = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
"""Steps in which the x axis grows within a decade: at least two thirds of it are in use."""


def grown(last_step: int, total_steps: int | None) -> int:
    """The end of an x axis that holds `last_step`: a round number, or the run's end if nearer."""
    need = max(last_step, 20)
    decade = 10.0 ** floor(log10(need))
    end = next(int(decade * g) for g in GROWTH if decade * g >= need)
    return max(min(end, total_steps), need) if total_steps else end


def nice_step(span: float, count: int) -> float:
    """The smallest of 1, 2, 2.5, 5 x 10^k that cuts `span` into at most `count` parts."""
    raw = max(span / max(count, 1), TINY)
    decade = 10.0 ** floor(log10(raw))
    return next(decade * m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if decade * m >= raw * 0.999999)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values from `low` to `high`, about `count`."""
    step = nice_step(high - low, count)
    first = ceil(low / step - 1e-9)
    return [k * step for k in range(first, floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values from 10^`low` to 10^`high`: evenly spaced ones within a decade or so, powers of ten beyond."""
    if high - low < 1.3:
        return [value for value in ticks(10**low, 10**high, count) if value > 0]
    stride = max(1, ceil((high - low) / count))
    powers = range(ceil(low - 1e-9), floor(high + 1e-9) + 1, stride)
    return [10.0**k for k in powers if TINY_POWER < k < HUGE_POWER]


TINY_POWER, HUGE_POWER = -300, 300
TINY, HUGE = 1e-300, 1e300
"""Beyond them the arithmetic of axes ends; values there are drawn at the edge."""
FLAT = 1e-9
"""A spread below this share of the values is none."""


class Span:
    """A y axis with hysteresis: it moves when values leave it or fill too little of it."""

    FILL = 0.4
    """Below this share of the axis in use, it closes in."""

    AHEAD = 0.12
    """Share of the values' spread left free where they broke out: a falling loss will fall further."""

    def __init__(self) -> None:
        self.low: float | None = None
        self.high = 0.0

    def fit(self, low: float, high: float) -> tuple[float, float]:
        """The axis for values from `low` to `high`."""
        low, high = min(max(low, -HUGE), HUGE), min(max(high, -HUGE), HUGE)
        inside = self.low is not None and self.low <= low and high <= self.high
        if self.low is not None and inside and high - low >= self.FILL * (self.high - self.low):
            return self.low, self.high
        flat = high - low <= FLAT * max(abs(low), abs(high))
        spread = high - low if not flat else abs(high) * 0.1 or 1.0
        below = self.AHEAD if self.low is not None and low < self.low else 0.04
        above = self.AHEAD if self.low is not None and high > self.high else 0.04
        step = nice_step(spread * 1.1, 16)
        self.low = floor((low - spread * below) / step) * step
        self.high = ceil((high + spread * above) / step) * step
        if low >= 0 > self.low:
            self.low = 0.0
        return self.low, self.high


def label(value: float, step: float) -> str:
    """A tick's number with the decimals its spacing needs: `4.25`, `300`, `12k`, `3e-4`."""
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e")
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:g}k"
    decimals = max(0, -floor(log10(step) + 1e-9))
    if decimals < 6 and round(step, decimals) != round(step, decimals + 1):
        decimals += 1
    return f"{value:.{decimals}f}"
