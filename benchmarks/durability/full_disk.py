"""Figure 6: the disk is full at every single call of a checkpoint and of the log, and space returns.

Four ways to fill it: calls that fail from the n-th on, injected below Python; a single call that fails once; a file
size limit; a small tmpfs. Each time: training goes on, the checkpoints that were there still load, the log tells of it,
and a checkpoint is sealed again within a minute of space returning.
"""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.durability.failing_disk import FOREVER, FailingDisk, compiler, preload
from benchmarks.durability.nursery import Nursery, borrowed
from benchmarks.durability.operator import Operator
from benchmarks.durability.proof import Proof, Row, count_row
from benchmarks.durability.run_folder import events, make_run, make_tokens, of
from engine.checkpoint.manifest import Damaged, checkpoint_folders, verify
from engine.protocol import commands as c
from engine.protocol import events as e

SETS = (
    "train.steps=10000000", "checkpoint.every=12", "evaluate.every=0", "evaluate.tokens=64",
    "telemetry.hardware_every_s=60",
)  # fmt: skip
RESUMES_WITHIN_S = 60.0
SAID = ("checkpoint-failed", "disk-full", "log-failed")
"""Codes of the alarms that a cockpit shows."""
TOLD_WITHIN_S = 240.0
FULL_S = 0.4
"""How long the disk stays full, once the engine has met it, where nothing can be told meanwhile."""


@dataclass(slots=True)
class Tally:
    """What was seen."""

    trials: int = 0
    wrong: list[str] = field(default_factory=list)
    by_itself: int = 0
    """Trials after which the run was left to save by itself."""
    slowest_s: float = 0.0
    """Of those, from space returning to a sealed checkpoint."""


