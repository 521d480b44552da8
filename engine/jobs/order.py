"""What a child is asked to do, and what it hands back. One JSON line each way; no torch.

The order is the child's one argument. The answer is a file in the run's `artifacts/`, put in its place whole, and stays
there as the record of how the figures were made.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from engine.protocol.events import Scalar
from engine.runlog.run_folder import ARTIFACTS


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What every job needs to know."""

    job: str
    """Its id, unique in the run."""
    run_dir: str
    checkpoint: str
    """Name of the folder; it is held while the job works."""
    parent_pid: int
    version: str
    """Of this program."""

    @property
    def stem(self) -> Path:
        """Where its files go: `STEM.json` the answer, `STEM.out` what it printed."""
        return Path(self.run_dir) / ARTIFACTS / self.job


class PruneTrial(Order, frozen=True, kw_only=True, tag="prune-trial"):
    """Judge the model without some slots."""

    slots: list[str]
    """Empty: find the least useful."""
    amount: int
    probe_tokens: int
    batch_size: int
    """Sequences of the run's micro-batch."""
    device: str
    precision: str


class Export(Order, frozen=True, kw_only=True, tag="export"):
    """Write the model for other programs."""

    format: str
    target: str
    """The folder to make, under `artifacts/`."""


AnyOrder = PruneTrial | Export


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    order: AnyOrder
    ended_wall_s: float
    result: dict[str, Scalar] = {}
    error: str = ""
    """Why there is no result, and what to do about it."""
    remedy: str = ""


def number(value: object) -> float:
    """A figure of a result that is known to be a number."""
    assert isinstance(value, int | float), f"{value!r} is no number"
    return value


def write_answer(answer: Answer) -> None:
    """Put the answer in its place."""
    path = answer.order.stem.with_suffix(".json")
    draft = path.with_suffix(".json.tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n")
    os.replace(draft, path)


def read_answer(order: AnyOrder) -> Answer | None:
    """The answer of a child that ended well; None if it left none."""
    try:
        return msgspec.json.decode(order.stem.with_suffix(".json").read_bytes(), type=Answer)
    except (OSError, msgspec.DecodeError):
        return None
