"""`slotdeck rerun`: the same profile, data and seed, and the operator's commands at the steps they were applied at.

What is repeated is the straight line that led to where the run stands: commands that shape the training, without
those that a rollback left behind, and without the rollback. A run that began at a checkpoint is begun there again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from engine.checkpoint.fork import begin_at, forked_profile
from engine.control.journal import Journal
from engine.control.shaping import settled, shapes
from engine.errors import SlotdeckError
from engine.profile.checks import check
from engine.profile.load import load_profile
from engine.profile.schema import Profile
from engine.protocol.codec import decode
from engine.protocol.commands import Batch, verb_of
from engine.protocol.events import RunStarted, StepReport
from engine.protocol.verbs import as_args
from engine.runlog.index import History
from engine.runlog.parent import RERUN, Parent, Repeat, read_parent, write_parent
from engine.runlog.reader import LogReader
from engine.runlog.run_folder import CHECKPOINTS, PROFILE
from engine.text import one_line
from slotdeck import start
from slotdeck.say import say


def make_rerun(run_dir: Path, sets: Sequence[str]) -> Path:
    """The new run's folder, its engine not yet started.

    Raises:
        SlotdeckError: the run has no log to repeat, a setting is wrong, or the checkpoint it began at is gone.
    """
    begun = _begun(run_dir)
    if not begun:
        raise SlotdeckError(
            f"{one_line(run_dir.name)} has not begun, so there is nothing to repeat", "resume it"
        )
    origin = read_parent(run_dir)
    checkpoint = origin.checkpoint if origin else ""
    profile = _profile(run_dir, checkpoint, sets)
    repeat = _repeat(run_dir, profile)
    cpu = begun[0].machine.device == "cpu"
    parent = Parent(
        kind=RERUN,
        run=run_dir.resolve().name,
        checkpoint=checkpoint,
        threads=begun[0].machine.num_threads if cpu else None,
        repeat=repeat,
    )
    if checkpoint:
        made = begin_at(run_dir, checkpoint, profile, parent, time.time(), secrets.token_hex(2))
    else:
        made = start.create(profile, run_dir.resolve().parent)
        write_parent(made, parent)
    _tell(run_dir, made, repeat, begun)
    return made


def _begun(run_dir: Path) -> list[RunStarted]:
    """Each life's first word."""
    marks = History(run_dir, raw_reports=0).marks
    events = [decode(mark.kind, mark.payload) for mark in marks if mark.kind == RunStarted.KIND]
    return [event for event in events if isinstance(event, RunStarted)]


def _profile(run_dir: Path, checkpoint: str, sets: Sequence[str]) -> Profile:
    if checkpoint:
        if not (run_dir / CHECKPOINTS / checkpoint).is_dir():
            raise SlotdeckError(
                f"{one_line(run_dir.name)} began at {checkpoint}, which it no longer has",
                "fork its parent there instead",
            )
        return forked_profile(run_dir, checkpoint, sets)
    profile = load_profile(run_dir / PROFILE, sets)
    check(profile)
    start.check_tokens(profile)
    return profile


def _repeat(run_dir: Path, profile: Profile) -> list[Repeat]:
    """The commands with their steps; a micro-batch that warm-up found comes first, for it could find another."""
    line = [
        Repeat(done.event.step, done.event.verb, as_args(command))
        for done in Journal.read(run_dir).line
        if shapes(command := settled(done))
    ]
    if profile.train.batch == "auto" and (found := _first_micro_batch(run_dir)):
        line.insert(0, Repeat(0, verb_of(Batch), as_args(Batch(value=str(found)))))
    return line


def _first_micro_batch(run_dir: Path) -> int:
    for entry in LogReader(run_dir).entries():
        if entry.kind == StepReport.KIND:
            report = decode(entry.kind, entry.payload)
            return report.batch_size if isinstance(report, StepReport) else 0
    return 0


def _tell(run_dir: Path, made: Path, repeat: list[Repeat], begun: list[RunStarted]) -> None:
    say(f"{one_line(made.name)} repeats {one_line(run_dir.name)}: {len(repeat)} commands at their steps")
    if len({life.profile_toml for life in begun}) > 1:
        say("note: settings were changed between its lives; the last ones hold from the first step on")
