"""The rows of the table: who is compared, under which settings.

A peer is trained by `benchmarks/peers`, an engine row by the engine itself under a profile. A row states its settings
and nothing else; one that the engine does not have makes the row fail with the engine's reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["speed", "loss"]

WSD = {"optim.schedule": "wsd", "optim.cooldown": 0.25}
"""The lr cooldown lies inside the last quarter, where an anneal has every slot on."""
ANNEAL = {"slots.policy": "anneal", "slots.full_from": 0.75}
RANDOM = {"slots.policy": "random", "slots.equal_work": True, "slots.full_from": 0.75}
LEAN = {
    "train.lean": True,
    "train.recompute": "n_layer",
    "optim.name": "adamw8bit",
    "precision.weights": "bf16",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    name: str
    title: str
    kind: Literal["peer", "engine", "tune"]
    settings: dict[str, Any] = field(default_factory=dict)
    """A peer's options, or keys of the profile."""
    forms: tuple[Form, ...] = ("speed", "loss")
    wider: int = 1
    """Sequences of a step, in multiples of the size's; the token budget stays."""
    elastic: bool = False
    """Also judged with fewer blocks, where the loss is measured."""


ROWS = (
    Row("plain", "plain fp32, eager, AdamW, SDPA", "peer"),
    Row("naive", "the same with naive attention", "peer", {"attention": "naive"}, forms=("speed",)),
    Row("nanogpt", "nanoGPT-style: bf16, compiled, fused AdamW", "peer", {"bf16": True, "compile": True}),
    Row(
        "nanogpt-muon",
        "the same with Muon for the blocks' matrices",
        "peer",
        {"bf16": True, "compile": True, "muon": True},
    ),
    Row("engine-off", "engine, slots off", "engine", elastic=True),
    Row("engine-wsd", "engine, slots off, warm-up-stable-decay", "engine", WSD, elastic=True),
    Row("engine-muon", "engine, slots off, Muon", "engine", {"optim.name": "muon"}),
    Row(
        "random-60",
        "engine, random, as much work as anneal 0.60",
        "engine",
        {**WSD, **RANDOM, "slots.mean_duty": 0.60},
        elastic=True,
    ),
    Row(
        "anneal-60",
        "engine, anneal 0.60 to 1",
        "engine",
        {**WSD, **ANNEAL, "slots.mean_duty": 0.60},
        elastic=True,
    ),
    Row(
        "random-33",
        "engine, random, as much work as anneal 0.33",
        "engine",
        {**WSD, **RANDOM, "slots.mean_duty": 0.33},
        elastic=True,
    ),
    Row(
        "anneal-33",
        "engine, anneal 0.33 to 1",
        "engine",
        {**WSD, **ANNEAL, "slots.mean_duty": 0.33},
        elastic=True,
    ),
    Row(
        "gates",
        "engine, anneal 0.60 to 1, gates with L1",
        "engine",
        {**WSD, **ANNEAL, "slots.mean_duty": 0.60, "model.gates": True, "optim.gate_l1": 1e-3},
        forms=("loss",),
        elastic=True,
    ),
    Row(
        "claim",
        "engine, all at once: anneal 0.60 to 1, bf16 weights, 8-bit states, step in backward",
        "engine",
        {
            **WSD,
            **ANNEAL,
            "slots.mean_duty": 0.60,
            "train.lean": True,
            "optim.name": "adamw8bit",
            "precision.weights": "bf16",
        },
        elastic=True,
    ),
    Row("lean", "engine, lean: bf16 weights, 8-bit states, step in backward, recompute", "engine", LEAN),
    Row(
        "equal-memory",
        "engine, lean but for the step in backward, a batch four times as large in the memory of the plain row",
        "engine",
        {**LEAN, "train.lean": False, "train.batch": "auto", "train.memory_gib": "of plain"},
        wider=4,
    ),
    Row("tune-full", "fine-tuning: every layer", "tune", forms=("loss",)),
    Row(
        "tune-lisa", "fine-tuning: LISA, states kept as published", "tune", {"lisa": "kept"}, forms=("loss",)
    ),
    Row(
        "tune-lisa-dropped", "fine-tuning: LISA, states dropped", "tune", {"lisa": "dropped"}, forms=("loss",)
    ),
)

BY_NAME = {row.name: row for row in ROWS}
