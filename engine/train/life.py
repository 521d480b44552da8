"""An engine's life: take the run's lock, build, open log and socket, train, and end saying why."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import torch

from engine.checkpoint.load import Loaded, load_newest
from engine.checkpoint.writer import FOLDER, CheckpointWriter
from engine.control.journal import Journal
from engine.control.mailbox import Accepted, Mailbox
from engine.control.server import ControlServer
from engine.errors import SlotdeckError
from engine.precision.policy import dtype_of
from engine.protocol.commands import verb_of
from engine.protocol.events import CommandRefused, LogLine, Progress, RunEnded, RunStarted
from engine.protocol.verbs import as_text
from engine.runlog.index import History
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter
from engine.telemetry.sampler import Sampler
from engine.text import one_line
from engine.train import snapshot
from engine.train.apply import REPEATED_ON_RESUME
from engine.train.build import PROFILE_NAME, Parts, build_parts, describe_machine, describe_model
from engine.train.loop import train
from engine.train.memory import MemoryWatch
from engine.train.metrics import Meter
from engine.train.run import Run
from engine.train.threads import candidates, try_threads

ANSWERED_AFTER_RESTART = REPEATED_ON_RESUME | {"checkpoint", "evaluate", "sample", "note"}
"""Accepted commands that still mean something when the engine that accepted them is gone."""


class StopNow(BaseException):
    """A second signal: end without saving."""


def run_engine(run_dir: Path, *, resume: bool) -> int:
    """Live once on `run_dir`. Returns the process's exit code; see `engine.__main__`.

    Raises:
        SlotdeckError: the run cannot start. Nothing was logged then.
    """
    with RunLock(run_dir):
        begun = any((run_dir / "log").glob("*.slog"))
        if begun and not resume:
            raise SlotdeckError(
                f"{run_dir} has begun already", f"go on with `slotdeck train --resume {run_dir}`"
            )
        parts = build_parts(run_dir)
        loaded = None
        if resume:
            shapes = parts.optimizer.state_shapes()
            loaded = load_newest(run_dir / FOLDER, parts.model.state_dict(), shapes)
        journal = Journal.read(run_dir) if begun else Journal()
        if loaded is not None and loaded.state["step"] >= parts.profile.train.steps:
            raise SlotdeckError(
                f"{run_dir.name} is finished: {loaded.state['step']} of {parts.profile.train.steps} steps done",
                f"give it more: slotdeck train --resume {run_dir} --set train.steps=N",
            )
        return _live(run_dir, parts, loaded, journal)


def _live(run_dir: Path, parts: Parts, loaded: Loaded | None, journal: Journal) -> int:
    """From the opened log to the sealed one."""
    server: ControlServer | None = None
    log = LogWriter(
        run_dir, run_dir.name, on_frames=lambda frames: server.publish(frames) if server else None
    )
    run = assemble(run_dir, parts, log)
    server = ControlServer(
        run_dir,
        run_dir.name,
        log,
        run.mailbox,
        journal,
        state=lambda: run.state,
        rev=lambda: run.rev,
        step=lambda: run.step,
    )
    sampler = Sampler(log.emit, parts.profile.telemetry.hardware_every_s, run_dir)
    try:
        with _signals(run):
            server.start()
            sampler.start()
            run.enter("starting", "")
            _go_on(run, loaded, journal)
            _settle_threads(run, loaded)
            tell_start(run, parts, loaded)
            train(run)
        return 0
    except StopNow:
        log.commit(
            RunEnded(step=run.step, outcome="stopped", reason="stopped at once by a second signal"),
            durable=True,
        )
        return 3
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        log.commit(_failure(run, error), durable=True)
        return 1
    finally:
        sampler.close()
        run.writer.drain()
        server.close()  # before the log: a command that arrives now must find no closed log
        log.close()


def assemble(run_dir: Path, parts: Parts, log: LogWriter) -> Run:
    """A run of these parts that tells `log`, not yet begun."""
    run = Run(
        run_dir=run_dir,
        profile=parts.profile,
        device=parts.device,
        model=parts.model,
        optimizer=parts.optimizer,
        scaling=parts.scaling,
        loader=parts.loader,
        validation=parts.validation,
        planner=parts.planner,
        meter=Meter(parts.device, parts.profile.telemetry.reports_per_s),
        memory=MemoryWatch(parts.model, parts.optimizer, parts.device),
        log=log,
        mailbox=Mailbox(),
        tokenizer=parts.tokenizer,
        vocab_hash=parts.vocab_hash,
        precision=parts.precision,
    )
    run.writer = CheckpointWriter(
        run_dir, keep=parts.profile.checkpoint.keep, on_saved=run.saved, on_failed=run.not_saved
    )
    return run


def _go_on(run: Run, loaded: Loaded | None, journal: Journal) -> None:
    """Take up the state of the checkpoint, and what was asked after it."""
    run.rev, run.branch = journal.rev, journal.branch
    if loaded is None:
        if journal.last_seq:
            run.branch += 1
            run.alarm(
                "warning", "no-checkpoint", "the run has no checkpoint yet, so it begins again at step 0"
            )
    else:
        run.model.load_state_dict(loaded.model)
        run.optimizer.load_state_tensors(loaded.optimizer)
        snapshot.restore(run, loaded.state)
        for name, reason in loaded.quarantined:
            run.alarm("error", "checkpoint-quarantined", f"{name} is damaged and set aside: {reason}", "")
        goes_back = _last_step(run.run_dir) > run.step
        run.rev, run.branch = journal.rev, journal.branch + goes_back
        run.to_repeat = [
            (
                done.event.step,
                Accepted(done.event.command_id, done.client_id, done.who, done.command, done.seq),
            )
            for done in journal.applied_after(run.step, loaded.state["rev"])
            if done.event.verb in REPEATED_ON_RESUME
        ]
    for waiting in journal.unanswered:
        if verb_of(waiting.command) in ANSWERED_AFTER_RESTART:
            run.mailbox.put(waiting)
        else:
            run.log.commit(
                CommandRefused(
                    command_id=waiting.command_id,
                    client_id=waiting.client_id,
                    verb=verb_of(waiting.command),
                    text=as_text(waiting.command),
                    step=run.step,
                    code="engine-restarted",
                    reason="the engine ended before it could be applied",
                    remedy="ask again",
                )
            )


def _last_step(run_dir: Path) -> int:
    """The last step that the log tells of."""
    steps = History(run_dir, raw_reports=64).tracks.step
    return int(steps[-1]) if steps else 0


def _settle_threads(run: Run, loaded: Loaded | None) -> None:
    """Decide the number of torch threads: the profile's, the checkpoint's (sums depend on it), or measured."""
    if run.device.type != "cpu":
        return
    wish = run.profile.train.threads
    if loaded is not None and not wish:
        torch.set_num_threads(loaded.state["threads"])
        return
    if wish:
        torch.set_num_threads(wish)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        torch.set_num_threads(1)
        return
    trial = try_threads(
        _rehearsal(run),
        candidates(cores),
        lambda n, of: run.log.emit(Progress(task="warm-up", done=n, total=of)),
    )
    run.log.emit(LogLine(level="info", text=f"threads measured in warm-up: {trial.describe()}"))


def _rehearsal(run: Run) -> Callable[[], None]:
    """A forward and backward pass on the run's own shapes that leaves no trace: own ids, gradients freed."""
    seq_len, batch_size = run.profile.data.seq_len or run.model.seq_len, run.profile.train.batch_size
    generator = torch.Generator().manual_seed(0)
    ids_BT = torch.randint(run.model.vocab_size, (batch_size, seq_len), generator=generator)

    def work() -> None:
        before = torch.get_rng_state()
        run.model.forward_loss(ids_BT, ids_BT, None, dtype_of(run.precision)).backward()
        run.optimizer.zero_grad()
        torch.set_rng_state(before)

    return work


