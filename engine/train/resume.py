"""Taking a run up where it was left: its newest good checkpoint, and what was asked after it.

Two moments. `load_past` runs before the log is opened and refuses what cannot go on, so a refusal leaves no
trace; it puts the saved tensors into the parts. `go_on` runs once the log is open, and tells what was found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.checkpoint.load import load_newest
from engine.control.journal import Applied, Journal
from engine.control.mailbox import NOT_LOGGED, Accepted
from engine.control.shaping import settled, shapes
from engine.errors import SlotdeckError
from engine.protocol import commands as c
from engine.protocol.commands import verb_of
from engine.protocol.verbs import from_args
from engine.runlog.index import History
from engine.runlog.parent import RERUN, Parent
from engine.runlog.run_folder import CHECKPOINTS
from engine.shrink.slots import prune_to
from engine.train import snapshot
from engine.train.build import Parts
from engine.train.run import Run
from engine.train.verbs.answer import refuse
from engine.train.verbs.healing import forget_without_way_back

ANSWERED_AFTER_RESTART = frozenset({"checkpoint", "rollback", "fork", "evaluate", "probe", "sample", "note"})
"""Besides what shapes the training: what still means something when the engine that accepted it is gone."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a run was before this engine."""

    journal: Journal = field(default_factory=Journal)
    checkpoint: str = ""
    """The one that the parts were loaded from; empty: none, or a fresh run."""
    state: dict[str, Any] | None = None
    """Of the checkpoint, tensors left out."""
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    """Damaged checkpoints, each with what is wrong with it."""
    parent: Parent | None = None
    """What the run was made from; None: a profile."""

    @property
    def threads(self) -> int | None:
        """Torch threads that its sums were made with; None: it is free to choose."""
        if self.state is not None and self.state["step"]:
            return int(self.state["threads"])
        return self.parent.threads if self.parent else None


def load_past(run_dir: Path, parts: Parts, parent: Parent | None = None) -> Past:
    """Read the journal, and load the newest good checkpoint into `parts`: its own, or its parent's.

    Raises:
        SlotdeckError: no checkpoint is sound, it is of another model, vocabulary or data, or the run is over.
    """
    journal = Journal.read(run_dir)
    model, names = parts.model, parts.model.slot_names
    prefixes = {name: model.prefix_of(i) for i, name in enumerate(names)}
    states = parts.optimizer.state_shapes()
    loaded = load_newest(run_dir / CHECKPOINTS, model.state_dict(), states, prefixes, journal.branches)
    if loaded is None:
        if parent is not None and parent.checkpoint and not journal.last_seq:
            raise SlotdeckError(
                f"{run_dir.name} was never finished: {parent.checkpoint}, which it begins at, is missing",
                f"delete it and make it again: slotdeck {parent.kind} {parent.run}",
            )
        return Past(journal, parent=parent)
    state, total_steps = loaded.state, parts.profile.train.steps
    if state["step"] >= total_steps:
        raise SlotdeckError(
            f"{run_dir.name} is finished: {state['step']} of {total_steps} steps done",
            f"give it more: slotdeck resume {run_dir.name} --set train.steps=N",
        )
    parts.shards.check_vocab(parts.model.head_weight().shape[0], state["vocab_hash"])
    parts.loader.load_state(state["loader"])
    prune_to(model, parts.optimizer, parts.planner, state.get("pruned", []))
    parts.planner.load_state(state["planner"])
    model.load_state_dict(loaded.model)
    parts.optimizer.load_state_tensors(loaded.optimizer)
    return Past(journal, loaded.name, state, loaded.quarantined, parent)


def go_on(run: Run, past: Past) -> None:
    """Take up the counters and generators, and queue what was asked and is still to be done."""
    journal = past.journal
    run.rev, run.branch = journal.rev, journal.branch
    if past.state is not None:
        snapshot.restore(run, past.state)
        forget_without_way_back(run)
        for name, reason in past.quarantined:
            run.alarm("error", "checkpoint-quarantined", f"{name} is damaged and set aside: {reason}")
        # What a fork begins with has numbers of its own, from the parent's log; they only ever rise.
        run.rev = max(journal.rev, run.rev)
        run.branch = max(journal.branch, run.branch) + (_last_step(run.run_dir, journal) > run.step)
        run.to_repeat = to_repeat(journal, past.state)
    elif journal.last_seq:
        run.branch += 1
        run.alarm("warning", "no-checkpoint", "the run has no checkpoint yet, so it begins again at step 0")
        run.to_repeat = to_repeat(journal, {"step": 0, "rev": 0})
    run.branches = journal.branches.copy()  # the journal follows the log in a thread of its own
    run.branches.resumed(run.branch)
    if past.parent is not None and not journal.branches.went_back:
        still = [*run.to_repeat, *of_parent(past.parent, journal)]
        run.to_repeat = sorted(still, key=lambda pair: pair[0])  # stable: what was applied once came first
    if journal.going_back is not None:
        run.mailbox.put(_still_to_go_back(journal.going_back))
    run.jobs.clear_up()
    for waiting in journal.unanswered:
        if waiting.client_id == RERUN:
            continue  # it has a step of its own, and is in the list
        if waiting.seq > journal.last_seq:
            continue  # asked of this engine while it started: it is in the mailbox already
        if shapes(waiting.command) or verb_of(waiting.command) in ANSWERED_AFTER_RESTART:
            run.mailbox.put(waiting)
        else:
            reason = "the engine ended before it could be applied"
            refuse(run, waiting, "engine-restarted", reason, "ask again")


def to_repeat(journal: Journal, state: dict[str, Any]) -> list[tuple[int, Accepted]]:
    """Shaping commands that the state does not hold yet, with the steps they took effect at, oldest first.

    Those applied after it was saved, and those that it was itself still to repeat: a run may be killed twice.
    """
    pending = {(client_id, command_id) for client_id, command_id in state.get("to_repeat", [])}
    return [
        (done.event.step, Accepted(done.event.command_id, done.client_id, done.who, settled(done), done.seq))
        for done in journal.applied_after(state["step"], state["rev"], pending)
        if shapes(done.command)
    ]


def of_parent(parent: Parent, journal: Journal) -> list[tuple[int, Accepted]]:
    """What a rerun is to repeat and never did, with its steps; it is accepted when its step comes."""
    known = {(done.client_id, done.event.command_id) for done in journal.line}
    who = f"rerun of {parent.run}"
    return [
        (again.step, Accepted(command_id, RERUN, who, from_args(again.verb, dict(again.args)), NOT_LOGGED))
        for number, again in enumerate(parent.repeat)
        if (RERUN, command_id := f"{number:06d}") not in known
    ]


def _still_to_go_back(done: Applied) -> Accepted:
    """The engine was killed between saying that it goes back and going: to the checkpoint that it named then."""
    to = done.event.after.split(" ")[0]
    return Accepted(done.event.command_id, done.client_id, done.who, c.Rollback(to=to), done.seq)


def _last_step(run_dir: Path, journal: Journal) -> int:
    """The last step that the log tells of on the branch that the run is on."""
    tracks, branch = History(run_dir, raw_reports=64).tracks, journal.branch
    reported = tracks.step[-1:] if tracks.branch[-1:].tolist() == [branch] else []
    said = [done.event.step for done in journal.applied[-1:] if done.event.branch == branch]
    return max([*reported, *said], default=0)
