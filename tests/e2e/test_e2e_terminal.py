"""The main job in a real terminal: train, pause, lose the terminal, attach again, go on, stop, replay."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from screen import Screen
from slotdeck_command import run_slotdeck

from engine.runlog.lock import is_live


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """The folder of runs; no engine is left behind in it, whatever happens."""
    folder = tmp_path / "runs"
    yield folder
    for run_dir in folder.iterdir():
        holder = is_live(run_dir)
        if holder is not None:
            os.kill(holder.pid, signal.SIGKILL)


def test_a_run_outlives_its_terminal_and_obeys_the_next_one(runs: Path, tokens: Path) -> None:
    tmp_path = runs.parent
    sets = [f"data.dir={tokens}", "train.steps=1000000", "evaluate.every=0", "checkpoint.every=0"]
    words = [word for key in sets for word in ("--set", key)]
    with Screen("train", "tiny", *words, cwd=tmp_path) as first:
        first.wait_for(
            "running", "tok/s", "loss", "slots", " live "
        )  # the log is shown before the engine is found
        (run_dir,) = runs.iterdir()
        first.press(" ")
        first.wait_for("paused")
        first.hang_up()
    assert is_live(run_dir) is not None
    with Screen("attach", run_dir.name, cwd=tmp_path) as second:
        second.wait_for("‖ paused", " live ")
        second.press("t")  # the lost cockpit keeps the controls for a while
        second.wait_for("you have the controls")
        second.press(" ")
        second.wait_until_gone("‖ paused   ")
        second.press("q")
        assert second.wait_for_end() == 0
    stopped = run_slotdeck("send", run_dir, "--take", "stop", cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    told = run_slotdeck("attach", run_dir, cwd=tmp_path)
    assert told.returncode == 0
    assert "stopped at step" in told.stdout
    with Screen("replay", run_dir.name, cwd=tmp_path) as player:
        player.wait_for("replay")
        player.press("q")
        assert player.wait_for_end() == 0


def test_home_lists_the_profiles_where_there_is_no_run_yet(tmp_path: Path) -> None:
    with Screen(cwd=tmp_path, COLUMNS="110", LINES="50") as home:  # exported when the window was another
        home.wait_for("demo", "gpt2-124m", "tiny")
        home.press("q")
        assert home.wait_for_end() == 0
