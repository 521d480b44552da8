"""Figure 4: killed and resumed against uninterrupted, bit for bit, with and without an operator's live commands.

A run is killed at random steps and resumed until it finishes. Its twin is never killed; it is given the commands that
the first one's log says were applied, at the steps the log names, by pausing there. Both end with a checkpoint, of
which weights, optimizer states, every random generator, the loader's place, the loss scaler and the planner are
compared.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.durability.nursery import Nursery, borrowed
from benchmarks.durability.operator import Operator
from benchmarks.durability.proof import Proof, Row
from benchmarks.durability.run_folder import events, make_run, make_tokens
from engine.checkpoint.manifest import MODEL, OPTIMIZER, STATE, checkpoint_folders, parse_name, verify
from engine.protocol import commands as c
from engine.protocol import events as e

STEPS = 60
BASE = (
    f"train.steps={STEPS}", "checkpoint.every=6", "evaluate.every=0", "evaluate.tokens=64", "model.dropout=0.1",
    "telemetry.hardware_every_s=60", "prune.heal_steps=10", "prune.tolerance=1.0",
)  # fmt: skip
VARIANTS: dict[str, tuple[str, ...]] = {
    "AdamW": (),
    "8-bit AdamW": ("optim.name=adamw8bit",),
    "Muon": ("optim.name=muon",),
    "bf16 weights": ("precision.weights=bf16",),
    "lean": ("train.lean=true",),
    "random slots, gates, wsd": ("slots.policy=random", "model.gates=true", "optim.schedule=wsd"),
    "micro-batches": ("train.batch_size=2", "train.accumulate=2"),
    "lean, bf16, 8-bit": ("train.lean=true", "precision.weights=bf16", "optim.name=adamw8bit"),
}
IN_STATE = ("step", "tokens", "rng", "loader", "scaling", "planner", "precision", "batch", "lr")
"""Parts of `state.msgpack` that must be equal; the others are times and counters of the log."""
KILLS = 3
WORKERS = 2


@dataclass(slots=True)
class Tally:
    """What was seen."""

    identical: int = 0
    runs: int = 0
    kills: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """Verbs that took effect in the runs that were killed."""
    wrong: list[str] = field(default_factory=list)


def digest(run_dir: Path) -> str:
    """sha256 over what a finished run is. Raises Damaged."""
    folder = max(checkpoint_folders(run_dir / "checkpoints"), key=lambda f: parse_name(f.name) or (0, 0))
    manifest = verify(folder)
    state = msgspec.msgpack.decode((folder / STATE).read_bytes())
    whole = hashlib.sha256()
    for name in (MODEL, OPTIMIZER):
        whole.update(bytes.fromhex(manifest.files[name].sha256))
    for name in IN_STATE:
        whole.update(msgspec.msgpack.encode(state[name], order="deterministic"))
    return whole.hexdigest()


class Broken:
    """A run that is killed and resumed, its operator's hand included."""

    def __init__(
        self, nursery: Nursery, run_dir: Path, draw: random.Random, wishes: list[tuple[int, c.AnyCommand]]
    ):
        self.dir = run_dir
        self.kills = 0
        self._nursery, self._draw = nursery, draw
        self._wishes = wishes
        """Commands not yet accepted, each with the reported step at which it is asked."""
        self._life = 0

    def tell(self, kills: int, startup_s: float) -> None:
        """To its end, through so many kills."""
        for _ in range(kills):
            early = self._draw.random() < 0.25
            self._live(self._draw.uniform(0, startup_s) if early else None, self._draw.randrange(STEPS))
            if any(isinstance(event, e.RunEnded) for event in events(self.dir)[-3:]):
                return
        self._live(None, STEPS + 1)

    def _live(self, seconds: float | None, kill_at: int) -> None:
        """One life: killed after a time, or when a step is reported."""
        self._life += 1
        pid = self._nursery.start(self.dir, resume=True)
        if seconds is not None:
            time.sleep(seconds)
        else:
            self._watch(kill_at)
        if kill_at <= STEPS:
            self.kills += self._nursery.kill(pid) == -signal.SIGKILL
        else:
            self._nursery.wait(pid)

    def _watch(self, kill_at: int) -> None:
        with Operator(self.dir, "operator", within_s=20) as operator:
            while (said := operator.expect(e.StepReport, e.RunEnded)) is not None:
                if isinstance(said, e.RunEnded):
                    return
                if said.step >= kill_at:
                    time.sleep(self._draw.uniform(0, 0.01))
                    return
                if self._wishes and said.step >= self._wishes[0][0]:
                    command_id = os.urandom(8).hex()
                    operator.ask(self._wishes[0][1], command_id)
                    if operator.accepted(command_id):
                        self._wishes.pop(0)
                    elif operator.attached:
                        self._wishes.pop(0)  # refused


def applied(run_dir: Path) -> list[tuple[int, c.AnyCommand]]:
    """What took effect and when, each command once, in the order in which an uninterrupted run meets it."""
    from engine.control.journal import Journal

    first: dict[tuple[str, str], tuple[int, int, c.Command]] = {}
    for done in Journal.read(run_dir).applied:
        first.setdefault((done.client_id, done.event.command_id), (done.event.step, done.seq, done.command))
    return [(step, command) for step, _, command in sorted(first.values(), key=lambda d: d[:2])]  # type: ignore[misc]


