"""Bytes, seconds, moments and counts: how they are written for people."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_decimal = False
"""How sizes are written by this process; the user's choice, like a locale."""


def write_bytes(units: str) -> None:
    """From now on in `binary` units (KiB) or `decimal` ones (kB); what is in a log already stays."""
    global _decimal
    _decimal = units == "decimal"


def format_bytes(n: float | None) -> str:
    """`1536` -> `1.5 KiB`; `None` -> `n/a`. Powers of 1024, or of 1000 after `write_bytes("decimal")`: `1.54 kB`."""
    if n is None:
        return "n/a"
    value, factor = float(n), 1000 if _decimal else 1024
    units = ("B", "kB", "MB", "GB", "TB") if _decimal else ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units:
        if abs(value) < factor or unit == units[-1]:
            return (
                f"{value:.0f} B"
                if unit == "B"
                else f"{value:.3g} {unit}"
                if value < 1000
                else f"{value:.0f} {unit}"
            )
        value /= factor
    raise AssertionError("the last unit always returns")


def format_figure(value: float) -> str:
    """Three digits and never an exponent: `0.85`, `93.2`, `1,093`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_duration(seconds: float | None) -> str:
    """`3725` -> `1 h 02 min`; `75` -> `1 min 15 s`; `4.2` -> `4.2 s`; `None` -> `n/a`."""
    if seconds is None or seconds != seconds or seconds == float("inf"):
        return "n/a"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"


def format_left(seconds: float | None) -> str:
    """Time that is left, as far as one can tell: `0.07` -> `0 s`; `4.2` -> `4 s`; else as `format_duration`."""
    if seconds is not None and seconds < 60:
        return f"{seconds:.0f} s"
    return format_duration(seconds)


def format_moment(wall_s: float) -> str:
    """Unix time as ISO 8601 in UTC: `2026-03-01T14:03:27.512Z`."""
    minute, ms = divmod(round(wall_s * 1e6) // 1000, 60_000)
    return f"{_minute(minute)}{ms // 1000:02d}.{ms % 1000:03d}Z"


@lru_cache(64)  # the events of a run come close together
def _minute(number: int) -> str:
    return datetime.fromtimestamp(60 * number, UTC).isoformat()[:17]


def format_count(n: float | None) -> str:
    """`1234` -> `1,234`; `1_234_567` -> `1.23 M`; `None` -> `n/a`."""
    if n is None:
        return "n/a"
    for limit, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(n) >= limit:
            return f"{n / limit:.3g} {suffix}"
    return f"{n:,.0f}"


def counted(n: int, noun: str) -> str:
    """`1 slot`, `8 slots`."""
    return f"{n:,} {noun}{'s' * (n != 1)}"
