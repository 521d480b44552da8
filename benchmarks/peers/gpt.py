"""GPT-2 as the textbook has it: pre-norm blocks, learned positions, tied head. In torch alone.

The model of every peer. Two attentions: torch's SDPA, and the textbook's, which holds the whole (T, T) matrix.

Shapes: B sequences, T positions, D width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Shape:
    """The model's sizes."""

    n_layer: int
    n_head: int
    n_embd: int
    seq_len: int
    vocab_size: int


class Block(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, shape: Shape, naive: bool) -> None:
        super().__init__()
        d = shape.n_embd
        self.heads, self.naive = shape.n_head, naive
        self.norm_1, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm_2, self.mlp_in, self.mlp_out = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, T, D)` -> the same."""
        B, T, D = x.shape
        q, k, v = (p.view(B, T, self.heads, -1).transpose(1, 2) for p in self.qkv(self.norm_1(x)).split(D, 2))
        y = attend_naively(q, k, v) if self.naive else F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, D))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.norm_2(x)), approximate="tanh"))


def attend_naively(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Scores, mask, softmax and product, each a tensor of its own."""
    T = q.shape[2]
    scores = (q @ k.transpose(2, 3)) / math.sqrt(q.shape[3])
    mask = torch.ones(T, T, dtype=torch.bool, device=q.device).tril()
    return scores.masked_fill(~mask, float("-inf")).softmax(3) @ v


class GPT(nn.Module):
    """GPT-2: learned positions, tied head."""

    def __init__(self, shape: Shape, seed: int, naive: bool = False) -> None:
        super().__init__()
        self.wte = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.wpe = nn.Embedding(shape.seq_len, shape.n_embd)
        self.blocks = nn.ModuleList(Block(shape, naive) for _ in range(shape.n_layer))
        self.norm = nn.LayerNorm(shape.n_embd)
        self._draw(torch.Generator().manual_seed(seed), shape.n_layer)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator, n_layer: int) -> None:
        """GPT-2's start: normal with 0.02, what adds to the stream narrower, biases 0."""
        for p in self.parameters():
            if p.ndim == 1:
                p.fill_(0.0)
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(1.0)
        wide = [self.wte.weight, self.wpe.weight]
        for weight in wide:
            weight.normal_(0.0, 0.02, generator=generator)
        for block in self.blocks:
            for linear in (block.qkv, block.mlp_in):
                linear.weight.normal_(0.0, 0.02, generator=generator)
            for linear in (block.out, block.mlp_out):
                linear.weight.normal_(0.0, 0.02 / math.sqrt(2 * n_layer), generator=generator)

    def forward(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        """Mean cross entropy, nats."""
        x = self.wte(x_BT) + self.wpe.weight[: x_BT.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), y_BT.flatten())
