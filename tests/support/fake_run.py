"""A run that looks like training, written through the real LogWriter: every byte the same each time.

    run_dir = write_fake_run(tmp_path / "20261121-090000-demo-3f2a")

The clock is the run's own, so ages and durations are exact; nothing is random but a seeded generator.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.protocol import events as ev
from engine.runlog.writer import LogWriter

START_WALL_S = 1_795_251_600.0
"""2026-11-21 09:00:00 UTC."""
PROFILE_TOML = (
    'name = "demo"\nabout = "8 slots on the standard library"\n\n[model]\nn_layer = 8\nn_head = 4\nn_embd = 256\n'
    "seq_len = 256\n\n[train]\nsteps = 3000\nbatch_size = 16\n"
)
WHO = "ada@box7"


@dataclass(slots=True)
class FakeClock:
    """Time as the run sees it; `advance` is the only thing that moves it."""

    now_s: float = START_WALL_S

    def wall(self) -> float:
        return self.now_s

    def clock_ns(self) -> int:
        return int((self.now_s - START_WALL_S + 1000.0) * 1e9)

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass(slots=True)
class FakeRun:
    """The story of a run, event by event, with the moment of each."""

    run_id: str = "20261121-090000-demo-3f2a"
    steps: int = 3000
    """How far it gets."""
    total_steps: int = 3000
    num_slots: int = 8
    report_every: int = 5
    outcome: str = "finished"
    """`finished`, `stopped`, `failed`, or empty for a run that has not ended."""
    gpu: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    seed: int = 7

    def names(self) -> list[str]:
        return [f"block.{i}" for i in range(self.num_slots)]

    def events(self) -> Iterator[ev.Event]:
        """Every event in order; the clock stands at the event's moment when it is yielded."""
        dice = random.Random(self.seed)
        held: dict[int, str] = {}
        lr_scale, precision, ema = 1.0, "fp32", 8.3
        yield self._started()
        yield ev.StateChanged(state="running", step=0, reason="started")
        yield ev.LeaseChanged(holder="c-ada", who=WHO, fence=1, reason="taken")
        yield self._memory(0, precision)
        for step in range(self.report_every, self.steps + 1, self.report_every):
            self.clock.advance(0.03 * self.report_every)
            yield from self._commands(step, held)
            if step >= 900:
                lr_scale = 0.5
            if step >= 1300:
                precision = "bf16"
            loss = 5.05 + 3.3 * math.exp(-step / 450) + dice.gauss(0, 0.07)
            ema += 0.1 * (loss - ema)
            plan = self._plan(step, held, dice)
            if step % (self.report_every * 4) == 0 or step == self.report_every:
                yield plan
            yield self._report(step, loss, ema, lr_scale, precision, sum(row.duty for row in plan.rows), dice)
            if step % 30 == 0:
                yield self._hardware(step, dice)
            if step % 300 == 0:
                yield self._memory(step, precision)
            if step % 100 == 0:
                yield self._measured(step, plan)
            if step == 350:
                yield self._probed(step, loss)
            if step % 250 == 0:
                val = 5.12 + 3.2 * math.exp(-step / 450)
                yield ev.Evaluated(
                    step=step, branch=0, loss=val, perplexity=math.exp(val), tokens=65_536, seconds=1.9
                )
            if step % 500 == 0:
                yield ev.CheckpointSaved(
                    step=step, branch=0, name=f"step-{step:08d}", bytes=41_500_000, seconds=0.4, reason="due"
                )
        if self.outcome:
            yield ev.RunEnded(
                step=self.steps,
                outcome=self.outcome,
                reason={"finished": "all steps done", "stopped": f"stopped by {WHO}"}.get(
                    self.outcome, "the loss is not finite since step 2,990"
                ),
                remedy="" if self.outcome != "failed" else "resume with a lower lr",
            )

    def _started(self) -> ev.RunStarted:
        return ev.RunStarted(
            run_id=self.run_id,
            profile_name="demo",
            profile_toml=PROFILE_TOML,
            model=ev.ModelInfo(
                family="decoder", params=9_200_000, stem_params=2_900_000, seq_len=256, vocab_size=4096
            ),
            slots=[ev.SlotInfo(name=name, params=787_500) for name in self.names()],
            machine=ev.Machine(
                host="box7",
                device="cuda" if self.gpu else "cpu",
                device_name="NVIDIA RTX 4060" if self.gpu else "AMD EPYC",
                num_threads=2,
                torch="2.13.0",
                python="3.12.4",
                slotdeck="0.1.0",
                platform="Linux",
            ),
            branch=0,
            step=0,
            total_steps=self.total_steps,
            tokens_per_step=4096,
            wall_s=self.clock.wall(),
            pid=4242,
        )

    def _commands(self, step: int, held: dict[int, str]) -> Iterator[ev.Event]:
        if step == 400:
            held[3] = "pin"
            yield from self._applied("k1", "pin", {"slot": "block.3"}, "pin block.3", step, 1, "auto", "pin")
        if step == 900:
            yield from self._applied("k2", "lr", {"value": "x0.5"}, "lr x0.5", step, 2, "5.3e-04", "2.6e-04")
        if step == 1100:
            yield self._accepted("k3", "ban", {"slot": "block.31"}, "ban block.31")
            yield ev.CommandRefused(
                command_id="k3",
                verb="ban",
                text="ban block.31",
                step=step,
                code="unknown-slot",
                reason="no slot block.31",
                remedy="use block.0 to block.7",
            )
        if step == 1300:
            yield from self._applied(
                "k4", "precision", {"value": "bf16"}, "precision bf16", step, 3, "fp32", "bf16"
            )
        if step == 1800:
            yield from self._applied(
                "k5", "note", {"text": "bf16 holds"}, "note bf16 holds", step, 4, "", "bf16 holds"
            )
        if step == 2000:
            held.pop(3)
            yield from self._applied(
                "k6", "release", {"slot": "block.3"}, "release block.3", step, 5, "pin", "auto"
            )
            yield ev.Sampled(
                step=step,
                branch=0,
                prompt="def read",
                text="(self, path):\n    return open(path).read()",
                seconds=0.8,
            )
        if step == 2400:
            yield ev.Alarm(
                step=step,
                level="warning",
                code="checkpoint-failed",
                message="no checkpoint: the disk is full",
                remedy="free 40 MiB on /data",
            )

    def _accepted(
        self, command_id: str, verb: str, args: dict[str, ev.Scalar], text: str
    ) -> ev.CommandAccepted:
        return ev.CommandAccepted(
            command_id=command_id, client_id="c-ada", who=WHO, verb=verb, args=dict(args), text=text
        )

    def _applied(
        self,
        command_id: str,
        verb: str,
        args: dict[str, ev.Scalar],
        text: str,
        step: int,
        rev: int,
        before: str,
        after: str,
    ) -> Iterator[ev.Event]:
        yield self._accepted(command_id, verb, args, text)
        self.clock.advance(0.01)
        yield ev.CommandApplied(
            command_id=command_id,
            verb=verb,
            text=text,
            step=step,
            branch=0,
            rev=rev,
            before=before,
            after=after,
        )

    def _plan(self, step: int, held: dict[int, str], dice: random.Random) -> ev.SlotPlanned:
        done = step / self.total_steps
        rows = []
        for i in range(self.num_slots):
            keep = min(1.0, 1 - 0.8 * (i / max(1, self.num_slots - 1)) * max(0.0, 1 - done / 0.75))
            roll = dice.random()
            duty = 1.0 if roll < keep or i in (0, self.num_slots - 1) else 0.5 if roll < keep + 0.15 else 0.0
            rows.append(
                ev.SlotRow(duty=1.0, held="pin", until=step + 200, reason=f"pinned by {WHO}")
                if held.get(i) == "pin"
                else ev.SlotRow(duty=duty, reason=f"anneal: kept with chance {keep:.2f}")
            )
        return ev.SlotPlanned(
            step=step, branch=0, policy="anneal", rows=rows, reason=f"drawn for step {step}"
        )

    def _report(
        self,
        step: int,
        loss: float,
        ema: float,
        lr_scale: float,
        precision: str,
        active: float,
        dice: random.Random,
    ) -> ev.StepReport:
        peak = 6e-4 * min(1.0, step / 100)
        lr = lr_scale * (6e-5 + 0.5 * (peak - 6e-5) * (1 + math.cos(math.pi * step / self.total_steps)))
        ms = 30.0 + dice.gauss(0, 0.6)
        return ev.StepReport(
            step=step,
            branch=0,
            steps=self.report_every,
            tokens=step * 4096,
            loss=loss,
            loss_ema=ema,
            lr=max(lr, 0.0),
            grad_norm=0.8 + 0.2 * dice.random(),
            tokens_per_s=4096 / ms * 1000,
            step_ms=ms,
            data_ms=0.6,
            forward_ms=ms * 0.31,
            backward_ms=ms * 0.52,
            optimizer_ms=ms * 0.13,
            active_slots=active,
            precision=precision,
            eta_s=(self.total_steps - step) * 0.03,
        )

    def _hardware(self, step: int, dice: random.Random) -> ev.Hardware:
        gpu = ev.Gpu(
            index=0,
            name="NVIDIA RTX 4060",
            utilisation=91 + dice.random() * 6,
            memory_used_bytes=3_400_000_000,
            memory_total_bytes=8_585_000_000,
            power_w=108 + dice.random() * 6,
            power_limit_w=115.0,
            temperature_c=64 + step / 1000,
            sm_clock_mhz=2460,
            memory_clock_mhz=8500,
        )
        return ev.Hardware(
            cpu_percent=38 + dice.random() * 5,
            process_cpu_percent=104.0,
            ram_used_bytes=9_800_000_000,
            ram_total_bytes=33_500_000_000,
            process_rss_bytes=2_100_000_000,
            disk_free_bytes=210_000_000_000,
            disk_total_bytes=512_000_000_000,
            gpus=[gpu] if self.gpu else [],
            gpu_status="" if self.gpu else "no NVIDIA driver",
        )

    def _measured(self, step: int, plan: ev.SlotPlanned) -> ev.SlotsMeasured:
        """Later slots learn less; one that was left out has no gradient and took no time."""
        slow = 1 + 0.3 * math.sin(step / 300)
        on = [row.duty > 0 for row in plan.rows]
        learning = [slow * (1.4 - i / self.num_slots) for i in range(self.num_slots)]
        return ev.SlotsMeasured(
            step=step,
            branch=0,
            grad_norms=[0.3 * much if works else None for much, works in zip(learning, on, strict=True)],
            weight_norms=[17.0 + i for i in range(self.num_slots)],
            update_norms=[0.02 * much if works else None for much, works in zip(learning, on, strict=True)],
            forward_ms=[1.1 * row.duty or None for row in plan.rows],
            backward_ms=[(1.9 + 0.02 * i) * row.duty or None for i, row in enumerate(plan.rows)],
        )

    def _probed(self, step: int, loss: float) -> ev.Probed:
        without = [loss + 0.4 / (1 + i) - 0.09 for i in range(self.num_slots)]
        return ev.Probed(
            step=step, branch=0, loss=loss, slots=self.names(), losses=[*without], tokens=16_384, seconds=3.1
        )

    def _memory(self, step: int, precision: str) -> ev.MemorySplit:
        mib = 1 << 20
        return ev.MemorySplit(
            step=step,
            weights=35 * mib,
            gradients=35 * mib,
            optimizer=70 * mib,
            activations=(940 if precision == "fp32" else 510) * mib,
            cache=280 * mib,
            other=1600 * mib,
            total=8_585_000_000,
            slots=[12 * mib] * self.num_slots,
        )


def write_fake_run(run_dir: Path, run: FakeRun | None = None) -> Path:
    """A run folder with a profile and a whole, closed log. Returns `run_dir`."""
    run = run or FakeRun(run_id=run_dir.name)
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "profile.toml").write_text(PROFILE_TOML)
    writer = LogWriter(run_dir, run.run_id, clock_ns=run.clock.clock_ns, wall=run.clock.wall)
    for event in run.events():
        writer.commit(event)  # one at a time, so that each carries its own moment
    writer.close()
    return run_dir
