"""What is said of the hardware: each trouble once when it begins, once when it is over, and a flicker not at all."""

from __future__ import annotations

from engine.protocol.events import Alarm, Gpu, Hardware, LogLine
from engine.telemetry.alarms import BEGINS_S, ENDS_S, HardwareAlarms


def sample(status: str = "", throttle: str | None = "") -> Hardware:
    """A machine with one GPU, or with none when there is a status."""
    gpus = [] if status or throttle is None else [Gpu(index=0, name="GeForce", throttle=throttle)]
    return Hardware(
        cpu_percent=1.0, process_cpu_percent=1.0, ram_used_bytes=1, ram_total_bytes=2, process_rss_bytes=1,
        disk_free_bytes=1, disk_total_bytes=2, gpus=gpus, gpu_status=status,
    )  # fmt: skip


def said(*spans: tuple[float, Hardware], on_gpu: bool = True) -> list[Alarm | LogLine]:
    """What comes of samples once a second, each for so many seconds."""
    now = 0.0
    alarms = HardwareAlarms(lambda: 7, on_gpu, clock_s=lambda: now)
    out: list[Alarm | LogLine] = []
    for seconds, seen in spans:
        for _ in range(round(seconds)):
            now += 1.0
            out += alarms.look(seen)
    return out


LONG = 10 * ENDS_S


def test_a_lost_gpu_is_an_error_and_a_lost_reader_a_warning() -> None:
    (alarm,) = said((5, sample()), (LONG, sample("sampler lost: NVML: GPU is lost; again in 1 s")))
    assert isinstance(alarm, Alarm)
    assert (alarm.code, alarm.level, alarm.step) == ("gpu-lost", "error", 7)
    begun, over = said((5, sample()), (LONG, sample("sampler lost: hung; again in 1 s")), (LONG, sample()))
    assert isinstance(begun, Alarm)
    assert (begun.code, begun.level) == ("gpu-unread", "warning")
    assert "hung" in begun.message
    assert "training goes on" in begun.remedy
    assert isinstance(over, LogLine)
    assert "can be read again" in over.text


def test_a_machine_that_never_had_a_gpu_hears_nothing() -> None:
    assert said((LONG, sample("no NVIDIA driver")), on_gpu=False) == []
    assert said((LONG, sample("starting"))) == []


def test_a_clock_held_down_is_named_with_how_long() -> None:
    hot = "power cap, too hot, hardware slowdown"
    capped, begun, over = said((5, sample()), (60, sample(throttle=hot)), (LONG, sample()))
    assert isinstance(capped, LogLine)
    assert "power cap" in capped.text
    assert isinstance(begun, Alarm)
    assert begun.code == "gpu-throttled"
    assert "too hot, hardware slowdown" in begun.message
    assert "power cap" not in begun.message, "that is how a GPU at work usually is"
    assert isinstance(over, LogLine)
    assert "1 min" in over.text or "60 s" in over.text


def test_a_flicker_is_not_told() -> None:
    spans = [(BEGINS_S - 2, sample(throttle="too hot")), (3, sample())] * 20
    assert said(*spans) == []


def test_a_power_cap_is_one_line_and_no_alarm() -> None:
    lines = said((LONG, sample(throttle="power cap")), (LONG, sample()), (LONG, sample(throttle="power cap")))
    assert [type(line) for line in lines] == [LogLine]
