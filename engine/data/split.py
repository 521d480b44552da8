"""Which documents are for validation: those whose digest falls under a share of its range.

The decision depends on a document's text and the seed alone, so it is the same in every run, on any number
of workers and with files added; two copies of a text never stand on both sides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.data.shard_writer import ShardWriter

Document = npt.NDArray[np.integer]


class Splitter:
    """Sends each document to the training or the validation shards.

    A small corpus may have no document under the share, or none above it. Then the one with the smallest
    digest is for validation, and the only one there is for training. To know it at the end, one document is
    held back while either side has none.
    """

    def __init__(self, train: ShardWriter, val: ShardWriter, val_share: float) -> None:
        self._train, self._val = train, val
        self._limit = int(val_share * 2**64)
        self._train_held: tuple[int, Document] | None = None
        """The best candidate for validation, while there is nothing better."""
        self._val_held: Document | None = None

    def add(self, document: Document, digest: int) -> None:
        if digest < self._limit:
            self._let_go()
            if self._val_held is None and not self._train.counts.documents:
                self._val_held = document
            else:
                self._val.add(document)
        elif self._limit == 0 or self._val_held is not None or self._val.counts.documents:
            self._train.add(document)
        elif self._train_held is None or digest < self._train_held[0]:
            self._let_go()
            self._train_held = (digest, document)
        else:
            self._train.add(document)

    def finish(self) -> None:
        """Place what is held back: for validation, unless training would have nothing."""
        last = self._train_held[1] if self._train_held is not None else self._val_held
        if last is not None:
            (self._val if self._train.counts.documents else self._train).add(last)

    def _let_go(self) -> None:
        if self._train_held is not None:
            self._train.add(self._train_held[1])
            self._train_held = None