def live_whole(nursery: Nursery, run_dir: Path, commands: list[tuple[int, c.AnyCommand]]) -> bool:
    """An uninterrupted life that meets these commands at these steps. False: it could not be paused in time."""
    pid = nursery.start(run_dir)
    with Operator(run_dir, "twin") as operator:
        step = 0
        if commands:
            paused = operator.do(c.Pause(), "pause")
            if not isinstance(paused, e.CommandApplied) or paused.step > commands[0][0]:
                nursery.kill(pid)
                return False
            step = paused.step
        for number, (at, command) in enumerate(commands):
            if at > step:
                operator.do(c.Step(n=at - step), f"step-{number}")
                while (said := operator.expect(e.StateChanged)) is not None and said.state != "paused":
                    pass
                step = at
            answer = operator.do(command, f"again-{number}")
            assert isinstance(answer, e.CommandApplied), f"{command} was not taken again: {answer}"
            assert answer.step == at, f"{command} came at {answer.step}, not {at}"
        if commands:
            operator.do(c.Resume(), "resume")
        assert nursery.wait(pid) == 0, f"{run_dir} did not finish"
    return True


def wishes_of(draw: random.Random, lean: bool) -> list[tuple[int, c.AnyCommand]]:
    """A handful of commands that shape the training, each with a step."""
    slot = f"block.{draw.randrange(4)}"
    pool: list[c.AnyCommand] = [
        c.Lr(value=f"x0.{draw.randrange(2, 10)}"),
        c.Pin(slot=slot, until=draw.choice(["", "+7"])),
        c.Pin(slot=slot, duty=0.5, trained=False),
        c.Ban(slot=f"block.{draw.randrange(1, 3)}", until="+9"),
        c.Policy(name="random", options={"mean_duty": 0.5}),
        c.Precision(value="bf16"),
        c.Precision(value="fp32"),
        c.Precision(value="bf16", slot=slot),
        c.Recompute(n=draw.randrange(5)),
    ]
    if not lean:
        pool.append(c.Batch(value=draw.choice(["1", "2", "4"])))
    chosen = draw.sample(pool, 5)
    if draw.random() < 0.5:
        chosen[draw.randrange(5)] = c.Prune(slots="block.2", trial=False)
    return [
        (step, command)
        for step, command in zip(sorted(draw.sample(range(STEPS - 10), 5)), chosen, strict=True)
    ]


def compare(folder: Path, tokens: Path, numbers: range, commanded: bool, tally: Tally) -> None:
    """Runs of these numbers, each against its twin."""
    names = list(VARIANTS)
    twins: dict[str, str] = {}
    with borrowed() as nursery:
        began_s = time.monotonic()
        live_whole(nursery, make_run(folder, tokens, *BASE), [])
        startup_s = (time.monotonic() - began_s) / 2
        for number in numbers:
            draw, name = random.Random(number), names[number % len(names)]
            new = partial(make_run, folder, tokens, *BASE, *VARIANTS[name])
            broken = Broken(nursery, new(), draw, wishes_of(draw, "lean" in name) if commanded else [])
            broken.tell(KILLS, startup_s)
            commands = applied(broken.dir)
            if commands or name not in twins:
                whole = new()
                while not live_whole(nursery, whole, commands):
                    whole = new()
                twin = digest(whole)
                if not commands:
                    twins[name] = twin
            else:
                twin = twins[name]
            tally.runs += 1
            tally.kills += broken.kills
            tally.commands.update(c.verb_of(command) for _, command in commands)
            if digest(broken.dir) == twin:
                tally.identical += 1
            else:
                tally.wrong.append(f"run {number} ({name}) in {broken.dir} differs; {commands}")


def compare_many(folder: Path, runs: int, commanded: bool, workers: int) -> Tally:
    """All of them, some at a time."""
    tokens, tally = make_tokens(folder), Tally()
    with ThreadPoolExecutor(workers) as pool:
        parts = [
            pool.submit(compare, folder / str(n), tokens, range(n, runs, workers), commanded, tally)
            for n in range(workers)
        ]
        for part in parts:
            part.result()
    return tally


def _row(folder: Path, runs: int, commanded: bool) -> Row:
    tally = compare_many(folder, runs, commanded, min(runs, WORKERS))
    note = (
        f"{STEPS} steps, {tally.kills} SIGKILLs in {tally.runs} runs, in turn of: {', '.join(VARIANTS)}; sha256 over "
        "weights, optimizer states, random generators, loader, scaler and planner"
    )
    if commanded:
        note += "; commands: " + ", ".join(f"{n} {verb}" for verb, n in sorted(tally.commands.items()))
        if not tally.commands["prune"]:
            note += "; prune is not among them yet"
    for sentence in tally.wrong:
        print("  ", sentence)
    how = "with live commands in between" if commanded else "without commands"
    return {
        "figure": f"killed and resumed, {how}: bit-identical to the uninterrupted run, on a CPU",
        "value": f"{tally.identical} of {tally.runs}", "unit": "runs", "aim": tally.runs,
        "met": tally.identical == tally.runs, "note": note,
    }  # fmt: skip


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 4."""
    runs = 50 if long else 1
    return [
        Proof(4, "bits", lambda folder: _row(folder, runs, False)),
        Proof(4, "bits with commands", lambda folder: _row(folder, runs, True)),
    ]
