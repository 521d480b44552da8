"""The tables a run is exported as: their columns, with types, units and meanings.

The one description that the walk fills, the formats write, and `docs/export-run.md` is made from. Names and types are a
promise: columns are only ever appended.
"""

from __future__ import annotations

from slotdeck.export_run.table import Column, Table, count, number, text

_MOMENT = (
    count("seq", "", "the event's number in the run's log"),
    Column("time", "time", "UTC", "when it was logged"),
    number("t_s", "s", "since the run's first event, pauses and gaps included"),
)
_PLACE = (
    *_MOMENT,
    Column(
        "on_final_branch", "bool", "", "whether the step is on the line that leads to where the run stands"
    ),
    count("step", "steps", "optimizer steps done"),
    count("branch", "", "rises whenever the step goes back"),
)
_SLOT = (count("slot", "", "its place in the slot table, from 0"), text("name", "as in `block.3`"))
PLACED = len(_PLACE)
"""How many columns `_PLACE` has: they begin every row that has a step."""
ON_FINAL_BRANCH = 3
"""Place of that column in such a row."""

STEPS = Table(
    "steps",
    "Every step report in the log; its means are over the steps that it covers.",
    (
        *_PLACE,
        count("steps", "steps", "covered by this report"),
        count("tokens", "tokens", "trained on since the run began"),
        number("loss", "nats/token", "mean training loss"),
        number("loss_ema", "nats/token", "the same, smoothed by the engine"),
        number("lr", "", "learning rate"),
        number("grad_norm", "", "before clipping, mean"),
        number("tokens_per_s", "tokens/s"),
        number("step_ms", "ms"),
        number("data_ms", "ms"),
        number("forward_ms", "ms"),
        number("backward_ms", "ms"),
        number("optimizer_ms", "ms"),
        number("active_slots", "slots", "mean sum of duties"),
        text("precision", "of matmuls"),
        number("eta_s", "s", "running left, as estimated then"),
        count("skipped_steps", "steps", "of these, not applied"),
        count("batch_size", "sequences", "of a micro-batch; 0: not told"),
        count("accumulate", "", "micro-batches of a step; 0: not told"),
        count("recompute", "blocks", "that compute their activations again in backward"),
    ),
)
EVALUATIONS = Table(
    "evaluations",
    "Validation losses.",
    (
        *_PLACE,
        number("loss", "nats/token"),
        number("perplexity"),
        count("tokens", "tokens", "validation tokens it was measured on"),
        number("seconds", "s", "it took"),
        text("command_id", "the command that asked; empty when it was due"),
    ),
)
CHECKPOINTS = Table(
    "checkpoints",
    "Checkpoints as they were saved; some may be deleted since.",
    (
        *_PLACE,
        text("name", "folder under checkpoints/"),
        count("bytes", "bytes"),
        number("seconds", "s", "it took"),
        text("reason"),
        text("command_id", "the command that asked; empty when it was due"),
    ),
)
COMMANDS = Table(
    "commands",
    "Operators' commands and what came of each: a row an answer, and one for each that has none. A run that takes"
    " steps again applies their commands again: the same command_id then has several rows.",
    (
        *_PLACE,
        text("status", "`applied`, `refused`, or `accepted`: no answer yet"),
        text("verb"),
        text("text", "as one would type it"),
        text("who", "user@host that asked"),
        text("command_id"),
        text("client_id"),
        text("args", "JSON"),
        Column("accepted_time", "time", "UTC", "when it was durable in the log"),
        number("waited_s", "s", "from accepted to answered"),
        count("rev", "", "the run's revision after it"),
        text("before", "the value it replaced"),
        text("after", "the value since"),
        text("cost", "what it was expected to cost"),
        text("refused_code", "stable, for scripts"),
        text("refused_reason"),
        text("remedy"),
    ),
)
SLOT_PLANS = Table(
    "slot_plans",
    "The plan for each slot from a step on: a row a slot whenever the plan changed.",
    (
        *_PLACE,
        *_SLOT,
        number("duty", "share", "of a micro-batch's sequences that pass through the block"),
        Column("trained", "bool"),
        text("held", "`pin`, `ban` or empty: the operator's word"),
        count("until", "steps", "the step at which the hold expires"),
        text("precision", "empty: the run's"),
        text("reason"),
        Column("pruned", "bool", "", "gone from the model"),
        text("policy"),
    ),
)
SLOTS_MEASURED = Table(
    "slots_measured",
    "What each slot costs and learns, measured now and then: a row a slot.",
    (
        *_PLACE,
        *_SLOT,
        number("grad_norm", "", "L2, before clipping"),
        number("weight_norm", "", "L2"),
        number("update_norm", "", "L2 of what the step changed"),
        number("forward_ms", "ms", "of the step"),
        number("backward_ms", "ms", "of the step"),
    ),
)
PROBES = Table(
    "probes",
    "What leaving each slot out did to the validation loss: a row a slot.",
    (
        *_PLACE,
        text("name", "of the slot that was left out"),
        number("loss_without", "nats/token", "empty: not finite"),
        number("loss", "nats/token", "with every slot"),
        count("tokens", "tokens", "validation tokens of each"),
        text("command_id"),
    ),
)
PRUNES = Table(
    "prunes",
    "Slots taken out of the model, or put back: a row a prune.",
    (
        *_PLACE,
        text("slots", "names, with spaces between"),
        count("params_before"),
        count("params_after"),
        number("loss_before", "nats/token", "validation"),
        number("loss_after", "nats/token", "validation"),
        Column("undone", "bool"),
        text("reason"),
        text("command_id"),
    ),
)
SAMPLES = Table(
    "samples",
    "Text drawn from the model.",
    (
        *_PLACE,
        text("prompt"),
        text("text", "the continuation"),
        number("seconds", "s"),
        text("command_id"),
    ),
)
ALARMS = Table(
    "alarms",
    "What the engine warned of.",
    (*_PLACE, text("level"), text("code", "stable, for scripts"), text("message"), text("remedy")),
)
JOBS = Table(
    "jobs",
    "Children that worked on a checkpoint beside the training: a row a report.",
    (
        *_PLACE,
        text("job"),
        text("task"),
        text("state"),
        text("text"),
        text("result", "JSON"),
        text("command_id"),
    ),
)
STATES = Table(
    "states",
    "Starts, pauses, returns to checkpoints and ends, and who held the controls.",
    (
        *_PLACE,
        text("what", "`started`, `state`, `went-back`, `ended` or `controls`"),
        text(
            "value",
            "the state, the outcome, the checkpoint gone back to or resumed from, or who has the controls",
        ),
        text("reason"),
        text("remedy"),
    ),
)
HARDWARE = Table(
    "hardware",
    "The machine, about once a second.",
    (
        *_PLACE,
        number("cpu_percent", "%", "of all cores together"),
        number("process_cpu_percent", "%", "of one core"),
        count("ram_used_bytes", "bytes"),
        count("ram_total_bytes", "bytes"),
        count("process_rss_bytes", "bytes"),
        count("disk_free_bytes", "bytes"),
        count("disk_total_bytes", "bytes"),
        text("gpu_status", "why there is no GPU row"),
    ),
)
GPUS = Table(
    "gpus",
    "Each GPU, about once a second: a row a GPU.",
    (
        *_PLACE,
        count("gpu", "", "its index"),
        text("name"),
        number("utilisation", "%"),
        count("memory_used_bytes", "bytes"),
        count("memory_total_bytes", "bytes"),
        number("power_w", "W"),
        number("power_limit_w", "W"),
        number("temperature_c", "C"),
        count("sm_clock_mhz", "MHz"),
        count("memory_clock_mhz", "MHz"),
        text("throttle", "why the clock is held down"),
    ),
)
MEMORY = Table(
    "memory",
    "What holds the training device's memory.",
    (
        *_PLACE,
        count("weights", "bytes"),
        count("gradients", "bytes"),
        count("optimizer", "bytes"),
        count("activations", "bytes", "peak of the last steps"),
        count("cache", "bytes", "held by the allocator, not in use"),
        count("other", "bytes", "other processes; on a CPU the rest of what is used"),
        count("total", "bytes", "the device's"),
    ),
)
MEMORY_SLOTS = Table(
    "memory_slots",
    "Weights, gradients and optimizer states of each slot: a row a slot.",
    (*_PLACE, *_SLOT, count("bytes", "bytes")),
)
LOG_LINES = Table("log_lines", "Lines of the feed.", (*_PLACE, text("level"), text("text")))
SLOTS = Table("slots", "The slot table.", (*_SLOT, count("params")))
PROFILE = Table(
    "profile",
    "Every setting of every life of the run.",
    (
        count("life", "", "from 1: one for each time an engine started"),
        text("key", "as in --set"),
        text("value"),
        text("default", "of the schema; empty: it has none"),
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