class Patient:
    """A live run whose disk is filled and emptied."""

    def __init__(self, run_dir: Path, nursery: Nursery, disk: FailingDisk, tally: Tally) -> None:
        self.dir, self.disk, self.tally = run_dir, disk, tally
        self.by_itself_every = 8
        """In every so many trials nobody asks for a checkpoint when space has returned; in the others it is asked for,
        since the engine takes its time to look."""
        self._nursery = nursery
        self.pid = nursery.start(run_dir, faults=str(disk.control) if compiler() else "")
        self.operator = Operator(run_dir)
        self.operator.expect(e.CheckpointSaved)

    def fill(
        self,
        what: str,
        full: Callable[[], object],
        empty: Callable[[], object],
        *,
        silent: bool,
        once: bool = False,
    ) -> None:
        """One trial.

        `silent`: the log is full too, so nothing is told before space returns. `once`: a single call fails; a save that
        can do without it is as good as an alarm.
        """
        # From the moment of a seal on, so that the whole of the next save is met.
        self.operator.forget()
        self.operator.expect(e.CheckpointSaved)
        step = self._step()
        self.operator.forget()
        full()
        if silent:
            self._be_met()
            time.sleep(FULL_S)
        else:
            self._be_told(what, once)
        self._look_at_checkpoints(what)
        empty()
        self.tally.trials += 1
        if self.tally.trials % self.by_itself_every:
            self.operator.ask(c.Checkpoint(), os.urandom(8).hex())
        self._recover(what, step)

    def calls_of_a_save(self) -> int:
        """How often a save touches the disk: the most seen from one seal to the next."""
        seen = []
        self.operator.forget()
        self.operator.expect(e.CheckpointSaved)
        for _ in range(3):
            self.disk.fail("checkpoints", errno.ENOSPC, FOREVER)
            self.operator.expect(e.CheckpointSaved)
            seen.append(self.disk.calls)
            self.disk.mend()
        return max(seen)

    def refuse_a_command(self) -> None:
        """While the log cannot be written nothing is accepted."""
        answer = self.operator.do(c.Note(text="lost?"), os.urandom(8).hex())
        if not isinstance(answer, e.CommandRefused) or answer.code != "log-failing":
            self.tally.wrong.append(f"a command was not refused while the log was failing: {answer}")

    def close(self) -> None:
        """Stop in good order."""
        if not self._nursery.ended(self.pid):
            self.operator.do(c.Stop(), "stop")
        if (code := self._nursery.wait(self.pid)) != 0:
            self.tally.wrong.append(f"the engine ended with {code}")
        self._look_at_checkpoints("at the end")
        told = events(self.dir)
        if not any(alarm.code in SAID for alarm in of(told, e.Alarm)):
            self.tally.wrong.append("no alarm in the log tells of it")
        self.operator.__exit__(None, None, None)

    def _be_met(self) -> None:
        """The engine has tried to write: a call has failed, or it takes no command for that."""
        until_s = time.monotonic() + TOLD_WITHIN_S
        while self.operator.attached and not self.disk.has_failed and self._accepts_a_command():
            if time.monotonic() > until_s:
                self.tally.wrong.append("the full disk was never met")
                return

    def _accepts_a_command(self) -> bool:
        return not isinstance(self.operator.do(c.Note(text="full?"), os.urandom(8).hex()), e.CommandRefused)

    def _be_told(self, what: str, once: bool) -> None:
        """An alarm, and steps after it."""
        kinds = (e.Alarm, e.CheckpointSaved) if once else (e.Alarm,)
        try:
            said = self.operator.expect(*kinds, within_s=TOLD_WITHIN_S)
            while isinstance(said, e.CheckpointSaved) and not self.disk.has_failed:
                said = self.operator.expect(*kinds, within_s=TOLD_WITHIN_S)
            step = said.step if said is not None else 0
            while self._step() <= step and self.operator.attached:
                pass
        except TimeoutError as error:
            self.tally.wrong.append(f"{what}: {error}")

    def _recover(self, what: str, step: int) -> None:
        """A checkpoint of a later step: one that was under way when the disk filled may be sealed first."""
        began_s = time.monotonic()
        try:
            saved = self.operator.expect(e.CheckpointSaved, within_s=RESUMES_WITHIN_S)
            while saved is not None and saved.step <= step:
                left_s = RESUMES_WITHIN_S - (time.monotonic() - began_s)
                saved = self.operator.expect(e.CheckpointSaved, within_s=left_s)
        except TimeoutError:
            saved = None
        seconds = time.monotonic() - began_s
        if self.tally.trials % self.by_itself_every == 0:
            self.tally.by_itself += 1
            self.tally.slowest_s = max(self.tally.slowest_s, seconds)
        if saved is None:
            alive = not self._nursery.ended(self.pid)
            self.tally.wrong.append(
                f"{what}: nothing later was saved; the engine is {'alive' if alive else 'gone'}"
            )
            raise RuntimeError(self.tally.wrong[-1])

    def _step(self) -> int:
        report = self.operator.expect(e.StepReport)
        return report.step if report is not None else 0

    def _look_at_checkpoints(self, what: str) -> None:
        sound = 0
        for folder in checkpoint_folders(self.dir / "checkpoints"):
            try:
                verify(folder)
                sound += 1
            except Damaged as error:
                if folder.is_dir():  # not one that went to make room for a newer
                    self.tally.wrong.append(f"{what}: {folder.name}: {error}")
        if not sound:
            self.tally.wrong.append(f"{what}: no checkpoint is left")


@contextmanager
def patient(folder: Path) -> Iterator[Patient]:
    """A run at work in `folder`."""
    tally, disk = Tally(), FailingDisk(folder)
    with borrowed(preload(folder)) as nursery:
        sick = Patient(make_run(folder / "runs", make_tokens(folder), *SETS), nursery, disk, tally)
        yield sick
        sick.close()
    disk.close()
    for sentence in tally.wrong[:20]:
        print("  ", sentence)


def _row(tally: Tally, how: str, note: str) -> Row:
    if tally.by_itself:
        note += f"; left alone {tally.by_itself} times it saved at most {tally.slowest_s:.1f} s after space returned"
    what = f"disk full, {how}: training stops, an old checkpoint is lost, or nothing is saved or told"
    return count_row(what, len(tally.wrong), tally.trials, "trials", note)


