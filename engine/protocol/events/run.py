"""Events of the run as a whole: it started, changed its state, went back, ended."""

from __future__ import annotations

from typing import ClassVar

from engine.protocol.events.base import Event, Wire


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
    parent: str = ""
    """The run it was forked from, or whose commands it repeats."""
    parent_checkpoint: str = ""


class StateChanged(Event):
    """The run's state, and why it changed."""

    KIND: ClassVar[int] = 2
    state: str
    """`starting`, `running`, `paused`, `stopping` or `ended`."""
    step: int
    reason: str = ""


class WentBack(Event):
    """The run goes on from an earlier state, on a new branch. Logged before it does."""

    KIND: ClassVar[int] = 4
    step: int
    """The checkpoint's."""
    branch: int
    """The new one."""
    from_step: int
    checkpoint: str
    reason: str
    command_id: str = ""
    of_branch: int = 0
    """The checkpoint's own branch, from which the new one comes."""
    rev: int = 0
    """The checkpoint's revision: commands applied after it are left with what is left."""


class RunEnded(Event):
    """The last event of an engine's life, unless it was killed."""

    KIND: ClassVar[int] = 3
    step: int
    outcome: str
    """`finished`, `stopped` or `failed`."""
    reason: str
    remedy: str = ""
    resumable: bool = True
