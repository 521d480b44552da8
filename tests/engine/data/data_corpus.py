"""The documents that the tests of the data path are fed with."""

from __future__ import annotations

WORDS = ["slot", "train", "loss", "token", "block", "step", "model", "naïve", "损失", "batch", "gate"]


def document(number: int, words: int = 40) -> str:
    """A document that differs from every other number's."""
    return f"{number}: " + " ".join(WORDS[(number * 7 + i * i) % len(WORDS)] for i in range(words))
