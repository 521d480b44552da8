"""The checkpoint writer: copies a run at a step boundary, and writes it while training goes on.

The training thread pays for the copy; a thread of its own does the rest. One save is in flight at a time.
What became of it is told through two callbacks, called from that thread. A failed save harms nothing: the
temporary folder is gone, the older checkpoints are as they were, and the next save tries again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from engine.checkpoint.retain import retain, sweep
from engine.checkpoint.save import Snapshot, write_checkpoint
from engine.runlog.branches import Place
from engine.runlog.run_folder import CHECKPOINTS


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is sealed on disk."""

    step: int
    branch: int
    name: str
    bytes: int
    seconds: float
    """From the copy in memory to the seal."""
    reason: str
    command_id: str
    deleted: list[str]
    """Older ones that need not stay any longer."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A save came to nothing."""

    step: int
    message: str
    remedy: str
    command_id: str
    files_bytes: tuple[int, ...] = ()
    """About what its files would have taken, if it was the disk that did not take them; empty: something else."""


class CheckpointWriter:
    """Saves for one run, whose lock the caller holds."""

    def __init__(
        self,
        run_dir: Path,
        keep: int,
        on_saved: Callable[[Saved], None],
        on_failed: Callable[[Failed], None],
        wall: Callable[[], float] = time.time,
        on_way: Callable[[Place], bool] = lambda _: True,
    ) -> None:
        """`on_way`: whether the run came through a checkpoint; asked from the thread that writes."""
        self.root = run_dir / CHECKPOINTS
        self._keep = keep
        self._on_saved = on_saved
        self._on_failed = on_failed
        self._wall = wall
        self._on_way = on_way
        self.newest = ""
        """Name of the checkpoint sealed last; read it after `drain`."""
        self._thread: threading.Thread | None = None
        self._pinned: dict[str, Tensor] = {}
        sweep(self.root)

    @property
    def busy(self) -> bool:
        """A save is being written."""
        return self._thread is not None and self._thread.is_alive()

    def save(
        self,
        step: int,
        *,
        branch: int,
        model: Mapping[str, Tensor],
        optimizer: Mapping[str, Tensor],
        state: Mapping[str, Any],
        reason: str,
        held: bool = False,
        val_loss: float | None = None,
        command_id: str = "",
        skip_if_busy: bool = False,
        spared: Collection[str] = (),
    ) -> bool:
        """Copy everything now and write it in the background.

        Args:
            step: optimizer steps done.
            branch: how often the run went back; the newer of two checkpoints is on the higher one.
            model: `model.state_dict()`.
            optimizer: `SlottedOptimizer.state_tensors()`.
            state: everything else, msgpack-able.
            reason: why it is saved, for people.
            held: kept until deleted by hand.
            val_loss: validation loss of these very weights, if it was measured: the best one is kept.
            command_id: the command that asked, or empty.
            skip_if_busy: while another is being written, give this one up and say so (returns False), instead
                of making the training wait for that one.
            spared: checkpoints that are not deleted when this one is sealed, however old.
        """
        if skip_if_busy and self.busy:
            message = f"the checkpoint of step {step} was left out: the one before it is still being written"
            self._on_failed(Failed(step, message, "save less often, or use a faster disk", command_id))
            return False
        self.drain()
        snapshot = Snapshot(
            step=step,
            branch=branch,
            model=self._copied("model", model),
            optimizer=self._copied("optimizer", optimizer),
            state=msgspec.msgpack.encode(state),
            reason=reason,
            held=held,
            val_loss=val_loss,
        )
        _finish_copies([*model.values(), *optimizer.values()])
        # Not a daemon: an interpreter that ends waits for the seal.
        self._thread = threading.Thread(
            target=self._write, args=(snapshot, command_id, spared), name="checkpoint"
        )
        self._thread.start()
        return True

    def drain(self) -> None:
        """Wait until nothing is in flight."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self, snapshot: Snapshot, command_id: str, spared: Collection[str]) -> None:
        started = time.perf_counter()
        try:
            manifest = write_checkpoint(self.root, snapshot, self._wall())
        except OSError as error:
            message = f"checkpoint of step {snapshot.step}: {error.strerror}: {error.filename or self.root}"
            remedy = "free some space; the older checkpoints are as they were"
            self._on_failed(Failed(snapshot.step, message, remedy, command_id, snapshot.files_bytes))
            return
        seconds = time.perf_counter() - started
        self.newest = manifest.name
        self._on_saved(
            Saved(
                step=snapshot.step,
                branch=snapshot.branch,
                name=manifest.name,
                bytes=manifest.total_bytes,
                seconds=seconds,
                reason=snapshot.reason,
                command_id=command_id,
                deleted=retain(self.root, self._keep, self._on_way, spared),
            )
        )

    def _copied(self, group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self._copy(f"{group}.{name}", t.detach()) for name, t in tensors.items()}

    def _copy(self, key: str, tensor: Tensor) -> Tensor:
        if tensor.device.type != "cuda":
            return tensor.to("cpu", copy=True).contiguous()
        # Page-locked buffers, kept from save to save: all copies are queued, then waited for once.
        buffer = self._pinned.get(key)
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            try:
                buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            except RuntimeError:  # the host may lock no more memory: slower, and no reason to end a run
                return tensor.to("cpu", copy=True).contiguous()
            self._pinned[key] = buffer
        return buffer.copy_(tensor, non_blocking=True)


def _finish_copies(tensors: list[Tensor]) -> None:
    for device in {t.device for t in tensors if t.device.type == "cuda"}:
        torch.cuda.current_stream(device).synchronize()
