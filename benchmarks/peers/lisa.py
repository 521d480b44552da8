"""LISA (Pan et al. 2024): every so many steps a few layers are drawn, and only they are trained.

The control for fine-tuning, after the published callback (`DynamicLayerActivationCallback` of LMFlow), written anew:
layers are drawn uniformly, without any importance; embedding and head always train; being switched off means
`requires_grad = False`, and nothing more: the optimizer keeps the states of every layer that ever trained, so memory
grows from draw to draw. `drop_states` is the variant that forgets them.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.peers.gpt import GPT


class Lisa:
    """Called before each step with the number of steps done."""

    def __init__(
        self,
        model: GPT,
        optimizer: torch.optim.Optimizer,
        seed: int,
        *,
        layers: int = 2,
        every: int = 20,
        drop_states: bool = False,
    ) -> None:
        self._blocks = list(model.blocks)
        self._optimizer = optimizer
        self._random = np.random.default_rng(seed)
        self._layers, self._every, self._drop = min(layers, len(self._blocks)), every, drop_states
        self.active: list[int] = []

    def __call__(self, step: int) -> None:
        """Draw anew when the interval is over."""
        if step % self._every == 0:
            self._draw()

    def _draw(self) -> None:
        drawn = self._random.choice(len(self._blocks), self._layers, replace=False)
        self.active = sorted(int(i) for i in drawn)
        for i, block in enumerate(self._blocks):
            for p in block.parameters():
                p.requires_grad_(i in self.active)
                if self._drop and i not in self.active:
                    self._optimizer.state.pop(p, None)
