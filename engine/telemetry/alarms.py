"""What the hardware does that an operator should know: a GPU that is gone, a sampler that is, a clock held down.

Fed with every `Hardware` by the sampler's thread; says each trouble once when it begins, and once when it is over.
It looks at nothing itself, and training does not depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from engine.protocol.events import Alarm, Hardware, LogLine
from engine.units import format_duration

BEGINS_S = 5.0
"""A trouble that passes sooner is not told."""
ENDS_S = 15.0
"""And it is over when it stayed away for so long."""
POWER_CAP = "power cap"
"""The limit that a GPU at full work usually runs into: worth a line, not an alarm."""


class _Spell:
    """A condition that comes and goes, with the flicker taken out."""

    def __init__(self) -> None:
        self.begun_s = 0.0
        self.told = False
        self._seen = False
        self._changed_s = 0.0

    def look(self, is_so: bool, now: float) -> str:
        """`begins` or `ends` when it is time to say so, else empty."""
        if is_so != self._seen:
            self._seen, self._changed_s = is_so, now
        if is_so and not self.told:
            self.begun_s = self._changed_s
            if now - self._changed_s >= BEGINS_S:
                self.told = True
                return "begins"
        if not is_so and self.told and now - self._changed_s >= ENDS_S:
            self.told = False
            return "ends"
        return ""

    def lasted(self, now: float) -> str:
        """For how long it was so: until it was last seen."""
        return format_duration((now if self._seen else self._changed_s) - self.begun_s)


class HardwareAlarms:
    """The troubles of one machine."""

    def __init__(
        self, step: Callable[[], int], on_gpu: bool, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Args:
        step: the run's, for the alarm.
        on_gpu: it trains on an NVIDIA GPU, so there is one to be read.
        clock_s: monotonic.
        """
        self._step = step
        self._expected = on_gpu
        self._clock_s = clock_s
        self._unread = _Spell()
        self._why_unread = ""
        self._throttled: dict[int, _Spell] = {}
        self._why: dict[int, str] = {}
        self._capped_told: set[int] = set()

    def look(self, seen: Hardware) -> Iterator[Alarm | LogLine]:
        """What to tell after a sample."""
        now = self._clock_s()
        self._expected = self._expected or bool(seen.gpus)
        yield from self._look_at_sampler(seen, now)
        for gpu in seen.gpus:
            yield from self._look_at_clock(gpu.index, gpu.name, gpu.throttle, now)

    def _look_at_sampler(self, seen: Hardware, now: float) -> Iterator[Alarm | LogLine]:
        missing = self._expected and not seen.gpus and seen.gpu_status != "starting"
        if missing:
            self._why_unread = seen.gpu_status
        match self._unread.look(missing, now):
            case "begins":
                why = self._why_unread or "no NVIDIA GPU"
                gone = "GPU is lost" in why
                yield Alarm(
                    step=self._step(),
                    level="error" if gone else "warning",
                    code="gpu-lost" if gone else "gpu-unread",
                    message=f"the GPU cannot be read: {why}",
                    remedy="the next step will fail: restart the machine or the driver, then resume"
                    if gone
                    else "training goes on; only its readings are missing",
                )
            case "ends":
                text = f"the GPU can be read again, after {self._unread.lasted(now)}"
                yield LogLine(level="info", text=text)

    def _look_at_clock(self, index: int, name: str, throttle: str, now: float) -> Iterator[Alarm | LogLine]:
        reasons = [reason for reason in throttle.split(", ") if reason]
        if POWER_CAP in reasons and index not in self._capped_told:
            self._capped_told.add(index)
            yield LogLine(level="info", text=f"GPU {index} ({name}) runs at its power cap")
        held_down = [reason for reason in reasons if reason != POWER_CAP]
        spell = self._throttled.setdefault(index, _Spell())
        if held_down:
            self._why[index] = ", ".join(held_down)
        match spell.look(bool(held_down), now):
            case "begins":
                yield Alarm(
                    step=self._step(),
                    level="warning",
                    code="gpu-throttled",
                    message=f"GPU {index} ({name}) slows its clock for {spell.lasted(now)} now: {self._why[index]}",
                    remedy="see to its cooling and its power supply; training goes on, slower",
                )
            case "ends":
                text = f"GPU {index} has its clock back; for {spell.lasted(now)} it was: {self._why[index]}"
                yield LogLine(level="info", text=text)
