"""Commands between the mailbox and their answer, in their order: at most times none, for they are answered at once.

A command takes effect once the log says so and not before: else a kill would lose what the weights have seen. Where
the disk takes not even the answer, the command and all behind it wait for a later boundary; nothing of them has
happened, and an engine that starts meanwhile finds them unanswered. Signals end the run whatever the log does. Used by
`engine.train.loop`, from the training thread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from engine.control.mailbox import Accepted
from engine.protocol.commands import verb_of
from engine.protocol.events import CommandAccepted, LogLine
from engine.protocol.verbs import as_args, as_text
from engine.runlog.writer import LogWriter

RETRY_S = 1.0
"""How often the log is tried again: a try costs a disk that fails a write."""


def accept(log: LogWriter, asked: Accepted) -> int:
    """What the engine asks of itself has its life in the log like any command. Returns its number there, or 0."""
    command = asked.command
    return log.commit(
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


@dataclass(slots=True)
class Asked:
    """What waits, and whether it waits for the log."""

    waiting: list[Accepted] = field(default_factory=list)
    """Oldest first."""
    _unanswered: str = ""
    """The command whose answer the log did not take; empty: it took them all."""
    _since_step: int = 0
    _tried_s: float = 0.0

    def not_logged(self, text: str, step: int) -> None:
        """The log did not take the answer to the command `text`."""
        self._unanswered, self._since_step, self._tried_s = text, step, time.monotonic()

    def may_be_answered(self, log: LogWriter) -> bool:
        """Whether the log takes answers, as far as one can know; when it does again, that is told in a line."""
        if not self._unanswered:
            return True
        if time.monotonic() - self._tried_s < RETRY_S:
            return False
        self._tried_s = time.monotonic()
        text = (
            f"{self._unanswered!r} waited since step {self._since_step} for a log that could not be written"
        )
        if not log.commit(LogLine(level="warning", text=text)):
            return False
        self._unanswered = ""
        return True
