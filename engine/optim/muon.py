"""Muon for the blocks' matrices: the momentum of the gradient, made orthogonal, is the step.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks". The arithmetic is
`torch.optim.Muon`'s with its defaults (momentum 0.95, Nesterov, 5 Newton-Schulz steps in bf16, the rate times
sqrt(rows / columns) for tall matrices).

A weight in which several matrices lie on top of each other is taken apart first. GPT-2's qkv is three maps that
only share their input: made orthogonal as one, the gradient of queries and keys, small at first, would set
directions aside for that of the values, and all three would be scaled by their common norm.

Its rate is `optim.muon_lr` while AdamW's is at `optim.lr`, and follows it in proportion: one schedule, and one
`lr` command, for both.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.errors import SlotdeckError
from engine.optim.rules import Layout, Part, Rule, Update, keep_if
from engine.profile.schema import Optim

MOMENTUM = 0.95


class Muon(Rule):
    """4 bytes of state for each parameter value."""

    def __init__(self, profile: Optim) -> None:
        """For the profile's `optim` table.

        Raises:
            SlotdeckError: this torch has no Muon, or there is no rate to be in proportion to.
        """
        if not hasattr(torch.optim, "Muon"):
            raise SlotdeckError(
                f"optim.name = muon, and torch {torch.__version__} has no Muon",
                "install torch 2.11 or later, or set optim.name=adamw",
            )
        if profile.lr == 0 and profile.muon_lr > 0:
            raise SlotdeckError(
                "optim.lr = 0 with optim.name = muon: muon_lr follows lr in proportion",
                "set optim.lr above 0, or optim.muon_lr=0",
            )
        self._proportion = profile.muon_lr / profile.lr if profile.lr else 0.0

    def layout(self, weight: Tensor) -> Layout:
        """One running mean of the gradient."""
        return {"momentum": Part(tuple(weight.shape), torch.float32)}

    def update(self, work: Sequence[Update], lr: float, found_inf: Tensor | None) -> None:
        """One weight after the other; with `found_inf` on a copy, for torch's kernel knows no such flag."""
        for u in work:
            old_weight, old_momentum = u.weight, u.state["momentum"]
            weight = old_weight if found_inf is None else old_weight.clone()
            momentum = old_momentum if found_inf is None else old_momentum.clone()
            self._move(weight, u.grad, momentum, lr * self._proportion, u.weight_decay, u.stacked)
            if found_inf is not None:
                old_weight.copy_(keep_if(found_inf, old_weight, weight))
                old_momentum.copy_(keep_if(found_inf, old_momentum, momentum))

    def _move(
        self, weight: Tensor, grad: Tensor, momentum: Tensor, lr: float, weight_decay: float, stacked: int
    ) -> None:
        from torch.optim._muon import DEFAULT_A, DEFAULT_B, DEFAULT_C, DEFAULT_NS_STEPS, EPS, muon

        muon(
            list(weight.chunk(stacked)),
            list(grad.chunk(stacked)),
            list(momentum.chunk(stacked)),
            lr=lr,
            weight_decay=weight_decay,
            momentum=MOMENTUM,
            nesterov=True,
            ns_coefficients=(DEFAULT_A, DEFAULT_B, DEFAULT_C),
            ns_steps=DEFAULT_NS_STEPS,
            eps=EPS,
            adjust_lr_fn=None,
            has_complex=False,
        )
