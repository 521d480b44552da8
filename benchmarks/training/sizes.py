"""The sizes that the table comes in: model, bite and token budgets, the same for every row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """A model, its batch, and how long each form of the table trains."""

    name: str
    device: str
    n_layer: int
    n_head: int
    n_embd: int
    seq_len: int
    vocab_size: int
    """Of the tokenizer that the corpus is prepared with."""
    padded_vocab: int
    """Rows of the embedding."""
    batch_size: int
    speed_steps: int
    """Steps of a row that is there for speed and memory."""
    loss_steps: int
    """Steps of a row that is there for its loss."""
    tune_steps: int
    """Steps of a fine-tuning row."""
    lr: float
    """Tuned for the plain row: what is held against it must beat it at its best."""
    muon_lr: float
    tune_lr: float
    evaluate_every: int
    evaluate_tokens: int
    threads: int
    """torch threads; 0: as many as torch likes."""

    def tokens(self, steps: int) -> int:
        """That so many steps train on."""
        return steps * self.batch_size * self.seq_len

    def settings(self) -> dict[str, Any]:
        """All of it, for the result."""
        return asdict(self)


TINY = Size(
    name="tiny",
    device="cpu",
    n_layer=12,
    n_head=4,
    n_embd=64,
    seq_len=128,
    vocab_size=3400,  # 53 widths: the head's share of the work is GPT-2's, 27 %
    padded_vocab=3456,
    batch_size=8,  # twice the steps for the same tokens: 5.89 nats, and 6.28 in batches of 16
    speed_steps=80,
    loss_steps=400,
    tune_steps=80,
    lr=2e-3,  # plain row, one seed: 5.52 nats at 1.2e-3, 5.43 at 2e-3, 5.66 at 4.5e-3
    muon_lr=0.02,
    tune_lr=1e-3,
    evaluate_every=50,
    evaluate_tokens=32_768,
    threads=1,
)
GPT2_124M = Size(
    name="gpt2-124m",
    device="cuda",
    n_layer=12,
    n_head=12,
    n_embd=768,
    seq_len=1024,
    vocab_size=8192,  # of the demo's corpus, if no --data is given
    padded_vocab=50_304,
    batch_size=8,
    speed_steps=200,  # a fast row's steps must last some seconds: memory is told every two
    loss_steps=250,
    tune_steps=60,
    lr=6e-4,
    muon_lr=0.02,
    tune_lr=1e-4,
    evaluate_every=50,
    evaluate_tokens=131_072,
    threads=0,
)
MICRO = Size(
    name="micro",
    device="cpu",
    n_layer=4,
    n_head=2,
    n_embd=16,
    seq_len=32,
    vocab_size=300,
    padded_vocab=320,
    batch_size=4,
    speed_steps=6,
    loss_steps=8,
    tune_steps=4,
    lr=3e-3,
    muon_lr=0.02,
    tune_lr=1e-3,
    evaluate_every=4,
    evaluate_tokens=256,
    threads=1,
)
"""For the harness's own tests: its figures mean nothing."""

SIZES = {size.name: size for size in (TINY, GPT2_124M, MICRO)}
