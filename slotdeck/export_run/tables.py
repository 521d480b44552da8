"""The tables a run is exported as: their columns, with types, units and meanings.

The one description that the walk fills, the formats write, and `docs/export-run.md` is made from. Names and types are a
promise: columns are only ever appended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Type = Literal["int64", "float64", "bool", "string", "time"]
Row = tuple[Any, ...]
"""Values in the order of a table's columns; None where a thing is not known. A time is Unix seconds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    type: Type
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a file in CSV and Parquet."""

    name: str
    about: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def place(self, column: str) -> int:
        """Where a column stands in a row."""
        return self.names.index(column)


def _number(name: str, unit: str = "", about: str = "") -> Column:
    return Column(name, "float64", unit, about)


def _count(name: str, unit: str = "", about: str = "") -> Column:
    return Column(name, "int64", unit, about)


def _text(name: str, about: str = "") -> Column:
    return Column(name, "string", "", about)


_MOMENT = (
    _count("seq", "", "the event's number in the run's log"),
    Column("time", "time", "UTC", "when it was logged"),
    _number("t_s", "s", "since the run's first event, pauses and gaps included"),
)
_PLACE = (
    *_MOMENT,
    Column(
        "on_final_branch", "bool", "", "whether the step is on the line that leads to where the run stands"
    ),
    _count("step", "steps", "optimizer steps done"),
    _count("branch", "", "rises whenever the step goes back"),
)
_SLOT = (_count("slot", "", "its place in the slot table, from 0"), _text("name", "as in `block.3`"))
PLACED = len(_PLACE)
"""How many columns `_PLACE` has: they begin every row that has a step."""
ON_FINAL_BRANCH = 3
"""Place of that column in such a row."""

STEPS = Table(
    "steps",
    "Every step report in the log; its means are over the steps that it covers.",
    (
        *_PLACE,
        _count("steps", "steps", "covered by this report"),
        _count("tokens", "tokens", "trained on since the run began"),
        _number("loss", "nats/token", "mean training loss"),
        _number("loss_ema", "nats/token", "the same, smoothed by the engine"),
        _number("lr", "", "learning rate"),
        _number("grad_norm", "", "before clipping, mean"),
        _number("tokens_per_s", "tokens/s"),
        _number("step_ms", "ms"),
        _number("data_ms", "ms"),
        _number("forward_ms", "ms"),
        _number("backward_ms", "ms"),
        _number("optimizer_ms", "ms"),
        _number("active_slots", "slots", "mean sum of duties"),
        _text("precision", "of matmuls"),
        _number("eta_s", "s", "running left, as estimated then"),
        _count("skipped_steps", "steps", "of these, not applied"),
        _count("batch_size", "sequences", "of a micro-batch; 0: not told"),
        _count("accumulate", "", "micro-batches of a step; 0: not told"),
        _count("recompute", "blocks", "that compute their activations again in backward"),
    ),
)
EVALUATIONS = Table(
    "evaluations",
    "Validation losses.",
    (
        *_PLACE,
        _number("loss", "nats/token"),
        _number("perplexity"),
        _count("tokens", "tokens", "validation tokens it was measured on"),
        _number("seconds", "s", "it took"),
        _text("command_id", "the command that asked; empty when it was due"),
    ),
)
CHECKPOINTS = Table(
    "checkpoints",
    "Checkpoints as they were saved; some may be deleted since.",
    (
        *_PLACE,
        _text("name", "folder under checkpoints/"),
        _count("bytes", "bytes"),
        _number("seconds", "s", "it took"),
        _text("reason"),
        _text("command_id", "the command that asked; empty when it was due"),
    ),
)
COMMANDS = Table(
    "commands",
    "Operators' commands and what came of each: a row an answer, and one for each that has none. A run that takes"
    " steps again applies their commands again: the same command_id then has several rows.",
    (
        *_PLACE,
        _text("status", "`applied`, `refused`, or `accepted`: no answer yet"),
        _text("verb"),
        _text("text", "as one would type it"),
        _text("who", "user@host that asked"),
        _text("command_id"),
        _text("client_id"),
        _text("args", "JSON"),
        Column("accepted_time", "time", "UTC", "when it was durable in the log"),
        _number("waited_s", "s", "from accepted to answered"),
        _count("rev", "", "the run's revision after it"),
        _text("before", "the value it replaced"),
        _text("after", "the value since"),
        _text("cost", "what it was expected to cost"),
        _text("refused_code", "stable, for scripts"),
        _text("refused_reason"),
        _text("remedy"),
    ),
)
SLOT_PLANS = Table(
    "slot_plans",
    "The plan for each slot from a step on: a row a slot whenever the plan changed.",
    (
        *_PLACE,
        *_SLOT,
        _number("duty", "share", "of a micro-batch's sequences that pass through the block"),
        Column("trained", "bool"),
        _text("held", "`pin`, `ban` or empty: the operator's word"),
        _count("until", "steps", "the step at which the hold expires"),
        _text("precision", "empty: the run's"),
        _text("reason"),
        Column("pruned", "bool", "", "gone from the model"),
        _text("policy"),
    ),
)
SLOTS_MEASURED = Table(
    "slots_measured",
    "What each slot costs and learns, measured now and then: a row a slot.",
    (
        *_PLACE,
        *_SLOT,
        _number("grad_norm", "", "L2, before clipping"),
        _number("weight_norm", "", "L2"),
        _number("update_norm", "", "L2 of what the step changed"),
        _number("forward_ms", "ms", "of the step"),
        _number("backward_ms", "ms", "of the step"),
    ),
)
PROBES = Table(
    "probes",
    "What leaving each slot out did to the validation loss: a row a slot.",
    (
        *_PLACE,
        _text("name", "of the slot that was left out"),
        _number("loss_without", "nats/token", "empty: not finite"),
        _number("loss", "nats/token", "with every slot"),
        _count("tokens", "tokens", "validation tokens of each"),
        _text("command_id"),
    ),
)
PRUNES = Table(
    "prunes",
    "Slots taken out of the model, or put back: a row a prune.",
    (
        *_PLACE,
        _text("slots", "names, with spaces between"),
        _count("params_before"),
        _count("params_after"),
        _number("loss_before", "nats/token", "validation"),
        _number("loss_after", "nats/token", "validation"),
        Column("undone", "bool"),
        _text("reason"),
        _text("command_id"),
    ),
)
SAMPLES = Table(
    "samples",
    "Text drawn from the model.",
    (
        *_PLACE,
        _text("prompt"),
        _text("text", "the continuation"),
        _number("seconds", "s"),
        _text("command_id"),
    ),
)
ALARMS = Table(
    "alarms",
    "What the engine warned of.",
    (*_PLACE, _text("level"), _text("code", "stable, for scripts"), _text("message"), _text("remedy")),
)
JOBS = Table(
    "jobs",
    "Children that worked on a checkpoint beside the training: a row a report.",
    (
        *_PLACE,
        _text("job"),
        _text("task"),
        _text("state"),
        _text("text"),
        _text("result", "JSON"),
        _text("command_id"),
    ),
)
STATES = Table(
    "states",
    "Starts, pauses, returns to checkpoints and ends, and who held the controls.",
    (
        *_PLACE,
        _text("what", "`started`, `state`, `went-back`, `ended` or `controls`"),
        _text(
            "value",
            "the state, the outcome, the checkpoint gone back to or resumed from, or who has the controls",
        ),
        _text("reason"),
        _text("remedy"),
    ),
)
HARDWARE = Table(
    "hardware",
    "The machine, about once a second.",
    (
        *_PLACE,
        _number("cpu_percent", "%", "of all cores together"),
        _number("process_cpu_percent", "%", "of one core"),
        _count("ram_used_bytes", "bytes"),
        _count("ram_total_bytes", "bytes"),
        _count("process_rss_bytes", "bytes"),
        _count("disk_free_bytes", "bytes"),
        _count("disk_total_bytes", "bytes"),
        _text("gpu_status", "why there is no GPU row"),
    ),
)
GPUS = Table(
    "gpus",
    "Each GPU, about once a second: a row a GPU.",
    (
        *_PLACE,
        _count("gpu", "", "its index"),
        _text("name"),
        _number("utilisation", "%"),
        _count("memory_used_bytes", "bytes"),
        _count("memory_total_bytes", "bytes"),
        _number("power_w", "W"),
        _number("power_limit_w", "W"),
        _number("temperature_c", "C"),
        _count("sm_clock_mhz", "MHz"),
        _count("memory_clock_mhz", "MHz"),
        _text("throttle", "why the clock is held down"),
    ),
)
MEMORY = Table(
    "memory",
    "What holds the training device's memory.",
    (
        *_PLACE,
        _count("weights", "bytes"),
        _count("gradients", "bytes"),
        _count("optimizer", "bytes"),
        _count("activations", "bytes", "peak of the last steps"),
        _count("cache", "bytes", "held by the allocator, not in use"),
        _count("other", "bytes", "other processes; on a CPU the rest of what is used"),
        _count("total", "bytes", "the device's"),
    ),
)
MEMORY_SLOTS = Table(
    "memory_slots",
    "Weights, gradients and optimizer states of each slot: a row a slot.",
    (*_PLACE, *_SLOT, _count("bytes", "bytes")),
)
LOG_LINES = Table("log_lines", "Lines of the feed.", (*_PLACE, _text("level"), _text("text")))
SLOTS = Table("slots", "The slot table.", (*_SLOT, _count("params")))
PROFILE = Table(
    "profile",
    "Every setting of every life of the run.",
    (
        _count("life", "", "from 1: one for each time an engine started"),
        _text("key", "as in --set"),
        _text("value"),
        _text("default", "of the schema; empty: it has none"),
        Column("changed", "bool", "", "differs from the default"),
    ),
)
TABLES = (
    STEPS, EVALUATIONS, CHECKPOINTS, COMMANDS, SLOT_PLANS, SLOTS_MEASURED, PROBES, PRUNES, SAMPLES, ALARMS, JOBS,
    STATES, HARDWARE, GPUS, MEMORY, MEMORY_SLOTS, LOG_LINES, SLOTS, PROFILE,
)  # fmt: skip

TAGS = {
    "loss": "loss/train", "loss_ema": "loss/ema", "lr": "optim/lr", "grad_norm": "optim/grad_norm",
    "skipped_steps": "optim/skipped_steps", "tokens": "speed/tokens", "tokens_per_s": "speed/tokens_per_s",
    "step_ms": "speed/step_ms", "data_ms": "speed/data_ms", "forward_ms": "speed/forward_ms",
    "backward_ms": "speed/backward_ms", "optimizer_ms": "speed/optimizer_ms", "active_slots": "slots/active",
}  # fmt: skip
"""Columns of `steps` that dashboards draw, and what they are called there; `loss/val` comes from evaluations."""
VAL_LOSS = "loss/val"
