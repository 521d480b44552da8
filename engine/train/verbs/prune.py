"""Prune: slots leave the model for good, after a trial, and come back if the model does not get over it.

    prune block.3 | amount=N      a trial in a child, on a checkpoint, while training goes on; its forecast is told
    prune block.3 trial=no        journaled by the engine when the trial is done, or given by hand: takes effect at once
        before                    the validation loss is measured and a checkpoint sealed, held: the way back
        in effect                 model, optimizer and plans lose the slots; states of the others are kept
    prune.heal_steps later        the validation loss is measured again: worse than prune.tolerance allows, and the
                                  run goes back to the checkpoint before the prune, by itself

Only `trial=no` shapes the training, so only that is repeated on a resume and by a rerun, at its step. The judgement
that is still to come is part of the run's state: a checkpoint holds it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.control.mailbox import NOT_LOGGED, Accepted
from engine.errors import SlotdeckError
from engine.jobs.order import Answer, PruneTrial, number
from engine.protocol import commands as c
from engine.protocol.events import LogLine, Pruned
from engine.shrink.slots import prune_to, size_without
from engine.train import judge
from engine.train.build import program_version
from engine.train.verbs.asked import accept
from engine.train.verbs.change import Change, Refused
from engine.train.verbs.healing import Healing
from engine.train.verbs.jobs import Job, Told
from engine.train.verbs.rollback import go_back
from engine.units import counted, format_bytes, format_count, format_figure

if TYPE_CHECKING:
    from engine.train.run import Run

TASK = "prune-trial"
BEFORE = "before the prune"
"""The reason of the save that a prune is undone with."""
ENGINE = "engine"
"""The client id of what the engine asks of itself."""


def plan_prune(run: Run, command: c.Prune, command_id: str) -> Change:
    """What the verb would change, or the trial that it would begin.

    Raises:
        Refused: a prune is still being judged, another job is at work, or the way back cannot be saved.
        SlotdeckError: no such slots, or none would be left.
    """
    if run.healing is not None:
        raise Refused(
            "healing",
            f"the prune of {', '.join(run.healing.slots)} is judged after step {run.healing.judge_at}",
            "prune again after that, or roll back",
        )
    slots = _slots(run, command)
    if command.trial:
        return _trial(run, command, slots, command_id)
    if command.dry_run:
        raise SlotdeckError("a dry run is the trial, so there is none with trial=no", "leave trial=no out")
    if not slots:
        raise SlotdeckError(
            "amount=N needs the trial, which finds the slots", "name them, or leave trial=no out"
        )
    return _for_good(run, slots, command_id)


def judge_healed(run: Run) -> bool:
    """Judge a prune whose time has come: it stays, or the run goes back to before it. True: it went back."""
    healing = run.healing
    if healing is None or run.step < min(healing.judge_at, run.total_steps):
        return False
    if run.last_evaluated != run.step:
        judge.evaluate(run)
    if run.last_evaluated != run.step or run.last_val_loss is None:
        return False  # cut short by a signal: the next engine judges it
    loss, limit = run.last_val_loss, healing.loss_before * (1 + healing.tolerance)
    names, params = ", ".join(healing.slots), size_without(run.model, run.optimizer).params
    change = (
        f"validation loss {healing.loss_before:.4f} -> {loss:.4f} ({loss / healing.loss_before - 1:+.1%})"
    )
    run.healing = None
    if loss <= limit:
        run.log.commit(LogLine(level="info", text=f"the prune of {names} stays: {change} when it had healed"))
        return False
    reason = f"the prune of {names} is undone: {change}, and {healing.tolerance:.1%} is allowed"
    branch = run.branch
    try:
        go_back(run, healing.checkpoint, reason, healing.command_id)
    except Refused as error:
        run.alarm("error", "prune-not-undone", f"{reason}, but {error.message}", error.remedy)
        return False
    if run.branch == branch:
        return False  # the log is full, which go_back has said
    run.log.commit(
        Pruned(
            step=run.step,
            branch=run.branch,
            slots=healing.slots,
            params_before=params,
            params_after=size_without(run.model, run.optimizer).params,
            loss_before=healing.loss_before,
            loss_after=loss,
            undone=True,
            reason=reason,
            command_id=healing.command_id,
        )
    )
    run.alarm("warning", "prune-undone", reason, "prune fewer slots, or raise prune.tolerance")
    return True


# -- the trial -------------------------------------------------------------------------------------------


def _slots(run: Run, command: c.Prune) -> list[int]:
    """The slots named, ascending; empty where the trial finds them."""
    planner = run.planner
    if not command.slots:
        count = len(planner.remaining)
        if command.amount >= count:
            raise SlotdeckError(
                f"{command.amount} of {count} slots cannot be pruned, one must remain",
                f"give amount=1 to {count - 1}" if count > 1 else "the last slot stays",
            )
        return []
    slots = sorted({planner.resolve_slot(word) for word in command.slots.split(",")})
    planner.check_prune(slots)
    return slots


def _trial(run: Run, command: c.Prune, slots: list[int], command_id: str) -> Change:
    job_id, branch = run.jobs.next_id(), run.branch
    names = [run.model.slot_names[i] for i in slots]

    def order(checkpoint: str) -> PruneTrial:
        return PruneTrial(
            job=job_id,
            run_dir=str(run.run_dir),
            checkpoint=checkpoint,
            parent_pid=os.getpid(),
            version=program_version(),
            slots=names,
            amount=command.amount,
            probe_tokens=run.profile.prune.probe_tokens,
            batch_size=run.batch_size,
            device=run.device.type,
            precision=run.precision,
        )

    def done(answer: Answer) -> Told:
        if run.branch != branch:
            raise SlotdeckError("the run went back meanwhile, so nothing is pruned", "ask again")
        if not math.isfinite(number(answer.result["loss_after"])):
            raise SlotdeckError("the loss without the slots is not finite, so nothing is pruned")
        return _forecast(run, answer)

    def afterwards(answer: Answer) -> None:
        if not command.dry_run:
            _ask_itself(run, c.Prune(slots=str(answer.result["slots"]), trial=False), command_id)

    job = Job(job_id, TASK, command_id, order, done, afterwards)
    what = (
        ", ".join(names)
        if names
        else f"the {command.amount} least useful of {len(run.planner.remaining)} slots"
    )
    then = "nothing is changed" if command.dry_run else "then they are pruned"
    return Change(
        "",
        f"{job_id} tries the model without {what}; {then}",
        lambda: run.jobs.begin(job, f"tries the model without {what}"),
        "a process of its own at the lowest priority; training goes on",
    )


def _forecast(run: Run, answer: Answer) -> Told:
    """What the trial found and what it means for this run."""
    found = answer.result
    names = str(found["slots"]).split(",")
    gone = [run.model.slot_names.index(name) for name in names]
    whole, rest = size_without(run.model, run.optimizer), size_without(run.model, run.optimizer, gone)
    before, after = number(found["loss_before"]), number(found["loss_after"])
    bytes_ = [size.weight_bytes + size.state_bytes for size in (whole, rest)]
    figures = {
        **found,
        "params_before": whole.params,
        "params_after": rest.params,
        "bytes_before": bytes_[0],
        "bytes_after": bytes_[1],
    }
    text = (
        f"without {', '.join(names)}: validation loss {before:.4f} -> {after:.4f} ({after / before - 1:+.1%}), "
        f"{format_count(whole.params)} -> {format_count(rest.params)} parameters, "
        f"{format_bytes(bytes_[0])} -> {format_bytes(bytes_[1])} of weights and states"
    )
    if run.meter.seconds_per_step:
        ms = 1e3 * run.meter.seconds_per_step
        ms_after = ms * number(found["time_share"])
        figures |= {"ms_before": ms, "ms_after": ms_after}
        text += f", {format_figure(ms)} -> {format_figure(ms_after)} ms a step"
    return text, figures


def _ask_itself(run: Run, command: c.Prune, command_id: str) -> None:
    """A command of the engine's own, durable like any other before it is applied."""
    asked = Accepted(command_id, ENGINE, ENGINE, command, NOT_LOGGED)
    seq = accept(run.log, asked)
    if not seq:
        text = "the log cannot be written, so nothing is pruned"
        run.alarm("error", "not-pruned", text, "free some space, then prune again")
        return
    run.mailbox.put(replace(asked, seq=seq))


