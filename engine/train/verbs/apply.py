"""What each verb does to the run. Called by the loop at a step boundary, and nowhere else.

`plan_change` judges a command against the run as it stands and says what it would change; nothing has
happened yet. The loop logs that as applied, and only then calls the effect. A refused command has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import SlotdeckError
from engine.precision.policy import resolve
from engine.protocol import commands as c
from engine.protocol.commands import verb_of
from engine.slots.holds import parse_until
from engine.slots.planner import Planner
from engine.train import judge
from engine.train.fitting import compiling
from engine.train.fitting.fit import GivenUp, divisors, find_batch
from engine.train.schedule import LrControl
from engine.train.verbs.change import Change, Refused
from engine.train.verbs.export import plan_export
from engine.train.verbs.fork import plan_fork
from engine.train.verbs.probe import plan_probe
from engine.train.verbs.prune import plan_prune
from engine.train.verbs.rollback import plan_rollback
from engine.units import format_count

if TYPE_CHECKING:
    from engine.train.run import Run


def plan_change(run: Run, command: c.Command, command_id: str) -> Change:
    """What `command` would change now.

    Raises:
        Refused: the run's state does not allow it.
        SlotdeckError: a value is wrong (unknown slot, an option out of range).
    """
    match command:
        case c.Pause():
            return _pause(run)
        case c.Resume():
            return _resume(run)
        case c.Step(n=n):
            return _step(run, n)
        case c.Stop(save=save):
            after = "stopped, checkpoint saved" if save else "stopped, nothing saved"
            return Change(run.state, after, lambda: run.stop(save, "stopped by the operator"))
        case c.Checkpoint():
            return _checkpoint(run, command_id)
        case c.Rollback(to=to):
            return plan_rollback(run, to, command_id)
        case c.Fork(at=at, settings=settings):
            return plan_fork(run, at, settings, command_id)
        case c.Prune():
            return plan_prune(run, command, command_id)
        case c.Export(format=format_, at=at):
            return plan_export(run, format_, at, command_id)
        case c.Lr(value=value):
            return _lr(run, value)
        case c.Precision(value=value, slot=slot):
            return _precision(run, value, slot)
        case c.Batch(value=value):
            return _batch(run, value)
        case c.Recompute(n=n):
            return _recompute(run, n)
        case c.Policy(name=name, options=options):
            return _policy(run, name, options)
        case c.Pin() | c.Ban() | c.Release():
            return _hold(run, command)
        case c.Evaluate():
            tokens = run.validation.num_tokens
            cost = f"one pass over {format_count(tokens)} validation tokens"
            return Change("", "evaluating", lambda: judge.evaluate(run, command_id), cost)
        case c.Probe():
            return plan_probe(run, command_id)
        case c.Sample(prompt=prompt):
            return _sample(run, prompt or run.profile.sample.prompt, command_id)
        case c.Note(text=text):
            return Change("", text, lambda: None)
        case _:
            raise AssertionError(f"{verb_of(command)} has no case here")


def _pause(run: Run) -> Change:
    if run.state == "paused":
        raise Refused("wrong-state", "the run is paused already", "resume or step it")
    return Change(run.state, "paused", lambda: run.pause("paused by the operator"))


def _resume(run: Run) -> Change:
    if run.state != "paused" and run.steps_left is None:
        raise Refused("wrong-state", f"the run is {run.state}, not paused")
    before = run.state if run.steps_left is None else f"running, {run.steps_left} steps to a pause"
    return Change(before, "running", lambda: run.go("resumed by the operator"))


def _step(run: Run, n: int) -> Change:
    end = run.step + n
    after = (
        f"paused after step {end}" if end < run.total_steps else f"runs to its end, step {run.total_steps}"
    )
    return Change(run.state, after, lambda: run.go(f"stepping {n}", steps=n))


def _sample(run: Run, prompt: str, command_id: str) -> Change:
    if run.tokenizer is None:
        raise Refused(
            "no-tokenizer",
            f"no tokenizer.json in {run.profile.data.dir}, so no text can be drawn",
            "put the tokenizer of the shards there, then resume the run",
        )
    return Change("", "sampling", lambda: judge.sample(run, prompt, command_id))


def _checkpoint(run: Run, command_id: str) -> Change:
    cost = "a copy of weights and states in memory, then a write beside the training"
    return Change(
        "", f"step-{run.step:08d}", lambda: run.save("asked by the operator", command_id, held=True), cost
    )


def _lr(run: Run, value: str) -> Change:
    new = LrControl.parse(value)
    scheduled = run.scheduled_lr()

    def effect() -> None:
        run.lr_control = new

    return Change(run.lr_control.describe(scheduled), new.describe(scheduled), effect)


def _precision(run: Run, value: str, slot: str) -> Change:
    name, _ = resolve(value, run.device)
    if name == "fp16" and run.profile.train.lean:
        raise SlotdeckError(
            "lean mode cannot scale the loss as fp16 needs it: gradients are used at once",
            "choose bf16 or fp32",
        )
    if slot:
        return _slot_precision(run, name, slot)

    def effect() -> None:
        run.set_precision(name)

    cost = compiling.cost(run, precision=name) or "the first step may be slower"
    return Change(run.precision, name, effect, cost)


def _slot_precision(run: Run, name: str, slot: str) -> Change:
    planner = run.planner
    index = planner.resolve_slot(slot)
    before = planner.precision_of(index) or f"{run.precision} (the run's)"
    return Change(
        f"{planner.slot_names[index]} {before}",
        name,
        lambda: planner.set_precision(index, name),
        compiling.cost(run, slot_precision=name) or "the first step may be slower",
    )


def _batch(run: Run, value: str) -> Change:
    sequences = run.sequences
    if value == "auto":
        try:
            size = find_batch(run).batch_size
        except GivenUp:
            raise Refused("wrong-state", "a signal cut the measuring short", "ask again") from None
    else:
        size = int(value)
    if sequences % size:
        near = divisors(sequences)
        below, above = [max(d for d in near if d < size)], [d for d in near if d > size][:1]
        raise SlotdeckError(
            f"{size} does not divide the step's {sequences} sequences",
            f"give {' or '.join(str(d) for d in below + above)}, or auto",
        )
    if run.profile.train.lean and size != sequences:
        raise SlotdeckError(
            f"lean mode takes a step's {sequences} sequences in one micro-batch",
            "start a run with train.lean=false to cut it",
        )
    cost = f"activations x{size / run.batch_size:.2g}, the same {sequences} sequences a step"
    if size != run.batch_size:
        cost += f"; {compiling.cost(run, batch_size=size) or 'the first step may be slower'}"
    before, after = f"{run.batch_size} x {run.accumulate}", f"{size} x {sequences // size}"
    return Change(before, after, lambda: run.set_batch(size), cost)


def _recompute(run: Run, n: int) -> Change:
    blocks = len(run.model.remaining)
    count = min(n, blocks)
    # A block's forward pass is a third of its work, backward the other two.
    more = 100 * count / blocks / 3
    cost = f"activations of {blocks - count} of {blocks} blocks are kept; {more:.0f} % more block work than with 0"
    return Change(
        f"{run.recompute} of {blocks} blocks",
        f"{count} of {blocks} blocks",
        lambda: run.set_recompute(count),
        cost,
    )


def _policy(run: Run, name: str, options: dict[str, float]) -> Change:
    before = run.planner.describe()
    trial = run.planner.copy()
    trial.set_policy(name, options)
    return Change(before, trial.describe(), lambda: run.planner.set_policy(name, options))


def _hold(run: Run, command: c.Pin | c.Ban | c.Release) -> Change:
    index = run.planner.resolve_slot(command.slot)
    # "+200" counts from the boundary it is applied at, not from when it was typed.
    until = None if isinstance(command, c.Release) else parse_until(command.until, run.step)

    def hold(planner: Planner) -> None:
        match command:
            case c.Pin(duty=duty, trained=trained):
                planner.pin(index, duty, trained, until)
            case c.Ban():
                planner.ban(index, until)
            case c.Release():
                planner.release(index)

    trial = run.planner.copy()
    hold(trial)
    before = run.planner.describe_hold(index, run.step)
    return Change(before, trial.describe_hold(index), lambda: hold(run.planner))
