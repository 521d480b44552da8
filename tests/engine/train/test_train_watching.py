"""The shell hook, a step that hangs, and data that comes too slowly."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from patience import PATIENCE_S
from tiny_engine import report

from engine.control.hook import PER_MINUTE, Hook
from engine.protocol import codec
from engine.protocol.events import Alarm, LogLine, StepReport
from engine.protocol.frames import encode_frame
from engine.train.guards.hang import HangWatch
from engine.train.guards.stall import WINDOW_S, StalledData


def alarm(message: str = "it burns", code: str = "gpu-lost") -> Alarm:
    return Alarm(step=3, level="error", code=code, message=message, remedy="pour water")


def wait_until(so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)


# -- the hook --------------------------------------------------------------------------------------------


def test_the_hook_gets_the_alarm_in_its_environment_and_never_in_its_words(tmp_path: Path) -> None:
    out, warned = tmp_path / "out", list[str]()
    hook = Hook(
        f'printf "%s|%s|%s|%s\\n" "$SLOTDECK_RUN" "$SLOTDECK_CODE" "$SLOTDECK_LEVEL" "$SLOTDECK_MESSAGE" >> {out}',
        "demo-1",
        warned.append,
    )
    message = f"`touch {tmp_path}/owned`; $(touch {tmp_path}/owned)\x1b]52;c;x\x07\nsecond line"
    event = alarm(message)
    hook.saw([(1, Alarm.KIND, encode_frame(Alarm.KIND, 1, 0, codec.encode(event)))])
    wait_until(out.exists)
    hook.close()
    assert out.read_text() == (
        f"demo-1|gpu-lost|error|`touch {tmp_path}/owned`; $(touch {tmp_path}/owned)"
        "\\x1b]52;c;x\\x07 second line; pour water\n"
    )
    assert not (tmp_path / "owned").exists()
    assert warned == []


def test_a_failing_hook_is_one_line(tmp_path: Path) -> None:
    warned: list[str] = []
    hook = Hook("exit 7", "demo-1", warned.append)
    hook.ring(alarm())
    wait_until(lambda: bool(warned))
    hook.close()
    assert warned == ["guard.hook failed with status 7; it was run for gpu-lost"]


def test_a_hook_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    for limit_s in (0.5, 5.0, 50.0):  # on a busy machine it is ended before it has begun
        warned: list[str] = []
        hook = Hook(f"sleep 1000 & echo $! > {child}; sleep 1000", "demo-1", warned.append, limit_s=limit_s)
        hook.ring(alarm())
        wait_until(lambda: bool(warned))  # noqa: B023
        hook.close()
        assert f"ended after {limit_s:g} s" in warned[0]
        if child.exists() and child.read_text():
            break
    pid = int(child.read_text())
    wait_until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")


def test_a_flood_of_alarms_runs_a_few_hooks_and_says_how_many_it_spared(tmp_path: Path) -> None:
    out, warned, now = tmp_path / "out", list[str](), 0.0
    hook = Hook(f"echo x >> {out}", "demo-1", warned.append, clock_s=lambda: now)
    for _ in range(10):
        hook.ring(alarm())
    wait_until(lambda: hook._waiting.empty())
    now = 61.0
    hook.ring(alarm())
    wait_until(lambda: out.exists() and len(out.read_text().split()) == PER_MINUTE + 1)
    hook.close()
    assert warned == ["guard.hook was not run for 4 alarms: they came too fast"]


def test_without_a_command_nothing_runs() -> None:
    hook = Hook("", "demo-1", list[str]().append)
    hook.saw([(1, Alarm.KIND, b"not even looked at")])
    hook.close()


# -- a step that hangs -----------------------------------------------------------------------------------


def test_a_hanging_step_is_told_once_with_the_stacks_and_when_it_comes_back(tmp_path: Path) -> None:
    told: list[Alarm | LogLine] = []
    with (tmp_path / "engine.out").open("w") as stacks:
        watch = HangWatch(told.append, stacks, least_s=0.1, look_s=0.02)
        watch.start()
        with watch.busy(41, usual_s=0.001):
            wait_until(lambda: bool(told))
            time.sleep(0.1)
        with watch.busy(42, usual_s=1000.0):
            time.sleep(0.2)
        watch.close()
    begun, over = told
    assert isinstance(begun, Alarm)
    assert begun.code == "step-hangs"
    assert "step 41" in begun.message
    assert isinstance(over, LogLine)
    assert "came back" in over.text
    assert "test_a_hanging_step" in (tmp_path / "engine.out").read_text()


def test_a_process_that_was_stopped_did_not_hang(tmp_path: Path) -> None:
    told: list[Alarm | LogLine] = []
    now = 0.0
    with (tmp_path / "engine.out").open("w") as stacks:
        watch = HangWatch(told.append, stacks, look_s=0.01, clock_s=lambda: now)
        watch.start()
        with watch.busy(41, usual_s=0.1):
            time.sleep(0.05)
            now = 5000.0
            time.sleep(0.05)
        watch.close()
    assert told == []


# -- data ------------------------------------------------------------------------------------------------


def test_data_that_takes_most_of_a_step_is_named_once_and_its_end_too() -> None:
    stalled = StalledData(0.5, "/data/slow")
    told = []

    def go_on(seconds: float, data_ms: float) -> None:
        for step in range(round(seconds * 10)):
            seen: StepReport = msgspec.structs.replace(report(step), step_ms=100.0, data_ms=data_ms)
            if event := stalled.look(seen):
                told.append(event)

    go_on(3 * WINDOW_S, 30.0)
    assert told == []
    go_on(3 * WINDOW_S, 80.0)
    go_on(3 * WINDOW_S, 45.0)
    (begun,) = told
    assert isinstance(begun, Alarm)
    assert begun.code == "data-stalled"
    assert "/data/slow" in begun.message
    assert "80%" in begun.message
    go_on(3 * WINDOW_S, 10.0)
    assert isinstance(told[1], LogLine)
    assert len(told) == 2
