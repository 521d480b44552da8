"""The training tables as Markdown, for docs/benchmarks.md: what was not measured is said, what was missed is bold."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.training.figures import Figures
from benchmarks.training.gates import Gate, gates
from benchmarks.training.rows import ROWS, Row
from benchmarks.training.sizes import Size

NOT_RUN = "not yet run on this hardware"
KEPT = ("10", "8", "6")
NOTES = """\
* One process a row; the same corpus, tokens and seeds. Learning rates are tuned for the plain row.
* Tokens/s leave out warm-up, evaluations and compiling: the mean over ten spans of the run of the median in each.
* Memory is weights, gradients, optimizer states and activations at their peak: on CUDA what the allocator had handed
  out, on a CPU counted tensor by tensor (what autograd saves for backward; a kernel's scratch is not in it).
  Reserved is what CUDA's allocator held; process is the most that was resident, torch's libraries included.
* Loss is on the same validation tokens with every block at work. At equal time: when the time is over that the plain
  row took for all its tokens; a row that was done by then counts with its last value, one that was not is cut in
  mid-schedule.
* Work omitted is the share of all blocks' work that the plans left out.
* The engine has no policy for fine-tuning yet, so it has no row among the fine-tuning ones.
"""


def training_section(size: Size, result: dict[str, Any] | None) -> str:
    """The section of one size; `result` is its file, or None."""
    figures = Figures(result["runs"] if result else [])
    lines = [
        f"## Training against plain training, {size.name}",
        "",
        _command(size, result),
        "",
        _model(size),
        "",
    ]
    lines += _table(
        ("row", "tokens/s", "x plain", "x nanoGPT", "x slots off", "memory", "against plain", "reserved", "process",
         "work omitted", "recompiles", "J per M tokens", "precision", "loss head"),
        [_speed_row(row, figures) for row in ROWS if "speed" in row.forms],
    )  # fmt: skip
    lines += ["Validation loss, nats per token, median over the seeds:", ""]
    lines += _table(
        ("row", "loss", "smallest to largest", "against plain, equal tokens", "equal time", "against slots off",
         "seeds"),
        [_loss_row(row, figures) for row in ROWS if "loss" in row.forms and row.kind != "tune"],
    )  # fmt: skip
    lines += [f"With fewer of {size.n_layer} blocks, the loss against all of them:", ""]
    lines += _table(
        ("row", *(f"{k} kept" for k in KEPT)),
        [_elastic_row(row, figures) for row in ROWS if row.elastic],
    )
    lines += ["Fine-tuning the plain row's model on prose, LISA as the control:", ""]
    lines += _table(
        ("row", "loss", "smallest to largest", "tokens/s", "memory"),
        [_tune_row(row, figures) for row in ROWS if row.kind == "tune"],
    )
    lines += ["Gates (what ships) and aims:", ""]
    lines += _table(
        ("figure", "row", "value", "gate", "", "aim", ""),
        [_gate_row(gate) for gate in gates(figures, size.device == "cuda")],
    )
    return "\n".join(lines) + "\n" + NOTES


def _command(size: Size, result: dict[str, Any] | None) -> str:
    command = "`python benchmarks/train.py" + ("`" if size.name == "tiny" else f" --size {size.name}`")
    if result is None:
        return f"{command} and again with `--long`: **{NOT_RUN}**."
    machine, runs = result["machine"], [r for r in result["runs"] if r["status"] == "ok"]
    versions = ", ".join(sorted({r["torch"] for r in runs}))
    devices = ", ".join(sorted({r["device"] for r in runs}))
    return (
        f"{command} and again with `--long`, {result['date']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:g} GiB, {machine['system']}, on {devices}, torch {versions}."
    )


def _model(size: Size) -> str:
    threads = f", {size.threads} thread" if size.threads else ""
    return (
        f"{size.n_layer} blocks of width {size.n_embd}, vocabulary {size.padded_vocab:,}, "
        f"{size.batch_size} x {size.seq_len} tokens a step{threads}; lr {size.lr:g}; "
        f"{size.tokens(size.speed_steps):,} tokens for speed and memory, {size.tokens(size.loss_steps):,} for the loss."
    )


def _speed_row(row: Row, f: Figures) -> list[str]:
    if (rate := f.rate(row.name)) is None:
        return [row.title, _absent(row, f)]
    run = f.of("speed", row.name)[-1]
    omitted, recompiles = f.figure(row.name, "work_omitted") or 0.0, f.figure(row.name, "recompiles")
    joules = f.figure(row.name, "joules_per_million_tokens")
    return [
        row.title,
        f"**{rate:,.0f}**",
        _times(f.faster(row.name, "plain")),
        _times(f.faster(row.name, "nanogpt")),
        _times(f.faster(row.name, "engine-off")),
        _mib(f.memory(row.name)),
        _change(f.leaner(row.name, "plain")),
        _mib(run["memory"]["reserved"]),
        _mib(f.figure(row.name, "process_peak_bytes")),
        f"{omitted:.0%}",
        "" if recompiles is None else f"{recompiles:.0f}",
        "" if joules is None else f"{joules:,.0f}",
        run["precision"],
        run["head"],
    ]


def _loss_row(row: Row, f: Figures) -> list[str]:
    if not (losses := f.losses(row.name)):
        return [row.title, _absent(row, f)]
    return [
        row.title, f"**{statistics.median(losses):.3f}**", f"{min(losses):.3f} to {max(losses):.3f}",
        _change(f.worse(row.name, "plain"), 2), _change(f.worse_in_time(row.name, "plain"), 2),
        _change(f.worse(row.name, "engine-off"), 2), str(len(losses)),
    ]  # fmt: skip


def _elastic_row(row: Row, f: Figures) -> list[str]:
    shares = [f.elastic(row.name, kept) for kept in KEPT]
    if all(share is None for share in shares):
        return [row.title, _absent(row, f)]
    return [row.title, *(_change(share) for share in shares)]


def _tune_row(row: Row, f: Figures) -> list[str]:
    runs = f.of("loss", row.name)
    if not runs:
        return [row.title, _absent(row, f)]
    losses = f.losses(row.name)
    rate = statistics.median(run["tokens_per_s"] for run in runs)
    memory = statistics.median(run["memory"]["allocated"] for run in runs)
    return [
        row.title, f"**{statistics.median(losses):.3f}**", f"{min(losses):.3f} to {max(losses):.3f}", f"{rate:,.0f}",
        _mib(memory),
    ]  # fmt: skip


def _gate_row(gate: Gate) -> list[str]:
    value = f"**{gate.value}**" if gate.value else NOT_RUN
    return [gate.what, gate.row, value, gate.gate, _met(gate.met), gate.aim, _met(gate.aimed)]


def _absent(row: Row, f: Figures) -> str:
    reason = f.failure(row.name).replace("|", "/")
    return f"**failed**: {reason}" if reason else NOT_RUN


def _met(met: bool | None) -> str:
    return {True: "met", False: "**missed**"}.get(met, "") if met is not None else ""


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _change(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:+.{digits}f} %"


def _mib(amount: float | None) -> str:
    return "" if amount is None else f"{amount / 2**20:,.0f} MiB"


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    wide = len(heads)
    body = [f"| {' | '.join([*row, *[''] * (wide - len(row))])} |" for row in rows]
    return [f"| {' | '.join(heads)} |", "|" + "---|" * wide, *body, ""]