def _skipped(how: str, why: str) -> Row:
    return {"figure": f"disk full, {how}", "value": "skipped", "unit": "", "note": f"skipped: {why}"}


FAILURES = ((FOREVER, errno.ENOSPC), (0, errno.EIO))
"""How long a call goes on failing, and with what: a full disk, and a single failure."""


def injected_into_checkpoints(folder: Path, most: int) -> Row:
    """ENOSPC at each call of a save and all that follow; EIO at each call alone."""
    how = "injected at every call of a checkpoint"
    if compiler() is None:
        return _skipped(how, "no C compiler")
    with patient(folder) as sick:
        calls = sick.calls_of_a_save()
        for first in range(1, calls + 1)[:: -(-calls // most)]:
            for more, error in FAILURES:
                full = partial(sick.disk.fail, "checkpoints", error, first, first + more)
                what = f"call {first} of a save, {errno.errorcode[error]}"
                sick.fill(what, full, sick.disk.mend, silent=False, once=not more)
    note = f"{calls} calls of a save (open, write, fsync, mkdir, rename): ENOSPC from there on, and EIO once"
    return _row(sick.tally, how, note)


def injected_into_log(folder: Path, most: int) -> Row:
    """ENOSPC at each of the log's calls and all that follow; EIO at each alone."""
    how = "injected at calls of the log"
    if compiler() is None:
        return _skipped(how, "no C compiler")
    with patient(folder) as sick:
        for first in range(1, most + 1):
            for more, error in FAILURES:
                full = partial(sick.disk.fail, "log", error, first, first + more)
                sick.fill(
                    f"call {first} of the log, {errno.errorcode[error]}", full, sick.disk.mend, silent=True
                )
        sick.disk.fail("log", errno.ENOSPC, 1)
        sick.refuse_a_command()
        sick.disk.mend()
    note = "write, fdatasync and open under log/; meanwhile a command is refused with log-failing"
    return _row(sick.tally, how, note)


def file_size_limit(folder: Path, trials: int) -> Row:
    """RLIMIT_FSIZE of the live engine, lowered to sizes from 0 to a whole checkpoint."""
    with patient(folder) as sick:
        size = max(p.stat().st_size for p in (sick.dir / "checkpoints").glob("step-*/*"))
        hard = resource.RLIM_INFINITY
        for number in range(trials):
            limit = size * number // trials
            sick.fill(
                f"files limited to {limit} bytes",
                partial(resource.prlimit, sick.pid, resource.RLIMIT_FSIZE, (limit, hard)),
                partial(resource.prlimit, sick.pid, resource.RLIMIT_FSIZE, (hard, hard)),
                silent=True,
            )
    return _row(
        sick.tally,
        "by a file size limit on log and checkpoint",
        "RLIMIT_FSIZE from 0 up to a checkpoint's size",
    )


def small_tmpfs(folder: Path, trials: int) -> Row:
    """A real file system that is full: first too full for a checkpoint, then for everything."""
    how = "a tmpfs of 24 MB"
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        return _skipped(how, "mounting one needs root")
    try:
        with patient(disk) as sick:
            filler = disk / "filler"
            for number in range(trials):
                for left, silent in ((2 << 20, False), (0, True)):
                    sick.fill(
                        f"{left} bytes left, trial {number}",
                        partial(_fill, filler, left),
                        filler.unlink,
                        silent=silent,
                    )
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return _row(sick.tally, how, "filled to 2 MiB left, where the log can still tell, and to the last byte")


def _fill(filler: Path, left: int) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            file.truncate(max(0, file.tell() - left))


def proofs(long: bool) -> list[Proof]:
    """The claims of figure 6."""
    return [
        Proof(
            6, "disk full: checkpoint", lambda folder: injected_into_checkpoints(folder, 1000 if long else 2)
        ),
        Proof(6, "disk full: log", lambda folder: injected_into_log(folder, 20 if long else 1)),
        Proof(6, "disk full: file size", lambda folder: file_size_limit(folder, 16 if long else 1)),
        Proof(6, "disk full: tmpfs", lambda folder: small_tmpfs(folder, 8 if long else 1)),
    ]
