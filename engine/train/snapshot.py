"""Everything a checkpoint holds besides tensors, so that a resumed run goes on as if it had not stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from engine.checkpoint import rng
from engine.protocol.events import LogLine
from engine.train.schedule import LrControl
from engine.train.verbs.healing import Healing

if TYPE_CHECKING:
    from engine.train.run import Run


def capture(run: Run) -> dict[str, Any]:
    """Plain values, for `state.msgpack`."""
    return {
        "step": run.step,
        "branch": run.branch,
        "tokens": run.tokens,
        "rev": run.rev,
        "to_repeat": [(again.client_id, again.command_id) for _, again in run.to_repeat],
        "precision": run.precision,
        "batch": {"size": run.batch_size, "accumulate": run.accumulate, "recompute": run.recompute},
        "batch_given": _batch_given(run) if run.batch_settled else None,
        "lr": run.lr_control.text,
        "threads": torch.get_num_threads(),
        "compiled": run.compilation is not None and run.compilation.on,
        "vocab_hash": run.vocab_hash,
        "loss_ema": run.meter.loss_ema,
        "ema_weight": run.meter.ema_weight,
        "seconds_per_step": run.meter.seconds_per_step,
        "best_val_loss": run.best_val_loss,
        "last_val_loss": run.last_val_loss,
        "last_evaluated": run.last_evaluated,
        "pruned": [run.model.slot_names[i] for i in run.model.pruned],
        "healing": run.healing.state() if run.healing else None,
        "loader": run.loader.state(),
        "planner": run.planner.state(),
        "scaling": run.scaling.state_dict(),
        "spikes": run.spikes.state(),
        "rng": rng.capture(run.device),
    }


def restore(run: Run, state: dict[str, Any]) -> None:
    """Put the rest back, once `engine.train.resume` has loaded tensors, loader and planner.

    The random generators last, so that nothing draws from them afterwards.
    """
    run.step = state["step"]
    run.branch = state["branch"]
    run.tokens = state["tokens"]
    run.rev = state["rev"]
    run.precision = state["precision"]
    if knows_batch(run, state):
        run.set_batch(state["batch"]["size"])
        run.set_recompute(state["batch"]["recompute"])
    run.lr_control = LrControl.parse(state["lr"])
    run.meter.loss_ema = state["loss_ema"]
    run.meter.ema_weight = state["ema_weight"]
    run.meter.pace.before = state["seconds_per_step"]
    run.best_val_loss = state["best_val_loss"]
    run.last_val_loss = state["last_val_loss"]
    run.last_evaluated = state["last_evaluated"]
    run.last_saved = run.step
    run.healing = Healing(**healing) if (healing := state.get("healing")) else None
    run.scaling.load_state_dict(state["scaling"])
    if "spikes" in state:
        run.spikes.load_state(state["spikes"])
    if not rng.restore(state["rng"], run.device):
        before, now = state["rng"]["device"]["type"], run.device.type
        anew = ", and dropout draws anew" if run.profile.model.dropout else ""
        text = f"trained on {before} so far and on {now} from here on, which rounds differently{anew}"
        run.log.emit(LogLine(level="warning", text=f"{text}; train.device={before} would go on bit for bit"))


def knows_batch(run: Run, state: dict[str, Any]) -> bool:
    """Whether the saved micro-batch still counts: not if the profile was changed since."""
    return bool(state.get("batch_given") == _batch_given(run))


def _batch_given(run: Run) -> list[Any]:
    """What the profile says of micro-batch and recomputation."""
    train = run.profile.train
    return [train.batch_size, train.accumulate, train.batch, train.memory_gib, train.recompute]
