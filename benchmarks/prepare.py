"""Tokens per second of `prepare`, from parquet to sealed shards, against the bare tokenizer.

The bare tokenizer encodes the same texts, already in memory, with a thread per core, in its fastest way:
`encode_batch_fast` on slices of 128 texts (all of them at once is slower: the results fill the memory).
`prepare` has a worker per core and does all the rest as well: starting them, reading, hand-over, end-of-text,
digests, writing, fsync. Rounds alternate, so the machine's noise meets both; processor time is noted too,
because on a busy machine more processes get a larger share of it.

    python -m benchmarks.prepare [--rounds 5] [--copies 4]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from benchmarks import results
from engine.data.prepare import prepare
from engine.tokenizer import bpe
from slotdeck.demo import VOCAB_SIZE, write_corpus

AIM = 0.8
SLICE = 128


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=4, help="times the standard library's text is repeated")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one = pq.read_table(write_corpus(folder / "one.parquet"))
        tokenizer = bpe.train(one.column("text").to_pylist(), VOCAB_SIZE)
        (folder / "tokenizer.json").write_text(tokenizer.to_json())
        corpus = folder / "corpus.parquet"
        pq.write_table(pa.concat_tables([one] * options.copies), corpus, row_group_size=128)
        texts = pq.read_table(corpus, columns=["text"]).column(0).to_pylist()
        bare, whole = [], []
        for number in range(1, options.rounds + 1):
            bare.append(measure(partial(encode_alone, folder / "tokenizer.json", texts)))
            whole.append(
                measure(partial(prepare_all, folder / "tokenizer.json", corpus, folder / "out", cores))
            )
            print(f"round {number}: bare {bare[-1].per_s:,.0f}, prepare {whole[-1].per_s:,.0f} tokens/s")
    ratios = [w.per_s / b.per_s for w, b in zip(whole, bare, strict=True)]
    cpu_ratios = [w.per_cpu_s / b.per_cpu_s for w, b in zip(whole, bare, strict=True)]
    rows = [
        row("prepare / bare tokenizer", ratios, "ratio of tokens/s") | judged(ratios),
        row("the same by processor time", cpu_ratios, "ratio of tokens/s of processor time")
        | judged(cpu_ratios),
        row("prepare", [w.per_s for w in whole], "tokens/s"),
        row("bare tokenizer", [b.per_s for b in bare], "tokens/s"),
    ]
    size_mb = sum(len(t.encode()) for t in texts) / 1e6
    notes = [
        f"{len(texts):,} documents, {size_mb:.0f} MB of text, vocabulary {VOCAB_SIZE:,}, {cores} cores each.",
        "The bare side is encode_batch_fast on slices of 128 texts, its fastest way found.",
    ]
    path = results.write("prepare", "prepare against the bare tokenizer", rows, notes)
    print(f"ratio {statistics.median(ratios):.2f}, by CPU time {statistics.median(cpu_ratios):.2f}: {path}")


@dataclass(frozen=True, slots=True)
class Measured:
    per_s: float
    per_cpu_s: float


def measure(work: Callable[[], int]) -> Measured:
    """`work` returns its number of tokens; processor time includes that of child processes."""
    cpu, start = os.times(), time.perf_counter()
    num_tokens = work()
    elapsed_s, after = time.perf_counter() - start, os.times()
    return Measured(num_tokens / elapsed_s, num_tokens / (sum(after[:4]) - sum(cpu[:4])))


def encode_alone(tokenizer_file: Path, texts: list[str]) -> int:
    backend = Tokenizer.from_file(str(tokenizer_file))
    slices = (texts[i : i + SLICE] for i in range(0, len(texts), SLICE))
    return sum(len(e) for s in slices for e in backend.encode_batch_fast(s, add_special_tokens=False))


def prepare_all(tokenizer_file: Path, corpus: Path, out: Path, workers: int) -> int:
    shutil.rmtree(out, ignore_errors=True)
    meta = prepare([corpus], out, tokenizer=tokenizer_file, workers=workers).meta
    return meta.train.tokens + meta.val.tokens


def row(figure: str, values: list[float], unit: str) -> dict[str, Any]:
    digits = 3 if values[0] < 100 else 0
    spread = results.spread([round(v, digits) for v in values])
    return {
        "figure": figure,
        "value": spread["median"],
        "unit": f"{unit}, median of rounds",
        "spread": spread,
    }


def judged(ratios: list[float]) -> dict[str, Any]:
    return {"aim": f">= {AIM}", "met": statistics.median(ratios) >= AIM}


if __name__ == "__main__":
    main()
