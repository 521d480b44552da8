"""The training loop: obey, choose the slots, one step, tell.

The only place where the world touches the run.
"""

from __future__ import annotations

import time

from engine.control.mailbox import NOT_LOGGED
from engine.protocol.events import RunEnded
from engine.protocol.verbs import as_text
from engine.train.due import do_what_is_due
from engine.train.ending import finished
from engine.train.fitting import compiling
from engine.train.run import Run
from engine.train.saving import save_if_room
from engine.train.verbs.answer import answer, refuse
from engine.train.verbs.asked import accept

TOO_LATE = ("wrong-state", "the run is stopping", "resume it with slotdeck resume, then ask again")
"""Code, reason and remedy for what was accepted and then overtaken by the end."""
IDLE_S = 0.25
"""How often a paused run looks for signals when nobody writes."""


def train(run: Run, *, paused: bool = False) -> RunEnded:
    """Run until the last step or a stop. Returns how it ended, for the caller to log as the last word.

    `paused`: it was paused when the engine before this one was lost, and stays so.
    """
    run.begin(paused=paused)
    while True:
        obey(run)
        if run.stopping or run.step >= run.total_steps:
            break
        run.choose_slots()
        if not compiling.warm(run) or not run.take_step():
            continue
        run.tell()
        do_what_is_due(run)
    run.jobs.cancel("the engine is stopping")
    ended = finished(run)
    for accepted in [*run.asked.waiting, *run.mailbox.drain()]:
        refuse(run, accepted, *TOO_LATE)
    return ended


def obey(run: Run) -> None:
    """Apply what was asked, in order; while paused, stay here. Everything takes effect between two steps."""
    while True:
        run.jobs.poll()
        run.asked.waiting += run.mailbox.drain()
        if run.asked.may_be_answered(run.log) and _repeat(run):
            _answer_all(run)
        if run.stopping or run.signal_received() or run.state != "paused":
            return
        save_if_room(run)
        idle_from = time.perf_counter()
        run.mailbox.wait(IDLE_S)
        run.meter.outside(time.perf_counter() - idle_from)


def _answer_all(run: Run) -> None:
    waiting = run.asked.waiting
    while waiting:
        first = waiting[0]
        if not (refuse(run, first, *TOO_LATE) if run.stopping else answer(run, first)):
            return
        waiting.pop(0)


def _repeat(run: Run) -> bool:
    """In a resumed run the shaping commands from after the checkpoint, in a rerun its parent's: at their steps.

    Returns:
        False: one is still to be repeated now, because the log did not take the answer.
    """
    while run.to_repeat and run.to_repeat[0][0] <= run.step:
        first = run.to_repeat[0]
        asked_now = first[1].seq == NOT_LOGGED
        if asked_now and not accept(run.log, first[1]):
            run.asked.not_logged(as_text(first[1].command), run.step)
            return False
        occasion = f"at its step, {first[1].who}" if asked_now else "again, after a resume"
        if not answer(run, first[1], repeated=occasion):
            return False
        # Not before: a checkpoint that it takes of the run first says that it is still to come.
        if run.to_repeat[:1] == [first]:
            run.to_repeat.pop(0)
    return True
