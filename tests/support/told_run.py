"""A run as a store would know it, told event by event and always the same: for widgets and screens."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, sin
from random import Random

from engine.protocol import events as e
from tui.state.store import RunStore

BEGAN_S = 1_700_000_000.0
GIB = 1 << 30
MIB = 1 << 20


def told_store(steps: int = 1400, slots: int = 8) -> RunStore:
    """A run that fell back from step 700 to 500 and that the operator laid hands on three times."""
    store = RunStore(clock=lambda: BEGAN_S + steps / 10)
    for seq, (wall_s, event) in enumerate(story(steps, slots), 1):
        store.apply(seq, wall_s, event)
    store.set_link("live")
    return store


def story(steps: int = 1400, slots: int = 8) -> Iterator[tuple[float, e.Event]]:
    """`(wall_s, event)`: ten steps a second from `BEGAN_S`."""
    random = Random(3)
    wall_s, step, branch, ema = BEGAN_S, 0, 0, 8.4
    yield wall_s, _started(0, 0, slots)
    yield wall_s, e.StateChanged(state="running", step=0)
    while step < steps:
        step, wall_s = step + 1, wall_s + 0.1
        if step == 700 and branch == 0:
            step, branch = 501, 1
            yield wall_s, _started(1, 500, slots)
            yield wall_s, e.StateChanged(state="running", step=500)
        if step == 412 and branch == 0:
            yield wall_s, _applied("lr", "lr x0.5", step, branch, "6e-4", "3e-4")
        if step == steps - 300:
            yield wall_s, _applied("pin", "pin block.3 until=+400", step, branch, "policy", "pin")
            yield wall_s, _applied("ban", "ban block.5", step, branch, "policy", "ban")
        yield wall_s, _planned(step, branch, slots, steps, random)
        loss = 4.2 + 4.2 * exp(-step / (300 if branch else 360)) + random.gauss(0, 0.13)
        ema = ema * 0.97 + loss * 0.03
        yield wall_s, _report(step, branch, steps, loss, ema)
        if step % 100 == 0:
            val = 4.15 + 4.2 * exp(-step / 340)
            yield (
                wall_s,
                e.Evaluated(
                    step=step, branch=branch, loss=val, perplexity=exp(val), tokens=32_768, seconds=2.0
                ),
            )
        if step % 500 == 0:
            name = f"step-{step:08d}"
            yield (
                wall_s,
                e.CheckpointSaved(
                    step=step, branch=branch, name=name, bytes=6_600_000, seconds=0.4, reason="due"
                ),
            )
        if step % 50 == 0:
            yield wall_s, hardware()
            yield wall_s, memory(step)
    yield wall_s, e.Alarm(
        step=step, level="warning", code="checkpoint-quarantined", message="checkpoint step-00000400 is damaged",
        remedy="step-00000300 was used instead",
    )  # fmt: skip


def hardware() -> e.Hardware:
    """A machine with one GPU that says everything and one that says nothing."""
    known = e.Gpu(
        index=0, name="NVIDIA H200", utilisation=93.0, memory_used_bytes=71 * GIB, memory_total_bytes=139 * GIB,
        power_w=612.0, power_limit_w=700.0, temperature_c=61.0, sm_clock_mhz=1980, memory_clock_mhz=3201,
    )  # fmt: skip
    return e.Hardware(
        cpu_percent=63.0, process_cpu_percent=180.0, ram_used_bytes=9 * GIB, ram_total_bytes=16 * GIB,
        process_rss_bytes=1200 * MIB, disk_free_bytes=20 * GIB, disk_total_bytes=400 * GIB,
        gpus=[known, e.Gpu(index=1, name="NVIDIA H200")],
    )  # fmt: skip


def memory(step: int) -> e.MemorySplit:
    """A GPU of 8 GiB, shared with somebody."""
    return e.MemorySplit(
        step=step, weights=476 * MIB, gradients=476 * MIB, optimizer=952 * MIB, activations=1400 * MIB,
        cache=120 * MIB, other=900 * MIB, total=8 * GIB,
    )  # fmt: skip


def _started(branch: int, step: int, slots: int) -> e.RunStarted:
    return e.RunStarted(
        run_id="20231114-221320-demo-a1b2", profile_name="demo", profile_toml="",
        model=e.ModelInfo(family="decoder", params=3_200_000, stem_params=1_000_000, seq_len=128, vocab_size=4096),
        slots=[e.SlotInfo(name=f"block.{i}", params=275_000) for i in range(slots)],
        machine=e.Machine(
            host="box7", device="cpu", device_name="AMD EPYC", num_threads=1, torch="2.13.0", python="3.11.7",
            slotdeck="0.1.0", platform="linux",
        ),
        branch=branch, step=step, total_steps=2000, tokens_per_step=2048, wall_s=BEGAN_S, pid=4242,
        resumed_from="step-00000500" if step else "",
    )  # fmt: skip


def _applied(verb: str, text: str, step: int, branch: int, before: str, after: str) -> e.CommandApplied:
    return e.CommandApplied(
        command_id=f"{verb}-{step}",
        verb=verb,
        text=text,
        step=step,
        branch=branch,
        rev=step,
        before=before,
        after=after,
    )


def _planned(step: int, branch: int, slots: int, steps: int, random: Random) -> e.SlotPlanned:
    rows = []
    held_now = step >= steps - 300
    for i in range(slots):
        held = {3: "pin", 5: "ban"}.get(i, "") if held_now else ""
        drawn = (
            1.0
            if i in (0, slots - 1) or random.random() > 0.8 * (1 - step / steps) * i / slots + 0.1
            else 0.0
        )
        duty = {"pin": 1.0, "ban": 0.0}.get(held, drawn)
        until = steps + 100 if held == "pin" else None
        trained = i != 6 or step < steps - 150
        reason = "the operator's word" if held else "drawn with keep chance 0.83"
        rows.append(e.SlotRow(duty=duty, trained=trained, held=held, until=until, reason=reason))
    return e.SlotPlanned(step=step, branch=branch, policy="anneal", rows=rows)


def _report(step: int, branch: int, steps: int, loss: float, ema: float) -> e.StepReport:
    return e.StepReport(
        step=step, branch=branch, steps=1, tokens=step * 2048, loss=loss, loss_ema=ema, lr=6e-4,
        grad_norm=1.1 + 0.2 * sin(step), tokens_per_s=12_345.0, step_ms=160.0, data_ms=2.0, forward_ms=50.0,
        backward_ms=90.0, optimizer_ms=18.0, active_slots=6.0, precision="fp32", eta_s=(steps - step) * 0.16 + 60,
    )  # fmt: skip
