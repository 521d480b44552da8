"""Processor, memory and disk of the machine and of this process, through psutil.

Called by the sampler's thread once a period; no reading blocks for a period.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.telemetry.optional import optional

_ERRORS = (psutil.Error, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class HostReading:
    """One look at the machine, by the names that `Hardware` has for it; None where it does not say."""

    cpu_percent: float | None
    """Of all cores together since the last look, 0..100; None at the first."""
    process_cpu_percent: float | None
    """Of one core, so 200 is two cores busy; None at the first look."""
    ram_used_bytes: int | None
    ram_total_bytes: int | None
    process_rss_bytes: int | None
    disk_free_bytes: int | None
    """On the file system of the run folder."""
    disk_total_bytes: int | None


class Host:
    """Reads this machine. Percentages are since the previous `read`."""

    def __init__(self, disk_path: Path) -> None:
        self._disk_path = disk_path
        self._process = psutil.Process()
        self._primed = False

    def read(self) -> HostReading:
        """The machine now."""
        cpu = optional(lambda: psutil.cpu_percent(None), *_ERRORS)
        process_cpu = optional(lambda: self._process.cpu_percent(None), *_ERRORS)
        ram = optional(psutil.virtual_memory, *_ERRORS)
        disk = optional(lambda: psutil.disk_usage(str(self._disk_path)), *_ERRORS)
        primed, self._primed = self._primed, True  # psutil's first percentages are a meaningless 0.0
        return HostReading(
            cpu_percent=cpu if primed else None,
            process_cpu_percent=process_cpu if primed else None,
            ram_used_bytes=ram.total - ram.available if ram else None,
            ram_total_bytes=ram.total if ram else None,
            process_rss_bytes=optional(lambda: int(self._process.memory_info().rss), *_ERRORS),
            disk_free_bytes=disk.free if disk else None,
            disk_total_bytes=disk.total if disk else None,
        )
