"""The training loop: obey, choose the slots, one step, tell.

The only place where the world touches the run.
"""

from __future__ import annotations

import time

from engine.control.mailbox import NOT_LOGGED, Accepted
from engine.errors import SlotdeckError
from engine.protocol.commands import verb_of
from engine.protocol.events import CommandAccepted, CommandApplied, CommandRefused, RunEnded
from engine.protocol.verbs import as_args, as_text
from engine.train import compiling
from engine.train.apply import plan_change
from engine.train.change import Refused
from engine.train.run import Run
from engine.train.spikes import BEGINS_ANEW

TOO_LATE = ("wrong-state", "the run is stopping", "resume it with slotdeck resume, then ask again")
"""Code, reason and remedy for what was accepted and then overtaken by the end."""
IDLE_S = 0.25
"""How often a paused run looks for signals when nobody writes."""


def train(run: Run) -> RunEnded:
    """Run until the last step or a stop. Returns how it ended, for the caller to log as the last word."""
    run.begin()
    while True:
        obey(run)
        if run.stopping or run.step >= run.total_steps:
            break
        run.choose_slots()
        compiling.warm(run)
        if not run.take_step():
            continue
        run.tell()
        run.do_what_is_due()
    run.jobs.cancel("the engine is stopping")
    ended = run.finish()
    for accepted in run.mailbox.drain():
        refuse(run, accepted, *TOO_LATE)
    return ended


def obey(run: Run) -> None:
    """Apply what was asked, in order; while paused, stay here. Everything takes effect between two steps."""
    _repeat(run)
    while True:
        run.jobs.poll()
        for accepted in run.mailbox.drain():
            if run.stopping:
                refuse(run, accepted, *TOO_LATE)
            else:
                answer(run, accepted)
        if run.stopping or run.signal_received() or run.state != "paused":
            return
        run.save_if_room()
        idle_from = time.perf_counter()
        run.mailbox.wait(IDLE_S)
        run.meter.outside(time.perf_counter() - idle_from)


def answer(run: Run, accepted: Accepted, repeated: str = "") -> None:
    """Refuse one command, or log it as applied and then let it take effect. `repeated`: on what occasion."""
    command = accepted.command
    try:
        change = plan_change(run, command, accepted.command_id)
    except SlotdeckError as error:
        code = error.code if isinstance(error, Refused) else "bad-value"
        refuse(run, accepted, code, error.message, error.remedy)
        return
    run.rev += 1
    run.log.commit(
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
    change.effect()
    if verb_of(command) in BEGINS_ANEW:
        run.spikes.restart()
    if run.state == "paused":
        run.choose_slots()  # so that a hold is seen at once, and not only when the run goes on


def refuse(run: Run, accepted: Accepted, code: str, reason: str, remedy: str) -> None:
    """Say that a command changed nothing, and why."""
    run.log.commit(
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


def _accept(run: Run, asked: Accepted) -> None:
    """What a rerun asks of itself has its life in the log like any command."""
    command = asked.command
    run.log.commit(
        CommandAccepted(
            command_id=asked.command_id,
            client_id=asked.client_id,
            who=asked.who,
            verb=verb_of(command),
            args=as_args(command),
            text=as_text(command),
        ),
        durable=True,
    )


def _repeat(run: Run) -> None:
    """In a resumed run the shaping commands from after the checkpoint, in a rerun its parent's: at their steps."""
    while run.to_repeat and run.to_repeat[0][0] <= run.step:
        first = run.to_repeat[0]
        if first[1].seq == NOT_LOGGED:
            _accept(run, first[1])
            answer(run, first[1], repeated=f"at its step, {first[1].who}")
        else:
            answer(run, first[1], repeated="again, after a resume")
        # Not before: a checkpoint that it takes of the run first says that it is still to come.
        if run.to_repeat[:1] == [first]:
            run.to_repeat.pop(0)
