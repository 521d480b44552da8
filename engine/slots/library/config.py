"""The `config` of a SlotOptimizer: the profile's `[slots]` keys and a few of a foreign loop's own.

Read once, when the SlotOptimizer is made: a misspelt key or a value out of range is one line, before any step.
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Mapping
from operator import index
from typing import Any, Literal

import msgspec

from engine.errors import SlotdeckError, nearest
from engine.profile.schema import Count, Positive, Rate, Slots
from engine.slots.policies import OPTIONS
from engine.text import one_line


class LibraryConfig(Slots):  # type: ignore[misc]  # frozen like it: msgspec passes that on
    """What `config={...}` may hold: every key of the profile's `[slots]`, and these."""

    total_steps: Count = 0
    """Steps of the run; from there on every slot is on. 0: no end; `anneal` needs one."""
    steps_per_epoch: Count = 0
    """0: `step` counts from the start of the run. Else it counts within the epoch."""
    batch_size: Count = 0
    """Sequences in a micro-batch, if always the same; then duties it cannot do are never drawn."""
    accumulate: Positive = 1
    """Micro-batches (forward passes) in a step; a shared slot's duty holds over all of them together."""
    precision: str = "auto"
    """Of `plan["precision_context"]`: auto, fp32, bf16 or fp16."""
    gates: bool = False
    """A learnable factor on what each slot adds, begun at 1."""
    gate_l1: Rate = 0.0
    """Weight of the L1 term on the gates in `get_regularization_loss`."""
    blocks: str = ""
    """Path of the list of blocks in the model, `transformer.h`; empty: found by its length."""
    batch_dim: Literal[-1, 0, 1] = -1
    """Dimension of a block's input that counts sequences; -1: 1 for torch attention with batch_first=False,
    else 0."""
    args: dict[str, Literal["sequence", "shared"]] = msgspec.field(default_factory=dict)
    """For a block's arguments by name, where it cannot be told from the shape: one row for each sequence of the
    batch, or the same for all."""


def steps_done(epoch: int, step: int, per_epoch: int) -> int:
    """A loop's own count as the schedule counts: steps done since the run began.

    Args:
        epoch: counts from 0.
        step: of the run, or of the epoch where `per_epoch` is set.
        per_epoch: `steps_per_epoch`.

    Raises:
        SlotdeckError: not whole numbers from 0 on, or a step beyond its epoch.
    """
    try:
        epoch, step = index(epoch), index(step)
    except TypeError:
        raise SlotdeckError(f"epoch {epoch!r}, step {step!r}", "give whole numbers") from None
    if min(epoch, step) < 0:
        raise SlotdeckError(f"epoch {epoch}, step {step}", "count both from 0")
    if per_epoch and step >= per_epoch:
        raise SlotdeckError(
            f"step {step} of epoch {epoch}, and steps_per_epoch is {per_epoch}",
            "give the step within the epoch, or leave steps_per_epoch out and count from the run's start",
        )
    return epoch * per_epoch + step


def read_config(config: Mapping[str, Any]) -> LibraryConfig:
    """The typed settings.

    Raises:
        SlotdeckError: an unknown key (the nearest is named), or a value that is not of its type or range.
    """
    if not isinstance(config, Mapping):
        raise SlotdeckError(f"config is a {type(config).__name__}", "give a dict of settings")
    keys = list(LibraryConfig.__struct_fields__)
    for key, value in config.items():
        if key not in keys:
            raise SlotdeckError(
                f"config: no key {one_line(str(key))!r}{nearest(str(key), keys)}",
                f"use some of: {', '.join(keys)}",
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise SlotdeckError(f"config: {key} = {value}", "give a finite number")
        _check_choice(key, value)
    try:
        read = msgspec.convert(dict(config), LibraryConfig)
    except msgspec.ValidationError as error:
        raise SlotdeckError(
            f"config: {_said(str(error))}", "see docs/library.md for what it may be"
        ) from None
    if read.policy == "anneal" and not read.total_steps:
        raise SlotdeckError("config: policy anneal needs total_steps", "give the steps of the whole run")
    if read.gate_l1 and not read.gates:
        raise SlotdeckError("config: gate_l1 without gates", "give gates=True as well")
    return read


def _check_choice(key: str, value: object) -> None:
    choices = list(OPTIONS) if key == "policy" else _choices(key)
    if choices and value not in choices:
        near = nearest(value, choices) if isinstance(value, str) else ""
        raise SlotdeckError(
            f"config: {key} = {one_line(repr(value), 40)}{near}", f"use one of: {', '.join(choices)}"
        )


def _choices(key: str) -> list[str]:
    kind = typing.get_type_hints(LibraryConfig)[key]
    values = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
    return [value for value in values if isinstance(value, str)]


def _said(message: str) -> str:
    """``Expected `int`, got `str` - at `$.every` `` -> ``every: expected `int`, got `str` ``."""
    what, _, place = message.partition(" - at ")
    key = re.sub(r"^`\$\.?|`$", "", place)
    return f"{key}: {what[:1].lower()}{what[1:]}" if key else what
