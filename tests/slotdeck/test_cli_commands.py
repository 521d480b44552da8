"""`send`, `prepare` and `doctor` as a user types them."""

from __future__ import annotations

import re
from pathlib import Path

from slotdeck_command import ROOT, Slotdeck

from slotdeck.doctor.machine import TESTED


def test_prepare_tells_its_progress_and_how_to_train(slotdeck: Slotdeck, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(f"the {number}th text is about the number {number}. " * 30)
    inputs = [f"{number}.txt" for number in range(40)]
    done = slotdeck("prepare", *inputs, "--out", "my data", "--vocab-size", "300", "--val-share", "0.2")
    assert done.returncode == 0, done.stderr
    assert "learning the vocabulary" in done.stderr
    assert re.search(r"my data: [\d,]+ training and [\d,]+ validation tokens", done.stdout)
    assert "--set 'data.dir=my data'" in done.stdout
    again = slotdeck("prepare", *inputs, "--out", "my data")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert (
        slotdeck("prepare", *inputs, "--out", "my data", "--vocab-size", "300", "--overwrite").returncode == 0
    )


def test_doctor_has_a_line_for_everything_and_leaves_no_trace(slotdeck: Slotdeck, tmp_path: Path) -> None:
    done = slotdeck("doctor", "--runs", "some/runs")
    assert done.returncode == 0, done.stdout
    topics = {line.split()[1] for line in done.stdout.splitlines() if line[:2] in ("ok", "wa", "fa")}
    assert topics >= {
        "python",
        "torch",
        "textual",
        "cores",
        "device",
        "compiler",
        "socket",
        "disk",
        "terminal",
    }
    assert "ready to train" in done.stdout
    assert not (tmp_path / "some" / "runs").exists()


def test_doctor_says_when_the_runs_folder_cannot_be_written(slotdeck: Slotdeck, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = slotdeck("doctor", "--runs", "file/runs")
    assert done.returncode == 1
    assert "fail  disk" in done.stdout
    assert "remedy: give another --runs folder" in done.stdout


def test_doctor_names_the_versions_that_the_constraints_pin() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    assert {name: pinned[name] for name in TESTED} == TESTED


def test_the_version_is_told(slotdeck: Slotdeck) -> None:
    assert slotdeck("--version").stdout.startswith("slotdeck ")
