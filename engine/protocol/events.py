"""Events: what the engine says. Each is one frame of the log; live view and replay apply the same ones.

Every event is a frozen array-like Struct: on the wire its fields stand in the order below, without names.
Fields are only ever appended, always with a default, and never change their type; the names travel in each
log segment's header and in the welcome (`engine.protocol.codec.schema`).

`step` counts optimizer steps done. `branch` rises whenever the step goes back (a resume from an earlier
checkpoint), so steps repeat across branches and charts fork on it.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

Scalar = str | int | float | bool | None


class Wire(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A value that travels inside an event."""


class Event(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One thing that happened."""

    KIND: ClassVar[int]
    """The frame's kind byte."""
    RELIABLE: ClassVar[bool] = True
    """Written before it takes effect and never dropped; otherwise telemetry, which may be conflated."""


# -- the run ---------------------------------------------------------------------------------------------


class SlotInfo(Wire):
    """A row of the model's slot table."""

    name: str
    """Stable across checkpoints, as the user reads it: `block.7`."""
    params: int


class ModelInfo(Wire):
    """What is being trained."""

    family: str
    params: int
    """All parameters, tied ones counted once."""
    stem_params: int
    """Parameters outside the slots: embeddings, final norm, head."""
    seq_len: int
    vocab_size: int


class Machine(Wire):
    """Where it runs."""

    host: str
    device: str
    """`cuda`, `mps` or `cpu`."""
    device_name: str
    num_threads: int
    torch: str
    python: str
    slotdeck: str
    platform: str


class RunStarted(Event):
    """The engine is ready to step. Logged again after each resume."""

    KIND: ClassVar[int] = 1
    run_id: str
    profile_name: str
    profile_toml: str
    """The resolved profile, as in the run folder."""
    model: ModelInfo
    slots: list[SlotInfo]
    machine: Machine
    branch: int
    step: int
    """The step it starts from: 0, or the checkpoint's."""
    total_steps: int
    tokens_per_step: int
    wall_s: float
    """Unix time."""
    pid: int
    resumed_from: str = ""
    """The checkpoint's folder name, if any."""


class StateChanged(Event):
    """The run's state, and why it changed."""

    KIND: ClassVar[int] = 2
    state: str
    """`starting`, `running`, `paused`, `stopping` or `ended`."""
    step: int
    reason: str = ""


class RunEnded(Event):
    """The last event of an engine's life, unless it was killed."""

    KIND: ClassVar[int] = 3
    step: int
    outcome: str
    """`finished`, `stopped` or `failed`."""
    reason: str
    remedy: str = ""
    resumable: bool = True


# -- training --------------------------------------------------------------------------------------------


class StepReport(Event):
    """What the steps since the last report did. At most 20 a second; means are over `steps`."""

    KIND: ClassVar[int] = 8
    RELIABLE: ClassVar[bool] = False
    step: int
    branch: int
    steps: int
    """How many steps this report covers."""
    tokens: int
    """Tokens trained on since the run began."""
    loss: float
    """Mean training loss per token, nats."""
    loss_ema: float
    lr: float
    grad_norm: float
    """Before clipping, mean over `steps`."""
    tokens_per_s: float
    step_ms: float
    data_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float
    active_slots: float
    """Mean over `steps` of the sum of duties: 6.0 of 8 means a quarter of the block work was left out."""
    precision: str
    eta_s: float | None = None
    """Seconds of running left, pauses excluded, from the speed of recent steps."""
    skipped_steps: int = 0
    """Steps of these whose gradients were not finite and were not applied."""
    batch_size: int = 0
    """Sequences of a micro-batch; 0: not told."""
    accumulate: int = 0
    """Micro-batches of a step; 0: not told."""
    recompute: int = 0
    """Blocks that compute their activations again in backward."""


class SlotRow(Wire):
    """The plan for one slot."""

    duty: float
    """Share of the sequences of a micro-batch that pass through the block: 0, 0.25, 0.5, 0.75 or 1."""
    trained: bool = True
    held: str = ""
    """`""`, `pin` or `ban`: the operator's word, which beats the policy."""
    until: int | None = None
    """The step at which the hold expires."""
    precision: str = ""
    """Empty: the run's."""
    reason: str = ""
    pruned: bool = False


class SlotPlanned(Event):
    """The plan from `step` on. Sent whenever it changes."""

    KIND: ClassVar[int] = 9
    RELIABLE: ClassVar[bool] = False
    step: int
    branch: int
    policy: str
    rows: list[SlotRow]
    """One for each slot, in the order of the slot table."""
    reason: str = ""


class Evaluated(Event):
    """The loss on the fixed validation set, all slots on unless the model has pruned some."""

    KIND: ClassVar[int] = 10
    step: int
    branch: int
    loss: float
    perplexity: float
    tokens: int
    """Validation tokens it was measured on."""
    seconds: float
    command_id: str = ""
    """The command that asked, or empty when it was due."""


class Sampled(Event):
    """Text drawn from the model."""

    KIND: ClassVar[int] = 11
    step: int
    branch: int
    prompt: str
    text: str
    """The continuation, without the prompt."""
    seconds: float
    command_id: str = ""


class CheckpointSaved(Event):
    """A checkpoint is sealed on disk."""

    KIND: ClassVar[int] = 12
    step: int
    branch: int
    name: str
    """Folder name under `checkpoints/`."""
    bytes: int
    seconds: float
    reason: str
    command_id: str = ""


# -- telemetry -------------------------------------------------------------------------------------------


class Gpu(Wire):
    """One GPU. `None` where the device does not say; never 0 for unknown."""

    index: int
    name: str
    utilisation: float | None = None
    """Percent."""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    temperature_c: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    throttle: str = ""
    """Why the clock is held down, or empty."""


class Hardware(Event):
    """The machine, sampled about once a second."""

    KIND: ClassVar[int] = 16
    RELIABLE: ClassVar[bool] = False
    cpu_percent: float | None
    """Of all cores together, 0..100."""
    process_cpu_percent: float | None
    """Of one core, so 200 is two cores busy."""
    ram_used_bytes: int | None
    ram_total_bytes: int | None
    process_rss_bytes: int | None
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    gpus: list[Gpu] = []
    gpu_status: str = ""
    """Why there is no GPU row: `no NVIDIA driver`, `sampler lost: ...`; empty when all is well."""


class MemorySplit(Event):
    """What holds the training device's memory, bytes."""

    KIND: ClassVar[int] = 17
    RELIABLE: ClassVar[bool] = False
    step: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    """Peak of the last steps above weights, gradients and states. On a CPU: measured from saved tensors."""
    cache: int
    """Held by the allocator and not in use."""
    other: int | None = None
    """Other processes on the device, or on a CPU the rest of the machine's used memory."""
    total: int | None = None
    """The device's memory, or the machine's on a CPU."""
    slots: list[int] = []
    """Weights, gradients and optimizer states of each slot."""


class Progress(Event):
    """A long task inside the engine: warm-up, evaluation."""

    KIND: ClassVar[int] = 18
    RELIABLE: ClassVar[bool] = False
    task: str
    done: int
    total: int
    detail: str = ""


class LogLine(Event):
    """A line for the feed."""

    KIND: ClassVar[int] = 19
    RELIABLE: ClassVar[bool] = False
    level: str
    """`info` or `warning`."""
    text: str


class Alarm(Event):
    """Something the operator should know now."""

    KIND: ClassVar[int] = 20
    step: int
    level: str
    """`warning` or `error`."""
    code: str
    """Stable, for scripts: `loss-not-finite`, `checkpoint-failed`, `checkpoint-quarantined`, `log-behind` ..."""
    message: str
    remedy: str = ""


class LogGap(Event):
    """Frames that never reached the log (a full or slow disk). Written when it takes frames again."""

    KIND: ClassVar[int] = 21
    dropped: int
    reason: str


# -- commands --------------------------------------------------------------------------------------------


class CommandAccepted(Event):
    """A command is durable in the log and will be applied at a step boundary, or refused there."""

    KIND: ClassVar[int] = 32
    command_id: str
    client_id: str
    who: str
    """`user@host` of the client, sanitised."""
    verb: str
    args: dict[str, Scalar | list[Scalar] | dict[str, Scalar]]
    text: str
    """The command as one would type it: `pin block.3 until=+200`."""


class CommandApplied(Event):
    """The command takes effect between step `step` and the next. Logged before it does."""

    KIND: ClassVar[int] = 33
    command_id: str
    verb: str
    text: str
    step: int
    branch: int
    rev: int
    """The run's revision after it: rises by one with each applied command."""
    before: str
    """The value it replaces, as shown to people; empty where there is none."""
    after: str
    cost: str = ""
    """What it is expected to cost: `one pass over 32,768 validation tokens`."""
    client_id: str = ""
    """Who asked: command ids are unique only for one client."""


class CommandRefused(Event):
    """Nothing was changed."""

    KIND: ClassVar[int] = 34
    command_id: str
    verb: str
    text: str
    step: int
    code: str
    """Stable, for scripts: `no-lease`, `stale-revision`, `unknown-slot`, `bad-value`, `wrong-state` ..."""
    reason: str
    remedy: str = ""
    client_id: str = ""
    """Who asked: command ids are unique only for one client."""


class LeaseChanged(Event):
    """Who holds the controls."""

    KIND: ClassVar[int] = 35
    holder: str
    """Client id, or empty when nobody does."""
    who: str
    fence: int
    """Rises with every change of hands; a command that carries an older one is refused."""
    reason: str = ""


EVENTS: tuple[type[Event], ...] = (
    RunStarted, StateChanged, RunEnded, StepReport, SlotPlanned, Evaluated, Sampled, CheckpointSaved,
    Hardware, MemorySplit, Progress, LogLine, Alarm, LogGap,
    CommandAccepted, CommandApplied, CommandRefused, LeaseChanged,
)  # fmt: skip
"""Every event, in the order of its kind."""
