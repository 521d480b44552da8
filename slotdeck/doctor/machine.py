"""What the doctor looks at inside the machine: interpreter, cores, GPU, torch, compiler.

Torch and NVML are asked in children, so a broken, crashing or hanging one is a line like any other.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.text import one_line
from engine.units import counted, format_bytes, format_duration
from slotdeck.doctor.finding import Finding, Level

PROBE_S = 120.0
"""A first import of torch from a cold disk takes half a minute."""
NVML_S = 15.0
TESTED = {"torch": "2.13.0", "textual": "8.2.8"}
"""As in constraints.txt, which an installed package does not carry."""
_PACKAGES = Path(__file__).resolve().parents[2]


def python_and_packages(_: Path) -> Iterator[Finding]:
    """The interpreter, and the two packages whose versions matter most."""
    level: Level = "ok" if sys.version_info >= (3, 11) else "fail"
    yield Finding(level, "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name, tested in TESTED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding("fail", name, "not installed", "install slotdeck again: make demo does it")
            continue
        same = found.split("+")[0] == tested
        remedy = "" if same else "pip install -c constraints.txt -e . gives the tested set"
        yield Finding(
            "ok" if same else "warn", name, found + ("" if same else f"; tested with {tested}"), remedy
        )


def cores(_: Path) -> Iterator[Finding]:
    """Processor cores, how busy they are, and memory."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    busy = load > usable
    text = (
        f"{usable} usable, load {load:.1f}, {format_bytes(psutil.virtual_memory().available)} of memory free"
    )
    yield Finding(
        "warn" if busy else "ok",
        "cores",
        text,
        "others use this machine; training will be slow" if busy else "",
    )


def gpu_driver(_: Path) -> Iterator[Finding]:
    """What NVML says, asked in a child that may hang or crash."""
    from engine.telemetry.nvml_process import NvmlProcess

    child = NvmlProcess(1.0)
    try:
        until_s = time.monotonic() + NVML_S
        gpus, status = child.poll()
        while not gpus and status == "starting" and time.monotonic() < until_s:
            time.sleep(0.05)
            gpus, status = child.poll()
    finally:
        child.close()
    for gpu in gpus:
        memory = f"{format_bytes(gpu.memory_used_bytes)} of {format_bytes(gpu.memory_total_bytes)} used"
        heat = "" if gpu.temperature_c is None else f", {gpu.temperature_c:.0f} °C"
        held = f", held down: {gpu.throttle}" if gpu.throttle else ""
        yield Finding("warn" if held else "ok", f"gpu {gpu.index}", f"{gpu.name}, {memory}{heat}{held}")
    if not gpus and status.startswith("no NVIDIA"):
        yield Finding(
            "ok", "gpu", f"{status}: training runs on the CPU" + (" or mps" * (sys.platform == "darwin"))
        )
    elif not gpus:
        yield Finding("warn", "gpu", status, "reload the NVIDIA driver or restart the machine")


def torch_and_devices(_: Path) -> Iterator[Finding]:
    """Whether torch imports, what it trains on and in which types."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", "slotdeck.doctor.torch_probe"],
            cwd=_PACKAGES, capture_output=True, timeout=PROBE_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        yield Finding(
            "fail", "torch", f"no answer within {PROBE_S:.0f} s", "look at the disk and the GPU driver"
        )
        return
    if child.returncode != 0:
        how = signal.Signals(-child.returncode).name if child.returncode < 0 else "an error"
        last = (child.stderr.strip().splitlines() or [b""])[-1]
        yield Finding("fail", "torch", f"does not import: {how}: {one_line(last)}", "install slotdeck again")
        return
    found: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    head = (
        "its linear_cross_entropy is used" if found["linear_cross_entropy"] else "our own loss head is used"
    )
    yield Finding("ok", "torch", f"imports in {format_duration(found['import_s'])}; {head}")
    for gpu in found["gpus"]:
        types = "fp32, bf16, fp16" if gpu["bf16"] else "fp32, fp16"
        yield Finding(
            "ok",
            "device",
            f"cuda: {gpu['name']}, capability {gpu['capability']}, {format_bytes(gpu['bytes'])}: {types}",
        )
    if found["mps"]:
        yield Finding("ok", "device", "mps: fp32, bf16")
    if not found["gpus"] and not found["mps"]:
        if not found["cuda_build"] and Path("/dev/nvidia0").exists():
            yield Finding(
                "warn",
                "device",
                "a GPU is here, but this torch was built without CUDA",
                "install the CUDA build of torch",
            )
        types = "fp32, bf16 (slower)" if found["cpu_bf16"] else "fp32"
        yield Finding("ok", "device", f"cpu: {types}; at most {counted(found['threads'], 'thread')}")


def compiler(_: Path) -> Iterator[Finding]:
    """What torch.compile would need. The engine runs eagerly without it."""
    name = next(
        (cc for cc in (os.environ.get("CXX", ""), "g++", "clang++", "c++") if cc and shutil.which(cc)), ""
    )
    try:
        triton = f"triton {version('triton')}"
    except PackageNotFoundError:
        triton = "no triton"
    yield Finding("ok", "compiler", f"{name or 'no C++ compiler'}, {triton}; without one, blocks run eagerly")
