"""The parent that starts a crashed engine again: `python -m engine.control.restarter RUN_DIR --restarts N [--resume]`.

Started by `slotdeck train --restarts N` and `slotdeck resume --restarts N`, in a session of its own. It never imports
torch, never touches the run but for a word in its log while no engine is there, and passes signals on. Its exit
code is the last engine's; 1 when it gave up.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from engine.control.hook import Hook
from engine.errors import SlotdeckError
from engine.profile.load import load_profile
from engine.protocol.codec import decode
from engine.protocol.events import (
    Alarm,
    CheckpointSaved,
    Event,
    RunEnded,
    RunStarted,
    StateChanged,
    StepReport,
    WentBack,
)
from engine.runlog.index import History
from engine.runlog.lock import RunLock, is_live
from engine.runlog.private import UMASK, check_run_folder
from engine.runlog.restarts import RestartsLock
from engine.runlog.run_folder import PROFILE
from engine.runlog.writer import LogWriter
from engine.text import one_line

FIRST_DELAY_S, MAX_DELAY_S = 1.0, 60.0
"""Before the first restart; each one after waits twice as long."""
STEADY_S = 600.0
"""An engine that worked for so long has earned the first delay again."""
MAX_STALLED = 3
"""Restarts in a row that brought no new checkpoint."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
ASKED_TO_END = {-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
"""Exit statuses of an engine that was told to go before it could answer: no crash."""
FAILED, STOPPED_AT_ONCE = 1, 3
"""Exit codes of an engine: 0 finished or stopped, 2 refused; see `engine.__main__`."""


@dataclass(frozen=True, slots=True)
class Life:
    """What the log tells of one engine."""

    step: int
    """The last reported."""
    progressed: bool
    """It sealed a checkpoint beyond the step it began at, so its work is kept."""
    ended: RunEnded | None
    """Its last word, if it had one."""
    paused: bool | None = None
    """Whether the run was paused when it was lost; None: it did not come so far as to say."""


class Restarter:
    """One run, kept going."""

    def __init__(
        self,
        run_dir: Path,
        allowed: int,
        command: Sequence[str],
        first_delay_s: float = FIRST_DELAY_S,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`command` starts the engine; `--resume` is added to it for every start but, perhaps, the first."""
        self._run_dir, self._allowed, self._command = run_dir, allowed, list(command)
        self._first_delay_s = first_delay_s
        self._clock, self._wall = clock, wall
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False
        """A signal asked us to end."""
        self._hook: Hook | None = None

    def run(self, *, resume: bool) -> int:
        """Start the engine, and again after each crash as long as that helps. Returns the exit code.

        Raises:
            SlotdeckError: another parent keeps this run going, or the folder is not ours alone.
        """
        check_run_folder(self._run_dir)
        try:
            return self._keep_going(resume)
        finally:
            if self._hook is not None:
                self._hook.close()

    def _keep_going(self, resume: bool) -> int:
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        done = stalled = 0
        paused = False
        delay_s = self._first_delay_s
        with RestartsLock(self._run_dir, self._allowed) as lock:
            while True:
                lock.say(done)
                since_seq, began_s = _head_seq(self._run_dir), self._clock()
                code = self._live(resume or done > 0, paused)
                life = life_since(self._run_dir, since_seq)
                paused = paused if life.paused is None else life.paused
                if self._asked or not _crashed(code, life):
                    return code if code >= 0 else 128 - code
                why = _why(code, life)
                if done:
                    stalled = 0 if life.progressed else stalled + 1
                if self._clock() - began_s >= STEADY_S:
                    delay_s = self._first_delay_s
                if is_live(self._run_dir) is not None:
                    self._say(f"{why}; another engine works on the run now, so this one is not started again")
                    return FAILED
                if hopeless := self._hopeless(done, stalled):
                    self._give_up(life.step, f"{why}; {hopeless}")
                    return FAILED
                done += 1
                lock.say(done, self._wall() + delay_s)
                self._announce(life.step, f"{why}; it starts again in {delay_s:g} s", done)
                if not self._wait(delay_s):
                    reason = f"{why}; asked to end before it was started again"
                    self._tell(reason, RunEnded(step=life.step, outcome="stopped", reason=reason))
                    return 128 + signal.SIGTERM
                delay_s = min(2 * delay_s, MAX_DELAY_S)

    def _live(self, resume: bool, paused: bool) -> int:
        """One engine, from its start to its end; its exit status."""
        command = [*self._command, *(["--resume"] if resume else []), *(["--paused"] if paused else [])]
        # A session of its own: whatever ends this parent does not end the engine.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        if self._asked:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait()
        self._process = None
        return code

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._asked = True
        if self._process is not None:
            self._process.send_signal(number)

    def _wait(self, delay_s: float) -> bool:
        """Let the time pass; False when asked to end meanwhile."""
        until_s = self._clock() + delay_s
        while not self._asked and (left_s := until_s - self._clock()) > 0:
            time.sleep(min(left_s, 0.1))
        return not self._asked

    def _hopeless(self, done: int, stalled: int) -> str:
        if stalled >= MAX_STALLED:
            return f"{stalled} restarts brought no new checkpoint, so it is not started again"
        if done >= self._allowed:
            return f"all {self._allowed} restarts are used" if done else "no restart is allowed"
        return ""

    # -- what the log is told ----------------------------------------------------------------------------

    def _announce(self, step: int, message: str, done: int) -> None:
        turn = f"({done} of {self._allowed})"
        self._tell(
            f"{message} {turn}",
            Alarm(step=step, level="warning", code="engine-restart", message=f"{message} {turn}"),
            StateChanged(state="starting", step=step, reason=f"engine restarting {turn}"),
        )

    def _give_up(self, step: int, reason: str) -> None:
        remedy = f"see engine.out in the run folder, then: slotdeck resume {self._run_dir.name}"
        self._tell(
            reason,
            Alarm(step=step, level="error", code="engine-given-up", message=reason, remedy=remedy),
            RunEnded(step=step, outcome="failed", reason=reason, remedy=remedy),
        )

    def _tell(self, line: str, *events: Event) -> None:
        """Into the log, in a segment of its own; engine.out has it in any case."""
        self._say(line)
        try:
            with RunLock(self._run_dir):
                log = LogWriter(self._run_dir, self._run_dir.name)
                for event in events:
                    log.commit(event, durable=True)
                log.close()
        except (SlotdeckError, OSError) as error:
            self._say(f"the log was not told: {error}")
        for event in events:
            if isinstance(event, Alarm):
                self._ring(event)

    def _ring(self, alarm: Alarm) -> None:
        """The profile's hook, as the engine would run it; a profile that cannot be read is the engine's to refuse."""
        if self._hook is None:
            try:
                command = load_profile(self._run_dir / PROFILE).guard.hook
            except SlotdeckError as error:
                self._say(f"guard.hook was not run: {error}")
                return
            self._hook = Hook(command, self._run_dir.name, self._say)
        self._hook.ring(alarm)

    def _say(self, line: str) -> None:
        sys.stderr.write(f"slotdeck: {one_line(line, 2000)}\n")
        sys.stderr.flush()


def life_since(run_dir: Path, since_seq: int) -> Life:
    """What the log tells of the engine that wrote after `since_seq`; nothing where it cannot be read."""
    try:
        history = History(run_dir, raw_reports=0)
    except SlotdeckError:
        return Life(0, False, None)
    step, base, progressed = 0, 0, False
    paused: bool | None = None
    ended: RunEnded | None = None
    report = history.latest.get(StepReport.KIND)
    if report is not None and isinstance(event := decode(report.kind, report.payload), StepReport):
        step = event.step
    for entry in history.marks:
        if entry.seq <= since_seq:
            continue
        match decode(entry.kind, entry.payload):
            case RunStarted(step=at) | WentBack(step=at):
                base = at
            case CheckpointSaved(step=at):
                progressed = progressed or at > base
            case RunEnded() as ended:
                pass
            case StateChanged(state="paused" | "running" as state):
                paused = state == "paused"
            case _:
                pass
    return Life(step, progressed, ended, paused)


def _head_seq(run_dir: Path) -> int:
    try:
        return History(run_dir, raw_reports=0).head_seq
    except SlotdeckError:
        return 0


def _crashed(code: int, life: Life) -> bool:
    if life.ended is not None and life.ended.outcome != "failed":
        return False  # its work was done, whatever happened to the process afterwards
    return code == FAILED or code > STOPPED_AT_ONCE or (code < 0 and code not in ASKED_TO_END)


def _why(code: int, life: Life) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        return f"the engine was killed by {name} after step {life.step:,}"
    said = f": {life.ended.reason}" if life.ended is not None else f" with code {code}"
    return f"the engine failed after step {life.step:,}{said}"


def main() -> int:
    """Keep the engine of the run folder given at work."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.control.restarter",
        description="Start a run's engine, and again when it crashes.",
    )
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--restarts", type=int, required=True, help="how often at most")
    parser.add_argument("--resume", action="store_true", help="the first start resumes, too")
    given = parser.parse_args()
    os.umask(UMASK)
    command = [sys.executable, "-m", "engine", str(given.run_dir)]
    try:
        return Restarter(given.run_dir, given.restarts, command).run(resume=given.resume)
    except SlotdeckError as error:
        sys.stderr.write(f"error: {one_line(str(error), 2000)}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
