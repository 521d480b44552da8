"""The profile: every setting of a run, with its default, unit and range.

A profile is TOML; tables are the sections below. `check` in `engine.profile.checks` judges combinations.
Unknown keys are errors, so a misspelt one never trains the wrong model.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0)]
"""Finite and >= 0; the loader refuses nan and inf everywhere."""
Share = Annotated[float, Meta(ge=0, le=1)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the profile."""


class Model(Section):
    """The decoder: GPT-2's shape (pre-norm, GELU, learned positions, tied head)."""

    family: Literal["decoder"] = "decoder"
    n_layer: Positive = 12
    """Blocks; each is a slot."""
    n_head: Positive = 12
    n_embd: Positive = 768
    """Model width; a multiple of n_head."""
    seq_len: Positive = 1024
    """Longest sequence: the number of learned positions."""
    vocab_size: Count = 0
    """0: the vocabulary of the data, rounded up to a multiple of 64."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    bias: bool = True
    """Biases in linears and norms, as in GPT-2."""
    gates: bool = False
    """A learnable factor on what each block adds, begun at 1; `optim.gate_l1` pulls it towards 0."""
    init_from: str = ""
    """Folder of GPT-2 weights in the Hugging Face layout to begin with; empty: drawn afresh. Relative to the
    profile's file, or to where the command runs when given by --set."""


class Data(Section):
    """Where the tokens are."""

    dir: str = ""
    """Folder with `train*.bin` and `val*.bin`; relative to the profile's file, or to where the command runs
    when given by --set."""
    seq_len: Count = 0
    """Tokens per training sequence; 0: the model's."""


class Train(Section):
    """How long and in what bites."""

    steps: Positive = 1000
    """Optimizer steps."""
    batch_size: Positive = 16
    """Sequences in a micro-batch."""
    accumulate: Positive = 1
    """Micro-batches in a step."""
    batch: Literal["given", "auto"] = "given"
    """auto: the largest micro-batch that fits the memory, measured in warm-up; a step keeps its
    batch_size x accumulate sequences."""
    memory_gib: Rate = 0.0
    """What `batch = auto` may fill, GiB; 0: what the device has free."""
    recompute: Count = 0
    """Blocks that keep no activations and compute them again in backward; n_layer or more: all."""
    lean: bool = False
    """The optimizer steps inside backward, so few gradients are held at a time. Needs accumulate = 1; clips
    slot by slot."""
    compile: Literal["auto", "on", "off"] = "auto"
    """One compiled block that all slots share. auto: where there is a compiler and it pays."""
    grad_clip: Rate = 1.0
    """Largest global gradient norm; 0: no clipping."""
    seed: Count = 1
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    """auto: cuda if there, else mps, else cpu. A named one that is absent is an error."""
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    """torch threads on a CPU; 0: measured in warm-up (a second on busy cores can be eight times slower)."""
    head_chunk: Count = 1024
    """Rows of the loss head at a time, so that the full logits are never held; 0: all at once."""
    deterministic: bool = False


class Optim(Section):
    """The optimizer and its schedule."""

    name: Literal["adamw", "adamw8bit", "muon"] = "adamw"
    """adamw8bit: 8-bit states for the blocks' matrices. muon: Muon for the blocks' matrices. AdamW for the rest."""
    lr: Rate = 6e-4
    """Peak learning rate."""
    min_lr: Rate = 6e-5
    """Where the cosine or the cooldown ends."""
    warmup_steps: Count = 100
    schedule: Literal["cosine", "constant", "wsd"] = "cosine"
    """wsd: warm-up, stable, decay."""
    cooldown: Share = 0.2
    """wsd: the last share of the run, in which the rate falls."""
    muon_lr: Rate = 0.02
    """Peak learning rate of Muon's matrices; follows the schedule like `lr`."""
    gate_l1: Rate = 0.0
    """Weight of the L1 term on the residual gates; needs model.gates."""
    beta1: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Meta(ge=0, lt=1)] = 0.95
    eps: Annotated[float, Meta(gt=0)] = 1e-8
    weight_decay: Rate = 0.1
    """On matrices; norms, biases and embeddings are spared."""


