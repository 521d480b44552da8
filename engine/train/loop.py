"""The training loop: obey, choose the slots, one step, tell.

The only place where the world touches the run.
"""

from __future__ import annotations

import time

from engine.control.mailbox import Accepted
from engine.errors import SlotdeckError
from engine.protocol.commands import verb_of
from engine.protocol.events import CommandApplied, CommandRefused
from engine.protocol.verbs import as_text
from engine.train.apply import Refused, plan_change
from engine.train.run import Run

IDLE_S = 0.25
"""How often a paused run looks for signals when nobody writes."""


def train(run: Run) -> None:
    """Run until the last step, a stop, or an exception; the caller logs how it ended."""
    run.begin()
    while True:
        obey(run)
        if run.stopping or run.step >= run.total_steps:
            break
        run.choose_slots()
        run.take_step()
        run.tell()
        run.do_what_is_due()
    run.finish()


def obey(run: Run) -> None:
    """Apply what was asked, in order; while paused, stay here. Everything takes effect between two steps."""
    _repeat(run)
    while True:
        for accepted in run.mailbox.drain():
            answer(run, accepted)
            if run.stopping:
                return
        if run.signal_received():
            return
        if run.state != "paused":
            return
        idle_from = time.perf_counter()
        run.mailbox.wait(IDLE_S)
        run.meter.outside(time.perf_counter() - idle_from)


def answer(run: Run, accepted: Accepted, repeated: bool = False) -> None:
    """Refuse one command, or log it as applied and then let it take effect."""
    command = accepted.command
    verb, text = verb_of(command), as_text(command)
    try:
        change = plan_change(run, command, accepted.command_id)
    except SlotdeckError as error:
        code = error.code if isinstance(error, Refused) else "bad-value"
        run.log.commit(
            CommandRefused(
                command_id=accepted.command_id,
                client_id=accepted.client_id,
                verb=verb,
                text=text,
                step=run.step,
                code=code,
                reason=error.message,
                remedy=error.remedy,
            )
        )
        return
    run.rev += 1
    run.log.commit(
        CommandApplied(
            command_id=accepted.command_id,
            client_id=accepted.client_id,
            verb=verb,
            text=text,
            step=run.step,
            branch=run.branch,
            rev=run.rev,
            before=change.before,
            after=f"{change.after} (again, after a resume)" if repeated else change.after,
            cost=change.cost,
        ),
        durable=True,
    )
    change.effect()


def _repeat(run: Run) -> None:
    """After a resume: shaping commands from after the checkpoint, at the steps they were applied at."""
    while run.to_repeat and run.to_repeat[0][0] <= run.step:
        _, accepted = run.to_repeat.pop(0)
        answer(run, accepted, repeated=True)
