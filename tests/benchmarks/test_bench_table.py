"""The table of training: interrupted it goes on, a row that fails says why, and its page says what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from patience import PATIENCE_S

from benchmarks.training.curve import loss_at, seconds_per_step
from benchmarks.training.page import NOT_RUN, training_section
from benchmarks.training.record import Record
from benchmarks.training.rows import BY_NAME
from benchmarks.training.sizes import GPT2_124M, MICRO, TINY

ROOT = Path(__file__).resolve().parents[2]


def start(out: Path, work: Path, data: Path, *words: str) -> subprocess.Popen[str]:
    """The harness as its users start it, on a size of no meaning."""
    return subprocess.Popen(
        [sys.executable, "benchmarks/train.py", "--size", "micro", "--out", str(out), "--work", str(work),
         "--data", str(data), *words],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    """What it told."""
    told, _ = process.communicate(timeout=PATIENCE_S)
    return told


def runs_of(out: Path) -> list[dict[str, Any]]:
    """The measurements on disk."""
    path = out / "train-micro.json"
    return json.loads(path.read_text())["runs"] if path.is_file() else []


def test_a_table_killed_after_its_first_row_goes_on_and_a_row_that_fails_says_why(
    tmp_path: Path, token_dir: Path
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    first = start(out, work, token_dir, "--rows", "plain,engine-off")
    give_up = time.monotonic() + PATIENCE_S
    while not runs_of(out) and time.monotonic() < give_up:
        time.sleep(0.02)
    first.kill()
    finish(first)
    plain = runs_of(out)[0]
    assert plain["row"] == "plain"

    told = finish(start(out, work, token_dir, "--rows", "plain,engine-off", "--limit-s", str(PATIENCE_S)))
    assert "plain              seed 1  measured before" in told
    assert [run["row"] for run in runs_of(out)] == ["plain", "engine-off"]
    _, engine = runs_of(out)
    assert engine["status"] == "ok"
    # Equal tokens of equal batches from equal weights: chunking the head only rounds differently.
    assert engine["val_loss"] == pytest.approx(plain["val_loss"], abs=1e-4)
    assert engine["tokens"] == plain["tokens"] == MICRO.tokens(MICRO.speed_steps)
    for run in (plain, engine):
        assert run["tokens_per_s"] > 0
        assert run["memory"]["allocated"] > run["memory"]["weights"] > 0
        assert run["process_peak_bytes"] > run["memory"]["allocated"]

    ended = start(out, work, token_dir, "--rows", "naive,plain", "--limit-s", "0.2")
    told = finish(ended)
    assert ended.returncode == 1
    assert "failed: took longer than 0.2 s" in told
    assert told.rstrip().endswith("measured before"), "the table goes on after a row that fails"
    assert runs_of(out)[-1]["status"] == "failed"


def test_what_the_engine_refuses_is_the_reason_of_the_row(tmp_path: Path, token_dir: Path) -> None:
    process = start(tmp_path / "out", tmp_path / "work", token_dir, "--rows", "equal-memory")
    told = finish(process)
    assert process.returncode == 1
    assert "failed: needs the memory of the row 'plain', which is not measured" in told


def test_a_row_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    process = start(tmp_path, tmp_path, tmp_path, "--rows", "plane")
    assert "no row 'plane'; there are plain, naive" in finish(process)
    assert process.returncode == 2


def test_a_measurement_counts_only_for_the_settings_it_was_made_with(tmp_path: Path) -> None:
    record = Record(tmp_path / "train-micro.json", {"name": "micro"}, {})
    record.add({"form": "speed", "row": "plain", "seed": 1, "status": "ok", "made_with": {"lr": 1}})
    again = Record(tmp_path / "train-micro.json", {"name": "micro"}, {})
    assert again.has("speed", "plain", 1, {"lr": 1})
    assert not again.has("speed", "plain", 1, {"lr": 2})
    assert not again.has("loss", "plain", 1, {"lr": 1})
    again.add({"form": "speed", "row": "plain", "seed": 1, "status": "failed", "made_with": {"lr": 1}})
    assert not again.has("speed", "plain", 1, {"lr": 1}), "what failed is tried again"


def test_speed_is_the_mean_over_the_run_of_medians() -> None:
    faster = [(1, 1.0)] * 50 + [(1, 3.0)] * 50
    assert seconds_per_step(faster) == pytest.approx(2.0)
    disturbed = [(1, 100.0 if i % 10 == 0 else s) for i, (_, s) in enumerate(faster)]
    assert seconds_per_step(disturbed) == pytest.approx(2.0)
    assert seconds_per_step([(4, 1.0), (1, 6.0)]) == pytest.approx(2.0)


def test_loss_at_equal_time() -> None:
    curve = [(0, 0.0, 8.0), (100, 10.0, 6.0), (200, 20.0, 5.0)]
    assert loss_at(curve, 5.0) == pytest.approx(7.0)
    assert loss_at(curve, 15.0) == pytest.approx(5.5)
    assert loss_at(curve, 30.0) == 5.0


def measured(row: str, form: str, seed: int = 1, **more: Any) -> dict[str, Any]:
    """A run as the record keeps it."""
    memory = {
        "weights": 1,
        "gradients": 1,
        "optimizer": 2,
        "activations": 4,
        "allocated": 100 << 20,
        "reserved": None,
    }
    return {
        "form": form, "row": row, "seed": seed, "status": "ok", "tokens_per_s": 1000.0, "memory": memory,
        "process_peak_bytes": 1 << 30, "work_omitted": 0.0, "recompiles": None, "precision": "fp32", "head": "plain",
        "val_loss": 5.0, "train_s": 10.0, "curve": [[0, 0.0, 8.0], [9, 10.0, 5.0]], "torch": "2.13.0", "device": "cpu",
        **more,
    }  # fmt: skip


def result(*runs: dict[str, Any]) -> dict[str, Any]:
    """A table's file."""
    machine = {"cpu": "a processor", "cores": 2, "memory_gib": 8.0, "system": "Linux 6"}
    return {"machine": machine, "date": "2026-11-21", "runs": list(runs)}


