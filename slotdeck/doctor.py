"""`slotdeck doctor`: what this machine can do, what is wrong, and the remedy; a line for each thing looked at.

Each check is a small function that returns its lines and never raises; to add one, write it and put it in the
list. Torch is imported in a child, so a broken one is a line too.
"""

from __future__ import annotations

import json
import locale
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from engine.errors import SlotdeckError
from engine.runlog.endpoint import (
    MAX_ADDRESS_BYTES,
    SOCKET_NAME,
    address_of,
    check_user_folder,
    temp_roots,
    user_folder,
)
from engine.text import one_line
from engine.units import format_bytes, format_duration

PROBE_S = 120.0
"""A first import of torch from a cold disk takes half a minute."""
NVML_S = 15.0
ENOUGH_DISK_BYTES = 5 << 30
TESTED = {"torch": "2.13.0", "textual": "8.2.8"}
_PACKAGES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    level: Literal["ok", "warn", "fail"]
    """fail: the main job does not run."""
    topic: str
    text: str
    remedy: str = ""


def examine(runs_dir: Path, say: Callable[[str], None]) -> int:
    """Look at everything and tell it. Returns 0 unless something would stop the main job."""
    worst = 0
    counts = {"ok": 0, "warn": 0, "fail": 0}
    for check in (
        python_and_packages,
        cores,
        gpu_driver,
        torch_and_devices,
        compiler,
        sockets,
        disk,
        terminal,
    ):
        for finding in check(runs_dir):
            counts[finding.level] += 1
            worst = max(worst, finding.level == "fail")
            say(one_line(f"{finding.level:<4}  {finding.topic:<10} {finding.text}", 500))
            if finding.remedy:
                say(one_line(f"      {'':<10} remedy: {finding.remedy}", 500))
    say("")
    if worst:
        say(f"{counts['fail']} of these stop the main job: follow the remedies marked fail")
    elif counts["warn"]:
        say(f"ready to train; {counts['warn']} thing{'s' * (counts['warn'] > 1)} could be better")
    else:
        say("ready to train")
    return worst


def python_and_packages(_: Path) -> Iterator[Finding]:
    """The interpreter, and the two packages whose versions matter most."""
    level: Literal["ok", "fail"] = "ok" if sys.version_info >= (3, 11) else "fail"
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
            [sys.executable, "-m", "slotdeck.torch_probe"],
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
        yield Finding("ok", "device", f"cpu: {types}; {found['threads']} threads at most")


def compiler(_: Path) -> Iterator[Finding]:
    """What torch.compile would need. The engine runs eagerly without it."""
    name = next(
        (cc for cc in (os.environ.get("CXX", ""), "g++", "clang++", "c++") if cc and shutil.which(cc)), ""
    )
    try:
        triton = f"triton {version('triton')}"
    except PackageNotFoundError:
        triton = "no triton"
    yield Finding("ok", "compiler", f"{name or 'no C++ compiler'}, {triton}; not needed, blocks run eagerly")


def sockets(runs_dir: Path) -> Iterator[Finding]:
    """Whether a cockpit can reach an engine: a socket in a run folder, or in the private temp folder."""
    with _scratch(runs_dir) as folder:
        if folder is None:
            yield Finding("fail", "socket", f"{runs_dir} cannot be written", "give another --runs folder")
            return
        path = folder / SOCKET_NAME
        length = len(os.fsencode(path.resolve()))
        problem = _bind(path)
        long = f"; reached through its folder, {length} bytes long" if length > MAX_ADDRESS_BYTES else ""
        if not problem:
            yield Finding("ok", "socket", f"run folders take sockets{long}")
            return
    for root in temp_roots():
        place = user_folder(root)
        try:
            if place.exists():
                check_user_folder(place)
        except SlotdeckError as error:
            yield Finding("fail", "socket", f"{problem}, and {error.message}", error.remedy)
            return
        yield Finding("ok", "socket", f"{runs_dir} takes no sockets ({problem}); they go to {place}")
        return


def disk(runs_dir: Path) -> Iterator[Finding]:
    """Room for checkpoints, and how long a durable write takes."""
    with _scratch(runs_dir) as folder:
        if folder is None:
            yield Finding("fail", "disk", f"{runs_dir} cannot be written", "give another --runs folder")
            return
        free = shutil.disk_usage(folder).free
        times = []
        with (folder / "probe").open("wb") as file:
            for _ in range(8):
                file.write(b"x" * 4096)
                file.flush()
                started = time.perf_counter()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - started)
    median = sorted(times)[len(times) // 2]
    text = f"{format_bytes(free)} free in {runs_dir}, a durable write takes {median * 1000:.1f} ms"
    if free < ENOUGH_DISK_BYTES:
        yield Finding("warn", "disk", text, "free some space: checkpoints need it")
    elif median > 0.1:
        yield Finding(
            "warn", "disk", text, "commands will be slow to answer; a local disk for --runs is better"
        )
    else:
        yield Finding("ok", "disk", text)


def terminal(_: Path) -> Iterator[Finding]:
    """What the cockpit can draw here."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty() or term in ("", "dumb", "unknown"):
        yield Finding("ok", "terminal", f"none here (TERM={term or 'unset'}): runs are told in plain lines")
        return
    columns, rows = shutil.get_terminal_size()
    truecolor = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    colours = (
        "none (NO_COLOR)"
        if os.environ.get("NO_COLOR")
        else "16 million"
        if truecolor
        else ("256" if "256" in term else "16")
    )
    small = columns < 80 or rows < 24
    text = f"{columns}x{rows}, TERM={term}, colours: {colours}"
    yield Finding("warn" if small else "ok", "terminal", text, "make it at least 80x24" if small else "")
    encoding = locale.getpreferredencoding(False)
    if "utf" not in encoding.lower():
        yield Finding("warn", "locale", f"{encoding}: charts cannot be drawn", "set LANG=C.UTF-8")


@contextmanager
def _scratch(runs_dir: Path) -> Iterator[Path | None]:
    """A folder inside the runs folder, gone afterwards; None when it cannot be made."""
    was_there = runs_dir.exists()
    try:
        runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".doctor-", dir=runs_dir))
    except OSError:
        yield None
        return
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if not was_there:
            runs_dir.rmdir()


def _bind(path: Path) -> str:
    """Why a socket cannot be bound there; empty when it can."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        try:
            with address_of(path) as address:
                server.bind(address)
        except OSError as error:
            return error.strerror or str(error)
    return ""
