"""Figure 3: engines killed at random moments, checkpointing and starting included, while an operator steers.

Each run is killed again and again. After every kill the sealed checkpoints are checked byte by byte by what lies on the
disk; the next life must then begin at the newest one on the way that the run is on. At the end of a run every command
that was ever acknowledged must stand answered in its log, none be applied twice, and every fork that was told of be one
sound folder.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.durability.nursery import Nursery, borrowed
from benchmarks.durability.operator import Operator
from benchmarks.durability.proof import Proof, Row, count_row
from benchmarks.durability.run_folder import events, make_run, make_tokens, of
from engine.checkpoint.find import place_of
from engine.checkpoint.manifest import Damaged, checkpoint_folders, parse_name, read, verify
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.runlog.branches import Place
from engine.runlog.parent import read_parent

KEEP = 3
KEPT = "asked by the operator", "before the rollback"
"""Reasons of saves that stay until somebody deletes them."""
SETS = (
    "train.steps=1000000", "checkpoint.every=4", f"checkpoint.keep={KEEP}", "evaluate.every=0", "evaluate.tokens=64",
    "telemetry.hardware_every_s=60", "model.dropout=0.1", "prune.heal_steps=6", "prune.tolerance=1.0",
)  # fmt: skip
KILLS_A_RUN = 40
WORKERS = 2
OPERATOR = "operator"
"""A cockpit keeps its id, and with it the controls, from one life of the engine to the next."""


@dataclass(slots=True)
class Tally:
    """What was seen in all runs."""

    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """One sentence for each thing that must never happen."""


class Story:
    """One run and its many deaths."""

    def __init__(self, nursery: Nursery, run_dir: Path, draw: random.Random, tally: Tally) -> None:
        self.accepted: list[tuple[str, str]] = []
        """Client and command id of everything the engine said it accepted."""
        self._nursery, self._dir, self._draw, self._tally = nursery, run_dir, draw, tally
        self._asked = 0
        self._life = 0

    def die(self, within_s: float) -> None:
        """One life, ended at a random moment before `within_s`."""
        self._life += 1
        pid = self._nursery.start(self._dir, resume=True)
        lives_s = self._draw.uniform(0, within_s)
        killer = threading.Timer(lives_s, os.kill, (pid, signal.SIGKILL))
        killer.start()
        self._steer(lives_s)
        killer.join()
        code = self._nursery.wait(pid)
        self._tally.seen["kills"] += 1
        self._tally.seen["kills during a save"] += any((self._dir / "checkpoints").glob(".tmp-*"))
        if code != -signal.SIGKILL:
            self._fault(f"life {self._life} ended by itself with {code}")
        self._look_at_checkpoints()

    def finish(self) -> None:
        """The last life: it must go on, and end in good order; then the whole log is read."""
        pid = self._nursery.start(self._dir, resume=True)
        with Operator(self._dir, OPERATOR) as operator:
            while not isinstance(operator.do(c.Stop(), os.urandom(8).hex()), e.CommandApplied | None):
                pass
        if self._nursery.wait(pid) != 0:
            self._fault("the last life did not end in good order")
        self._look_at_checkpoints()
        self._look_at_log()

    def _steer(self, seconds: float) -> None:
        """Ask until the line is lost."""
        until_s = time.monotonic() + seconds
        with Operator(self._dir, OPERATOR, within_s=seconds) as operator:
            while operator.attached and time.monotonic() < until_s + 1:
                self._asked += 1
                command_id = f"ask-{self._asked}"
                operator.ask(self._command(), command_id)
                if operator.accepted(command_id):
                    self.accepted.append((OPERATOR, command_id))
                time.sleep(self._draw.uniform(0, 0.04))

    def _command(self) -> c.AnyCommand:
        slot = f"block.{self._draw.randrange(4)}"
        return self._draw.choice(
            [
                c.Note(text=f"note {self._asked}"),
                c.Lr(value=f"x0.{self._draw.randrange(1, 10)}"),
                c.Pin(slot=slot),
                c.Release(slot=slot),
                c.Ban(slot=slot, until="+20"),
                c.Policy(name="random", options={"mean_duty": 0.5}),
                c.Batch(value=self._draw.choice("124")),
                c.Recompute(n=self._draw.randrange(3)),
                c.Precision(value=self._draw.choice(["fp32", "bf16"])),
                c.Probe(),
                c.Evaluate(),
                c.Checkpoint(),
                c.Rollback(),
                c.Fork(settings={"train.steps": "2000000"}),
                c.Prune(slots=slot),
                c.Prune(slots=slot, trial=False),
                c.Export(),
            ]
        )

    def _look_at_checkpoints(self) -> None:
        """By the files alone: what was reported as sealed, and is among the newest, is there and sound."""
        there: set[Place] = set()
        for folder in checkpoint_folders(self._dir / "checkpoints"):
            try:
                there.add(place_of(read(folder)))
                verify(folder)
            except Damaged as error:
                self._fault(f"sealed checkpoint {folder.name} is damaged: {error}")
        since: set[Place] = set()  # the run went back, or began
        kept, branch = set[Place](), 0
        for event in events(self._dir):
            match event:
                case e.CheckpointSaved():
                    since.add(place := Place(event.branch, event.step, event.name))
                    kept |= {place} if event.reason in KEPT else set()
                case e.WentBack():
                    since, branch = {Place(event.of_branch, event.step, event.checkpoint)}, event.branch
                case e.RunStarted():
                    branch = event.branch
                case _:
                    pass
        # A life may be killed between sealing one and writing that down, or its own beginning.
        newest = sorted({*since, *(place for place in there if place.branch >= branch)}, key=_age)[-KEEP:]
        for gone in {*newest, *kept} - there:
            self._fault(f"sealed checkpoint {gone.name} is gone")
        if since and not there:
            self._fault("no checkpoint loads")

    def _look_at_log(self) -> None:
        told = events(self._dir)
        newest = 0
        for event in told:
            match event:
                case e.CheckpointSaved(step=step):
                    newest = step
                    self._tally.seen["sealed"] += 1
                case e.WentBack(step=step):
                    newest = step
                    self._tally.seen["rollbacks"] += 1
                case e.RunStarted(step=step, resumed_from=name):
                    self._tally.seen["lives that stepped"] += 1
                    if newest and (not name or step < newest):
                        self._fault(f"a life began at step {step}, before the sealed one of step {newest}")
                    newest = step
                case e.Alarm(code="checkpoint-quarantined", message=message):
                    self._fault(message)
                case _:
                    pass
        answers: Counter[tuple[str, str]] = Counter()
        firsts: Counter[tuple[str, str]] = Counter()
        for answer in told:
            if isinstance(answer, e.CommandApplied | e.CommandRefused):
                key = (answer.client_id, answer.command_id)
                if isinstance(answer, e.CommandApplied) and answer.verb == "fork":
                    self._look_at_fork(answer.command_id)
                answers[key] += 1
                firsts[key] += (
                    isinstance(answer, e.CommandApplied)
                    and answer.verb != "rollback"  # told before it is done; done is `WentBack`
                    and "(again, after a resume)" not in answer.after
                )
            elif isinstance(answer, e.WentBack):
                firsts[(OPERATOR, answer.command_id)] += 1
        for key in self.accepted:
            if not answers[key]:
                self._fault(f"accepted command {key} is lost")
            if firsts[key] > 1:
                self._fault(f"command {key} was applied twice")
        self._tally.seen["accepted"] += len(self.accepted)

    def _look_at_fork(self, command_id: str) -> None:
        """One folder, with the whole checkpoint that it begins at."""
        asked_by = f"{self._dir.name} {command_id}"
        made = [
            folder
            for folder in self._dir.parent.iterdir()
            if (parent := read_parent(folder)) and parent.asked_by == asked_by
        ]
        self._tally.seen["forks"] += len(made)
        if len(made) != 1:
            self._fault(f"{command_id} made {len(made)} forks")
        for folder in made:
            try:
                (first,) = checkpoint_folders(folder / "checkpoints")
                verify(first)
            except (Damaged, ValueError) as error:
                self._fault(f"the fork {folder.name} cannot begin: {error}")

    def _fault(self, what: str) -> None:
        output = self._dir / "engine.out"
        tail = output.read_text(errors="replace").strip()[-300:] if output.exists() else ""
        self._tally.wrong.append(f"{what}; {tail}" if tail else what)


def tell_stories(folder: Path, tokens: Path, kills: int, seed: int, tally: Tally) -> None:
    """Runs one after the other until there were so many kills: the log of very many lives would be slow to open."""
    draw = random.Random(seed)
    with borrowed() as nursery:
        startup_s = _startup(nursery, make_run(folder, tokens, *SETS))
        while kills > 0:
            story = Story(nursery, make_run(folder, tokens, *SETS), draw, tally)
            for _ in range(min(kills, KILLS_A_RUN)):
                story.die(min(max(3 * startup_s, 0.3), 3.0))
            story.finish()
            kills -= KILLS_A_RUN


def kill_many(folder: Path, kills: int, workers: int) -> Tally:
    """All of it, some runs at a time."""
    tokens, tally = make_tokens(folder), Tally()
    with ThreadPoolExecutor(workers) as pool:
        parts = [
            pool.submit(tell_stories, folder / str(n), tokens, kills // workers, n, tally)
            for n in range(workers)
        ]
        for part in parts:
            part.result()
    return tally


def _age(place: Place) -> tuple[int, tuple[int, int]]:
    """Later saves last."""
    return place.branch, parse_name(place.name) or (0, 0)


def _startup(nursery: Nursery, run_dir: Path) -> float:
    """Seconds from the fork to the first step."""
    began_s = time.monotonic()
    pid = nursery.start(run_dir)
    while not of(events(run_dir), e.StepReport):
        time.sleep(0.02)
    seconds = time.monotonic() - began_s
    nursery.kill(pid)
    return seconds


def _row(folder: Path, kills: int, workers: int) -> Row:
    tally = kill_many(folder, kills, workers)
    seen = tally.seen
    note = (
        f"{seen['kills']:,} SIGKILLs at uniformly random moments of a life, "
        f"{seen['kills during a save']} of them while a checkpoint was being written; "
        f"{seen['lives that stepped']:,} lives came to a step, {seen['sealed']:,} checkpoints were sealed, "
        f"{seen['accepted']:,} commands accepted, {seen['rollbacks']} rollbacks, {seen['forks']} forks; "
        "engines are forks of a process that has torch imported"
    )
    for sentence in tally.wrong[:20]:
        print("  ", sentence)
    return count_row(
        "engine killed at random moments: no loadable checkpoint, a sealed one lost, an accepted command lost",
        len(tally.wrong), seen["kills"], "kills", note,
    )  # fmt: skip


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 3."""
    return [Proof(3, "kills", lambda folder: _row(folder, *((1000, WORKERS) if long else (8, 1))))]
