"""What is known of a run, as plain values, and what follows from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.protocol import events as e
from tui.state.curves.series import Series
from tui.state.facts import AWAY, Lease, LinkState, Tick
from tui.state.jobs import Jobs
from tui.state.log.feed import FeedItem
from tui.state.memory_history import MemoryHistory
from tui.state.pending_commands import PendingCommands
from tui.state.slots.history import SlotHistory
from tui.state.slots.measures import SlotMeasures
from tui.state.troubles import Alarms

SCALARS = (
    "loss", "loss_ema", "lr", "grad_norm", "tokens_per_s", "active_slots",
    "step_ms", "data_ms", "forward_ms", "backward_ms", "optimizer_ms",
)  # fmt: skip
"""Fields of a step report that become series of the same name; `val_loss` comes from evaluations."""


class StoreFacts:
    """Everything known of one run. Bounded: a run of any length fits."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.link = LinkState("connecting", "", clock())
        self.commands = PendingCommands()
        self.series: dict[str, Series] = {}
        self.reset()

    def reset(self, keep_series: bool = False) -> None:
        """Back to nothing known; the link and this cockpit's own requests stay.

        `keep_series`: the curves stay too, for a replay that jumps within a run whose tracks are loaded.
        """
        self.run: e.RunStarted | None = None
        self.state = ""
        """`starting`, `running`, `paused`, `stopping` or `ended`; empty before the first event."""
        self.state_reason = ""
        self.running_since_s = 0.0
        """When it last began to do steps."""
        self.ended: e.RunEnded | None = None
        self.ended_wall_s = 0.0
        self.report: e.StepReport | None = None
        self.report_wall_s = 0.0
        self.wall_s = 0.0
        """Time of the newest event."""
        self.plan: e.SlotPlanned | None = None
        self.slots = SlotHistory()
        self.measures = SlotMeasures()
        self.memory_history = MemoryHistory()
        self.evaluations: list[e.Evaluated] = []
        self.samples: deque[e.Sampled] = deque(maxlen=32)
        self.checkpoints: list[e.CheckpointSaved] = []
        self.alarms: deque[FeedItem] = deque(maxlen=64)
        """The feed's lines about them."""
        self.open_alarms = Alarms()
        """Those that nothing has shown to be over."""
        self.jobs = Jobs()
        self.pruned: frozenset[str] = frozenset()
        """Names of the slots that are gone from the model."""
        self.set_since: dict[str, str] = {}
        """`lr` and `precision` as set since the last report: what the next one will say."""
        self.hardware: e.Hardware | None = None
        self.memory: e.MemorySplit | None = None
        self.progress: e.Progress | None = None
        """A long task inside the engine; `None` when there is none or it is done."""
        self.progress_since_s = 0.0
        """When it began."""
        self.feed: deque[FeedItem] = deque(maxlen=500)
        self.ticks: list[Tick] = []
        self.lease = self.lease_before = Lease()
        self.lease_wall_s = 0.0
        """When the controls changed hands."""
        self.rev = 0
        """The run's revision: rises with each applied command."""
        self.branch = 0
        self.head_seq = 0
        """The newest sequence number applied."""
        self.unknown = 0
        """Frames of kinds that this version does not know."""
        self.damaged = 0
        """Stretches of the log that could not be read; the link counts them."""
        self.damaged_wall_s = self.gpu_lost_wall_s = self.gap_wall_s = 0.0
        """When the first of each was noticed."""
        self.gap_seq = 0
        self.gaps = 0
        """Frames that never reached the log."""
        if not keep_series:
            self.series = {name: Series(name) for name in (*SCALARS, "val_loss")}

    @property
    def step(self) -> int:
        """Steps done."""
        if self.report is not None:
            return self.report.step
        return self.run.step if self.run is not None else 0

    @property
    def total_steps(self) -> int | None:
        return self.run.total_steps if self.run is not None else None

    @property
    def slot_names(self) -> list[str]:
        return [slot.name for slot in self.run.slots] if self.run is not None else []

    @property
    def val_loss(self) -> float | None:
        return self.series["val_loss"].last

    def leads(self, branch: int, step: int, at: int | None = None) -> bool:
        """Whether a step of a branch is on the line to branch `at`, or to where the run is now."""
        return self.series["loss"].forks.leads(branch, step, at)

    @property
    def newest_checkpoint(self) -> e.CheckpointSaved | None:
        """The last that is not on an abandoned branch."""
        return next((c for c in reversed(self.checkpoints) if self.leads(c.branch, c.step)), None)

    def eta_s(self, now_s: float) -> float | None:
        """Seconds of running left at Unix time `now_s`: the report's figure, counting down while steps are done.

        Neither a pause counts, nor a task that stops them, such as an evaluation, nor a silence.
        """
        over = self.ended is not None or self.link.status == "ended"  # killed, the log just ends
        if self.report is None or self.report.eta_s is None or over:
            return None
        if self.state != "running" or self.link.status in AWAY:
            return self.report.eta_s
        if self.progress is not None:
            now_s = min(now_s, self.progress_since_s)
        since_s = max(self.report_wall_s, self.running_since_s)
        due_s = 10.0 + 2e-3 * self.report.steps * self.report.step_ms  # by then the next report is late
        return max(0.0, self.report.eta_s - min(max(0.0, now_s - since_s), due_s))
