"""SlotOptimizer: slots on a training loop and a model of your own. `from slotdeck import SlotOptimizer`.

    slots = SlotOptimizer(num_slots=12, device="cuda", config={"policy": "anneal", "total_steps": 10_000})
    slots.bind(model, optimizer)                            # optional: it then skips, freezes and parks by itself
    plan = slots.get_training_config(epoch, step, metrics)  # before the forward passes of each step
    with plan["precision_context"]:
        loss = model(x, y) + slots.get_regularization_loss()
    slots.update_metrics({"loss": loss.item(), "active_slots": plan["active_slots"]})

The plans are the engine's own: the same policies, planner and holds. A plan follows from the settings, the seed
and the step alone. It never steps the optimizer, never calls backward and never waits for the device.
docs/library.md says what it can and cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from engine.errors import SlotdeckError
from engine.precision.policy import dtype_of
from engine.slots.duty import DUTIES
from engine.slots.library.binding import Binding
from engine.slots.library.blocks import find_blocks
from engine.slots.library.call import Arguments
from engine.slots.library.config import LibraryConfig, read_config, steps_done
from engine.slots.library.fits import batch_dim_of, check_fits, device_of, precision_of
from engine.slots.library.gates import add_to, home_for, make_gates, remove_from
from engine.slots.library.optimizers import check_covers, inner_optimizers
from engine.slots.plan import Plan
from engine.slots.planner import Planner


class SlotOptimizer:
    """Who works at each step of a foreign training loop."""

    def __init__(
        self, num_slots: int, device: torch.device | str, config: Mapping[str, Any] | None = None
    ) -> None:
        """Settings are read and judged here.

        Args:
            num_slots: blocks of the model.
            device: where the model is.
            config: keys of the profile's `[slots]` table and of `LibraryConfig`; empty: every slot on.

        Raises:
            SlotdeckError: an unknown key (the nearest is named), a value out of range, a device or a precision
                that is not to be had here.
        """
        if type(num_slots) is not int or num_slots < 1:
            raise SlotdeckError(f"num_slots = {num_slots!r}", "give the number of blocks, 1 or more")
        self.num_slots = num_slots
        self.device = device_of(device)
        given = config or {}
        self.config = read_config(given)
        self._grain_given = "grain" in given
        self.precision, self.precision_reason = precision_of(self.config.precision, self.device)
        self._planner = self._make_planner(self.config)
        self.gates = make_gates(num_slots, self.device) if self.config.gates else []
        """The residual gates, 0-d fp32 parameters on the device; empty without `gates`."""
        self.metrics: dict[str, Any] = {}
        """The newest value of everything that `update_metrics` was told. Tensors are kept as they are, detached."""
        self._plan: Plan | None = None
        self._step: int | None = None
        self._planned = self._planned_on = 0.0
        self._binding: Binding | None = None
        self._gates_in: torch.optim.Optimizer | None = None

    # -- plans -------------------------------------------------------------------------------------------

    def get_training_config(
        self, epoch: int = 0, step: int = 0, metrics: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The plan of a step, to be asked for before its forward passes. Bound, it is in force from here on.

        Args:
            epoch: counts from 0; used where `steps_per_epoch` is set.
            step: steps done: of the whole run, or of the epoch where `steps_per_epoch` is set.
            metrics: as `update_metrics` takes them; may be None.

        Returns:
            active_slots: numbers of the slots that work, ascending.
            duty: slot -> share of the step's sequences that pass it: 0, 0.25, 0.5, 0.75 or 1.
            trained: slot -> whether its parameters may move.
            precision_context: for the forward passes, `torch.autocast` or, in fp32, nothing; can be entered anew.
            precision: its name. fp16 needs a `GradScaler` of your own.
            step: as the schedule counts it.
            policy, reason: the whole plan in words; `reasons`: slot -> why.

        Raises:
            SlotdeckError: a step that is no whole number, below 0, or beyond its epoch.
        """
        at = steps_done(epoch, step, self.config.steps_per_epoch)
        if metrics is not None:
            self.update_metrics(metrics)
        ends = self.config.total_steps
        planner = self._planner
        if ends and at >= ends:
            planner = planner.copy()
            planner.set_policy("all", {})
        plan = planner.plan(at)
        if planner is not self._planner:
            plan = replace(plan, reason=f"past the {ends} steps of total_steps: {plan.reason}")
        new_step = at != self._step
        self._plan, self._step = plan, at
        if new_step:
            self._planned += self.num_slots
            self._planned_on += plan.active
        if self._binding:
            self._binding.carry_out(plan, new_step=new_step)
        rows = dict(enumerate(plan.rows))
        return {
            "active_slots": [slot for slot, row in rows.items() if row.duty > 0],
            "duty": {slot: row.duty for slot, row in rows.items()},
            "trained": {slot: row.trained for slot, row in rows.items()},
            "precision_context": self._precision_context(),
            "precision": self.precision,
            "step": at,
            "policy": plan.policy,
            "reason": plan.reason,
            "reasons": {slot: row.reason for slot, row in rows.items()},
        }

    def update_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Keep the newest of what the loop measured, any names and values, nan included.

        Today's policies follow from the step alone and read none of it. A tensor is never read, so this does not
        wait for the device.

        Raises:
            SlotdeckError: not a dict.
        """
        if not isinstance(metrics, Mapping):
            raise SlotdeckError(
                f"metrics is a {type(metrics).__name__}", 'give a dict, as {"loss": loss.item()}'
            )
        for name, value in metrics.items():
            self.metrics[name] = value.detach() if isinstance(value, Tensor) else value

    def get_regularization_loss(self) -> Tensor:
        """`gate_l1` times the sum of |gate| over the slots that work and train under the plan: 0-d, on the device.

        Exactly 0, without a graph, when gates are off.
        """
        gates: list[Tensor] = list(self.gates)
        if self._plan:
            gates = [
                g for g, row in zip(gates, self._plan.rows, strict=False) if row.duty > 0 and row.trained
            ]
        if not gates or not self.config.gate_l1:
            return torch.zeros((), device=self.device)
        return self.config.gate_l1 * torch.stack(gates).abs().sum()

    @property
    def block_work(self) -> float:
        """Share of all block work that was done so far: 0.85 means that 15 % was left out. 1 before any step.

        Bound, it is counted from the sequences that really passed; unbound, from the plans.
        """
        if self._binding and self._binding.sequences_seen:
            return self._binding.sequences_run / self._binding.sequences_seen
        return self._planned_on / self._planned if self._planned else 1.0

    # -- the operator's word -----------------------------------------------------------------------------

    def pin(self, slot: int, duty: float = 1.0, trained: bool = True, until: int | None = None) -> None:
        """Keep a slot at a duty, whatever the policy says, from the next plan on.

        Args:
            slot: its number.
            duty: 0, 0.25, 0.5, 0.75 or 1.
            trained: no = forward only: no gradient, its optimizer states leave the device.
            until: over once this many steps are done; None: when released.

        Raises:
            SlotdeckError: no such slot or duty, or no slot would be left on.
        """
        if duty not in DUTIES:
            raise SlotdeckError(f"pin: duty {duty!r}", f"give one of {', '.join(f'{d:g}' for d in DUTIES)}")
        self._planner.pin(self._resolve(slot), duty, bool(trained), _until(until))

    def ban(self, slot: int, until: int | None = None) -> None:
        """Keep a slot off, from the next plan on.

        Raises:
            SlotdeckError: no such slot, or no slot would be left on.
        """
        self._planner.ban(self._resolve(slot), _until(until))

    def release(self, slot: int) -> None:
        """Give a slot back to the policy.

        Raises:
            SlotdeckError: no such slot, or nobody holds it.
        """
        self._planner.release(self._resolve(slot))

    # -- a model that carries the plans out by itself ----------------------------------------------------

    def bind(
        self, model: nn.Module, optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer]
    ) -> None:
        """Have the model skip, share, gate and freeze its blocks, and the optimizer's states parked, by plan.

        Before the learning-rate scheduler where gates are on: their parameter group joins the optimizer here.

        Args:
            model: its blocks in a `ModuleList` or `Sequential`, each keeping the shape of its input. Wrapped in
                DDP or the like, it is looked through.
            optimizer: made from the whole model; or several, where each has a part.

        Raises:
            SlotdeckError: the blocks cannot be told, share parameters or are hidden by compilation; the optimizer
                lacks some of their parameters; or something is bound already. Nothing is changed then.
        """
        if self._binding:
            raise SlotdeckError("bind: a model is bound already", "call unbind() first")
        blocks = find_blocks(model, self.num_slots, self.config.blocks)
        optimizers = inner_optimizers(optimizer)
        check_covers(optimizers, blocks)
        check_fits(model, blocks, self.device, gates=bool(self.gates))
        if self.gates:
            home = home_for(optimizers)
            add_to(home, self.gates)
            self._gates_in = home
        dim = batch_dim_of(blocks, self.config.batch_dim)
        self._binding = Binding(
            blocks, optimizers, self.gates, self.config.accumulate, Arguments(dim, self.config.args), dim
        )
        self._set_grain()

    def unbind(self) -> None:
        """Leave model and optimizers as `bind` found them; the plans go on without them.

        Raises:
            SlotdeckError: nothing is bound, or the blocks were wrapped by something else since.
        """
        if not self._binding:
            raise SlotdeckError("unbind: nothing is bound", "call bind(model, optimizer) first")
        self._binding.undo()
        if self._gates_in:
            remove_from(self._gates_in, self.gates)
        self._binding = self._gates_in = None
        self._set_grain()

    def state_bytes(self) -> dict[str, list[int]]:
        """Bytes of optimizer states by slot, `attached` beside the parameters and `parked` in host memory.

        Raises:
            SlotdeckError: nothing is bound.
        """
        if not self._binding:
            raise SlotdeckError("state_bytes: nothing is bound", "call bind(model, optimizer) first")
        parking, slots = self._binding.parking, range(self.num_slots)
        return {
            "attached": [parking.attached_bytes(slot) for slot in slots],
            "parked": [parking.parked_bytes(slot) for slot in slots],
        }

    # -- checkpoints -------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs to draw the same plans again: plain values, and the gates as tensors."""
        slots = {name: getattr(self.config, name) for name in ("seed", "scale", "keep_first", "keep_last")}
        return {
            "num_slots": self.num_slots,
            "slots": slots,
            "planner": self._planner.state(),
            "gates": [gate.detach().clone() for gate in self.gates],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with saved settings, holds and gates, before or after `bind`.

        `total_steps`, `precision` and what else belongs to the loop stay as they were given here.

        Raises:
            SlotdeckError: it was saved with another number of slots, with gates and here are none (or the other
                way round), or it is no such state; nothing has changed then.
        """
        try:
            num_slots, gates = state["num_slots"], list(state["gates"])
            config = msgspec.structs.replace(self.config, **state["slots"])
            planner = self._make_planner(config)
            if num_slots == self.num_slots:
                planner.load_state(state["planner"])
        except (KeyError, TypeError, AttributeError) as error:
            raise SlotdeckError(
                f"this is no state of a SlotOptimizer ({error})", "give what state_dict() returned"
            ) from None
        if num_slots != self.num_slots:
            raise SlotdeckError(
                f"the state is of {num_slots} slots, and num_slots is {self.num_slots}",
                f"make the SlotOptimizer with num_slots={num_slots}",
            )
        if len(gates) != len(self.gates):
            raise SlotdeckError(
                f"the state has {len(gates)} gates, and here are {len(self.gates)}",
                f"give gates={bool(gates)} in config",
            )
        self.config, self._planner = config, planner
        self._set_grain()
        with torch.no_grad():
            for gate, saved in zip(self.gates, gates, strict=True):
                gate.copy_(saved)

    # -- inside ------------------------------------------------------------------------------------------

    def _make_planner(self, config: LibraryConfig) -> Planner:
        names = [f"block.{slot}" for slot in range(self.num_slots)]
        planner = Planner(config, self.num_slots, names, config.total_steps)
        if config.batch_size:
            planner.set_window(config.batch_size * config.accumulate)
        if not self._grain_given:
            planner.policy = replace(planner.policy, grain="slot")
        return planner

    def _set_grain(self) -> None:
        """Unless it was given: sequences where bound, whole slots in a loop that does its own skipping."""
        if not self._grain_given:
            grain = "sequence" if self._binding else "slot"
            self._planner.policy = replace(self._planner.policy, grain=grain)

    def _resolve(self, slot: int) -> int:
        if type(slot) is not int or not 0 <= slot < self.num_slots:
            raise SlotdeckError(f"no slot {slot!r}", f"give a number from 0 to {self.num_slots - 1}")
        return slot

    def _precision_context(self) -> AbstractContextManager[Any]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=dtype_of(self.precision))


def _until(until: int | None) -> int | None:
    if until is None or type(until) is int:
        return until
    raise SlotdeckError(f"until {until!r} is not a step", "give a whole number of steps done, or None")