# -- for good --------------------------------------------------------------------------------------------


def _for_good(run: Run, slots: Sequence[int], command_id: str) -> Change:
    """Judged: the loss before it is known and the way back is on the disk, before anything is said to be applied."""
    if run.last_evaluated != run.step:
        judge.evaluate(run)
    if run.last_evaluated != run.step or run.last_val_loss is None or not math.isfinite(run.last_val_loss):
        raise Refused(
            "not-judged", "the validation loss before the prune could not be measured", "ask again later"
        )
    run.save(BEFORE, command_id, held=True)
    run.writer.drain()
    if run.save_error is not None or run.sealed is None:
        failed = run.save_error
        raise Refused(
            "not-saved",
            f"the way back cannot be saved: {failed.message}" if failed else "the way back cannot be saved",
            failed.remedy if failed else "",
        )
    names = [run.model.slot_names[i] for i in slots]
    before = size_without(run.model, run.optimizer).params
    healing = Healing(
        slots=names,
        checkpoint=run.sealed.name,
        loss_before=run.last_val_loss,
        tolerance=run.profile.prune.tolerance,
        judge_at=run.step + run.profile.prune.heal_steps,
        params_before=before,
        command_id=command_id,
    )
    left = len(run.model.remaining) - len(slots)
    return Change(
        f"{counted(len(run.model.remaining), 'slot')}, {format_count(before)} parameters",
        f"{counted(left, 'slot')} without {', '.join(names)}; judged after step {healing.judge_at}",
        lambda: _take_out(run, slots, healing),
        f"undone beyond {healing.tolerance:.1%} of the validation loss {healing.loss_before:.4f}; "
        f"{healing.checkpoint} is the way back",
    )


def _take_out(run: Run, slots: Sequence[int], healing: Healing) -> None:
    names = run.model.slot_names
    gone = [names[i] for i in sorted({*run.model.pruned, *slots})]
    prune_to(run.model, run.optimizer, run.planner, gone)
    run.recompute = min(run.recompute, len(run.model.remaining))
    run.plan = None  # told anew with the next step
    run.last_evaluated = min(run.last_evaluated, run.step - 1)  # what was measured here was another model
    run.spikes.restart()  # its losses were another model's
    run.healing = healing
    run.log.commit(
        Pruned(
            step=run.step,
            branch=run.branch,
            slots=healing.slots,
            params_before=healing.params_before,
            params_after=size_without(run.model, run.optimizer).params,
            loss_before=healing.loss_before,
            reason=f"judged after step {healing.judge_at}",
            command_id=healing.command_id,
        )
    )
