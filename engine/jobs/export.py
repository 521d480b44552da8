"""The export as a job: the same files as `slotdeck export` writes."""

from __future__ import annotations

import time
from pathlib import Path

from engine.jobs.order import Export
from engine.jobs.progress import Told
from engine.protocol.events import Scalar
from engine.shrink.export import export


def write(order: Export, told: Told) -> dict[str, Scalar]:
    """Write the folder; its path is told relative to the run folder.

    Raises:
        SlotdeckError: the checkpoint, the place or the disk does not allow it; nothing is left behind.
    """
    run_dir, target = Path(order.run_dir), Path(order.target)
    made = export(
        run_dir,
        target,
        checkpoint=order.checkpoint,
        version=order.version,
        now_s=time.time(),
        told=lambda done, total, what: told(done, total, "parts", what),
    )
    return {
        "path": str(target.relative_to(run_dir)),
        "bytes": made.total_bytes,
        "checkpoint": made.checkpoint,
        "step": made.step,
        "n_layer": made.n_layer,
        "params": made.num_params,
    }
