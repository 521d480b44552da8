"""Hardware comes once a period; no driver, a hanging or a crashing one costs the GPU rows and nothing else.

The NVML child is a real process; only the `pynvml` module it imports is replaced, through its PYTHONPATH.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from patience import PATIENCE_S

from engine.protocol.events import Gpu, Hardware
from engine.telemetry.nvml_process import NvmlProcess
from engine.telemetry.optional import optional
from engine.telemetry.sampler import Sampler

FAKE_NVML = """
import os, signal, time
mode = os.environ["FAKE_NVML"]
NVML_TEMPERATURE_GPU, NVML_CLOCK_SM, NVML_CLOCK_MEM = 0, 1, 2

class NVMLError(Exception):
    def __init__(self, value):
        super().__init__(f"code {value}")
        self.value = value

class Answer:
    def __init__(self, **fields):
        self.__dict__.update(fields)

def nvmlInit():
    if mode == "hang-at-start":
        time.sleep(600)
    if mode.isdigit():
        raise NVMLError(int(mode))

def nvmlDeviceGetCount():
    if mode == "hang":
        time.sleep(600)
    if mode == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "nonsense":
        os.write(1, b"\\xc1" * 100)
    if mode == "crash-once":
        if not os.path.exists(os.environ["FAKE_MARK"]):
            open(os.environ["FAKE_MARK"], "w").close()
            os._exit(3)
    if mode == "lost":
        raise NVMLError(15)
    return 1

def nvmlDeviceGetHandleByIndex(index): return index
def nvmlDeviceGetName(handle): return b"Tesla\\x1b[2J 9000"
def nvmlDeviceGetMemoryInfo(handle): return Answer(used=5 << 30, total=8 << 30)
def nvmlDeviceGetUtilizationRates(handle): return Answer(gpu=97, memory=40)
def nvmlDeviceGetPowerUsage(handle): return 61500
def nvmlDeviceGetEnforcedPowerLimit(handle): raise NVMLError(3)
def nvmlDeviceGetTemperature(handle, sensor): return 71
def nvmlDeviceGetClockInfo(handle, clock): return [0, 1410, 5001][clock]
def nvmlDeviceGetCurrentClocksThrottleReasons(handle): return 0x24
"""


@pytest.fixture
def fake_nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    (tmp_path / "pynvml.py").write_text(FAKE_NVML)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FAKE_MARK", str(tmp_path / "mark"))
    return lambda mode: monkeypatch.setenv("FAKE_NVML", mode)


@pytest.fixture
def child() -> Iterator[NvmlProcess]:
    process = NvmlProcess(0.05, hang_s=0.5, backoff_s=0.05)
    yield process
    process.close()


def poll_until(child: NvmlProcess, wanted: Callable[[list[Gpu], str], bool]) -> tuple[list[Gpu], str]:
    last = time.monotonic() + PATIENCE_S
    while time.monotonic() < last:
        gpus, status = child.poll()
        if wanted(gpus, status):
            return gpus, status
        time.sleep(0.01)
    raise AssertionError(f"the child never said so; last: {gpus} {status!r}")


def test_each_field_is_read_on_its_own_and_unsupported_ones_are_none(
    fake_nvml: Callable[[str], None], child: NvmlProcess
) -> None:
    fake_nvml("well")
    (gpu,), status = poll_until(child, lambda gpus, _: bool(gpus))
    assert status == ""
    assert gpu == Gpu(
        index=0,
        name="Tesla\\x1b[2J 9000",
        utilisation=97.0,
        memory_used_bytes=5 << 30,
        memory_total_bytes=8 << 30,
        power_w=61.5,
        power_limit_w=None,
        temperature_c=71.0,
        sm_clock_mhz=1410,
        memory_clock_mhz=5001,
        throttle="power cap, too hot",
    )


@pytest.mark.parametrize("code", ["9", "12", "18"])
def test_without_a_driver_the_child_says_so_and_is_not_started_again(
    fake_nvml: Callable[[str], None], child: NvmlProcess, code: str
) -> None:
    fake_nvml(code)
    _, status = poll_until(child, lambda _, status: "NVIDIA" in status)
    assert status in ("no NVIDIA driver", "NVIDIA driver and library differ: reboot")
    for _ in range(5):
        child.poll()
    assert child.pid is None


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("hang", "sampler lost: hung"),
        ("hang-at-start", "sampler lost: hung"),
        ("crash", "sampler lost: crashed (SIGSEGV)"),
        ("nonsense", "sampler lost: crashed (unreadable answer)"),
        ("lost", "sampler lost: NVML: code 15"),
        ("999", "sampler lost: NVML: code 999"),
    ],
)
def test_a_hang_or_crash_is_told_and_the_child_is_gone(
    fake_nvml: Callable[[str], None], child: NvmlProcess, mode: str, told: str
) -> None:
    fake_nvml(mode)
    pids: set[int] = set()

    def lost(_: list[Gpu], status: str) -> bool:
        pids.update({child.pid} if child.pid else set())
        return status.startswith(told)

    gpus, _ = poll_until(child, lost)
    assert gpus == []
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_after_a_crash_it_is_tried_again(fake_nvml: Callable[[str], None], child: NvmlProcess) -> None:
    fake_nvml("crash-once")
    poll_until(child, lambda _, status: "exit status 3" in status)
    poll_until(child, lambda gpus, _: bool(gpus))


def test_the_child_ends_with_the_engine_even_while_nvml_hangs(fake_nvml: Callable[[str], None]) -> None:
    fake_nvml("hang")
    engine = (
        "import time\n"
        "from engine.telemetry.nvml_process import NvmlProcess\n"
        "child = NvmlProcess(0.1, hang_s=600)\n"
        "child.poll()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", engine], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    last = time.monotonic() + PATIENCE_S
    while optional(lambda: psutil.Process(pid).status(), psutil.Error) not in (None, psutil.STATUS_ZOMBIE):
        assert time.monotonic() < last, "the child outlived the engine"
        time.sleep(0.02)


def test_the_sampler_reports_the_host_and_leaves_nothing_behind(
    fake_nvml: Callable[[str], None], tmp_path: Path
) -> None:
    fake_nvml("well")
    said: queue.Queue[Hardware] = queue.Queue()
    others = set(psutil.Process(os.getpid()).children())  # of tests that ran here before
    sampler = Sampler(said.put, 0.05, tmp_path)
    sampler.start()
    first = said.get(timeout=PATIENCE_S)
    assert (first.cpu_percent, first.process_cpu_percent) == (None, None)
    assert first.process_rss_bytes is not None
    assert first.ram_total_bytes is not None
    assert 0 < first.process_rss_bytes < first.ram_total_bytes
    assert first.disk_free_bytes is not None
    later = first
    while not (later.gpus and later.cpu_percent is not None):
        later = said.get(timeout=PATIENCE_S)
    children = set(psutil.Process(os.getpid()).children()) - others
    sampler.close()
    sampler.close()
    assert children
    assert not any(process.is_running() for process in children)


def test_a_folder_that_is_gone_leaves_the_other_numbers(tmp_path: Path) -> None:
    said: queue.Queue[Hardware] = queue.Queue()
    sampler = Sampler(said.put, 60, tmp_path / "gone", nvml=False)
    sampler.start()
    reading = said.get(timeout=PATIENCE_S)
    sampler.close()
    assert (reading.disk_free_bytes, reading.gpus, reading.gpu_status) == (None, [], "")
    assert reading.ram_used_bytes is not None
