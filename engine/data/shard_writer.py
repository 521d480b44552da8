"""Writes the shards of one split, a new file when one is full, each sealed with its header.

`prepare` owns two of them, for train and val, in a folder that nobody reads yet.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import numpy as np
import numpy.typing as npt

from engine.data.meta import Split
from engine.data.shard_format import HEADER_BYTES, ShardHeader


class ShardWriter:
    """Appends documents to `SPLIT_00000.bin`, `SPLIT_00001.bin`, ...; none is divided between files."""

    def __init__(self, folder: Path, split: str, header: ShardHeader, shard_tokens: int) -> None:
        self._folder, self._split, self._header, self._shard_tokens = folder, split, header, shard_tokens
        self._file: IO[bytes] | None = None
        self._dtype = np.dtype(f"<u{header.token_bytes}")
        self._in_shard = 0
        self._shards = self._documents = self._tokens = 0
        self.max_id = 0

    def add(self, document: npt.NDArray[np.integer]) -> None:
        """One document's ids, end-of-text included.

        Raises:
            OSError: the disk is full or gone.
        """
        if self._file is not None and self._in_shard + len(document) > self._shard_tokens:
            self._seal()
        if self._file is None:
            path = self._folder / f"{self._split}_{self._shards:05d}.bin"
            self._file = path.open("xb", buffering=1 << 20)
            self._file.write(bytes(HEADER_BYTES))
            self._shards += 1
        self._file.write(document.astype(self._dtype, copy=False).data)
        self._in_shard += len(document)
        self._documents += 1
        self._tokens += len(document)

    @property
    def counts(self) -> Split:
        return Split(self._shards, self._documents, self._tokens)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        """Seal the last shard and put it on the disk; after a fault, just let go of it."""
        try:
            if fault is None and self._file is not None:
                self._seal()
        finally:
            if self._file is not None:
                with suppress(OSError):  # what is still buffered may have no room on the disk
                    self._file.close()

    def _seal(self) -> None:
        assert self._file is not None, "only an open shard is sealed"
        self._file.flush()
        # One pass over the cached file is far cheaper than a maximum per document.
        max_in_shard = int(np.memmap(self._file.name, self._dtype, "r", offset=HEADER_BYTES).max())
        self._file.seek(0)
        self._file.write(self._header.with_tokens(self._in_shard, max_in_shard).pack())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None
        self.max_id = max(self.max_id, max_in_shard)
        self._in_shard = 0
