"""AdamW over slots: parameters without a gradient are left alone, their moments too.

Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization". The arithmetic is torch's own fused kernel,
so with every slot on an update equals `torch.optim.AdamW(fused=True)` bit for bit. What is ours is whose turn
it is: a slot that was skipped has no gradient, is not decayed, and its averages do not age.

Called by `engine.train`. It never reads the device: not for the clip, nor to see if a step is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from engine.errors import SlotdeckError
from engine.models.slotted import SlottedModel
from engine.optim.groups import STEM, slot_groups
from engine.optim.states import Moments, SlotStates
from engine.profile.schema import Optim

_PARTS = ("exp_avg", "exp_avg_sq", "step")


class SlottedOptimizer:
    """AdamW with one store of states for each slot and one for the stem."""

    def __init__(self, model: SlottedModel, profile: Optim) -> None:
        self.groups = slot_groups(model)
        self.lr = profile.lr
        """The next update's learning rate."""
        self._profile = profile
        self._parameters = dict(model.named_parameters())
        self._slot_of = {name: group.slot for group in self.groups for name in group.names}
        numbers = [STEM, *range(len(model.slots()))]
        self._states = {
            slot: SlotStates({n: p for n, p in self._parameters.items() if self._slot_of[n] == slot})
            for slot in numbers
        }

    # -- a step ------------------------------------------------------------------------------------------

    def clip(self, max_norm: float) -> Tensor:
        """Scale the gradients so that their global norm is at most `max_norm`; 0: leave them.

        Returns the norm before clipping, a 0-d tensor on the device; inf or nan if a gradient is.
        """
        with_gradient = [p for p in self._parameters.values() if p.grad is not None]
        grads = [p.grad for p in with_gradient if p.grad is not None]
        if not grads:
            return torch.zeros((), device=next(iter(self._parameters.values())).device)
        norm = nn.utils.get_total_norm(grads, error_if_nonfinite=False)
        if max_norm > 0:
            nn.utils.clip_grads_with_norm_(with_gradient, max_norm, norm)
        return norm

    def set_lr(self, lr: float) -> None:
        """The learning rate from the next update on."""
        self.lr = lr

    @torch.no_grad()
    def step(self, found_inf: Tensor | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            found_inf: 0-d fp32 on the device; where it is 1 the update is left out: weights, moments and
                counts stay as they are, bit for bit. The host does not wait to learn which.
        """
        if found_inf is not None and found_inf.device.type not in ("cuda", "cpu"):
            # Fused kernels elsewhere take no flag: there the device is read after all.
            if found_inf.item():
                return
            found_inf = None
        for decays in (True, False):
            self._update(decays, found_inf)

    def zero_grad(self) -> None:
        """Free the gradients: without one a slot is not updated."""
        for p in self._parameters.values():
            p.grad = None

    # -- states, slot by slot ----------------------------------------------------------------------------

    def match(self, trained: Sequence[bool]) -> None:
        """Park the states of slots that a plan does not train; the others come back at their next update."""
        for slot, trains in enumerate(trained):
            if not trains and not self._states[slot].parked:
                self.park(slot)

    def attach(self, slot: int) -> None:
        """Bring a slot's parked states back to the device."""
        self._states[slot].attach()

    def park(self, slot: int) -> None:
        """Move a slot's states to host memory, exact."""
        self._states[slot].park()

    def drop(self, slot: int) -> None:
        """Forget a slot's states: its averages start afresh."""
        self._states[slot].drop()

    def slot_bytes(self, slot: int) -> int:
        """Bytes of a slot's states beside its parameters."""
        return 0 if self._states[slot].parked else self._states[slot].bytes()

    def stem_bytes(self) -> int:
        """Bytes of the stem's states."""
        return self.slot_bytes(STEM)

    def parked_bytes(self, slot: int) -> int:
        """Bytes of a slot's states parked in host memory."""
        return self._states[slot].bytes() if self._states[slot].parked else 0

    # -- checkpoints -------------------------------------------------------------------------------------

    def state_tensors(self) -> dict[str, Tensor]:
        """Every state by a stable name: `blocks.3.qkv.weight.exp_avg`. Parameters never updated have none."""
        return {
            f"{name}.{part}": tensor
            for states in self._states.values()
            for name, moments in states.moments.items()
            for part, tensor in moments.tensors()
        }

    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every name that `state_tensors` can have, and its shape; all are fp32."""
        return {
            f"{name}.{part}": () if part == "step" else tuple(p.shape)
            for name, p in self._parameters.items()
            for part in _PARTS
        }

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Replace all states by saved ones; they are copied.

        Raises:
            SlotdeckError: a name or shape is not this model's, or a state is incomplete; nothing has changed.
        """
        shapes = self.state_shapes()
        for name, tensor in tensors.items():
            if name not in shapes:
                raise SlotdeckError(f"optimizer state {name!r} belongs to no parameter of this model")
            if tuple(tensor.shape) != shapes[name] or tensor.dtype != torch.float32:
                raise SlotdeckError(
                    f"optimizer state {name} is {tensor.dtype} {tuple(tensor.shape)}, not fp32 {shapes[name]}"
                )
        saved = {name for name in self._parameters if any(f"{name}.{part}" in tensors for part in _PARTS)}
        for name in saved:
            for part in _PARTS:
                if f"{name}.{part}" not in tensors:
                    raise SlotdeckError(f"optimizer state {name}.{part} is missing")
        for states in self._states.values():
            states.drop()
        for name in saved:
            device = self._parameters[name].device
            self._states[self._slot_of[name]].moments[name] = Moments(
                *(tensors[f"{name}.{part}"].to(device, copy=True) for part in _PARTS)
            )

    # -- inside ------------------------------------------------------------------------------------------

    def _update(self, decays: bool, found_inf: Tensor | None) -> None:
        named = [
            (group.slot, name, p, p.grad)
            for group in self.groups
            if group.decays == decays
            for name, p in zip(group.names, group.parameters, strict=True)
            if p.grad is not None
        ]
        moments = [self._states[slot].of(name) for slot, name, _, _ in named]
        profile = self._profile
        adamw(
            [p for _, _, p, _ in named],
            [grad for _, _, _, grad in named],
            [m.exp_avg for m in moments],
            [m.exp_avg_sq for m in moments],
            [],
            [m.step for m in moments],
            fused=True,
            found_inf=found_inf,
            amsgrad=False,
            beta1=profile.beta1,
            beta2=profile.beta2,
            lr=self.lr,
            weight_decay=profile.weight_decay if decays else 0.0,
            eps=profile.eps,
            maximize=False,
        )
