"""AdamW with fp32 states: the rule of everything that is not a block's matrix, and by default of those too.

Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization". The arithmetic is torch's own fused kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from engine.optim.rules import Layout, Part, Rule, Update
from engine.profile.schema import Optim


class AdamW(Rule):
    """8 bytes of state for each parameter value."""

    def __init__(self, profile: Optim) -> None:
        self._profile = profile

    def layout(self, weight: Tensor) -> Layout:
        """Running means of the gradient and of its square, and the updates so far."""
        like = Part(tuple(weight.shape), torch.float32)
        return {"exp_avg": like, "exp_avg_sq": like, "step": Part((), torch.float32)}

    def update(self, work: Sequence[Update], lr: float, found_inf: Tensor | None) -> None:
        """One fused call for all that share a decay."""
        for decay in sorted({u.weight_decay for u in work}, reverse=True):
            alike = [u for u in work if u.weight_decay == decay]
            fused_adamw(
                self._profile,
                [u.weight for u in alike],
                [u.grad for u in alike],
                [u.state["exp_avg"] for u in alike],
                [u.state["exp_avg_sq"] for u in alike],
                [u.state["step"] for u in alike],
                lr=lr,
                weight_decay=decay,
                found_inf=found_inf,
            )


def fused_adamw(
    profile: Optim,
    weights: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    steps: list[Tensor],
    *,
    lr: float,
    weight_decay: float,
    found_inf: Tensor | None,
) -> None:
    """torch's kernel with the profile's constants; everything is changed in place."""
    adamw(
        weights,
        grads,
        exp_avgs,
        exp_avg_sqs,
        [],
        steps,
        fused=True,
        found_inf=found_inf,
        amsgrad=False,
        beta1=profile.beta1,
        beta2=profile.beta2,
        lr=lr,
        weight_decay=weight_decay,
        eps=profile.eps,
        maximize=False,
    )
