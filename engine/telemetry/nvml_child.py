"""The process that talks to NVML: `python -m engine.telemetry.nvml_child SECONDS`.

A lost GPU can hang NVML or crash whoever reads it, so the engine never does; it starts this and may kill it.
Writes one MessagePack `Reading` a period to stdout. Ends when stdin closes (the engine is gone, however it
went), and after saying so where there is no driver.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import msgspec

from engine.protocol.events import Gpu
from engine.telemetry.optional import optional
from engine.text import one_line

_NO_DRIVER = {9: "no NVIDIA driver", 12: "no NVIDIA driver", 18: "NVIDIA driver and library differ: reboot"}
"""NVML codes at start that another try will not change."""
_LOST = 15
_THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "too hot",
    0x40: "too hot (hardware)",
    0x80: "power brake",
}


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What the child says each period."""

    gpus: list[Gpu]
    status: str
    """Why there is no GPU row, or empty."""
    final: bool = False
    """Nothing more will come, and trying again is of no use."""


def main(every_s: float) -> int:
    """Read and write until stdin closes or the reader is gone. Returns the exit status."""
    threading.Thread(target=_end_with_engine, daemon=True).start()
    _say(Reading([], "starting"))  # from here on silence means that NVML hangs
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        code = getattr(error, "value", 0)
        final = code in _NO_DRIVER
        _say(Reading([], _NO_DRIVER[code] if final else _reason(error), final))
        return 0 if final else 1
    while True:
        started = time.monotonic()
        try:
            gpus = [_read_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
            _say(Reading(gpus, "" if gpus else "no NVIDIA GPU"))
        except pynvml.NVMLError as error:
            _say(Reading([], _reason(error)))
            if getattr(error, "value", None) == _LOST:
                return 1
        time.sleep(max(0.0, every_s - (time.monotonic() - started)))


def _read_gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(name: str, *args: int) -> Any:
        return optional(lambda: getattr(nvml, name)(handle, *args), nvml.NVMLError, AttributeError)

    memory = ask("nvmlDeviceGetMemoryInfo")
    utilisation = ask("nvmlDeviceGetUtilizationRates")
    power_mw, limit_mw = ask("nvmlDeviceGetPowerUsage"), ask("nvmlDeviceGetEnforcedPowerLimit")
    throttled = ask("nvmlDeviceGetCurrentClocksEventReasons")
    if throttled is None:  # its name before driver 535
        throttled = ask("nvmlDeviceGetCurrentClocksThrottleReasons")
    return Gpu(
        index=index,
        name=one_line(ask("nvmlDeviceGetName") or "GPU", 64),
        utilisation=float(utilisation.gpu) if utilisation else None,
        memory_used_bytes=int(memory.used) if memory else None,
        memory_total_bytes=int(memory.total) if memory else None,
        power_w=power_mw / 1000 if power_mw is not None else None,
        power_limit_w=limit_mw / 1000 if limit_mw is not None else None,
        temperature_c=_number(ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)),
        sm_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        memory_clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
        throttle=", ".join(text for bit, text in _THROTTLES.items() if (throttled or 0) & bit),
    )


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)


def _reason(error: Exception) -> str:
    return one_line(f"NVML: {error}", 120)


def _say(reading: Reading) -> None:
    try:
        os.write(sys.stdout.fileno(), msgspec.msgpack.encode(reading))  # below PIPE_BUF: whole or not at all
    except OSError:
        os._exit(0)


def _end_with_engine() -> None:
    """Works while NVML hangs in the main thread: nobody is left to kill this process but itself."""
    while os.read(sys.stdin.fileno(), 64):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
