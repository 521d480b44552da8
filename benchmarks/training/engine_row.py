"""One engine row: the engine as its users start it, under a profile, the figures read from its log."""

from __future__ import annotations

import json
import math
import os
import re
import time
from pathlib import Path
from typing import Any

from benchmarks.training.child import RowFailed, run_child
from benchmarks.training.curve import warm_steps
from benchmarks.training.sizes import Size
from engine.errors import SlotdeckError
from engine.profile.load import load_profile
from engine.profile.write import to_toml
from engine.protocol.codec import decode
from engine.protocol.events import Evaluated, LogLine, MemorySplit, RunEnded, RunStarted, StepReport
from engine.runlog.catalog import create_run
from engine.runlog.reader import LogReader

CHUNKED_HEAD_TORCH = (2, 13)
"""The first torch with a chunked head of its own."""


def profile_sets(size: Size, job: dict[str, Any]) -> dict[str, Any]:
    """The profile's keys for a row: the size's, then the row's own."""
    wider = job["wider"]
    steps = job["steps"] // wider
    # A batch k times as large takes a step sqrt(k) times as long, as usual for Adam.
    lr = size.lr * math.sqrt(wider)
    sets: dict[str, Any] = {
        "model.n_layer": size.n_layer,
        "model.n_head": size.n_head,
        "model.n_embd": size.n_embd,
        "model.seq_len": size.seq_len,
        "model.vocab_size": size.padded_vocab,
        "data.dir": job["base_dir"],
        "train.steps": steps,
        "train.batch_size": size.batch_size * wider,
        "train.seed": job["seed"],
        "train.device": size.device,
        "train.threads": size.threads,
        "slots.seed": job["seed"],
        "optim.lr": lr,
        "optim.min_lr": lr / 10,
        "optim.muon_lr": size.muon_lr,
        "optim.warmup_steps": steps // 20,
        "evaluate.every": job["evaluate_every"] // wider,
        "evaluate.tokens": job["evaluate_tokens"],
        "evaluate.batch_size": size.batch_size,
        "checkpoint.every": 0,
        "telemetry.reports_per_s": 20,
    }
    own = {k: size.n_layer if v == "n_layer" else v for k, v in job["settings"].items()}
    return sets | own


def run_engine_row(size: Size, job: dict[str, Any], folder: Path, limit_s: float) -> dict[str, Any]:
    """Train and read the log.

    Raises:
        RowFailed: the engine refused the profile or broke off, with its own line.
    """
    sheet = folder / "row.toml"
    sheet.write_text('name = "bench"\n')
    try:
        profile = load_profile(sheet, [f"{k}={_word(v)}" for k, v in profile_sets(size, job).items()])
        run_dir = create_run(
            folder / "runs", profile.name, to_toml(profile), time.time(), os.urandom(2).hex()
        )
    except SlotdeckError as error:
        raise RowFailed(str(error)) from None
    ended = run_child(["-m", "engine", str(run_dir)], "", size.threads, limit_s)
    entries = list(LogReader(run_dir).entries()) if (run_dir / "log").is_dir() else []
    events = [decode(entry.kind, entry.payload) for entry in entries]
    last = next((e for e in reversed(events) if isinstance(e, RunEnded)), None)
    if ended.code or last is None or last.outcome != "finished":
        raise RowFailed(
            last.reason if last else ended.last_line or f"the engine ended with code {ended.code}"
        )
    found = read_log(events)
    walls = [entry.wall_s for entry, e in zip(entries, events, strict=True) if isinstance(e, StepReport)]
    found["span_s"] = [walls[min(warm_steps(found["steps"]), len(walls) - 1)], walls[-1]]
    found["process_peak_bytes"] = ended.peak_bytes
    if job["elastic"]:
        found["elastic"] = elastic_curve(run_dir, folder, size, limit_s)
    return found


def read_log(events: list[Any]) -> dict[str, Any]:
    """The figures of a finished run."""
    started = next(e for e in events if isinstance(e, RunStarted))
    reports = [e for e in events if isinstance(e, StepReport)]
    splits = [e for e in events if isinstance(e, MemorySplit)]
    lines = [e.text for e in events if isinstance(e, LogLine)]
    seconds, curve = 0.0, []
    for event in events:
        if isinstance(event, StepReport):
            seconds += event.step_ms * event.steps / 1e3
        elif isinstance(event, Evaluated):
            curve.append((event.step * started.tokens_per_step, seconds, event.loss))
    graphs = [int(said[1]) for line in lines if (said := re.search(r"(\d+) made while training", line))]
    peak = max(splits, key=_held)
    cuda = started.machine.device == "cuda"
    steps = sum(r.steps for r in reports)
    warm = [r for r in reports if r.step - r.steps >= warm_steps(steps)]
    work = sum(r.active_slots * r.steps for r in reports) / (len(started.slots) * steps)
    precision = reports[-1].precision
    version = tuple(int(part) for part in started.machine.torch.split("+")[0].split(".")[:2])
    torch_head = cuda and precision == "fp32" and version >= CHUNKED_HEAD_TORCH
    return {
        "steps": steps,
        # A run of a few fast steps is one report, its warm-up in it.
        "windows": [(r.steps, r.step_ms / 1e3) for r in warm or reports[-1:]],
        "curve": curve,
        "memory": {
            "weights": peak.weights,
            "gradients": peak.gradients,
            "optimizer": peak.optimizer,
            "activations": peak.activations,
            "allocated": _held(peak),
            "reserved": max(_held(split) + split.cache for split in splits) if cuda else None,
        },
        "work_omitted": 1 - work,
        "recompiles": graphs[-1] if graphs else None,
        "micro_batch": reports[-1].batch_size or None,
        "torch": started.machine.torch,
        "device": started.machine.device_name if cuda else started.machine.device,
        "precision": precision,
        "head": "chunked, torch's" if torch_head else "chunked, own",
        "said": [
            line for line in lines if line.startswith(("precision", "micro-batch", "blocks run", "compiled"))
        ],
    }


def elastic_curve(run_dir: Path, folder: Path, size: Size, limit_s: float) -> dict[str, Any]:
    """Validation losses with fewer blocks, by `slotdeck bench elastic`."""
    out = folder / "elastic"
    out.mkdir(exist_ok=True)
    words = ["-m", "slotdeck.cli", "bench", "elastic", str(run_dir), "--out", str(out)]
    words += ["--device", size.device, "--tokens", str(size.evaluate_tokens // 2)]
    ended = run_child(words, "", size.threads, limit_s)
    if ended.code:
        return {"failed": ended.last_line}
    (made,) = out.glob("elastic-*.json")
    curve = json.loads(made.read_text())["models"][0]["curve"]
    made.unlink()
    kept = {str(point["kept"]): point["loss"] for point in curve["greedy"]}
    drawn = {str(c["kept"]): sum(c["losses"]) / len(c["losses"]) for c in curve["random"]}
    return {"all": curve["loss"], "kept": kept, "drawn": drawn}


def _held(split: MemorySplit) -> int:
    return split.weights + split.gradients + split.optimizer + split.activations


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
