"""Events: what the engine says. Each is one frame of the log; live view and replay apply the same ones.

Every event is a frozen array-like Struct: on the wire its fields stand in the order below, without names.
Fields are only ever appended, always with a default, and never change their type; the names travel in each
log segment's header and in the welcome (`engine.protocol.codec.schema`).

`step` counts optimizer steps done. `branch` rises whenever the step goes back (a resume from an earlier
checkpoint), so steps repeat across branches and charts fork on it.
"""

from __future__ import annotations

from engine.protocol.events.base import Event, Scalar, Wire
from engine.protocol.events.control import CommandAccepted, CommandApplied, CommandRefused, LeaseChanged
from engine.protocol.events.run import (
    Machine,
    ModelInfo,
    RunEnded,
    RunStarted,
    SlotInfo,
    StateChanged,
    WentBack,
)
from engine.protocol.events.telemetry import (
    Alarm,
    Gpu,
    Hardware,
    LogGap,
    LogLine,
    MemorySplit,
    Progress,
    SlotsMeasured,
)
from engine.protocol.events.training import (
    CheckpointSaved,
    Evaluated,
    JobReported,
    Probed,
    Pruned,
    Sampled,
    SlotPlanned,
    SlotRow,
    StepReport,
)

EVENTS: tuple[type[Event], ...] = (
    RunStarted, StateChanged, RunEnded, WentBack,
    StepReport, SlotPlanned, Evaluated, Sampled, CheckpointSaved, Pruned, JobReported, Probed,
    Hardware, MemorySplit, Progress, LogLine, Alarm, LogGap, SlotsMeasured,
    CommandAccepted, CommandApplied, CommandRefused, LeaseChanged,
)  # fmt: skip
"""Every event, in the order of its kind."""

__all__ = [
    "EVENTS",
    "Alarm",
    "CheckpointSaved",
    "CommandAccepted",
    "CommandApplied",
    "CommandRefused",
    "Evaluated",
    "Event",
    "Gpu",
    "Hardware",
    "JobReported",
    "LeaseChanged",
    "LogGap",
    "LogLine",
    "Machine",
    "MemorySplit",
    "ModelInfo",
    "Probed",
    "Progress",
    "Pruned",
    "RunEnded",
    "RunStarted",
    "Sampled",
    "Scalar",
    "SlotInfo",
    "SlotPlanned",
    "SlotRow",
    "SlotsMeasured",
    "StateChanged",
    "StepReport",
    "WentBack",
    "Wire",
]
