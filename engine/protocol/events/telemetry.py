"""Events of what is measured and told on the side: hardware, memory, progress, alarms."""

from __future__ import annotations

from typing import ClassVar

from engine.protocol.events.base import Event, Wire


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


class SlotsMeasured(Event):
    """What each slot costs and learns, now and then. Lists stand in the order of the slot table.

    `None`: not measured, such as the gradient of a slot that was left out or is not trained; or not finite.
    """

    KIND: ClassVar[int] = 22
    RELIABLE: ClassVar[bool] = False
    step: int
    """The step they were measured at."""
    branch: int
    grad_norms: list[float | None]
    """L2 norm of the slot's gradient over the whole step, before clipping."""
    weight_norms: list[float | None]
    """L2 norm of its weights, after the step."""
    update_norms: list[float | None]
    """L2 norm of what the step changed of its weights."""
    forward_ms: list[float | None]
    """Of the step, all its micro-batches."""
    backward_ms: list[float | None]
    """The second forward pass of a recomputed block included, and its update in lean mode."""


class Progress(Event):
    """A long task: warm-up, evaluation or a probe, for which the steps wait; or a job beside them."""

    KIND: ClassVar[int] = 18
    RELIABLE: ClassVar[bool] = False
    task: str
    """`compile`, `evaluate`, `probe` ...; of a job its id, as in `JobReported`."""
    done: int
    total: int
    """Of the part at work, which `detail` names; a job may have several."""
    detail: str = ""
    unit: str = ""
    """What `done` and `total` count: `tokens`, `blocks`; empty: parts."""


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
    """Stable, for scripts: `loss-not-finite`, `checkpoint-failed`, `disk-full` ..."""
    message: str
    remedy: str = ""
    command_id: str = ""
    """The command that came to this, such as a `checkpoint` that was not saved; empty: none."""


class LogGap(Event):
    """Frames that never reached the log (a full or slow disk). Written when it takes frames again."""

    KIND: ClassVar[int] = 21
    dropped: int
    reason: str
