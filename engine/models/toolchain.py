"""What torch.compile needs on this machine, looked for before it is asked to compile anything.

On a CPU the compiler writes C++ and calls `$CXX` or g++; on an NVIDIA GPU it writes Triton, which calls `$CC`,
gcc or clang for its launchers. Both include Python.h. Without one of them torch raises a long trace at the first
step; here it is one line with the remedy. Called by `engine.models.compiled` and by whoever reports on a machine.
It runs nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def missing(device_type: str) -> str:
    """What is missing to compile for `cpu` or `cuda`, and how to get it, in one line; empty: nothing."""
    if device_type not in ("cpu", "cuda"):
        return f"the compiled block is for NVIDIA GPUs and CPUs, and this run is on {device_type}"
    if device_type == "cuda" and find_spec("triton") is None:
        return "torch compiles for a GPU with triton, which is not installed: pip install triton"
    if problem := _no_c(device_type):
        return problem
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return f"Python.h is missing for {sys.executable}: install python3-dev (or python3-devel)"
    return ""


def _no_c(device_type: str) -> str:
    variable, usual = ("CXX", _cxx()) if device_type == "cpu" else ("CC", ("gcc", "clang"))
    named = os.environ.get(variable)
    if named:
        return (
            "" if shutil.which(named) else f"{variable} names {named!r}, which is not there: unset or mend it"
        )
    if any(map(shutil.which, usual)):
        return ""
    if device_type == "cpu" and shutil.which("clang++"):
        return "torch looks for g++ and there is only clang++: set CXX=clang++"
    return f"no C compiler ({' or '.join(usual)}): install gcc and g++ (apt install build-essential)"


def _cxx() -> tuple[str, ...]:
    return ("clang++",) if sys.platform == "darwin" else ("g++",)
