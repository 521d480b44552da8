"""`slotdeck watch`: lines that a script can rely on, and an exit code that says how the run ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from random import Random

import pytest
from fake_run import FakeRun, write_fake_run
from patience import PATIENCE_S
from slotdeck_command import COMMAND, ENVIRONMENT, Slotdeck

from engine.protocol import events as ev
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter

RUN = "20261121-090000-demo-3f2a"


def a_run(folder: Path, **story: object) -> Path:
    return write_fake_run(folder / "runs" / RUN, FakeRun(run_id=RUN, **story))  # type: ignore[arg-type]


@pytest.mark.parametrize(("outcome", "code"), [("finished", 0), ("stopped", 0), ("failed", 1), ("", 1)])
def test_the_exit_code_says_how_the_run_ended(
    slotdeck: Slotdeck, tmp_path: Path, outcome: str, code: int
) -> None:
    a_run(tmp_path, steps=20, outcome=outcome)
    done = slotdeck("watch", RUN)
    assert done.returncode == code
    assert ("without a word" in done.stderr) == (not outcome)


def test_every_report_is_a_line_of_fixed_columns(slotdeck: Slotdeck, tmp_path: Path) -> None:
    a_run(tmp_path, steps=500)
    head, *lines = slotdeck("watch", RUN).stdout.splitlines()
    assert head.split()[:4] == ["step", "loss", "mean", "val"]
    reports = [line for line in lines if not line.startswith("#")]
    assert [int(line.split()[0]) for line in reports] == list(range(5, 501, 5))
    assert {line.index("  fp32") for line in reports} == {head.index("  prec")}
    assert "# applied pin block.3 at step 400: auto -> pin" in lines
    assert lines[-1] == "# finished at step 500: all steps done"


def test_every_leaves_out_reports_but_never_the_last(slotdeck: Slotdeck, tmp_path: Path) -> None:
    a_run(tmp_path, steps=498, total_steps=500, report_every=6)
    lines = slotdeck("watch", RUN, "--every", "5").stdout.splitlines()[1:]
    assert [int(line.split()[0]) for line in lines if not line.startswith("#")] == [6, 174, 342, 498]
    lines = slotdeck("watch", RUN, "--last", "2").stdout.splitlines()[1:]
    reports = [line.split() for line in lines if not line.startswith("#")]
    assert [int(words[0]) for words in reports] == [492, 498]
    assert "GiB" in lines[0], "what was measured before them is known"
    assert lines[-1].startswith("# finished")


def test_json_is_an_object_a_line(slotdeck: Slotdeck, tmp_path: Path) -> None:
    a_run(tmp_path, steps=10)
    rows = [json.loads(line) for line in slotdeck("watch", RUN, "--json").stdout.splitlines()]
    assert [row["kind"] for row in rows] == [
        "RunStarted", "StateChanged", "LeaseChanged", "StepReport", "StepReport", "RunEnded",
    ]  # fmt: skip
    assert rows[0]["fields"]["model"]["params"] == 9_200_000
    assert (rows[3]["fields"]["step"], rows[3]["time"]) == (5, "2026-11-21T09:00:00.150Z")


def test_a_live_run_is_followed_until_it_ends(tmp_path: Path) -> None:
    run = FakeRun(run_id=RUN, steps=10, outcome="")
    run_dir = a_run(tmp_path, steps=10, outcome="")
    with RunLock(run_dir):
        with subprocess.Popen(
            [*COMMAND, "watch", RUN], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout is not None
            said = [watching.stdout.readline() for _ in range(5)]
            assert said[-1].split()[0] == "10"
            writer = LogWriter(run_dir, RUN)
            writer.commit(run._report(15, 5.0, 5.0, 1.0, "fp32", 8.0, Random(1)))
            assert watching.stdout.readline().split()[0] == "15", "as it happens"
            writer.commit(ev.RunEnded(step=15, outcome="stopped", reason="asked"))
            writer.close()
            assert watching.stdout.readline() == "# stopped at step 15: asked\n"
            assert watching.poll() is None, "an engine still holds the run"
            watching.send_signal(signal.SIGINT)
            try:
                assert watching.wait(PATIENCE_S) == 130
            finally:
                watching.kill()  # leaving the block waits for it without end


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    a_run(tmp_path, steps=3000, report_every=1)  # more than a pipe holds
    read, write = os.pipe()
    watching = subprocess.Popen(
        [*COMMAND, "watch", RUN],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    os.read(read, 10)
    os.close(read)
    _, err = watching.communicate(timeout=PATIENCE_S)
    assert (watching.returncode, err) == (1, "")