def tell_start(run: Run, parts: Parts, loaded: Loaded | None) -> None:
    """Log what is about to be trained, and where."""
    model, slots = describe_model(run.model)
    train_ = run.profile.train
    run.log.commit(
        RunStarted(
            run_id=run.run_dir.name,
            profile_name=run.profile.name,
            profile_toml=(run.run_dir / PROFILE_NAME).read_text(encoding="utf-8"),
            model=model,
            slots=slots,
            machine=describe_machine(run.device),
            branch=run.branch,
            step=run.step,
            total_steps=run.total_steps,
            tokens_per_step=train_.batch_size
            * train_.accumulate
            * (run.profile.data.seq_len or run.model.seq_len),
            wall_s=time.time(),
            pid=os.getpid(),
            resumed_from=loaded.name if loaded else "",
        )
    )
    run.log.emit(LogLine(level="info", text=f"precision {run.precision}: {parts.precision_reason}"))


def _failure(run: Run, error: Exception) -> RunEnded:
    """The last event of a run that broke."""
    if isinstance(error, SlotdeckError):
        return RunEnded(step=run.step, outcome="failed", reason=error.message, remedy=error.remedy)
    if isinstance(error, torch.OutOfMemoryError):
        remedy = "lower train.batch_size and raise train.accumulate, then resume"
        return RunEnded(step=run.step, outcome="failed", reason=one_line(str(error), 1024), remedy=remedy)
    reason = f"{type(error).__name__}: {one_line(str(error), 1024)}"
    return RunEnded(step=run.step, outcome="failed", reason=reason, remedy="the traceback is in engine.out")


@contextmanager
def _signals(run: Run) -> Iterator[None]:
    """First SIGTERM, SIGINT or SIGUSR1: end at the boundary, saved. Second: at once. SIGHUP: nothing."""

    def received(number: int, _: FrameType | None) -> None:
        run.signals.append(number)
        if len(run.signals) > 1 and number != signal.SIGUSR1:
            raise StopNow

    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = {number: signal.signal(number, received) for number in wanted}
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, hangup)
        for number, handler in before.items():
            with suppress(TypeError):
                signal.signal(number, handler)
