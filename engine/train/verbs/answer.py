"""The answer to a command: refused with a reason, or logged as applied and then in effect. Called by the loop."""

from __future__ import annotations

from engine.control.mailbox import Accepted
from engine.errors import SlotdeckError
from engine.protocol.commands import verb_of
from engine.protocol.events import CommandApplied, CommandRefused
from engine.protocol.verbs import as_text
from engine.train.guards.spikes import BEGINS_ANEW
from engine.train.run import Run
from engine.train.verbs.apply import plan_change


def answer(run: Run, accepted: Accepted, repeated: str = "") -> bool:
    """Refuse one command, or log it as applied and then let it take effect.

    Args:
        run: at a step boundary.
        repeated: on what occasion, if it was applied before.

    Returns:
        False: the log did not take the answer, so nothing has changed; see `engine.train.verbs.asked`.
    """
    command = accepted.command
    try:
        change = plan_change(run, command, accepted.command_id)
    except SlotdeckError as error:
        return refuse(run, accepted, error.code, error.message, error.remedy)
    run.rev += 1  # first: who reads that it is applied may name the new revision at once
    logged = run.log.commit(
        CommandApplied(
            command_id=accepted.command_id,
            client_id=accepted.client_id,
            verb=verb_of(command),
            text=as_text(command),
            step=run.step,
            branch=run.branch,
            rev=run.rev,
            before=change.before,
            after=f"{change.after} ({repeated})" if repeated else change.after,
            cost=change.cost,
        ),
        durable=True,
    )
    if not logged:
        run.rev -= 1
        run.asked.not_logged(as_text(command), run.step)
        return False
    change.effect()
    if verb_of(command) in BEGINS_ANEW:
        run.spikes.restart()
    if run.state == "paused":
        run.choose_slots()  # so that a hold is seen at once, and not only when the run goes on
    return True


def refuse(run: Run, accepted: Accepted, code: str, reason: str, remedy: str) -> bool:
    """Say that a command changed nothing, and why. False: the log did not take it."""
    logged = run.log.commit(
        CommandRefused(
            command_id=accepted.command_id,
            client_id=accepted.client_id,
            verb=verb_of(accepted.command),
            text=as_text(accepted.command),
            step=run.step,
            code=code,
            reason=reason,
            remedy=remedy,
        )
    )
    if not logged:
        run.asked.not_logged(as_text(accepted.command), run.step)
    return bool(logged)
