"""The table: training with the engine against training without it, one process a row.

    python benchmarks/train.py                      speed and memory, size tiny: minutes on one quiet core
    python benchmarks/train.py --long               validation losses and elastic curves, three seeds: hours
    python benchmarks/train.py --size gpt2-124m     on a GPU; --data DIR for a prepared folder of your own
    python benchmarks/train.py --list

Same data, same tokens, same seeds for all. Results are written after each row, so an interrupted table goes on where it
stopped; a row that fails is recorded with its reason, and the table goes on. `--fresh` starts over.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import results
from benchmarks.training.child import RowFailed, run_child
from benchmarks.training.corpus import Corpus, open_corpus
from benchmarks.training.curve import seconds_per_step, warm_steps
from benchmarks.training.energy import EnergyMeter
from benchmarks.training.engine_row import run_engine_row
from benchmarks.training.record import Record
from benchmarks.training.rows import BY_NAME, ROWS, Form, Row
from benchmarks.training.sizes import SIZES, Size

BASE_LINE = "plain"
SPEED_SEEDS, LOSS_SEEDS = 1, 3
ROW_FOLDER = "row-"


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is missing. Returns how many rows failed."""
    given = arguments(words)
    size, form = SIZES[given.size], "loss" if given.long else "speed"
    chosen = [BY_NAME[name] for name in given.rows.split(",")] if given.rows else list(ROWS)
    rows = [row for row in chosen if form in row.forms]
    if given.list:
        for row in rows:
            print(f"{row.name:18} {row.title}")
        return 0
    record = Record(given.out / f"train-{size.name}.json", size.settings(), results.machine())
    if given.fresh:
        record.forget({form}, {row.name for row in rows})
    work = given.work / size.name
    work.mkdir(parents=True, exist_ok=True)
    for left in work.glob(f"{ROW_FOLDER}*"):  # of a table that was killed; an engine still at it ends by this
        shutil.rmtree(left, ignore_errors=True)
    corpus = open_corpus(size, work, given.data)
    failed = 0
    for seed in range(1, (given.seeds or (LOSS_SEEDS if given.long else SPEED_SEEDS)) + 1):
        for row in rows:
            made_with = {
                "settings": row.settings,
                "wider": row.wider,
                "size": size.settings(),
                "data": corpus.label,
            }
            if record.has(form, row.name, seed, made_with):
                print(f"{row.name:18} seed {seed}  measured before")
                continue
            run = measure(row, form, seed, size, corpus, work, record, given.limit_s)
            record.add({**run, "made_with": made_with})
            failed += run["status"] == "failed"
            print(told(run), flush=True)
    return failed


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line, judged."""
    parser = argparse.ArgumentParser(prog="benchmarks/train.py", description="Training, row by row.")
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--rows", default="", metavar="A,B", help="these only")
    parser.add_argument("--long", action="store_true", help="the loss rows")
    parser.add_argument("--seeds", type=int, default=0, metavar="N")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a prepared folder, in place of the library's source"
    )
    parser.add_argument("--fresh", action="store_true", help="measure anew what is there already")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument(
        "--out", type=Path, default=results.FOLDER, metavar="DIR", help="where the results go"
    )
    parser.add_argument("--work", type=Path, default=ROOT / "data" / "bench", metavar="DIR", help="corpora")
    parser.add_argument("--limit-s", type=float, default=1800.0, metavar="S", help="longest a row may take")
    given = parser.parse_args(words)
    unknown = [name for name in given.rows.split(",") if name and name not in BY_NAME]
    if unknown:
        parser.error(f"no row {unknown[0]!r}; there are {', '.join(BY_NAME)}")
    return given


def measure(
    row: Row, form: Form, seed: int, size: Size, corpus: Corpus, work: Path, record: Record, limit_s: float
) -> dict[str, Any]:
    """One row, whatever becomes of it."""
    begun = time.perf_counter()
    run: dict[str, Any] = {"form": form, "row": row.name, "seed": seed}
    folder = Path(tempfile.mkdtemp(prefix=ROW_FOLDER, dir=work))
    try:
        job = job_of(row, form, seed, size, corpus, work, record)
        with EnergyMeter() as energy:
            if row.kind == "engine":
                found = run_engine_row(size, job, folder, limit_s)
            else:
                found = run_peer(job, folder, size.threads, limit_s)
        run |= {"status": "ok", **judged(found, size, row, job["steps"], energy)}
    except RowFailed as failure:
        run |= {"status": "failed", "reason": str(failure)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return run | {"wall_s": round(time.perf_counter() - begun, 1), "machine": results.machine()}


def job_of(
    row: Row, form: Form, seed: int, size: Size, corpus: Corpus, work: Path, record: Record
) -> dict[str, Any]:
    """What a child needs to know."""
    long = form == "loss"
    settings = dict(row.settings)
    if settings.get("train.memory_gib") == "of plain":
        plain = record.find(form, BASE_LINE, seed) or record.find("speed", BASE_LINE)
        if plain is None:
            raise RowFailed(f"needs the memory of the row {BASE_LINE!r}, which is not measured")
        settings["train.memory_gib"] = plain["memory"]["allocated"] / 2**30
    steps = size.tune_steps if row.kind == "tune" else size.loss_steps if long else size.speed_steps
    return {
        "size": size.name,
        "kind": row.kind,
        "settings": settings,
        "seed": seed,
        "steps": steps,
        "wider": row.wider,
        "elastic": row.elastic and long,
        "evaluate_every": (size.evaluate_every if row.kind != "tune" else steps // 4) if long else 0,
        "evaluate_tokens": size.evaluate_tokens if long else size.batch_size * size.seq_len,
        "base_dir": str(corpus.base),
        "tune_dir": str(corpus.tune),
        "base_weights": str(work / f"base-{size.loss_steps}-{size.lr:g}.pt"),
    }


def run_peer(job: dict[str, Any], folder: Path, threads: int, limit_s: float) -> dict[str, Any]:
    """A peer in its process.

    Raises:
        RowFailed: with the last line it said.
    """
    result = folder / "result.json"
    ended = run_child(["-m", "benchmarks.training.peer", str(result)], json.dumps(job), threads, limit_s)
    if ended.code or not result.is_file():
        raise RowFailed(ended.last_line or f"ended with code {ended.code}")
    return {**json.loads(result.read_text()), "process_peak_bytes": ended.peak_bytes}


def judged(found: dict[str, Any], size: Size, row: Row, steps: int, energy: EnergyMeter) -> dict[str, Any]:
    """The figures of a row, from what its process found."""
    windows, span_s = found.pop("windows"), found.pop("span_s")
    rate = size.tokens(1) * row.wider / seconds_per_step(windows)
    each = [size.tokens(1) * row.wider / seconds for _, seconds in windows]
    joules = energy.between(*span_s)
    return {
        **found,
        "tokens": size.tokens(steps),
        "tokens_per_s": rate,
        "tokens_per_s_spread": [min(each), max(each)],
        "train_s": found["curve"][-1][1],
        "val_loss": found["curve"][-1][2],
        "joules_per_million_tokens": None
        if joules is None
        else joules / (size.tokens(steps) * (1 - warm_steps(found["steps"]) / found["steps"])) * 1e6,
    }


def told(run: dict[str, Any]) -> str:
    """A line for whoever waits."""
    head = f"{run['row']:18} seed {run['seed']}  {run['wall_s']:6.1f} s"
    if run["status"] == "failed":
        return f"{head}  failed: {run['reason']}"
    memory = run["memory"]["allocated"] / 2**20
    return (
        f"{head}  {run['tokens_per_s']:10,.0f} tokens/s  {memory:8,.1f} MiB  "
        f"loss {run['val_loss']:.4f}  omitted {run['work_omitted']:.0%}"
    )


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
