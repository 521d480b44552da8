"""The tokens that a finished model is judged on, and those that choices are made on: never the same ones."""

from __future__ import annotations

from pathlib import Path

from engine.data.loader import ValidationSet
from engine.data.shards import Shards

PROBE_SHARE = 8
"""The probe has an eighth as many tokens, and a fifth of the shards at most."""


def judging_sets(
    data_dir: Path, *, seq_len: int, tokens: int, batch_size: int, model_vocab: int, vocab_hash: str
) -> tuple[ValidationSet, ValidationSet]:
    """Of the validation shards: the first `tokens`, as a run judges itself, and a probe from what follows.

    Where the shards hold less, both have less.

    Args:
        batch_size: sequences at a time.
        model_vocab: rows of the model's embedding.
        vocab_hash: of what the model was trained on; empty where that is not known.

    Raises:
        SlotdeckError: no such data, fewer than two sequences of it, or another vocabulary than the model's.
    """
    shards = Shards.open(data_dir, "val")
    shards.check_vocab(model_vocab, vocab_hash)
    there = sum((len(part) - 1) // seq_len for part in shards.tokens)
    probe = max(min(tokens // seq_len // PROBE_SHARE, there // 5), 1)
    judged = max(min(tokens // seq_len, there - probe), 1)

    def some(count: int, skip: int) -> ValidationSet:
        return ValidationSet(shards, seq_len, count * seq_len, batch_size, vocab_size=model_vocab, skip=skip)

    return some(judged, 0), some(probe, judged)
