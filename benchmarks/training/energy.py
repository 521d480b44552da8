"""Joules of the first NVIDIA GPU, from the counter it keeps; nothing where there is none."""

from __future__ import annotations

import threading
import time
from types import TracebackType

EVERY_S = 0.2


class EnergyMeter:
    """Reads the counter while a row runs, on a thread."""

    def __init__(self) -> None:
        self._readings: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> EnergyMeter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def between(self, begin_s: float, end_s: float) -> float | None:
        """Joules between two moments of Unix time; None where nothing was read at both."""
        inside = [r for r in self._readings if begin_s <= r[0] <= end_s]
        if len(inside) < 2:
            return None
        (first_s, first), (last_s, last) = inside[0], inside[-1]
        return (last - first) * (end_s - begin_s) / (last_s - first_s)

    def _watch(self) -> None:
        import pynvml

        try:
            pynvml.nvmlInit()
            gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
            while not self._stop.wait(EVERY_S):
                self._readings.append((time.time(), pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1e3))
        except pynvml.NVMLError:
            return
