"""Numbers, times and names as the cockpit writes them: of one width, so that nothing jumps when they change.

Used by the screens and the widgets. Text that came from outside is cleaned in `engine.text`, not here.
"""

from __future__ import annotations

import time

from engine.units import format_bytes

NONE = "n/a"


def fixed(value: float | None, width: int = 5) -> str:
    """About `width - 1` significant digits in exactly `width` characters: `4.812`, `48.12`, `481.2`, `12.3k`.

    Right-aligned; `n/a` for `None`, `nan` and `inf` as they are. `width` is at least 5.
    """
    if value is None:
        return NONE.rjust(width)
    if value != value or value in (float("inf"), float("-inf")):
        return f"{value}".rjust(width)
    sign, magnitude = ("-", -value) if value < 0 else ("", value)
    room = width - len(sign)
    if magnitude and magnitude < 10.0 ** -(room - 3):
        text = f"{sign}{scientific(magnitude, 1 if width > 5 else 0)}"
        return text.rjust(width) if len(text) <= width else f"{0:.{width - 2}f}"
    for scale, suffix in ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P")):
        scaled = magnitude / scale
        whole = len(f"{scaled:.0f}")
        space = room - len(suffix)
        if whole <= space and (whole <= 4 or suffix == "P"):
            decimals = max(0, space - whole - 1)
            text = f"{scaled:.{decimals}f}"
            if len(text) > space:
                text = f"{scaled:.{max(0, decimals - 1)}f}"
            return f"{sign}{text}{suffix}".rjust(width)
    return f"{value:.0e}".replace("e+", "e").rjust(width)


def scientific(value: float, decimals: int = 1) -> str:
    """`5.2e-4`, `1.0e-12`; with no decimals `5e-4`."""
    return f"{value:.{decimals}e}".replace("e-0", "e-").replace("e+0", "e+")


def thousands(value: float) -> str:
    """`12,345`."""
    return f"{value:,.0f}"


def shortest(value: float) -> str:
    """At most two decimals, none that say nothing: `8`, `5.75`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rate(value: float | None) -> str:
    """Seven characters and the unit: ` 12,345 tok/s`."""
    if value is None:
        return f"{NONE:>7} tok/s"
    return f"{value:>7,.0f} tok/s" if abs(value) < 999_999.5 else f"{fixed(value, 7)} tok/s"


def size(num_bytes: float | None) -> str:
    """Nine characters, three digits: ` 6.30 MiB`, `  976 KiB`; bytes alone and `n/a` as they are."""
    number, _, unit = format_bytes(num_bytes).partition(" ")
    missing = 3 - sum(char.isdigit() for char in number)
    if unit not in ("", "B") and missing > 0:
        number += "." * ("." not in number) + "0" * missing
    return f"{number} {unit}".strip().rjust(9)


def percent(value: float | None) -> str:
    """Four characters: ` 63%`, `100%`, ` n/a`."""
    return f"{value:3.0f}%" if value is not None else " n/a"


def countdown(seconds: float | None) -> str:
    """Eight characters: `   12:04`, ` 1:02:09`, `  3d 04h`."""
    if seconds is None or seconds != seconds or seconds == float("inf"):
        return NONE.rjust(8)
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    if hours >= 48:
        return f"{hours // 24}d {hours % 24:02d}h".rjust(8)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}".rjust(8)
    return f"{rest // 60}:{rest % 60:02d}".rjust(8)


def clock(wall_s: float) -> str:
    """The local time of day: `14:03:27`."""
    return time.strftime("%H:%M:%S", time.localtime(wall_s))


def age(seconds: float) -> str:
    """`now`, `5 min`, `3 h`, `12 d`: at most 6 characters."""
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {unit}"
    return "now"


def duty(value: float) -> str:
    """`off`, `1/4`, `1/2`, `3/4`, `on`; a mean between those as `0.62`."""
    names = {0.0: "off", 0.25: "1/4", 0.5: "1/2", 0.75: "3/4", 1.0: "on"}
    return names.get(value, f"{value:.2f}")


def fit(text: str, width: int) -> str:
    """Cut to `width` characters with an ellipsis."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """Exactly `width` characters: cut, or filled up at the right."""
    return fit(text, width).ljust(width)


def fit_start(text: str, width: int) -> str:
    """Cut at the start: the names of runs differ at their ends."""
    if len(text) <= width:
        return text
    return f"…{text[len(text) - width + 1 :]}" if width > 0 else ""


def fit_middle(text: str, width: int) -> str:
    """Cut within, more of the end kept: the names of runs begin with the day and differ at their ends."""
    if len(text) <= width:
        return text
    end = (width - 1) * 2 // 3
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}" if width > 0 else ""
