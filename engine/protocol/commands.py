"""Commands: what an operator asks. Applied only at step boundaries, at most once, always answered.

On the wire a command is an array whose first element is the verb and whose others are its arguments, in the
order below. A field the engine does not know is refused: an operator never gets half of what was asked.
"""

from __future__ import annotations

import msgspec


class Command(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag_field="verb"):
    """A verb and its arguments."""


class Pause(Command, tag="pause"):
    """Stop after the current step, memory kept, until resume. Every other verb still works."""


class Resume(Command, tag="resume"):
    """Go on."""


class Step(Command, tag="step"):
    """Run `n` steps, then pause."""

    n: int = 1


class Stop(Command, tag="stop"):
    """End the run at the next boundary, with a checkpoint unless `save` is false."""

    save: bool = True


class Checkpoint(Command, tag="checkpoint"):
    """Save a checkpoint now; it is kept until deleted by hand."""


class Rollback(Command, tag="rollback"):
    """Go back to a checkpoint and on from there, on a new branch. What is left is saved first."""

    to: str = ""
    """A checkpoint's name, a step, or `best`; empty: the newest one before this step."""


class Fork(Command, tag="fork"):
    """Make a new run that begins at a checkpoint of this one, with some settings of the profile changed."""

    at: str = ""
    """A checkpoint's name, a step, or `best`; empty: as the run is now."""
    settings: dict[str, str] = {}
    """Keys of the profile, as in --set: `optim.lr=1e-4`."""


class Prune(Command, tag="prune"):
    """Take slots out of the model for good. A trial on a checkpoint comes first, while training goes on."""

    slots: str = ""
    """Names or numbers, with commas between; empty: `amount` of them, the least useful."""
    amount: int = 0
    dry_run: bool = False
    """Tell the forecast and change nothing."""
    trial: bool = True
    """False: at once, without one."""


class Export(Command, tag="export"):
    """Write the model for other programs, from a checkpoint, while training goes on."""

    format: str = "hf"
    at: str = ""
    """A checkpoint's name, a step, or `best`; empty: as the run is now."""


class Lr(Command, tag="lr"):
    """Set the learning rate: a number, or a factor such as `x0.5` on the schedule. `schedule` gives it back."""

    value: str


class Precision(Command, tag="precision"):
    """The compute type of matmuls: fp32, bf16, fp16 or fp8; of one slot when one is named."""

    value: str
    slot: str = ""


class Batch(Command, tag="batch"):
    """Sequences of a micro-batch: a number, or auto for the most that fit; a step keeps its sequences."""

    value: str


class Recompute(Command, tag="recompute"):
    """How many blocks compute their activations again in backward: less memory, more time."""

    n: int


class Policy(Command, tag="policy"):
    """Who chooses the slots: all, random or anneal, with its options."""

    name: str
    options: dict[str, float] = {}


class Pin(Command, tag="pin"):
    """Keep a slot on, whatever the policy says."""

    slot: str
    duty: float = 1.0
    trained: bool = True
    until: str = ""
    """Empty: until released. `500`: through step 500. `+200`: for 200 steps."""


class Ban(Command, tag="ban"):
    """Keep a slot off, whatever the policy says."""

    slot: str
    until: str = ""


class Release(Command, tag="release"):
    """Give a slot back to the policy."""

    slot: str


class Evaluate(Command, tag="evaluate"):
    """Measure the validation loss now."""


class Probe(Command, tag="probe"):
    """Measure what leaving each slot out does to the validation loss. The training is not touched."""

    kind: str = "slots"


class Sample(Command, tag="sample"):
    """Draw text from the model, from this prompt or the profile's."""

    prompt: str = ""


class Note(Command, tag="note"):
    """Write a remark into the log; it becomes a tick on the loss curve."""

    text: str


AnyCommand = (
    Pause
    | Resume
    | Step
    | Stop
    | Checkpoint
    | Rollback
    | Fork
    | Prune
    | Export
    | Lr
    | Precision
    | Batch
    | Recompute
    | Policy
    | Pin
    | Ban
    | Release
    | Evaluate
    | Probe
    | Sample
    | Note
)
COMMANDS: tuple[type[Command], ...] = (
    Pause, Resume, Step, Stop, Checkpoint, Rollback, Fork, Prune, Export, Lr, Precision,
    Batch, Recompute, Policy, Pin, Ban, Release, Evaluate, Probe, Sample, Note,
)  # fmt: skip


def verb_of(command: Command | type[Command]) -> str:
    """The verb as typed: `Pin(...)` -> `"pin"`."""
    tag = command.__struct_config__.tag
    assert isinstance(tag, str), "every command has a tag"
    return tag
