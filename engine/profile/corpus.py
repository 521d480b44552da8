"""What a prepared data folder says of itself, as far as a forecast needs it.

Called by the launch screen. `engine.data` judges the shards themselves.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

_MAX_BYTES = 1 << 20


class Counts(msgspec.Struct, frozen=True):
    """Of one split."""

    tokens: int = 0


class Corpus(msgspec.Struct, frozen=True):
    """`meta.json`, in part."""

    vocab_size: int
    train: Counts = Counts()
    val: Counts = Counts()


def read_corpus(folder: Path) -> Corpus | None:
    """None where there is no `meta.json`, as beside shards that another program made, or it cannot be read."""
    try:
        with (folder / "meta.json").open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=Corpus)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
