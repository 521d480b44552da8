"""The state of every global random generator, as plain values for a checkpoint.

Restore is the last act before the next step: whatever runs in between may draw. Leaving out any one of them
changed the final weights of a resumed run (measured, one by one).
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def capture(device: torch.device) -> dict[str, Any]:
    """Python's, numpy's, torch's on the CPU and on the run's device; msgpack-able."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": {"version": version, "internal": list(internal), "gauss": gauss},
        "numpy": {
            "kind": str(kind),
            "keys": np.asarray(keys, np.uint32).tobytes(),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached_gauss": float(cached),
        },
        "torch": _bytes(torch.get_rng_state()),
        "device": {"type": device.type, "state": _device_state(device)},
    }


def restore(state: dict[str, Any], device: torch.device) -> bool:
    """Set every generator to a captured state. False: the run moved to another kind of device, whose own
    generator could not be set; the resume is then not bitwise.
    """
    python, numpy, saved = state["python"], state["numpy"], state["device"]
    random.setstate((python["version"], tuple(python["internal"]), python["gauss"]))
    keys = np.frombuffer(numpy["keys"], np.uint32)
    np.random.set_state((numpy["kind"], keys, numpy["position"], numpy["has_gauss"], numpy["cached_gauss"]))
    torch.set_rng_state(_tensor(state["torch"]))
    if saved["type"] != device.type:
        return False
    if device.type == "cuda":
        torch.cuda.set_rng_state(_tensor(saved["state"]), device)
    elif device.type == "mps":
        torch.mps.set_rng_state(_tensor(saved["state"]))
    return True


def _device_state(device: torch.device) -> bytes:
    if device.type == "cuda":
        return _bytes(torch.cuda.get_rng_state(device))
    return _bytes(torch.mps.get_rng_state()) if device.type == "mps" else b""


def _bytes(state: torch.Tensor) -> bytes:
    return state.numpy().tobytes()


def _tensor(content: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
