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

    A small corpus may have no document under the share. Then the one with the smallest digest is taken, so
    that there is something to validate on; to know it, the best candidate so far is held back from training.
    """

    def __init__(self, train: ShardWriter, val: ShardWriter, val_share: float) -> None:
        self._train, self._val = train, val
        self._limit = int(val_share * 2**64)
        self._held: tuple[int, Document] | None = None

    def add(self, document: Document, digest: int) -> None:
        if digest < self._limit:
            self._val.add(document)
            self._let_go()
        elif self._limit == 0 or self._val.counts.documents:
            self._train.add(document)
        elif self._held is None:
            self._held = (digest, document)
        elif digest < self._held[0]:
            self._let_go()
            self._held = (digest, document)
        else:
            self._train.add(document)

    def finish(self) -> None:
        """Place the document held back: for validation, unless it is the only one there is."""
        if self._held is not None and self._train.counts.documents:
            self._val.add(self._held[1])
            self._held = None
        self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            self._train.add(self._held[1])
            self._held = None
