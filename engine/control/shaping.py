"""Which commands shape the training: those that a resume and a rerun apply again at their steps."""

from __future__ import annotations

from engine.control.journal import Applied
from engine.protocol.commands import Batch, Command, Prune, verb_of

REPEATED_ON_RESUME = frozenset({"lr", "precision", "batch", "recompute", "policy", "pin", "ban", "release"})
"""Verbs that shape the training: a run resumed from before them meets them again at the same step."""


def shapes(command: Command) -> bool:
    """Whether the weights depend on it. Of a prune that is the one with `trial=no`, not its trial."""
    if isinstance(command, Prune):
        return not command.trial
    return verb_of(command) in REPEATED_ON_RESUME


def settled(done: Applied) -> Command:
    """The command as it is applied again: `batch auto` with what it found, for measured anew it could differ."""
    if isinstance(done.command, Batch):
        return Batch(value=done.event.after.split(" ")[0])
    return done.command
