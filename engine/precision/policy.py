"""In which type matmuls are computed, and why. In which type weights are kept is another matter.

    device                      auto    also allowed    refused
    GPU, compute 8.9 and up     fp8 *   bf16 fp32 fp16
    GPU, compute 8.0 and up     bf16    fp32, fp16      fp8: no fp8 units
    older CUDA GPU              fp16    fp32            bf16: no bf16 units, emulation is slower than fp32
    Apple GPU, macOS 14 and up  bf16    fp32            fp16: no loss scaling there
    CPU                         fp32    bf16            fp16: no fp16 units, and nothing gained

* where a matmul test on the device, at the run's width, has it clearly faster than bf16 (`engine.precision.fp8`); bf16
otherwise. Nothing but that GPU computes in fp8, so it is refused everywhere else.

bf16 on a CPU without units for it took 2.7 times as long a step as fp32, in 0.6 of the activations.

Called by `engine.train` at the start and for the `precision` command, so a name that cannot work is refused
before anything changes. Where the cast happens is `engine.models.layers`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from engine.errors import SlotdeckError, nearest
from engine.precision.fp8 import FP8, Trial, has_fp8
from engine.text import one_line

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "fp8": FP8}


def resolve(name: str, device: torch.device, trial: Callable[[], Trial] | None = None) -> tuple[str, str]:
    """`auto` or a precision's name -> the precision to use here, and the reason in a few words.

    Args:
        name: what was asked for.
        device: where it is to be computed.
        trial: times fp8 against bf16 on the device; called only where there is fp8 to choose.

    Raises:
        SlotdeckError: it cannot be computed on this device.
    """
    return choose(name, device.type, has_bf16(device), has_fp8(device), trial)


def dtype_of(name: str) -> torch.dtype:
    """`fp32`, `bf16`, `fp16` or `fp8` -> the torch dtype.

    Raises:
        SlotdeckError: no such precision.
    """
    if name not in DTYPES:
        raise SlotdeckError(
            f"{name!r} is not a precision{nearest(name, list(DTYPES))}",
            f"write one of {', '.join(DTYPES)} or auto",
        )
    return DTYPES[name]


def name_of(dtype: torch.dtype) -> str:
    """The other way round: `torch.bfloat16` -> `bf16`."""
    return next(name for name, known in DTYPES.items() if known == dtype)


def has_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 units of its own; a CPU counts as one that has, it always computes."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    return True


def choose(
    name: str, kind: str, bf16: bool, fp8: bool = False, trial: Callable[[], Trial] | None = None
) -> tuple[str, str]:
    """The rules themselves, of the kind of device (`cuda`, `mps`, `cpu`) and whether it has bf16 and fp8."""
    if name == "auto":
        if kind == "cpu":
            return "fp32", "fp32 is the fastest on a CPU"
        if bf16 and fp8 and trial is not None:
            try:
                result = trial()
            except RuntimeError as error:
                return "bf16", f"fp8 could not be tried: {one_line(str(error), 200)}"
            return "fp8" if result.wins else "bf16", result.describe()
        if bf16:
            return "bf16", "this GPU has bf16"
        return ("fp16", "this GPU has no bf16") if kind == "cuda" else ("fp32", "this GPU has no bf16")
    dtype_of(name)
    if name == "fp16" and kind != "cuda":
        raise SlotdeckError(
            f"fp16 needs a CUDA GPU, and this run is on {kind}",
            "choose bf16 or fp32" if bf16 else "choose fp32",
        )
    if name == "fp8":
        if not fp8:
            here = "this GPU is older" if kind == "cuda" else f"this run is on {kind}"
            raise SlotdeckError(
                f"fp8 needs an NVIDIA GPU of compute 8.9 or newer, and {here}",
                "choose bf16 or fp32" if bf16 else "choose fp32",
            )
        try:
            return name, "chosen" if trial is None else f"chosen; {trial().describe()}"
        except RuntimeError as error:
            raise SlotdeckError(
                f"fp8 does not work here: {one_line(str(error), 200)}", "choose bf16 or fp32"
            ) from error
    if name == "bf16" and not bf16:
        raise SlotdeckError(
            "this GPU has no bf16", "choose fp16 or fp32" if kind == "cuda" else "choose fp32"
        )
    if name == "bf16" and kind == "cpu":
        return name, "chosen; slower than fp32 on a CPU without bf16 units"
    return name, "chosen"
