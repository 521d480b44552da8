"""A run from the command line without a terminal: trained, listed, dumped, killed, resumed, stopped."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

from patience import PATIENCE_S
from slotdeck_command import COMMAND, ENVIRONMENT, Slotdeck

from engine.runlog.lock import is_live


def test_a_run_is_told_in_plain_lines_and_ends_with_the_commands_that_go_on(
    slotdeck: Slotdeck, tmp_path: Path, token_dir: Path
) -> None:
    done = slotdeck("train", "tiny", "--runs", "my runs", "--set", f"data.dir={token_dir}")
    assert done.returncode == 0, done.stderr
    step = r"step 60/60  loss [\d.]+  val [\d.]+  [\d.,]+( [KMG])? tokens/s  slots 4/4  fp32  mem [\d.]+ MiB  ETA "
    assert re.search(step, done.stdout), done.stdout
    assert "finished at step 60" in done.stdout
    (run_dir,) = (tmp_path / "my runs").iterdir()
    for verb in ("replay", "resume", "attach"):
        (command,) = re.findall(rf"^  {verb} +(.*)$", done.stdout, re.M)
        more = ["--set", "train.steps=120"] if verb == "resume" else []
        assert shlex.split(command)[1:] == [verb, f"my runs/{run_dir.name}", *more]

    told = slotdeck("attach", run_dir)
    assert told.returncode == 0
    assert "finished at step 60" in told.stdout

    listed = slotdeck("--runs", "my runs")
    assert run_dir.name in listed.stdout
    assert "finished" in listed.stdout
    assert slotdeck("runs", "--runs", "my runs").stdout == listed.stdout
    assert slotdeck("--runs", "my runs", "runs").stdout == listed.stdout

    rows = [json.loads(line) for line in slotdeck("dump", run_dir).stdout.splitlines()]
    (last,) = [row["fields"] for row in rows if row["kind"] == "StepReport" and row["fields"]["step"] == 60]
    assert f"loss {last['loss']:.4f}" in done.stdout

    over = slotdeck("resume", run_dir, "--set", "train.steps=50")
    assert over.returncode == 2
    assert "is finished" in over.stderr
    other = slotdeck("resume", run_dir, "--set", "model.n_layer=5")
    assert "keeps its name and its model" in other.stderr
    assert "steps = 60" in (run_dir / "profile.toml").read_text()
    longer = slotdeck("train", "--resume", run_dir, "--set", "train.steps=70", "--plain")
    assert longer.returncode == 0, longer.stderr
    assert "step 70/70" in longer.stdout

    no_terminal = slotdeck("replay", run_dir)
    assert no_terminal.returncode == 2
    assert "needs a terminal" in no_terminal.stderr
    not_live = slotdeck("send", run_dir, "pause")
    assert not_live.returncode == 2
    assert "is not running" in not_live.stderr
    assert not_live.stdout == "", "nobody was asked"


def test_a_killed_engine_is_told_and_its_run_goes_on_until_interrupted(
    slotdeck: Slotdeck, tmp_path: Path, token_dir: Path
) -> None:
    sets = [f"data.dir={token_dir}", "train.steps=1000000", "checkpoint.every=20", "evaluate.every=0"]
    started = slotdeck("train", "tiny", "--detach", *(word for key in sets for word in ("--set", key)))
    assert started.returncode == 0, started.stderr
    assert "goes on without this terminal" in started.stdout
    (run_dir,) = (tmp_path / "runs").iterdir()
    holder = is_live(run_dir)
    assert holder is not None
    try:
        noted = slotdeck("send", run_dir, "note", "hello", "there")
        assert noted.returncode == 0, noted.stderr
        assert [line.split()[0] for line in noted.stdout.splitlines()] == ["requested", "accepted", "applied"]
        assert noted.stdout.endswith(": hello there\n"), "also what replaces nothing is told"
        for verb, result in (
            ("evaluate", r"evaluated  validation loss [\d.]+ \(perplexity [\d.]+, 1,024 tokens, "),
            (
                "probe",
                r"probed     validation loss [\d.]+ with every slot .*; without\n    \| block\.\d  [\d.]+ \(",
            ),
            ("sample", r"sampled    in .*:\n    \| "),
            ("checkpoint", r"saved      step-\d{8}(\.\d+)?: "),  # it may be due at that very step, too
        ):
            told = slotdeck("send", run_dir, verb).stdout
            assert re.search(r"^applied .*\n" + result, told, re.M), told
        refused = slotdeck("send", run_dir, "pin", "block.99")
        assert refused.returncode == 1
        assert "block.99" in refused.stderr
        second = slotdeck("resume", run_dir)
        assert second.returncode == 2
        assert f"is live (pid {holder.pid}" in second.stderr
        wait_for(lambda: any((run_dir / "checkpoints").glob("step-*/MANIFEST")))
    finally:
        os.kill(holder.pid, signal.SIGKILL)
    wait_for(lambda: is_live(run_dir) is None)
    dead = slotdeck("attach", run_dir)
    assert dead.returncode == 1
    assert "went without a word" in dead.stdout

    with subprocess.Popen(
        [*COMMAND, "resume", run_dir.name], cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as resumed:  # fmt: skip
        assert resumed.stdout is not None
        lines = []
        for line in resumed.stdout:
            lines.append(line)
            if line.startswith("step "):
                resumed.send_signal(signal.SIGINT)
                break
        rest = resumed.stdout.read()
    told = "".join(lines) + rest
    assert resumed.returncode == 0, told
    assert re.search(r"resumed from step-\d+ at step \d+", told)
    assert "stopping with a checkpoint" in told
    assert re.search(r"^checkpoint step-\d+ saved", rest, re.M)
    assert re.search(r"^stopped at step \d+", rest, re.M)
    assert is_live(run_dir) is None


def wait_for(condition: object) -> None:
    assert callable(condition)
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)
