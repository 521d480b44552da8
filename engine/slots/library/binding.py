"""A foreign model with its slots carried out: each block skips, shares, is gated and frozen as the plan says.

While bound, the blocks are of a subclass of their own class whose `__call__` asks the plan first; hooks, gradient
checkpointing and a compiled block all lie inside it and never see a plan. Nothing is added to the model, so its
parameters, buffers and state_dict are what they were. A copy of the model (`copy.deepcopy`, pickle) is plain.

    duty 0           the block is not called: the stream goes by
    a share          the rows of the sequences that pass are gathered, the block runs on them, they are put back
    duty 1           the block is called with its own arguments: the very same operations as unbound
    trained=False    its parameters need no gradient while the plan lasts; its optimizer states are parked
    model.eval()     duty 1 for every slot

Made by `SlotOptimizer.bind`. It decides no plan: see `engine.slots.planner`.
"""

from __future__ import annotations

import copyreg
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import SlotdeckError
from engine.models.slotted import BlockPlan
from engine.slots.duty import possible_duties
from engine.slots.library.blocks import Blocks
from engine.slots.library.call import Arguments, gone_by, stream_in, stream_out, structure, with_stream
from engine.slots.library.gates import gated
from engine.slots.library.parking import Parking
from engine.slots.plan import Plan

ALL_ON = BlockPlan()


class Binding:
    """The blocks of one model under one SlotOptimizer, until `undo`."""

    def __init__(
        self,
        blocks: Blocks,
        optimizers: Sequence[torch.optim.Optimizer],
        gates: Sequence[nn.Parameter],
        accumulate: int,
        arguments: Arguments,
        batch_dim: int,
    ) -> None:
        self._blocks = blocks
        self._gates = list(gates)
        self._accumulate = accumulate
        self._arguments = arguments
        self._batch_dim = batch_dim
        self._slot_of = {id(block): slot for slot, block in enumerate(blocks.modules)}
        self._names = [_positional(block) for block in blocks.modules]
        self._trainable = [
            [p for p in block.parameters() if p.requires_grad] + self._gates[slot : slot + 1]
            for slot, block in enumerate(blocks.modules)
        ]
        self.parking = Parking(optimizers, self._trainable)
        self._plan: Plan | None = None
        self._tables: dict[tuple[int, torch.device], list[list[BlockPlan]]] = {}
        self._micro, self._last = -1, len(blocks.modules)
        self._structures: list[Any] = [_UNSEEN] * len(blocks.modules)
        self._ran: list[set[int]] = [set() for _ in optimizers]
        self.sequences_seen = 0
        """Of all slots together, in training."""
        self.sequences_run = 0
        """Of those, the ones that passed their slot."""
        self._hooks = [
            optimizer.register_step_pre_hook(self._before_step(number))
            for number, optimizer in enumerate(optimizers)
        ]
        self._classes = [type(block) for block in blocks.modules]
        bound = {kind: self._subclass(kind) for kind in dict.fromkeys(self._classes)}
        for block, kind in zip(blocks.modules, self._classes, strict=True):
            # Past the block's own __setattr__: a compiled block hands attributes on to the one inside it.
            object.__setattr__(block, "__class__", bound[kind])

    # -- the plan ----------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan, *, new_step: bool) -> None:
        """Do this from the next forward pass on: freeze and thaw, park and fetch states.

        Args:
            plan: a row for each slot.
            new_step: the next forward pass is the first of its step.
        """
        if new_step:
            self._micro, self._last = -1, len(self._trainable)
        if plan is not self._plan:
            self._plan, self._tables = plan, {}
        for slot, row in enumerate(plan.rows):
            for p in self._trainable[slot]:
                p.requires_grad_(row.trained)
                if not row.trained:
                    p.grad = None
            if row.trained:
                self.parking.attach(slot)
            else:
                self.parking.park(slot)

    def undo(self) -> None:
        """Leave model and optimizers as they were before: classes, gradient flags, states, hooks.

        Raises:
            SlotdeckError: something else has changed the blocks' classes since; nothing is undone then.
        """
        for slot, block in enumerate(self._blocks.modules):
            if getattr(type(block), "_binding", None) is not self:
                raise SlotdeckError(
                    f"unbind: {self._blocks.name(slot)} was wrapped by something else after bind",
                    "unbind in the opposite order of wrapping",
                )
        for slot, (block, kind) in enumerate(zip(self._blocks.modules, self._classes, strict=True)):
            object.__setattr__(block, "__class__", kind)
            for p in self._trainable[slot]:
                p.requires_grad_(True)
            self.parking.attach(slot)
        for hook in self._hooks:
            hook.remove()

    # -- a block is called -------------------------------------------------------------------------------

    def _subclass(self, kind: type[nn.Module]) -> type[nn.Module]:
        """The class of the bound blocks that are of class `kind`: one for all, so compiled code is shared."""
        binding = self

        def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return binding._call(self, kind.__call__, args, kwargs)

        def reduce(self: nn.Module, protocol: Any) -> Any:
            recipe = kind.__reduce_ex__(self, protocol)
            assert isinstance(recipe, tuple), "a module is not pickled by name"
            given = tuple(kind if value is type(self) else value for value in recipe[1])
            # pickle lets __newobj__ make nothing but the object's own class.
            make = object.__new__ if recipe[0] is copyreg.__newobj__ else recipe[0]  # type: ignore[attr-defined]
            return (make, given, *recipe[2:])

        namespace = {
            # A plan changes from step to step, so nothing compiles across it: what compiles is the block.
            "__call__": torch.compiler.disable(call),
            "__reduce_ex__": reduce,
            "__module__": kind.__module__,
            "__qualname__": kind.__qualname__,
            "__doc__": kind.__doc__,
            "_binding": binding,
        }
        return type(kind.__name__, (kind,), namespace)

    def _call(
        self, block: nn.Module, plain: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        slot = self._slot_of[id(block)]
        name = self._blocks.name(slot)
        if not (block.training or self._gates):
            self._has_run(slot)
            return plain(block, *args, **kwargs)
        before = stream_in(args, kwargs, name)
        row = self._row(slot, before) if block.training else ALL_ON
        if row.duty == 0.0:
            if self._structures[slot] is _UNSEEN:
                self._try(slot, block, plain, args, kwargs)
            return gone_by(self._structures[slot], before)
        self._has_run(slot)
        gate = self._gates[slot] if self._gates else None
        if row.subset is None:
            out = plain(block, *args, **kwargs)
            after = self._checked(slot, out, before)
            changed = gated(before, after, gate, row.scale)
            return out if changed is after else with_stream(out, changed)
        passing_args, passing_kwargs = self._arguments.gather(
            args, kwargs, self._names[slot], row.subset, name
        )
        out = plain(block, *passing_args, **passing_kwargs)
        passing = stream_in(passing_args, passing_kwargs, name)
        after = gated(passing, self._checked(slot, out, passing), gate, row.scale)
        dtype = torch.promote_types(before.dtype, after.dtype)
        whole = before.to(dtype).index_copy(self._batch_dim, row.subset, after.to(dtype))
        return with_stream(out, whole)

    def _row(self, slot: int, stream: Tensor) -> BlockPlan:
        """What the slot does in this micro-batch."""
        plan, recomputing = self._plan, torch._C._current_graph_task_id() != -1
        if not recomputing:
            if slot <= self._last:  # the blocks begin anew: another forward pass
                self._micro += 1
            self._last = slot
        batch_size = stream.shape[self._batch_dim]
        row = ALL_ON if plan is None else self._table(plan, batch_size, stream.device)[slot]
        if not recomputing:
            self.sequences_seen += batch_size
            self.sequences_run += round(row.duty * batch_size)
        return row

    def _table(self, plan: Plan, batch_size: int, device: torch.device) -> list[BlockPlan]:
        key = (batch_size, device)
        if key not in self._tables:
            # A batch that cannot be split so, often the last of an epoch, takes the next larger duty it can do.
            possible = possible_duties(batch_size * self._accumulate)
            rows = [replace(row, duty=min(d for d in possible if d >= row.duty)) for row in plan.rows]
            split = replace(plan, rows=tuple(rows))
            self._tables[key] = split.blocks(
                _no_precision, batch_size=batch_size, accumulate=self._accumulate, device=device
            )
        return self._tables[key][self._micro % self._accumulate]

    def _try(
        self,
        slot: int,
        block: nn.Module,
        plain: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Before a block is skipped that never ran: what it returns, from one sequence, once, without a trace."""
        name = self._blocks.name(slot)
        device = stream_in(args, kwargs, name).device
        one = torch.zeros(1, dtype=torch.int64, device=device)
        args, kwargs = self._arguments.gather(args, kwargs, self._names[slot], one, name)
        modes = [(module, module.training) for module in block.modules()]
        try:
            for module, _ in modes:
                module.training = False
            with torch.no_grad():
                self._checked(slot, plain(block, *args, **kwargs), stream_in(args, kwargs, name))
        finally:
            for module, mode in modes:
                module.training = mode

    def _checked(self, slot: int, out: Any, before: Tensor) -> Tensor:
        """The stream that a block returned, of the shape that it was given."""
        after = stream_out(out, self._blocks.name(slot))
        if after.shape != before.shape:
            raise SlotdeckError(
                f"{self._blocks.name(slot)} makes {tuple(after.shape)} of {tuple(before.shape)}",
                "a slot keeps the shape of its input; name other blocks in config, as blocks='PATH'",
            )
        if self._structures[slot] is _UNSEEN:
            self._structures[slot] = structure(out)
        return after

    # -- the optimizer steps -----------------------------------------------------------------------------

    def _has_run(self, slot: int) -> None:
        for ran in self._ran:
            ran.add(slot)

    def _before_step(self, number: int) -> Callable[..., None]:
        """Slots that did not work since the last step have no gradient: nothing decays, no moment ages.

        Loops that zero gradients instead of dropping them would otherwise update them with zeros.
        """

        def forget(optimizer: object, args: object, kwargs: object) -> None:
            del optimizer, args, kwargs
            for slot, parameters in enumerate(self._trainable):
                if slot not in self._ran[number] or not (self._plan is None or self._plan.rows[slot].trained):
                    for p in parameters:
                        p.grad = None
            self._ran[number].clear()

        return forget


_UNSEEN = object()


def _positional(block: nn.Module) -> list[str]:
    """The names of a block's positional arguments, as far as they can be read."""
    inside = block._modules.get("_orig_mod") or block
    try:
        signature = inspect.signature(inside.forward)
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [name for name, parameter in signature.parameters.items() if parameter.kind in kinds]


def _no_precision(name: str) -> torch.dtype:
    raise AssertionError(
        f"a foreign block is not called with a precision, not even {name}: autocast does that"
    )
