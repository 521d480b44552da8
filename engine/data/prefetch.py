"""A loader that is one batch ahead: the next one is on its way to the GPU while the device works on this one.

The copy runs from page-locked memory on a stream of its own, so a step begins with its data already there. Reading
costs microseconds of the host, which at that moment only waits for the device: no thread, no queue.

What was read ahead has not been handed out: `state` is where the stream stands without it, so a resume is exact, and a
micro-batch of another size begins with the same sequence as it would have without reading ahead.

Built by `engine.train` for a GPU; a CPU run reads when it needs to (`engine.data.loader`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.errors import SlotdeckError


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A batch that nobody has asked for yet."""

    x_BT: Tensor
    y_BT: Tensor
    before: dict[str, int]
    """Where the stream stood before it was read."""
    copied: torch.cuda.Event | None


class PrefetchingLoader(Loader):
    """The same batches in the same order, on `device`."""

    def __init__(
        self,
        shards: Shards,
        seq_len: int,
        batch_size: int,
        seed: int,
        *,
        vocab_size: int = 0,
        device: torch.device,
    ) -> None:
        """See `Loader`. `device`: where the batches go; on a CPU the reading ahead is all there is to it."""
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._ahead: _Ahead | None = None
        super().__init__(
            shards, seq_len, batch_size, seed, vocab_size=vocab_size, pin=self._stream is not None
        )

    @property
    def epoch(self) -> int:
        """Whole passes over the data that are behind, what was read ahead not counted."""
        return self.state()["epoch"]

    def next(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets, int64, on the device as far as the current stream is concerned."""
        if self._ahead is not None and len(self._ahead.x_BT) != self.batch_size:
            self._forget()
        batch = self._ahead or self._read()
        if batch.copied is not None:
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(batch.copied)
            for t in (batch.x_BT, batch.y_BT):
                t.record_stream(stream)  # its memory is not given away while this stream may still read it
        self._ahead = None
        # What is wrong with a batch, or that there is no memory for it, is said when it is asked for.
        with suppress(SlotdeckError, RuntimeError):
            self._ahead = self._read()
        return batch.x_BT, batch.y_BT

    def state(self) -> dict[str, int]:
        """Where the stream stands: before what was read ahead."""
        return super().state() if self._ahead is None else dict(self._ahead.before)

    def load_state(self, state: dict[str, int]) -> None:
        """Continue exactly where `state` was taken. Raises as `Loader.load_state` does."""
        super().load_state(state)
        self._ahead = None

    def _read(self) -> _Ahead:
        """The next batch, on its way. If it cannot be had, the stream stands where it stood."""
        before = super().state()
        try:
            return self._copied(before)
        except (SlotdeckError, RuntimeError):
            super().load_state(before)
            raise

    def _copied(self, before: dict[str, int]) -> _Ahead:
        x_BT, y_BT = super().next()
        if self._stream is None:
            return _Ahead(x_BT.to(self._device), y_BT.to(self._device), before, None)
        with torch.cuda.stream(self._stream):
            x_BT, y_BT = (t.to(self._device, non_blocking=True) for t in (x_BT, y_BT))
            copied = torch.cuda.Event()
            copied.record(self._stream)
        return _Ahead(x_BT, y_BT, before, copied)

    def _forget(self) -> None:
        """Go back to before what was read ahead."""
        assert self._ahead is not None, "there is something to forget"
        super().load_state(self._ahead.before)
        self._ahead = None
