"""Where a typed line wants to go in a replay: a step, a time, or when a value first went below or above another.

Pure text in, frozen values out; `tui.screens.deck.replay` does what they say, the command line shows `explain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from engine.errors import SlotdeckError
from engine.units import format_duration
from tui.state.formatting import countdown

FORMS = "500   +200   12:30   +5m   @14:03   loss<4.5   val<4.2   grad>10   100x   next alarm   end"
"""One of each, for the hint."""
QUANTITIES = {
    "loss": "loss", "train": "loss", "ema": "loss_ema", "val": "val_loss", "validation": "val_loss",
    "lr": "lr", "grad": "grad_norm", "grad_norm": "grad_norm", "tok/s": "tokens_per_s", "tokens/s": "tokens_per_s",
    "step_ms": "step_ms", "ms": "step_ms", "slots": "active_slots", "data_ms": "data_ms",
}  # fmt: skip
"""What one types -> the field of a step report, `val_loss` of an evaluation."""
_STOPS = {
    "action": "action", "operator": "action", "alarm": "alarm", "evaluation": "evaluation", "eval": "evaluation",
    "val": "evaluation",
}  # fmt: skip
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0}
_NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?"


class ToStep(Struct, frozen=True):
    step: int
    relative: bool = False


class ToTime(Struct, frozen=True):
    seconds: float
    """Since the run began; of a clock, since midnight."""
    relative: bool = False
    clock: bool | None = False
    """`None`: as it was typed it may be either; a time of day where the run is not that long."""


class When(Struct, frozen=True):
    """The first moment at which a value lay below or above another."""

    field: str
    below: bool
    value: float
    said: str

    def so(self, value: float) -> bool:
        """Whether a value lies there; one that is no number does not."""
        return value < self.value if self.below else value > self.value

    def nearest(self, values: Iterable[float]) -> float | None:
        """The value that came nearest; `None` where there is none."""
        return min(values, default=None) if self.below else max(values, default=None)

    def never(self, nearest: float | None) -> SlotdeckError:
        """What to say where it was never so."""
        word, most = ("below", "lowest") if self.below else ("above", "highest")
        told = f"its {most} was {nearest:.4g}" if nearest is not None else "it was never reported"
        return SlotdeckError(f"{self.said} never went {word} {self.value:g}", told)


class ToStop(Struct, frozen=True):
    kind: str
    by: int
    """1: the next, -1: the previous."""


class AtSpeed(Struct, frozen=True):
    speed: float


class ToEnd(Struct, frozen=True):
    end: Literal["start", "end"]


Goto = ToStep | ToTime | When | ToStop | AtSpeed | ToEnd


def parse_goto(text: str) -> Goto:
    """What was typed.

    Raises:
        SlotdeckError: none of the forms.
    """
    typed = re.sub(r"(?i)^go ?to\b", "", text.strip()).strip()
    line = typed.lower()
    found = _step(typed) or _ends(line) or _speed(line) or _stop(line) or _when(line) or _time(line)
    if found is None:
        raise SlotdeckError(f"{text!r} is no place in the run", f"a replay cannot steer; try {FORMS}")
    return found


def looked_for(text: str) -> When | ToStep | None:
    """What a line typed in a live cockpit looks for; `None` where it is no such thing, a verb for example."""
    if text.split(maxsplit=1)[:1] == ["step"]:  # a verb there
        return None
    try:
        found = parse_goto(text)
    except SlotdeckError:
        return None
    return found if isinstance(found, When | ToStep) else None


def explain(text: str) -> str:
    """What a line would do, as far as it is typed; the forms while it says nothing yet."""
    try:
        match parse_goto(text):
            case ToStep(step=step, relative=True):
                return f"{abs(step):,} steps {'on' if step > 0 else 'back'}"
            case ToStep(step=step):
                return f"the run as it was at step {step:,}"
            case ToTime(seconds=seconds, relative=True):
                return f"{format_duration(abs(seconds))} {'on' if seconds > 0 else 'back'}"
            case ToTime(seconds=seconds, clock=True):
                return f"when the clock said {countdown(seconds).strip()}"
            case ToTime(seconds=seconds, clock=None):
                return f"after {countdown(seconds).strip()} of the run; @{text.strip()} is the time of day"
            case ToTime(seconds=seconds):
                return f"after {countdown(seconds).strip()} of the run"
            case When(below=below, value=value, said=said):
                return f"when {said} first went {'below' if below else 'above'} {value:g}"
            case ToStop(kind=kind, by=by):
                what = "thing the operator did" if kind == "action" else kind
                return f"the {'next' if by > 0 else 'previous'} {what}"
            case AtSpeed(speed=speed):
                return f"play at {speed:g} times the run's own speed"
            case ToEnd(end=end):
                return f"the {end} of the run"
    except SlotdeckError:
        return FORMS


def _ends(line: str) -> ToEnd | None:
    if line in ("start", "begin", "beginning"):
        return ToEnd("start")
    return ToEnd("end") if line in ("end", "live", "now") else None


def _speed(line: str) -> AtSpeed | None:
    match = re.fullmatch(r"x?(\d+)/(\d+)x?|(?:x(\d+\.?\d*)|(\d+\.?\d*)x)", line)
    if match is None or "x" not in line:
        return None
    over, under, *plain = match.groups()
    if over is not None:
        return AtSpeed(float(over) / float(under)) if float(under) else None
    return AtSpeed(float(next(filter(None, plain))))


def _stop(line: str) -> ToStop | None:
    match = re.fullmatch(r"(next|previous|prev)\s+(\S+)", line)
    if match is None or match[2].rstrip("s") not in _STOPS:
        return None
    return ToStop(_STOPS[match[2].rstrip("s")], 1 if match[1] == "next" else -1)


def _when(line: str) -> When | None:
    match = re.fullmatch(rf"(?:when\s+)?([a-z_/]+)\s*(<=?|>=?|below|under|above|over)\s*({_NUMBER})", line)
    if match is None or match[1] not in QUANTITIES:
        return None
    below = match[2] in ("<", "<=", "below", "under")
    return When(QUANTITIES[match[1]], below, float(match[3].replace(",", "")), match[1])


def _time(line: str) -> ToTime | None:
    clock, relative = line.startswith(("@", "at ")), line.startswith(("+", "-"))
    sign = -1 if line.startswith("-") else 1
    line = line.removeprefix("at ").lstrip("@+-").strip()
    if re.fullmatch(r"\d+(:\d\d){1,2}(\.\d+)?", line):
        *rest, last = line.split(":")
        if clock and not rest[1:]:  # a time of day without its seconds
            return ToTime(int(rest[0]) * 3600 + float(last) * 60, clock=True)
        seconds = float(last)
        for power, part in enumerate(reversed(rest), 1):
            seconds += int(part) * 60**power
        return ToTime(sign * seconds, relative, True if clock else False if relative else None)
    parts = re.findall(r"(\d+\.?\d*)\s*(min|[dhms])", line)
    if not parts or re.sub(r"(\d+\.?\d*)\s*(min|[dhms])\s*", "", line):
        return None
    return ToTime(sign * sum(float(number) * _UNITS[unit] for number, unit in parts), relative)


def _step(typed: str) -> ToStep | None:
    """A count of steps, thousands or millions: `5M` is no time, `5m` is one."""
    match = re.fullmatch(r"(?:(?i:step)\s+)?([-+]?)(\d[\d,]*\.?\d*)\s*([kKM]?)", typed)
    if match is None:
        return None
    steps = round(float(match[2].replace(",", "")) * {"": 1, "K": 1e3, "M": 1e6}[match[3].upper()])
    return ToStep(-steps if match[1] == "-" else steps, bool(match[1]))
