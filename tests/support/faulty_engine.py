"""The real engine with real faults in it: a process that trains a run folder while things go wrong at given steps.

    python faulty_engine.py RUN_DIR [--resume] nan@12 spike@30:1000 oom@50 signal@70

The product has no switch for any of this. The faults stand around the run that `engine.train.life` assembles: its
model's loss, its loader, its process. STEP counts the steps done before it, so `nan@12` spoils the 13th step. Each
fault happens once in a process; `FaultyRun` of this file starts one as a test would.

    nan@STEP              the loss is NaN, and so is every gradient
    grad@STEP             the loss is as it should be, every gradient is NaN
    spike@STEP:FACTOR     loss and gradients are FACTOR times what they should be (1000)
    gradspike@STEP:FACTOR only the gradients are
    oom@STEP:TIMES        an allocation fails, so many attempts of that step in a row (1)
    signal@STEP:NAME      the process sends itself a signal in the middle of the step (SIGUSR1)
    crash@STEP            an exception that nobody expects
    die@STEP              SIGKILL
    slow@STEP:SECONDS     the step takes so long (1)
    starve@STEP:SECONDS   from here on every batch takes so long to read (0.05)
    feed@STEP             and from here on not any more
    full@STEP:BYTES       from here on no file can grow beyond so many bytes (0), as on a full disk
    room@STEP             and from here on there is room again
    sealed@STEP           the step waits until what is being saved is on the disk
    asked@STEP:COUNT      the step waits until so many commands wait for its end (1)
    judged@STEP:NAME      the process sends itself a signal in the middle of an evaluation (SIGUSR1)
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
ROOT = SUPPORT.parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(SUPPORT), str(ROOT)]

from engine_run import EngineRun  # noqa: E402
from nursery import ForkedProcess  # noqa: E402


@dataclass
class Fault:
    """One thing that goes wrong."""

    kind: str
    step: int
    amount: str = ""
    times: int = 1
    """How often it still happens."""

    @classmethod
    def parse(cls, text: str) -> Fault:
        kind, _, rest = text.partition("@")
        step, _, amount = rest.partition(":")
        assert kind in KINDS, f"no such fault: {kind}"
        return cls(kind, int(step), amount, int(amount or 1) if kind == "oom" else 1)


KINDS = (
    "nan", "grad", "spike", "gradspike", "oom", "signal", "crash", "die", "slow", "starve", "feed", "full", "room",
    "sealed", "asked", "judged",
)  # fmt: skip


class FaultyRun(EngineRun):
    """An `EngineRun` whose engine meets the faults it was given."""

    faults: tuple[str, ...] = ()

    def with_faults(self, *faults: str) -> FaultyRun:
        """Say what will go wrong in engines that are started from here on."""
        self.faults = faults
        return self

    def _spawn(self, *options: str) -> ForkedProcess:
        return ForkedProcess("faulty engine", [self.dir, *options, *self.faults])


def spoil(run: Any, faults: list[Fault]) -> None:
    """Put the faults around a run that was assembled and has not begun."""
    stepping, pause_s = False, 0.0
    take_step, forward_loss, next_batch = run.take_step, run.model.forward_loss, run.loader.next

    def now(*kinds: str) -> Fault | None:
        for fault in faults:
            if fault.kind in kinds and fault.step == run.step and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def spoilt_step(*args: Any, **kwargs: Any) -> Any:
        nonlocal stepping, pause_s
        for kind, act in BEFORE.items():
            if fault := now(kind):
                act(fault)
        if now("sealed"):
            run.writer.drain()
        if fault := now("asked"):
            while len(run.mailbox._waiting) < int(fault.amount or 1):
                time.sleep(0.01)
        if fault := now("starve"):
            pause_s = float(fault.amount or 0.05)
        if now("feed"):
            pause_s = 0.0
        stepping = True
        try:
            return take_step(*args, **kwargs)
        finally:
            stepping = False

    def spoilt_batch() -> Any:
        time.sleep(pause_s)
        return next_batch()

    def spoilt_loss(*args: Any, **kwargs: Any) -> Any:
        import torch

        loss = forward_loss(*args, **kwargs)
        if not stepping:
            if fault := now("judged"):
                _signal(fault)
            return loss
        if now("oom"):
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB (injected by a test)"
            )
        if now("crash"):
            raise RuntimeError("injected by a test")
        if now("nan"):
            return loss * float("nan")
        if now("grad"):
            return _with_gradient_times(loss, float("nan"))
        if fault := now("spike"):
            return loss * float(fault.amount or 1000)
        if fault := now("gradspike"):
            return _with_gradient_times(loss, float(fault.amount or 1000))
        return loss

    run.take_step, run.model.forward_loss, run.loader.next = spoilt_step, spoilt_loss, spoilt_batch


def _with_gradient_times(loss: Any, factor: float) -> Any:
    """The same number, whose gradient is `factor` times as large."""
    return loss * factor + (loss - loss * factor).detach() if factor == factor else _nan_gradient(loss)


def _nan_gradient(loss: Any) -> Any:
    loss.register_hook(lambda gradient: gradient * float("nan"))
    return loss


def _signal(fault: Fault) -> None:
    os.kill(os.getpid(), getattr(signal, fault.amount or "SIGUSR1"))


def _limit(fault: Fault) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    soft = hard if fault.kind == "room" else int(fault.amount or 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


BEFORE: dict[str, Callable[[Fault], None]] = {
    "signal": _signal,
    "die": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "slow": lambda fault: time.sleep(float(fault.amount or 1)),
    "full": _limit,
    "room": _limit,
}
"""What happens to the process rather than to the arithmetic."""


def main() -> int:
    """Live once on a run folder, as `python -m engine` does, with the faults in place."""
    from engine.errors import SlotdeckError
    from engine.train import life

    run_dir, *rest = sys.argv[1:]
    faults = [Fault.parse(text) for text in rest if not text.startswith("--")]
    assemble = life.assemble

    def assembled(*args: Any, **kwargs: Any) -> Any:
        run = assemble(*args, **kwargs)
        spoil(run, faults)
        return run

    life.assemble = assembled
    try:
        return life.run_engine(Path(run_dir), resume="--resume" in rest, paused="--paused" in rest)
    except SlotdeckError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
