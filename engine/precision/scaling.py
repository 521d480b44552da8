"""Loss scaling for fp16: small gradients would vanish below 6e-8, so the loss is multiplied before backward
and the gradients divided after it. A thin owner of `torch.amp.GradScaler`, which grows the scale by 2 every
2,000 clean steps and halves it when a gradient overflowed.

Used by `engine.train` and saved with the checkpoint. In fp32 and bf16 it does nothing, and costs nothing; the
scale is kept, so a run that goes to bf16 and back does not search for it again. It never reads the device:
whether a step is applied is the caller's business, from the gradient norm it has anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class LossScaling:
    """The scale of the loss, in force while the run computes in fp16."""

    def __init__(self, device: torch.device) -> None:
        self._scaler = torch.amp.GradScaler(device.type)

    def scale(self, loss: Tensor, dtype: torch.dtype) -> Tensor:
        """The loss to call backward on."""
        return self._scaler.scale(loss) if dtype == torch.float16 else loss

    def unscale(self, parameters: Iterable[Tensor], dtype: torch.dtype) -> None:
        """Divide the gradients, in place, once after the last backward of a step; then adapt the scale.

        Gradients that overflowed stay infinite or nan: their norm says so, and the step must not be applied.
        """
        if dtype != torch.float16:
            return
        with_gradient = [p for p in parameters if p.grad is not None]
        if not with_gradient:
            return
        narrow = [p.grad for p in with_gradient if p.grad is not None and p.grad.dtype == torch.bfloat16]
        wide = [p for p in with_gradient if p.grad is not None and p.grad.dtype != torch.bfloat16]
        self._scaler.unscale_(_Gradients(wide + self._unscaled(narrow)))  # type: ignore[arg-type]
        self._scaler.update()

    @torch.no_grad()
    def _unscaled(self, narrow: list[Tensor]) -> list[Tensor]:
        """Divide bf16 gradients, for which CUDA has no such kernel; a stand-in that is finite if they are."""
        if not narrow:
            return []
        norms = torch.stack([torch.linalg.vector_norm(g, dtype=torch.float32) for g in narrow])
        scale = self._scaler.scale(torch.ones_like(norms[0]))
        for gradient in narrow:
            gradient.div_(scale)  # a power of two: exact
        stand_in = torch.zeros_like(norms)
        stand_in.grad = norms
        return [stand_in]

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers, for the checkpoint's `state.msgpack`."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved scale."""
        self._scaler.load_state_dict(state)


class _Gradients:
    """The little of a torch optimizer that `GradScaler.unscale_` looks at."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self.param_groups = [{"params": parameters}]
