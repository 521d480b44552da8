"""Rollback: the run goes on from one of its checkpoints, in this process, on a new branch.

    judged      the checkpoint is verified byte by byte and read into memory; what would be left is saved and held
    told        CommandApplied, then WentBack, both durable
    in effect   every part of the run takes the checkpoint's state

What comes next is bit for bit what a resume from that checkpoint would do. Everything goes back: weights, optimizer
states, generators, the place in the data, the loss scale, learning rate, policy, holds, precision, micro-batch,
recomputation, guards, pruned slots. Commands given after the checkpoint are undone with the rest and are not repeated,
neither now nor after a kill: the operator went back to before them. The log position and the revision go on.

Killed before WentBack is in the log, the run has not gone back, and a command that was accepted is carried out by the
next engine; killed after it, a resume begins at this checkpoint. Called by `engine.train.verbs.apply` for the verb
and, with `go_back`, by the engine itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from engine.checkpoint.find import find, place_of, sealed
from engine.checkpoint.load import Loaded, load_one, quarantine
from engine.checkpoint.manifest import Damaged, verify
from engine.errors import SlotdeckError
from engine.models.slotted import SlottedModel
from engine.protocol.events import LogLine, WentBack
from engine.shrink.slots import prune_to
from engine.train import snapshot
from engine.train.fitting.threads import settle_threads
from engine.train.guards.loss import LossGuard
from engine.train.saving import save
from engine.train.schedule import LrControl
from engine.train.verbs.change import Change, Refused
from engine.train.verbs.healing import forget_without_way_back
from engine.units import counted

if TYPE_CHECKING:
    from engine.train.run import Run

LEFT = "before the rollback"
"""The reason of the save of what is left."""
T = TypeVar("T")


def plan_rollback(run: Run, to: str, command_id: str) -> Change:
    """The verb: what going back would change. What is left is saved by then.

    Args:
        to: a checkpoint's name, a step, `best`, or empty: the newest before this step.

    Raises:
        Refused: there is no such checkpoint, it is damaged or of other data, or what is left cannot be saved.
    """
    loaded = read_back(run, find_checkpoint(run, to))
    left = save_what_is_left(run, loaded.name)
    branch = run.branches.current + 1
    return Change(
        before=f"step {run.step} on branch {run.branch}, {left}",
        after=f"{loaded.name} on branch {branch}; {_settings(run, loaded.state)}",
        effect=lambda: _turn(run, loaded, "asked by the operator", command_id),
        cost=f"{_undone(run, loaded)}; commands given after it are undone and not repeated",
    )


def go_back(run: Run, name: str, reason: str, command_id: str = "") -> None:
    """At once, at this boundary, for the engine itself: to the checkpoint of that folder name.

    Raises:
        Refused: as for `plan_rollback`; nothing has changed.
    """
    loaded = read_back(run, name)
    save_what_is_left(run, loaded.name)
    _turn(run, loaded, reason, command_id)


def find_checkpoint(run: Run, wanted: str) -> str:
    """The folder name that is meant; see `engine.checkpoint.find`.

    Raises:
        Refused: there is none.
    """
    run.writer.drain()  # the newest may be on its way to the disk
    try:
        return find(run.writer.root, wanted, run.branches, before=run.step)
    except SlotdeckError as error:
        raise Refused("no-checkpoint", error.message, error.remedy) from None


def read_back(run: Run, name: str) -> Loaded:
    """A checkpoint in host memory, found to fit this run; the run is not touched.

    Raises:
        Refused: it is damaged, and then set aside, with the next good one named; or it does not fit.
    """
    folder = run.writer.root / name
    model, names = run.model, run.model.slot_names
    prefixes = {slot: model.prefix_of(i) for i, slot in enumerate(names)}
    try:
        loaded = load_one(
            folder,
            _whole(model, model.state_dict()),
            _whole(model, run.optimizer.state_shapes()),
            prefixes,
        )
        _check_fits(run, loaded)
    except Damaged as error:
        quarantine(folder)
        message = f"{name} is damaged and set aside: {error}"
        run.alarm("error", "checkpoint-quarantined", message)
        raise Refused("damaged-checkpoint", message, _next_good(run)) from None
    except SlotdeckError as error:
        if isinstance(error, Refused):
            raise
        raise Refused("other-checkpoint", error.message, error.remedy) from None
    return loaded


def save_what_is_left(run: Run, spared: str) -> str:
    """Seal the run as it stands, held, and say so in a word or two; `spared` is not deleted for it.

    Raises:
        Refused: it cannot be saved, so going back would lose it.
    """
    run.report()
    if run.loss_guard.stuck:
        return "not saved: its last steps had no finite loss"
    save(run, LEFT, "", held=True, spared=(spared,))
    run.writer.drain()
    if run.save_error is not None:
        raise Refused(
            "not-saved",
            f"what would be left cannot be saved: {run.save_error.message}",
            run.save_error.remedy,
        )
    return "saved and held"


def _turn(run: Run, loaded: Loaded, reason: str, command_id: str) -> None:
    """Log the new branch; then everything is as it was."""
    started = time.perf_counter()
    branch, place = run.branches.current + 1, place_of(loaded.manifest)
    logged = run.log.commit(
        WentBack(
            step=place.step,
            branch=branch,
            from_step=run.step,
            checkpoint=place.name,
            reason=reason,
            command_id=command_id,
            of_branch=place.branch,
            rev=loaded.state["rev"],
        ),
        durable=True,
    )
    if not logged:
        # A resume would not know of it and mix what was left with what came after.
        run.alarm(
            "error", "not-back", "the log cannot be written, so the run did not go back", "free some space"
        )
        return
    run.branches.turn(branch, place)
    _restore(run, loaded)
    run.branch = branch
    run.meter.outside(time.perf_counter() - started)


def _restore(run: Run, loaded: Loaded) -> None:
    state, rev = loaded.state, run.rev
    prune_to(run.model, run.optimizer, run.planner, state.get("pruned", []))
    run.loader.load_state(state["loader"])
    run.planner.load_state(state["planner"])
    run.model.load_state_dict(loaded.model)
    run.optimizer.load_state_tensors(loaded.optimizer)
    run.to_repeat = []
    run.save_error = None
    run.plan = None  # told anew, and the states of what it does not train are parked
    run.loss_guard = LossGuard()
    run.spikes.restart()
    run.spikes.forgive()
    settle_threads(run, state["threads"])
    if not snapshot.knows_batch(run, state) and run.profile.train.batch == "given":
        run.set_batch(run.profile.train.batch_size)
        run.set_recompute(min(run.profile.train.recompute, len(run.model.slot_names)))
    snapshot.restore(run, state)
    forget_without_way_back(run)
    run.rev = rev
    compiled = run.compilation is not None and run.compilation.on
    if compiled != state.get("compiled", False):
        text = f"{loaded.name} was trained {'eagerly' if compiled else 'compiled'}, which rounds differently"
        run.log.emit(LogLine(level="warning", text=text))


def _check_fits(run: Run, loaded: Loaded) -> None:
    """Everything that could fail once the run is touched, tried on copies."""
    state = loaded.state
    if state["step"] >= run.total_steps:
        raise Refused(
            "wrong-state",
            f"{loaded.name} is at the end: step {state['step']} of {run.total_steps}",
            f"take an earlier one, or begin a run at it: fork {loaded.name} train.steps=N",
        )
    if state["vocab_hash"] != run.vocab_hash:
        raise SlotdeckError(
            f"{loaded.name} was trained on another vocabulary", "take a later checkpoint, of this data"
        )
    here = run.loader.state()
    for key in ("num_tokens", "seq_len"):
        if state["loader"][key] != here[key]:
            raise SlotdeckError(
                f"{loaded.name} read data with {key} {state['loader'][key]:,}, and now it is {here[key]:,}",
                "take a later checkpoint, of this data",
            )
    trial = run.planner.copy()
    trial.prune_to([i for i, name in enumerate(run.model.slot_names) if name in state.get("pruned", [])])
    trial.load_state(state["planner"])


def _whole(model: SlottedModel, named: Mapping[str, T]) -> dict[str, T]:
    """What the model would have with no slot pruned: those that are gone look like their neighbours."""
    pattern = model.prefix_of(model.remaining[0])
    rest = {name.removeprefix(pattern): part for name, part in named.items() if name.startswith(pattern)}
    back = {f"{model.prefix_of(i)}{name}": part for i in model.pruned for name, part in rest.items()}
    return {**named, **back}


def _next_good(run: Run) -> str:
    """The remedy: the newest sound one on the way, whatever is wrong with the others."""
    for manifest in reversed(sealed(run.writer.root)):
        if manifest.step >= run.step or not run.branches.hold(place_of(manifest)):
            continue
        try:
            verify(run.writer.root / manifest.name)
        except Damaged:
            continue  # set aside when it is asked for
        return f"the next good one is {manifest.name}: rollback {manifest.name}"
    return "no good one is left before this step; the run goes on as it is"


def _undone(run: Run, loaded: Loaded) -> str:
    steps = run.step - loaded.manifest.step
    if steps > 0:
        return f"{counted(steps, 'step')} {'is' if steps == 1 else 'are'} left on branch {run.branch}"
    return f"branch {run.branch} is left"


def _settings(run: Run, state: dict[str, Any]) -> str:
    """What the operator set and what goes back with the rest: `as it was then, lr x0.5 -> schedule`."""
    names = run.model.slot_names
    gone = [i for i, name in enumerate(names) if name in state.get("pruned", [])]
    trial = run.planner.copy()
    trial.prune_to(gone)
    trial.load_state(state["planner"])
    then = state["batch"] if snapshot.knows_batch(run, state) else {}
    pairs = [
        ("lr", run.lr_control.text, LrControl.parse(state["lr"]).text),
        ("precision", run.precision, state["precision"]),
        ("batch", str(run.batch_size), str(then.get("size", run.batch_size))),
        ("recompute", str(run.recompute), str(then.get("recompute", run.recompute))),
        ("policy", run.planner.describe(), trial.describe()),
    ]
    for i, name in enumerate(names):
        now = "pruned" if i in run.model.pruned else run.planner.describe_hold(i, run.step)
        pairs.append((name, now, "pruned" if i in gone else trial.describe_hold(i, state["step"])))
    changed = [f"{what} {now} -> {old}" for what, now, old in pairs if now != old]
    return f"as it was then{': ' * bool(changed)}{', '.join(changed)}"