def test_the_page_tells_hits_and_misses_alike() -> None:
    elastic = {"all": 5.0, "kept": {"10": 5.05, "8": 5.2, "6": 6.0}}
    page = training_section(
        TINY,
        result(
            measured("plain", "speed"), measured("engine-wsd", "speed"),
            measured("anneal-33", "speed", tokens_per_s=1200.0, work_omitted=0.25),
            measured("plain", "loss"), measured("engine-off", "loss", val_loss=5.0), measured("engine-wsd", "loss"),
            measured("anneal-33", "loss", val_loss=5.1, elastic=elastic),
            {"form": "speed", "row": "lean", "seed": 1, "status": "failed", "reason": "no such optimizer | here"},
        ),
    )  # fmt: skip
    assert (
        "| anneal-33 | **1.20x at +2.00%** | 1.10x at +1 % | **missed** | 1.18x at +0.5 % | **missed** |"
        in page
    )
    assert "| anneal-33 | **+4.0%** | at most +6% | met | at most +3% | **missed** |" in page
    assert "**failed**: no such optimizer / here" in page
    assert f"{BY_NAME['naive'].title} | {NOT_RUN}" in page
    assert "| 25% |" in page


def test_a_table_that_was_never_run_says_so_in_every_row() -> None:
    page = training_section(GPT2_124M, None)
    for row in BY_NAME.values():
        assert f"| {row.title} | {NOT_RUN} |" in page
    assert "met |" not in page


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would begin")
@pytest.mark.parametrize(
    ("part", "said"), [("all", "sees no CUDA device"), ("everything", "no part 'everything'")]
)
def test_the_gpu_s_turn_says_in_a_line_what_it_lacks(part: str, said: str) -> None:
    done = subprocess.run(
        ["sh", "benchmarks/gpu.sh", part], cwd=ROOT, env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout
