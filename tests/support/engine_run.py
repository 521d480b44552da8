"""A real run: a folder, the engine as a process of its own, and what its log says."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from nursery import ForkedProcess
from patience import PATIENCE_S

from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.codec import decode
from engine.protocol.events import (
    CheckpointSaved,
    CommandApplied,
    CommandRefused,
    Event,
    RunStarted,
    StateChanged,
    StepReport,
)
from engine.protocol.verbs import parse_command
from engine.runlog.catalog import create_run
from engine.runlog.reader import LogReader
from tui.link.oneshot import send

T = TypeVar("T", bound=Event)


class EngineRun:
    """One run folder and the engine that works on it."""

    def __init__(self, runs_dir: Path, token_dir: Path, *sets: str) -> None:
        profile = load_profile("tiny", [f"data.dir={token_dir}", *sets])
        self.dir = create_run(runs_dir, profile.name, to_toml(profile), time.time(), os.urandom(2).hex())
        self.process: ForkedProcess | None = None

    def start(self, *options: str) -> EngineRun:
        """Start the engine; it is at work when this returns."""
        before = sum(isinstance(e, RunStarted) for e in self.events())
        self.process = self._spawn(*options)
        self.wait_for(lambda events: sum(isinstance(e, RunStarted) for e in events) > before)
        return self

    def run(self, *options: str) -> tuple[int, str]:
        """Start the engine and wait until it ends: exit code and what it wrote on stderr."""
        self.process = self._spawn(*options)
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors

    def send(self, *words: str) -> CommandApplied | CommandRefused:
        """Send a command, whoever holds the controls, and wait for its answer."""
        (*_, answer) = send(
            self.dir, parse_command(list(words)), take=True, who="tester@here", timeout_s=PATIENCE_S
        )
        assert isinstance(answer, CommandApplied | CommandRefused)
        return answer

    def step(self, n: int = 1) -> None:
        """Run `n` steps; paused again when this returns."""
        before = len(self.of(StateChanged))  # a run that went back is at the same step again
        end = self.send("step", str(n)).step + n
        self.wait_for(
            lambda _: any(s.state == "paused" and s.step == end for s in self.of(StateChanged)[before:])
        )

    def start_at(self, step: int, *options: str) -> EngineRun:
        """Start the engine paused, and step it to `step`: not one step further, however slow we are."""
        self.start(*options, "--paused")
        if (left := step - self.send("note", "where").step) > 0:
            self.step(left)
        return self

    def finish(self) -> None:
        """Let a paused run go on to its end, which must be a good one."""
        assert self.process is not None
        self.send("resume")
        assert self.process.wait(PATIENCE_S) == 0, self.process.communicate()[1]
        self.process.communicate()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self) -> int:
        """Stop it and wait."""
        assert self.process is not None
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode

    def events(self) -> list[Event]:
        """Everything in the log, decoded."""
        if not (self.dir / "log").is_dir():
            return []
        found = [decode(entry.kind, entry.payload) for entry in LogReader(self.dir).entries()]
        return [event for event in found if isinstance(event, Event)]

    def of(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events() if isinstance(event, kind)]

    def wait_for(self, seen: Callable[[list[Event]], bool]) -> None:
        """Wait until the log shows something."""
        assert self.process is not None
        give_up = time.monotonic() + PATIENCE_S
        while not seen(self.events()):
            assert self.process.poll() is None, f"the engine ended: {self.process.communicate()[1]}"
            assert time.monotonic() < give_up, "it never happened"
            time.sleep(0.05)

    def wait_sealed(self, *names: str) -> None:
        """Wait until these checkpoints are on the disk: what is due at a step is written beside those that follow."""
        self.wait_for(lambda _: {saved.name for saved in self.of(CheckpointSaved)} >= set(names))

    def wait_for_step(self, step: int) -> None:
        """Wait until a step is reported."""
        self.wait_for(lambda events: any(isinstance(e, StepReport) and e.step >= step for e in events))

    def sums(self, checkpoint: str) -> dict[str, str]:
        """sha256 of a checkpoint's tensors."""
        folder = self.dir / "checkpoints" / checkpoint
        return {p.name: sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.safetensors")}

    def _spawn(self, *options: str) -> ForkedProcess:
        return ForkedProcess("engine", [self.dir, *options])
