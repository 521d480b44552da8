"""The run: everything that is true of it while its engine lives, and what can be done to it.

`Run` is the engine's one mutable object. `engine.train.life` makes it of the parts that `engine.train.build` built,
the loop steps it, `engine.train.verbs` changes it on the operator's word. Its methods are called from the training
thread only.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from engine.checkpoint.writer import CheckpointWriter, Failed, Saved
from engine.control.mailbox import Accepted, Mailbox
from engine.data.loader import Loader, ValidationSet
from engine.errors import SlotdeckError
from engine.models.compiled import Compilation
from engine.models.slotted import SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.precision.policy import dtype_of
from engine.precision.scaling import LossScaling
from engine.profile.schema import Profile
from engine.protocol.commands import Stop
from engine.protocol.events import Alarm, StateChanged
from engine.runlog.branches import Branches
from engine.runlog.run_folder import CHECKPOINTS
from engine.runlog.writer import LogWriter
from engine.slots.plan import Plan
from engine.slots.planner import Planner
from engine.telemetry.torch_memory import forget_peak
from engine.tokenizer.bpe import Tokenizer
from engine.train import judge
from engine.train.fitting.recompute import with_recompute
from engine.train.guards.full_disk import FullDisk
from engine.train.guards.hang import HangWatch
from engine.train.guards.loss import LossGuard, pause_if_it_keeps_happening
from engine.train.guards.out_of_memory import NoRoom, make_smaller, wait_for_room
from engine.train.guards.spikes import SpikeGuard
from engine.train.guards.stall import StalledData
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.meters.report import step_report
from engine.train.meters.slot_meter import SlotMeter
from engine.train.micro_batches import MicroBatches
from engine.train.saving import save
from engine.train.schedule import LrControl, scheduled_lr
from engine.train.step import Recipe, take_step
from engine.train.verbs.asked import Asked
from engine.train.verbs.healing import Healing
from engine.train.verbs.jobs import Jobs


@dataclass
class Run:
    """A run, from its first step or a checkpoint, to its end."""

    run_dir: Path
    profile: Profile
    device: torch.device
    model: SlottedModel
    optimizer: SlottedOptimizer
    scaling: LossScaling
    loader: Loader
    validation: ValidationSet
    planner: Planner
    meter: Meter
    memory: MemoryWatch
    log: LogWriter
    mailbox: Mailbox
    tokenizer: Tokenizer | None
    vocab_hash: str
    writer: CheckpointWriter = field(init=False)
    hang: HangWatch = field(init=False)

    step: int = 0
    """Optimizer steps done."""
    branch: int = 0
    branches: Branches = field(default_factory=Branches)
    """All of them, and so which checkpoints the run came through."""
    tokens: int = 0
    """Tokens trained on."""
    rev: int = 0
    """Commands applied."""
    state: str = "starting"
    precision: str = "fp32"
    batch_size: int = field(init=False)
    """Sequences of a micro-batch."""
    accumulate: int = field(init=False)
    """Micro-batches of a step."""
    batch_settled: bool = True
    """False: measuring it was cut short, so a resume measures it again."""
    recompute: int = field(init=False)
    """Blocks that compute their activations again in backward."""
    lr_control: LrControl = field(default_factory=LrControl)
    best_val_loss: float | None = None
    last_val_loss: float | None = None
    last_evaluated: int = -1
    """Step of the last evaluation; -1: none yet."""
    last_saved: int = -1
    """Step of the newest save, whether it is sealed or being written; -1: none, or it failed."""
    sealed: Saved | None = None
    """The newest checkpoint that this engine has put on the disk."""
    save_error: Failed | None = None
    """Why the newest save failed, if it did."""
    to_repeat: list[tuple[int, Accepted]] = field(default_factory=list)
    """Commands applied after the checkpoint this run resumed from, with their steps, oldest first."""
    stopping: bool = False
    save_at_stop: bool = True
    stop_reason: str = ""
    steps_left: int | None = None
    """Steps until the run pauses by itself."""
    signals: list[int] = field(default_factory=list)
    """Signals received and not yet obeyed; handlers only append."""
    plan: Plan | None = None
    spikes: SpikeGuard = field(init=False)
    asked: Asked = field(default_factory=Asked)
    loss_guard: LossGuard = field(default_factory=LossGuard)
    stalled_data: StalledData = field(init=False)
    full_disk: FullDisk = field(init=False)
    slot_meter: SlotMeter = field(init=False)
    jobs: Jobs = field(init=False)
    healing: Healing | None = None
    """A prune that is still to be judged."""
    compilation: Compilation | None = None
    """The compiled block; None: the run does not compile. See `engine.train.fitting.compiling`."""

    def __post_init__(self) -> None:
        train = self.profile.train
        self.batch_size, self.accumulate = train.batch_size, train.accumulate
        self.recompute = min(train.recompute, len(self.model.slot_names))
        guard = self.profile.guard
        self.spikes = SpikeGuard(guard.spike_window, guard.spike_sigma, self.device)
        self.slot_meter = SlotMeter(self.model, self.device, self.profile.telemetry.slots_every_s)
        self.stalled_data = StalledData(guard.stalled_data_share, self.profile.data.dir)
        self.hang = HangWatch(self.log.emit, sys.stderr)
        self.full_disk = FullDisk(self.run_dir / CHECKPOINTS, partial(self.alarm, "error", "disk-full"))
        self.jobs = Jobs(self)

    @property
    def sequences(self) -> int:
        """Of a step, whatever the micro-batch."""
        return self.batch_size * self.accumulate

    @property
    def total_steps(self) -> int:
        """Where the run ends."""
        return self.profile.train.steps

    @property
    def end_is_asked(self) -> bool:
        """Whether somebody waits for the end: a signal, or a `stop` that the next boundary will find."""
        return bool(self.signals) or self.mailbox.holds(Stop)

    # -- states ------------------------------------------------------------------------------------------

    def enter(self, state: str, reason: str) -> None:
        """Change the state, told before it holds."""
        self.log.commit(StateChanged(state=state, step=self.step, reason=reason))
        self.state = state

    def pause(self, reason: str) -> None:
        """Stay at this boundary, memory kept."""
        self.steps_left = None
        self.report()
        self.enter("paused", reason)

    def go(self, reason: str, steps: int | None = None) -> None:
        """Run on; pause again after `steps`."""
        self.steps_left = steps
        self.enter("running", reason)

    def stop(self, save: bool, reason: str) -> None:
        """End at this boundary."""
        self.stopping, self.save_at_stop, self.stop_reason = True, save, reason

    # -- one step ----------------------------------------------------------------------------------------

    def scheduled_lr(self) -> float:
        """The profile's learning rate for the next step."""
        return scheduled_lr(self.step, self.total_steps, self.profile.optim)

    def choose_slots(self) -> None:
        """Draw the next step's plan, and log it if it differs from the last."""
        plan = self.planner.plan(self.step)
        if self.plan is None or plan.changed_from(self.plan):
            self.log.emit(plan.to_event(self.step, self.branch))
            self.optimizer.match(plan.trained)
        self.plan = plan

    def take_step(self) -> bool:
        """One optimizer step under the plan. False: there was no memory for it, and the run is paused before it."""
        assert self.plan is not None, "slots are chosen before the step"
        plans = self.plan.blocks(dtype_of, self.batch_size, self.accumulate, self.device)
        batches = MicroBatches(
            self.loader, [with_recompute(rows, self.recompute, self.model.pruned) for rows in plans]
        )
        self.memory.begin_step()
        if self.steps_left == 1:
            self.slot_meter.ask()  # what one looks at during the pause is of the step before it
        self.slot_meter.begin_step(self.branch, self.step + 1, disturbed=self.memory.counting)
        place = self.loader.state()
        try:
            with self.hang.busy(self.step, self.meter.seconds_per_step):
                self._take_step(batches)
        except NoRoom as error:
            wait_for_room(self, error, place)
            return False
        finally:
            self.slot_meter.end()
        self.step += 1
        return True

    def _take_step(self, batches: MicroBatches) -> None:
        train = self.profile.train
        self.tokens += take_step(
            self.model,
            self.optimizer,
            batches,
            self.scaling,
            self.meter,
            self.memory,
            Recipe(
                step=self.step,
                dtype=dtype_of(self.precision),
                device=self.device,
                lr=self.lr_control.lr(self.scheduled_lr()),
                grad_clip=train.grad_clip,
                gate_l1=self.profile.optim.gate_l1,
                lean=train.lean,
            ),
            lambda reason: make_smaller(self, batches, reason),
            self.spikes,
            self.slot_meter,
        )

    def set_batch(self, batch_size: int) -> None:
        """Micro-batches of another size from the next step on; a step keeps its sequences."""
        sequences = self.sequences
        assert sequences % batch_size == 0, f"{sequences} sequences make no micro-batches of {batch_size}"
        self.batch_size = self.loader.batch_size = batch_size
        self.accumulate = sequences // batch_size

    def set_precision(self, name: str) -> None:
        """Compute in another type from the next step on."""
        self.precision = name

    def set_recompute(self, blocks: int) -> None:
        """So many blocks keep no activations from the next step on."""
        self.recompute = blocks

    # -- telling -----------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Report if it is time to, and count down a `step` command."""
        if self.meter.due():
            self.report()
            pause_if_it_keeps_happening(self)
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left == 0 and self.step < self.total_steps:
                self.pause("stepped")

    def report(self) -> None:
        """Say what the steps since the last report did. The one place where the device is read.

        Raises:
            SlotdeckError: the run folder is gone, so whatever is trained from here on would be lost.
        """
        if not self.meter.has_steps:
            return
        if not self.run_dir.is_dir():
            raise SlotdeckError(
                f"{self.run_dir} is gone: deleted or moved while it trained", "start a new run"
            )
        with self.hang.busy(self.step, self.meter.seconds_per_step):
            report = step_report(self)
        self.log.emit(report)
        for told in self.loss_guard.look(
            report, self.spikes.read(), self.precision, lean=self.profile.train.lean
        ):
            self.log.emit(told)
        if stalled := self.stalled_data.look(report):
            self.log.emit(stalled)
        if split := self.memory.take():
            self.log.emit(split)
        if measured := self.slot_meter.take():
            self.log.emit(measured)

    def alarm(self, level: str, code: str, message: str, remedy: str = "", command_id: str = "") -> None:
        """Tell the operator now; `command_id` is that of the command that came to this."""
        self.log.commit(
            Alarm(
                step=self.step,
                level=level,
                code=code,
                message=message,
                remedy=remedy,
                command_id=command_id,
            )
        )

    def save(self, reason: str, command_id: str = "", held: bool = False) -> None:
        """Copy the state at this boundary; the writer thread seals it on disk while training goes on."""
        save(self, reason, command_id, held)

    # -- beginning and end -------------------------------------------------------------------------------

    def signal_received(self) -> bool:
        """Obey signals: the first one ends the run at this boundary, with a checkpoint."""
        if not self.signals or self.stopping:
            return False
        name = signal.Signals(self.signals[0]).name
        self.enter("stopping", f"{name} received")
        self.stop(save=True, reason=f"stopped by {name}")
        return True

    def begin(self, *, paused: bool = False) -> None:
        """The first thing the loop does: judge the untrained model once, then run, or go on being `paused`."""
        forget_peak(self.device)
        self.meter.start()
        if paused:
            self.enter("paused", "as it was when the engine was lost")
        else:
            self.enter("running", "resumed from a checkpoint" if self.step else "begun")
        if self.last_evaluated < 0 and not self.end_is_asked:
            judge.evaluate(self)
