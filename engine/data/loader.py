"""Batches from token shards: training windows in random order, and a validation set that never changes.

The training loop calls `Loader.next()`; checkpoints keep `Loader.state()`, a few integers from which the
order resumes bitwise. The loader draws from a generator of its own and touches no global randomness.

Why windows without replacement, and not random offsets: an epoch of random offsets reads each token with
probability 1 - 1/e = 63 %, so over few epochs a third of a corpus that was paid for is left out by chance.
Here every epoch reads every window once, in a new order and from a new starting phase.

Reading is a slice of a memory map per sequence, microseconds against a step of milliseconds, so there is no
prefetch thread whose queue a checkpoint would have to account for.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.data.shards import Shards
from engine.errors import SlotdeckError


class Loader:
    """An endless stream of training batches."""

    def __init__(
        self,
        shards: Shards,
        seq_len: int,
        batch_size: int,
        seed: int,
        *,
        vocab_size: int = 0,
        pin: bool = False,
    ) -> None:
        """`vocab_size`: rows of the model, the limit of every id (0: what the shards declare).
        `pin`: batches in page-locked memory, for asynchronous copies to a GPU.

        Raises:
            SlotdeckError: the shards hold fewer tokens than one batch needs.
        """
        self.batch_size = batch_size
        """May be changed between batches; the order of the windows does not depend on it."""
        self._shards, self._seq_len, self._seed, self._pin = shards, seq_len, seed, pin
        self._id_limit = vocab_size or shards.max_id + 1
        self._first_window = np.cumsum([0] + [max(len(t) - 1, 0) // seq_len for t in shards.tokens])
        self.num_windows = int(self._first_window[-1])
        """Sequences in an epoch."""
        if self.num_windows < batch_size:
            raise SlotdeckError(
                f"{shards.data_dir} holds {shards.num_tokens:,} {shards.split} tokens, "
                f"{self.num_windows} sequences of {seq_len}, but one batch takes {batch_size}",
                "prepare more text, or lower train.batch_size or data.seq_len",
            )
        self._begin(epoch=0, cursor=0)

    @property
    def epoch(self) -> int:
        """Whole passes over the data that are behind."""
        return self._epoch

    def next(self) -> tuple[Tensor, Tensor]:
        """Inputs x_BT and targets y_BT (x moved by one token): int64, on the CPU, contiguous."""
        rows_BS = np.empty((self.batch_size, self._seq_len + 1), np.int64)
        for row in rows_BS:
            if self._cursor == self.num_windows:
                self._begin(self._epoch + 1, 0)
            row[:] = self._window(int(self._order[self._cursor]))
            self._cursor += 1
        _check_ids(rows_BS, self._shards, self._id_limit)
        return _split_targets(rows_BS, self._pin)

    def state(self) -> dict[str, int]:
        """Where the stream stands: plain integers, for a checkpoint."""
        return {
            "epoch": self._epoch,
            "cursor": self._cursor,
            "seed": self._seed,
            "seq_len": self._seq_len,
            "num_tokens": self._shards.num_tokens,
        }

    def load_state(self, state: dict[str, int]) -> None:
        """Continue exactly where `state` was taken.

        Raises:
            SlotdeckError: it was taken on other data or another sequence length, so there is no such place.
        """
        for key, here in (("num_tokens", self._shards.num_tokens), ("seq_len", self._seq_len)):
            if state[key] != here:
                raise SlotdeckError(
                    f"the checkpoint read data with {key} {state[key]:,}, "
                    f"but {self._shards.data_dir} gives {here:,}",
                    "resume with the data and data.seq_len that the run began with",
                )
        self._seed = state["seed"]
        self._begin(state["epoch"], state["cursor"])

    def _begin(self, epoch: int, cursor: int) -> None:
        # Raw Philox output is fixed by its specification; Generator.permutation may change with numpy.
        draws = np.random.Philox(key=[self._seed, epoch])
        phases = draws.random_raw(len(self._shards.tokens))
        slack = [max(len(t) - 1, 0) % self._seq_len for t in self._shards.tokens]
        self._phase = [int(p) % (s + 1) for p, s in zip(phases, slack, strict=True)]
        self._order = np.argsort(draws.random_raw(self.num_windows), kind="stable")
        self._epoch, self._cursor = epoch, cursor

    def _window(self, index: int) -> npt.NDArray[np.integer]:
        shard = int(np.searchsorted(self._first_window, index, side="right")) - 1
        start = self._phase[shard] + (index - int(self._first_window[shard])) * self._seq_len
        return self._shards.tokens[shard][start : start + self._seq_len + 1]


class ValidationSet:
    """The first tokens of the validation shards in fixed batches: the same ones each time it is iterated."""

    def __init__(
        self,
        shards: Shards,
        seq_len: int,
        tokens: int,
        batch_size: int,
        *,
        vocab_size: int = 0,
        skip: int = 0,
    ) -> None:
        """At most `tokens` targets (at least one sequence), or as many as there are.

        `skip`: sequences left out at the start, for a second set that shares no token with the first.

        Raises:
            SlotdeckError: there is not one whole sequence.
        """
        self._shards, self._seq_len, self._batch_size = shards, seq_len, batch_size
        self._id_limit = vocab_size or shards.max_id + 1
        wanted = max(tokens // seq_len, 1)
        starts = [
            (s, i * seq_len) for s, t in enumerate(shards.tokens) for i in range((len(t) - 1) // seq_len)
        ]
        if len(starts) <= skip:
            fewer = f"{skip + 1} sequences" if skip else "one sequence"
            raise SlotdeckError(
                f"{shards.data_dir} holds {shards.num_tokens:,} {shards.split} tokens, "
                f"fewer than {fewer} of {seq_len}",
                "prepare again with a larger --val-share, or lower data.seq_len",
            )
        self._starts = starts[skip : skip + wanted]
        self.num_tokens = len(self._starts) * seq_len
        """Targets in the set."""

    def first(self, tokens: int) -> ValidationSet:
        """The part of it from its start that holds at most `tokens` targets, one sequence at least."""
        part = copy(self)
        part._starts = self._starts[: max(tokens // self._seq_len, 1)]
        part.num_tokens = len(part._starts) * self._seq_len
        return part

    def __len__(self) -> int:
        """Batches; the last one may be smaller."""
        return (len(self._starts) + self._batch_size - 1) // self._batch_size

    @property
    def batch_sizes(self) -> set[int]:
        """Sequences in its batches: one number, or two where the last batch is smaller."""
        rest = len(self._starts) % self._batch_size
        return ({self._batch_size} if len(self._starts) >= self._batch_size else set()) | ({rest} - {0})

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self._starts), self._batch_size):
            chosen = self._starts[first : first + self._batch_size]
            rows_BS = np.stack([self._shards.tokens[s][i : i + self._seq_len + 1] for s, i in chosen]).astype(
                np.int64
            )
            _check_ids(rows_BS, self._shards, self._id_limit)
            yield _split_targets(rows_BS, pin=False)


def _check_ids(rows_BS: npt.NDArray[np.int64], shards: Shards, limit: int) -> None:
    # On a GPU an id without a row ends the process and names no reason; here it costs microseconds a batch.
    largest = int(rows_BS.max())
    if largest >= limit:
        raise SlotdeckError(
            f"{shards.data_dir} gave token id {largest} in {shards.split}, and there are {limit} ids",
            "the shard is damaged, or model.vocab_size is too small for it",
        )


def _split_targets(rows_BS: npt.NDArray[np.int64], pin: bool) -> tuple[Tensor, Tensor]:
    """Rows of T + 1 ids -> inputs x_BT and targets y_BT."""
    rows = torch.from_numpy(rows_BS)
    x_BT, y_BT = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
    return (x_BT.pin_memory(), y_BT.pin_memory()) if pin else (x_BT, y_BT)
