"""The parent of an engine: what it starts again, when it gives up, and what it leaves alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from patience import PATIENCE_S

from engine.control.restarter import Restarter, life_since
from engine.errors import SlotdeckError
from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.reader import LogReader
from engine.runlog.restarts import RestartsLock, kept_going
from engine.runlog.summary import summarise

ROOT = Path(__file__).parents[3]
LIVES = """
import sys, time, os, signal
run_dir, plan = sys.argv[1], sys.argv[2]
lives = run_dir + "/lives"
life = int(open(lives).read()) if os.path.exists(lives) else 0
open(lives, "w").write(str(life + 1))
open(f"{{run_dir}}/words-{{life}}", "w").write(" ".join(sys.argv[3:]))
how = plan.split(",")[min(life, plan.count(","))]
if how.split()[0] in ("told", "done", "paused", "running") or "sealed" in how:
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from engine.protocol import events as e
    from engine.runlog.lock import RunLock
    from engine.runlog.writer import LogWriter
    run_dir = Path(run_dir)
    with RunLock(run_dir):
        log = LogWriter(run_dir, run_dir.name)
        if "sealed" in how:
            step = 100 * (life + 1)
            log.commit(e.CheckpointSaved(step=step, branch=0, name="c", bytes=1, seconds=0.1, reason="due"))
        if "told" in how:
            log.commit(e.RunEnded(step=7, outcome="failed", reason="CUDA error: an illegal memory access"))
        for state in ("paused", "running"):
            if state in how:
                log.commit(e.StateChanged(state=state, step=7))
        if "done" in how:
            log.commit(e.RunEnded(step=9, outcome="finished", reason="all steps done"))
        log.close()
if "kill" in how:
    os.kill(os.getpid(), signal.SIGKILL)
if "term" in how:
    os.kill(os.getpid(), signal.SIGTERM)
if "sleep" in how:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("ready", flush=True)
    time.sleep(60)
