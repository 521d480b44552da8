"""Which device a run trains on, chosen by itself or named in the profile; and how it says that its memory is full.

`choose_device` is called once by `engine.train`, and never falls back from a device that was named.
"""

from __future__ import annotations

import torch

from engine.errors import SlotdeckError, nearest

DEVICES = ("auto", "cuda", "mps", "cpu")
_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",  # cuBLAS and cuDNN keep workspaces of their own
    "std::bad_alloc",
)
"""In a RuntimeError: only CUDA has an exception of its own. The second and third are the CPU allocator's."""


def choose_device(name: str) -> torch.device:
    """`auto` is cuda if there, else mps, else cpu; any other name is that device.

    Raises:
        SlotdeckError: no such device here, or no such name.
    """
    if name not in DEVICES:
        raise SlotdeckError(
            f"train.device = {name!r} is not a device{nearest(name, list(DEVICES))}",
            f"write one of {', '.join(DEVICES)}",
        )
    here = available()
    if name == "auto":
        return torch.device(here[0])
    if name not in here:
        raise SlotdeckError(f"train.device = {name!r}, and {_absence(name)}", f"write {here[0]!r} or 'auto'")
    return torch.device(name)


def available() -> list[str]:
    """Devices of this machine, best first; the CPU is always one."""
    here = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
    return [name for name, there in here if there]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whichever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)


def _absence(name: str) -> str:
    """Why a device is not there, as far as torch knows."""
    if name == "cuda":
        built = torch.version.cuda or torch.version.hip
        return "torch sees no GPU" if built else f"torch {torch.__version__} is built without CUDA"
    return "this machine has no Metal GPU that torch can use"