class Slots(Section):
    """Who works at each step."""

    policy: Literal["all", "random", "anneal"] = "all"
    mean_duty: Share = 0.6
    """anneal: mean duty at the first step, rising to 1 at `full_from`. random: mean duty throughout."""
    equal_work: bool = False
    """random: as much work as the anneal with this mean_duty and full_from does over a whole run; its control."""
    full_from: Share = 0.75
    """anneal: share of the run from which every slot is on."""
    every: Positive = 1
    """Steps a drawn plan is kept."""
    shape: Literal["uniform", "depth"] = "depth"
    """anneal: what is left out is taken evenly from the slots, or more from the deeper ones."""
    grain: Literal["sequence", "slot"] = "sequence"
    """What a draw takes out: sequences (duties of quarters), or a slot for the whole step (duty 0 or 1)."""
    scale: Literal["none", "inverse"] = "none"
    """On what a shared slot adds: nothing, or 1 / duty."""
    keep_first: bool = True
    """The first block stays on unless the operator says otherwise."""
    keep_last: bool = True
    seed: Count = 1
    """Of the plan's own generator: plans never disturb the data order."""


class Precision(Section):
    """The compute type of matmuls, and the type the blocks' matrices are kept in."""

    compute: Literal["auto", "fp32", "bf16", "fp16", "fp8"] = "auto"
    """auto: the fastest that the device has and trains well in; fp8 only where a matmul test at this width wins.
    fp16 and fp8 need a GPU."""
    weights: Literal["fp32", "bf16"] = "fp32"
    """bf16: the blocks' matrices are stored in it and updated with stochastic rounding."""


class Evaluate(Section):
    """Validation on a fixed set."""

    every: Count = 250
    """Steps; 0: only at the end."""
    tokens: Positive = 65_536
    """Of the validation shards, from their start; the same ones every time."""
    batch_size: Count = 0
    """Sequences at a time; 0: the training micro-batch."""


class Sample(Section):
    """Text drawn from the model as it trains."""

    every: Count = 0
    """Steps; 0: never by itself."""
    prompt: str = ""
    tokens: Positive = 64
    temperature: Annotated[float, Meta(ge=0)] = 0.8
    """0: greedy."""
    top_k: Count = 50
    """0: all."""
    seed: Count = 1


class Checkpoints(Section):
    """When to save and what to keep."""

    every: Count = 500
    """Steps; 0: only when stopped, asked or finished."""
    keep: Positive = 3
    """Newest ones kept, besides the best by validation loss and those the operator asked for."""


class Guard(Section):
    """What is watched, and what is done about it."""

    spike_window: Positive = 128
    """Finite, accepted steps that a loss or gradient norm is held against."""
    spike_sigma: Rate = 6.0
    """A value further above the window's median than this many robust deviations (1.4826 MAD) is a spike, and
    its step is left out; 0: not watched."""
    pause_after: Count = 3
    """Steps left out within 20 that pause the run and offer a rollback; 0: never by itself."""
    stalled_data_share: Share = 0.5
    """An alarm names the data folder when waiting for it takes more of the step than this; 1: never."""
    hook: str = ""
    """A shell command run at every alarm, with SLOTDECK_RUN, SLOTDECK_CODE, SLOTDECK_LEVEL and SLOTDECK_MESSAGE set."""


class Prune(Section):
    """When slots are taken out for good."""

    tolerance: Share = 0.02
    """A prune that leaves the validation loss worse than this share after healing is undone."""
    heal_steps: Count = 100
    """Steps between a prune and its judgement."""
    probe_tokens: Positive = 16_384
    """Validation tokens that a trial and the verb probe judge slots on."""


class Telemetry(Section):
    """What is measured on the side."""

    reports_per_s: Annotated[float, Meta(gt=0, le=20)] = 20.0
    hardware_every_s: Annotated[float, Meta(ge=0.2)] = 1.0
    slots_every_s: Rate = 5.0
    """Between two steps at which each slot's norms and times are measured; 0: only after a probe and where `step`
    pauses."""


class Profile(Section):
    """A run's settings, whole."""

    name: str = "run"
    """Lower-case letters, digits, dots and dashes: it becomes part of the run folder's name."""
    about: str = ""
    """One line for the cockpit's list of profiles."""
    model: Model = Model()
    data: Data = Data()
    train: Train = Train()
    optim: Optim = Optim()
    slots: Slots = Slots()
    precision: Precision = Precision()
    evaluate: Evaluate = Evaluate()
    sample: Sample = Sample()
    checkpoint: Checkpoints = Checkpoints()
    guard: Guard = Guard()
    prune: Prune = Prune()
    telemetry: Telemetry = Telemetry()
