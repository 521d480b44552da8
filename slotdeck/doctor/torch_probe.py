"""What torch says of this machine, as one JSON line: `python -m slotdeck.doctor.torch_probe`.

A child of `slotdeck doctor`: a torch that breaks, crashes or hangs on import is a line in the report there.
"""

from __future__ import annotations

import json
import sys
import time


def probe() -> dict[str, object]:
    """Versions, devices and what each computes in."""
    started = time.perf_counter()
    import torch

    found: dict[str, object] = {
        "torch": torch.__version__,
        "import_s": time.perf_counter() - started,
        "threads": torch.get_num_threads(),
        "cuda_build": torch.version.cuda or "",
        "mps": torch.backends.mps.is_available(),
        "linear_cross_entropy": hasattr(torch.nn.functional, "linear_cross_entropy"),
        "gpus": [],
    }
    if torch.cuda.is_available():
        found["gpus"] = [
            {
                "name": torch.cuda.get_device_name(index),
                "capability": ".".join(map(str, torch.cuda.get_device_capability(index))),
                "bytes": torch.cuda.get_device_properties(index).total_memory,
                "bf16": torch.cuda.get_device_capability(index) >= (8, 0),
            }
            for index in range(torch.cuda.device_count())
        ]
    product = torch.ones(8, 8, dtype=torch.bfloat16) @ torch.ones(8, 8, dtype=torch.bfloat16)
    found["cpu_bf16"] = bool(product[0, 0].item() == 8)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe()) + "\n")
