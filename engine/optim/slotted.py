"""The optimizer over slots: a rule for each parameter, and parameters without a gradient are left alone.

    matrices of blocks     the rule that `optim.name` names: adamw, adamw8bit or muon
    everything else        AdamW with fp32 states: embeddings, norms, biases, gates

With every slot on and the rule `adamw`, an update equals `torch.optim.AdamW(fused=True)` bit for bit. What is ours
is whose turn it is: a slot that was skipped has no gradient, is not decayed, and its averages do not age.

A weight stored in bf16 is widened for its update, one matrix at a time, and rounded back stochastically; its
states are those of the rule. Its gradient is bf16 as autograd leaves it: exact for one micro-batch, and rounded
to the nearest at every further one that is added.

Called by `engine.train`. It never reads the device: not for the clip, nor to see if a step is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from engine.errors import SlotdeckError
from engine.models.slotted import SlottedModel
from engine.optim.adamw import AdamW
from engine.optim.adamw8bit import AdamW8bit
from engine.optim.clip import clip_, total_norm
from engine.optim.groups import STEM, slot_groups
from engine.optim.lean import Lean, UpdateWatch
from engine.optim.muon import Muon
from engine.optim.rounding import Rounding, round_
from engine.optim.rules import Part, Rule, State, Update
from engine.optim.states import Ruled, SlotStates
from engine.profile.schema import Optim

RULES: dict[str, Callable[[Optim], Rule]] = {"adamw": AdamW, "adamw8bit": AdamW8bit, "muon": Muon}
"""Of the blocks' matrices, by `optim.name`."""
_COUNT = "updates"
"""The state that is no parameter's: how many updates there were, which names the bits of the rounding."""