sys.exit(int(how.split()[-1]) if how.split()[-1].isdigit() else 0)
"""


def events(run_dir: Path) -> list[object]:
    return [decode(entry.kind, entry.payload) for entry in LogReader(run_dir).entries()]


def lives(run_dir: Path) -> int:
    return int((run_dir / "lives").read_text())


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def parent(run_dir: Path) -> Iterator[Start]:
    """Starts a parent around an engine that ends as planned, one word list a life."""
    started: list[subprocess.Popen[str]] = []
    engine = [sys.executable, "-c", LIVES.format(root=str(ROOT)), str(run_dir)]

    def start(plan: str, allowed: int = 9, delay_s: float = 0.01) -> subprocess.Popen[str]:
        code = (
            f"from pathlib import Path; from engine.control.restarter import Restarter\n"
            f"raise SystemExit(Restarter(Path({str(run_dir)!r}), {allowed}, {[*engine, plan]!r}, {delay_s})"
            f".run(resume=False))"
        )
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                stderr=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_crashes_are_followed_by_a_resume_and_told_until_the_run_is_done(
    run_dir: Path, parent: Start
) -> None:
    process = parent("kill sealed,told 1,75,done 0")
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, errors
    assert lives(run_dir) == 4
    assert [(run_dir / f"words-{life}").read_text() for life in range(4)] == ["", *3 * ["--resume"]]
    told = [event.message for event in events(run_dir) if isinstance(event, e.Alarm)]
    assert "killed by SIGKILL" in told[0]
    assert "(1 of 9)" in told[0]
    assert "an illegal memory access" in told[1]
    assert "with code 75" in told[2]
    assert "(3 of 9)" in told[2]
    assert told[2] in errors
    assert summarise(run_dir).outcome == "finished"
    assert kept_going(run_dir) is None


def test_a_pause_outlives_the_engine_until_somebody_lets_the_run_go_on(run_dir: Path, parent: Start) -> None:
    process = parent("paused kill,kill,paused sealed kill,running sealed kill,done 0")
    errors = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, errors
    words = [(run_dir / f"words-{life}").read_text() for life in range(5)]
    assert words == ["", *3 * ["--resume --paused"], "--resume"]


def test_three_restarts_without_a_new_checkpoint_are_the_last(run_dir: Path, parent: Start) -> None:
    process = parent("kill,kill sealed,kill,kill,kill,done 0", allowed=50)
    assert process.wait(PATIENCE_S) == 1
    assert lives(run_dir) == 5, "the second life made progress, the three after it did not"
    run = summarise(run_dir)
    assert run.outcome == "failed"
    assert "3 restarts brought no new checkpoint" in run.reason


def test_no_more_restarts_than_allowed(run_dir: Path, parent: Start) -> None:
    hook = "echo $SLOTDECK_CODE >> rung"
    profile = f"[guard]\nhook = 'cd {run_dir} && {hook}'\n"
    (run_dir / "profile.toml").write_text(profile)
    assert parent("kill sealed", allowed=2).wait(PATIENCE_S) == 1
    assert lives(run_dir) == 3
    ended = [event for event in events(run_dir) if isinstance(event, e.RunEnded)]
    assert "all 2 restarts are used" in ended[-1].reason
    assert "slotdeck resume" in ended[-1].remedy
    rung = (run_dir / "rung").read_text().split()
    assert rung == ["engine-restart", "engine-restart", "engine-given-up"], "whoever sleeps is told"


@pytest.mark.parametrize(
    ("plan", "code"), [("0", 0), ("2", 2), ("3", 3), ("term", 128 + 15), ("done 120", 120)]
)
def test_an_end_that_is_no_crash_is_the_end(run_dir: Path, parent: Start, plan: str, code: int) -> None:
    assert parent(plan).wait(PATIENCE_S) == code
    assert lives(run_dir) == 1


def test_a_signal_reaches_the_engine_and_ends_both(run_dir: Path, parent: Start) -> None:
    process = parent("sleep")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert lives(run_dir) == 1


def test_a_signal_during_the_wait_ends_it_and_nobody_else_may_start_meanwhile(
    run_dir: Path, parent: Start
) -> None:
    process = parent("kill", delay_s=60.0)
    until_s = time.monotonic() + PATIENCE_S
    while "1 of 9" not in (reason := summarise(run_dir).reason):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert reason.startswith("engine restarting (1 of 9) in ")
    assert summarise(run_dir).live
    with pytest.raises(SlotdeckError, match="kept going already"):
        RestartsLock(run_dir, 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 128 + 15
    assert lives(run_dir) == 1
    assert summarise(run_dir).outcome == "stopped"


def test_the_parent_needs_no_torch_and_its_death_leaves_the_engine_alone(
    run_dir: Path, parent: Start
) -> None:
    process = parent("sleep")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "libtorch" not in maps
    assert "numpy" not in maps
    (engine,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    try:
        assert os.getsid(engine) == engine
        process.kill()
        process.wait()
        os.kill(engine, 0)
        assert kept_going(run_dir) is None
    finally:
        os.kill(engine, signal.SIGKILL)


def test_a_checkpoint_at_the_step_it_began_with_is_no_progress(run_dir: Path) -> None:
    from engine.runlog.writer import LogWriter

    log = LogWriter(run_dir, run_dir.name)
    seq = log.commit(e.LogLine(level="info", text="before"))
    saved = {"branch": 0, "bytes": 1, "seconds": 0.1, "reason": "prune", "name": "c"}
    log.commit(e.WentBack(step=50, branch=1, from_step=90, checkpoint="step-00000050", reason="asked"))
    log.commit(e.CheckpointSaved(step=50, **saved))  # type: ignore[arg-type]
    assert not life_since(run_dir, seq).progressed
    log.commit(e.CheckpointSaved(step=51, **saved))  # type: ignore[arg-type]
    assert life_since(run_dir, seq).progressed
    log.close()


def test_a_folder_that_others_may_write_is_refused(run_dir: Path) -> None:
    run_dir.chmod(0o777)
    with pytest.raises(SlotdeckError, match="may be written by others"):
        Restarter(run_dir, 1, ["true"]).run(resume=False)
