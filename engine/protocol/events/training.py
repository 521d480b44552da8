"""Events of the training: reports, plans, evaluations, checkpoints, prunes and jobs."""

from __future__ import annotations

from typing import ClassVar

from engine.protocol.events.base import Event, Scalar, Wire


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
    """Steps of these that were not applied: their loss or a gradient was not finite, or a spike."""
    batch_size: int = 0
    """Sequences of a micro-batch; 0: not told."""
    accumulate: int = 0
    """Micro-batches of a step; 0: not told."""
    recompute: int = 0
    """Blocks that compute their activations again in backward."""


class SlotRow(Wire):
    """The plan for one slot."""

    duty: float
    """Share of the step's sequences that pass through the block: 0, 0.25, 0.5, 0.75 or 1."""
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


class Pruned(Event):
    """Slots are gone from the model, its optimizer and its checkpoints; or a prune was undone."""

    KIND: ClassVar[int] = 13
    step: int
    branch: int
    slots: list[str]
    """Their names, which stay theirs."""
    params_before: int
    params_after: int
    loss_before: float | None = None
    """Validation loss."""
    loss_after: float | None = None
    undone: bool = False
    reason: str = ""
    command_id: str = ""


class JobReported(Event):
    """A child that works on a checkpoint beside the training: a prune trial, an export."""

    KIND: ClassVar[int] = 14
    job: str
    """Its id, unique in the run."""
    task: str
    """`prune-trial` or `export`."""
    state: str
    """`started`, `done`, `failed` or `cancelled`."""
    step: int
    text: str
    """What it does or found, for people."""
    result: dict[str, Scalar] = {}
    """Its figures: forecast loss, memory, speed; the path of an export."""
    command_id: str = ""


class Probed(Event):
    """What leaving each slot out does to the validation loss. Nothing of the training is touched by it."""

    KIND: ClassVar[int] = 15
    step: int
    branch: int
    loss: float
    """With every slot that the model has, nats per token."""
    slots: list[str]
    """Those that were left out, one at a time."""
    losses: list[float | None]
    """Without each of `slots`; None where it was not finite."""
    tokens: int
    """Validation tokens that each loss was measured on."""
    seconds: float
    command_id: str = ""