class SlottedOptimizer:
    """The rules, with one store of states for each slot and one for the stem."""

    def __init__(self, model: SlottedModel, profile: Optim, seed: int = 0) -> None:
        """Over a model whose parameters are in their final types.

        Args:
            model: matrices of its slots may be bf16, see `engine.models.layers.narrow_matrices`.
            profile: the `optim` table.
            seed: of the stochastic rounding.

        Raises:
            SlotdeckError: this torch, or what is installed beside it, lacks the rule.
        """
        self.lr = profile.lr
        """The next update's learning rate."""
        self.updates = 0
        """Updates begun, those left out included."""
        self._profile = profile
        self._rounding = Rounding(seed)
        self._elsewhere: Rule = AdamW(profile)
        self._of_matrices = self._elsewhere if profile.name == "adamw" else RULES[profile.name](profile)
        self._states: dict[int, SlotStates] = {}
        self._take_up(model)
        self._rounds = any(p.dtype != torch.float32 for p in self._parameters.values())
        self._device = next(iter(self._parameters.values())).device

    def follow(self, model: SlottedModel) -> None:
        """The model's slots were pruned, or came back: forget the states of parameters that are gone.

        Every other state stays as it is, parked ones too. A slot that came back has none until it is loaded or
        updated.
        """
        before = self._states
        self._take_up(model)
        for slot, states in self._states.items():
            states.states = {n: s for n, s in before[slot].states.items() if n in states.members}
            states.parked = before[slot].parked

    # -- a step ------------------------------------------------------------------------------------------

    def clip(self, max_norm: float) -> Tensor:
        """Scale the gradients so that their global norm is at most `max_norm`; 0: leave them.

        Returns the norm before clipping, a 0-d tensor on the device; inf or nan if a gradient is.
        """
        with_gradient = [p for p in self._parameters.values() if p.grad is not None]
        if not with_gradient:
            return torch.zeros((), device=self._device)
        norm = total_norm(with_gradient)
        clip_(with_gradient, max_norm, norm)
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
        self.updates += 1
        self._update(self._states, found_inf)

    @contextmanager
    def in_backward(
        self,
        *,
        lr: float,
        max_norm: float,
        found_inf: Tensor | None = None,
        watch: UpdateWatch | None = None,
    ) -> Iterator[Lean]:
        """Within it, one backward pass clips, updates and frees slot by slot; instead of `clip` and `step`.

            with optimizer.in_backward(lr=lr, max_norm=1.0, found_inf=(~loss.isfinite()).float()) as lean:
                loss.backward()
            norm, bad = lean.norm, lean.bad

        Args:
            lr: of this update.
            max_norm: of each slot's gradient by itself, and of the stem's; 0: no clipping.
            found_inf: 0-d fp32 on the device; where it is 1 nothing is updated at all.
            watch: told of each slot before it is clipped and after it was updated.

        An exception from backward passes through; what `lean.updated` names has moved by then. If that is
        nothing, the step can be done again.
        """
        assert all(p.grad is None for p in self._parameters.values()), "lean mode begins without gradients"
        self.lr = lr
        self.updates += 1
        lean = Lean(
            {slot: [m.parameter for m in s.members.values()] for slot, s in self._states.items()},
            lambda slot, found_inf: self._update([slot], found_inf),
            max_norm,
            torch.zeros((), device=self._device) if found_inf is None else found_inf,
            watch,
        )
        hooks = [
            p.register_post_accumulate_grad_hook(lean.arrived)
            for p in self._parameters.values()
            if p.requires_grad
        ]
        try:
            yield lean
        except BaseException:
            if not lean.updated:
                self.updates -= 1  # the same samples may be tried again: it is the same update then
            raise
        finally:
            for hook in hooks:
                hook.remove()
        lean.finish_rest()

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

    def bytes_when_trained(self, slot: int) -> int:
        """Bytes that a slot's states take (`STEM`: the stem's) once it has trained; nothing is made."""
        return self._states[slot].bytes_when_trained()

    def state_bytes(self, name: str) -> int:
        """Bytes of the state of a parameter, by its name in the model, once it has been updated."""
        return sum(part.bytes for _, part in self._layouts()[name])

    def stem_bytes(self) -> int:
        """Bytes of the stem's states."""
        return self.slot_bytes(STEM)

    def parked_bytes(self, slot: int) -> int:
        """Bytes of a slot's states parked in host memory."""
        return self._states[slot].bytes() if self._states[slot].parked else 0

    # -- checkpoints -------------------------------------------------------------------------------------

    def state_tensors(self) -> dict[str, Tensor]:
        """Every state by a stable name: `blocks.3.qkv.weight.exp_avg`. Parameters never updated have none."""
        tensors = {
            f"{name}.{part}": tensor
            for states in self._states.values()
            for name, state in states.states.items()
            for part, tensor in state.items()
        }
        if self._rounds:
            tensors[_COUNT] = torch.tensor(self.updates)
        return tensors

    def state_shapes(self) -> dict[str, Part]:
        """Every name that `state_tensors` can have, with its shape and type."""
        shapes = {f"{name}.{part}": kind for name, state in self._layouts().items() for part, kind in state}
        return {**shapes, _COUNT: Part((), torch.int64)} if self._rounds else shapes

    def load_state_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Replace all states by saved ones; they are copied.

        Raises:
            SlotdeckError: a name, shape or type is not this optimizer's, or a state is incomplete; nothing has
                changed.
        """
        shapes = self.state_shapes()
        for name, tensor in tensors.items():
            if name not in shapes:
                raise SlotdeckError(f"optimizer state {name!r} is none that this run's optimizer keeps")
            found = Part(tuple(tensor.shape), tensor.dtype)
            if found != shapes[name]:
                raise SlotdeckError(f"optimizer state {name} is {found}, not {shapes[name]}")
        loaded: dict[str, State] = {}
        for name, layout in self._layouts().items():
            parts = [part for part, _ in layout]
            missing = [part for part in parts if f"{name}.{part}" not in tensors]
            if missing == parts:
                continue
            if missing:
                raise SlotdeckError(f"optimizer state {name}.{missing[0]} is missing")
            device = self._parameters[name].device
            loaded[name] = {part: tensors[f"{name}.{part}"].to(device, copy=True) for part in parts}
        for states in self._states.values():
            states.drop()
            states.states = {name: loaded[name] for name in states.members if name in loaded}
        if _COUNT in tensors:
            self.updates = int(tensors[_COUNT])

    # -- inside ------------------------------------------------------------------------------------------

    def _take_up(self, model: SlottedModel) -> None:
        """The model's parameters by slot, each with its rule; no states yet."""
        self.groups = slot_groups(model)
        self._parameters = dict(model.named_parameters())
        placed = {
            name: (group.slot, self._of_matrices if group.of_matrices else self._elsewhere)
            for group in self.groups
            for name in group.names
        }
        members: dict[int, dict[str, Ruled]] = {slot: {} for slot in (STEM, *range(len(model.slots())))}
        for name, p in self._parameters.items():
            slot, rule = placed[name]
            members[slot][name] = Ruled(p, rule)
        self._states = {slot: SlotStates(owned) for slot, owned in members.items()}

    def _layouts(self) -> dict[str, list[tuple[str, Part]]]:
        return {
            name: list(member.layout.items())
            for states in self._states.values()
            for name, member in states.members.items()
        }

    @torch.no_grad()
    def _update(self, slots: Iterable[int], found_inf: Tensor | None) -> None:
        """Move what has a gradient in these slots, together where the weights are fp32."""
        if found_inf is not None and found_inf.device.type == "mps":
            # Fused kernels there take no flag: the device is read after all.
            if found_inf.item():
                return
            found_inf = None
        wide: dict[Rule, list[Update]] = {}
        wanted = set(slots)
        for group in self.groups:
            if group.slot not in wanted:
                continue
            states = self._states[group.slot]
            decay = self._profile.weight_decay if group.decays else 0.0
            bits: torch.Generator | None = None
            for name, p, stacked in zip(group.names, group.parameters, group.stacked, strict=True):
                if p.grad is None:
                    continue
                rule, state = states.members[name].rule, states.of(name)
                if p.dtype == torch.float32:
                    wide.setdefault(rule, []).append(Update(p, p.grad, state, decay, stacked))
                else:
                    bits = bits or self._rounding.bits_of(self.updates, group.slot, p.device)
                    values = p.float()
                    rule.update([Update(values, p.grad.float(), state, decay, stacked)], self.lr, found_inf)
                    round_(p, values, bits)
        for rule, work in wide.items():
            rule.update(work, self.lr, found_inf)
