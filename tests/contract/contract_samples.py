"""One fully set value of everything on the wire and in the log, and how the golden files are written.

    python tests/contract/contract_samples.py

writes `golden/frames-<major>.<minor>.json` and `golden/segment-<format>.slog` for the present version.
Files of older versions stay: they prove that what was once written is still read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.protocol import codec
from engine.protocol import commands as c
from engine.protocol import events as e
from engine.protocol import messages as m
from engine.protocol.frames import encode_frame
from engine.runlog.footing import FooterBuilder
from engine.runlog.segment import FORMAT, Header, Latest, encode_footer, encode_header

GOLDEN = Path(__file__).parent / "golden"
SEQ = 0x0102030405060708
T_NS = 1_234_567_890_123

EVENTS: list[e.Event] = [
    e.RunStarted(
        run_id="20261121-090000-demo-3f2a",
        profile_name="demo",
        profile_toml='name = "demo"\n',
        model=e.ModelInfo(
            family="decoder", params=1_900_000, stem_params=700_000, seq_len=128, vocab_size=4096
        ),
        slots=[e.SlotInfo(name="block.0", params=150_000), e.SlotInfo(name="block.1", params=150_000)],
        machine=e.Machine(
            host="box7",
            device="cpu",
            device_name="Xeon",
            num_threads=2,
            torch="2.13.0",
            python="3.11.7",
            slotdeck="0.1.0",
            platform="Linux-6.1",
        ),
        branch=1,
        step=500,
        total_steps=3000,
        tokens_per_step=2048,
        wall_s=1_795_251_600.25,
        pid=4711,
        resumed_from="step-00000500",
        parent="20261120-080000-demo-11aa",
        parent_checkpoint="step-00000250",
    ),
    e.WentBack(
        step=500,
        branch=2,
        from_step=812,
        checkpoint="step-00000500",
        reason="asked",
        command_id="c-9",
        of_branch=1,
        rev=7,
    ),
    e.Pruned(
        step=640,
        branch=1,
        slots=["block.5"],
        params_before=1_900_000,
        params_after=1_750_000,
        loss_before=4.5,
        loss_after=4.625,
        undone=False,
        reason="least useful of 8",
        command_id="c-10",
    ),
    e.JobReported(
        job="job-1",
        task="prune-trial",
        state="done",
        step=600,
        text="without block.5: loss 4.5 -> 4.6",
        result={"loss": 4.625, "slots": "block.5"},
        command_id="c-10",
    ),
    e.StateChanged(state="paused", step=12, reason="asked by ada@box7"),
    e.RunEnded(step=3000, outcome="failed", reason="disk full", remedy="free 2 GiB", resumable=False),
    e.StepReport(
        step=640,
        branch=1,
        steps=5,
        tokens=1_310_720,
        loss=5.25,
        loss_ema=5.5,
        lr=6e-4,
        grad_norm=0.875,
        tokens_per_s=18_500.5,
        step_ms=110.5,
        data_ms=0.5,
        forward_ms=35.0,
        backward_ms=65.0,
        optimizer_ms=10.0,
        active_slots=6.25,
        precision="bf16",
        eta_s=261.5,
        skipped_steps=1,
        batch_size=16,
        accumulate=2,
        recompute=4,
    ),
    e.SlotPlanned(
        step=640,
        branch=1,
        policy="anneal",
        reason="drawn",
        rows=[
            e.SlotRow(duty=1.0),
            e.SlotRow(
                duty=0.5,
                trained=False,
                held="pin",
                until=900,
                precision="bf16",
                reason="held by ada",
                pruned=True,
            ),
        ],
    ),
    e.Probed(
        step=600,
        branch=1,
        loss=4.5,
        slots=["block.0", "block.1"],
        losses=[4.75, None],
        tokens=32_768,
        seconds=3.5,
        command_id="c-9",
    ),
    e.Evaluated(
        step=750, branch=1, loss=5.125, perplexity=168.17, tokens=65_536, seconds=3.5, command_id="a1"
    ),
    e.Sampled(step=750, branch=1, prompt="def ", text="main():\n", seconds=0.75, command_id="a2"),
    e.CheckpointSaved(
        step=1000,
        branch=1,
        name="step-00001000",
        bytes=22_000_000,
        seconds=0.125,
        reason="due",
        command_id="a3",
    ),
    e.Hardware(
        cpu_percent=97.5,
        process_cpu_percent=190.0,
        ram_used_bytes=8 << 30,
        ram_total_bytes=24 << 30,
        process_rss_bytes=1 << 30,
        disk_free_bytes=None,
        disk_total_bytes=None,
        gpu_status="",
        gpus=[
            e.Gpu(
                index=0,
                name="H200",
                utilisation=98.0,
                memory_used_bytes=60 << 30,
                memory_total_bytes=139 << 30,
                power_w=640.5,
                power_limit_w=700.0,
                temperature_c=61.0,
                sm_clock_mhz=1830,
                memory_clock_mhz=2619,
                throttle="power cap",
            )
        ],
    ),
    e.MemorySplit(
        step=640,
        weights=7_600_000,
        gradients=7_600_000,
        optimizer=15_200_000,
        activations=80_000_000,
        cache=1_000_000,
        other=9 << 30,
        total=24 << 30,
        slots=[2_400_000, 2_400_000],
    ),
    e.Progress(task="evaluate", done=3, total=8, detail="65,536 tokens", unit="batches"),
    e.SlotsMeasured(
        step=600,
        branch=1,
        grad_norms=[0.5, None],
        weight_norms=[12.25, 11.5],
        update_norms=[0.0125, None],
        forward_ms=[1.5, 0.0],
        backward_ms=[3.25, None],
    ),
    e.LogLine(level="warning", text="dropout is 0"),
    e.Alarm(
        step=640, level="error", code="loss-not-finite", message="the loss is nan", remedy="lower the rate"
    ),
    e.LogGap(dropped=17, reason="No space left on device"),
    e.CommandAccepted(
        command_id="a4",
        client_id="c0ffee",
        who="ada@box7",
        verb="pin",
        args={"slot": "block.1", "duty": 0.5, "trained": True, "until": "+200"},
        text="pin block.1 duty=0.5 until=+200",
    ),
    e.CommandApplied(
        command_id="a4",
        verb="pin",
        text="pin block.1",
        step=641,
        branch=1,
        rev=3,
        before="free",
        after="pin 1/2",
        cost="none",
    ),
    e.CommandRefused(
        command_id="a5",
        verb="pin",
        text="pin block.9",
        step=641,
        code="unknown-slot",
        reason="no slot block.9",
        remedy="use block.0 to block.7",
    ),
    e.LeaseChanged(holder="c0ffee", who="ada@box7", fence=2, reason="taken"),
]

COMMANDS: list[c.AnyCommand] = [
    c.Pause(),
    c.Resume(),
    c.Step(n=3),
    c.Stop(save=False),
    c.Checkpoint(),
    c.Lr(value="x0.5"),
    c.Precision(value="bf16", slot="block.1"),
    c.Rollback(to="best"),
    c.Fork(at="step-00000500", settings={"optim.lr": "1e-4"}),
    c.Prune(slots="block.3,block.5", amount=0, dry_run=True, trial=False),
    c.Export(format="hf", at="best"),
    c.Batch(value="auto"),
    c.Recompute(n=6),
    c.Policy(name="random", options={"mean_duty": 0.5}),
    c.Pin(slot="block.1", duty=0.5, trained=False, until="+200"),
    c.Ban(slot="block.2", until="900"),
    c.Release(slot="block.1"),
    c.Evaluate(),
    c.Probe(kind="slots"),
    c.Sample(prompt="def "),
    c.Note(text="coffee"),
]

MESSAGES: list[m.Message] = [
    m.Hello(major=1, minor=0, client_id="c0ffee", who="ada@box7", role="control", have_seq=898),
    m.Welcome(
        major=1,
        minor=0,
        run_id="20261121-090000-demo-3f2a",
        head_seq=900,
        from_seq=899,
        rev=3,
        holder="c0ffee",
        holder_who="ada@box7",
        fence=2,
        state="running",
        schema={"3 RunEnded": [["step", ""]]},
    ),
    m.Refused(code="version", reason="protocol 2", remedy="update"),
    *(
        m.Request(command_id=f"r{i}", command=command, expect_rev=3, fence=2)
        for i, command in enumerate(COMMANDS)
    ),
    m.Gap(from_seq=10, to_seq=19, dropped=10),
    m.Lease(action="take"),
    m.Ping(t_ns=5),
    m.Pong(t_ns=5, head_seq=900),
]


def frames() -> dict[str, bytes]:
    """Name -> frame of every sample."""
    named: dict[str, bytes] = {}
    for value in (*EVENTS, *MESSAGES):
        name = type(value).__name__
        if isinstance(value, m.Request):
            name += f" {type(value.command).__name__}"
        seq = SEQ if isinstance(value, e.Event) else 0
        named[name] = encode_frame(value.KIND, seq, T_NS, codec.encode(value))
    return named


def header() -> Header:
    """A segment header that does not depend on the machine or on later fields."""
    return Header(
        format=FORMAT,
        major=1,
        minor=0,
        run_id="20261121-090000-demo-3f2a",
        first_seq=5,
        wall_s=1_795_251_600.25,
        mono_ns=1_000_000_000,
        boot_id="b0071d",
        host="box7",
        schema={"19 LogLine": [["level", ""], ["text", ""]]},
        snapshot=[Latest(19, 4, 1_795_251_599.5, codec.encode(e.LogLine(level="info", text="before")))],
    )


def segment() -> bytes:
    """A sealed segment: 70 reports with one life-cycle event among them."""
    data = encode_header(header())
    footer = FooterBuilder(5)
    report = next(x for x in EVENTS if isinstance(x, e.StepReport))
    for i in range(71):
        event: e.Event = e.StateChanged(state="paused", step=30) if i == 30 else report
        seq, t_ns = 5 + i, 1_000_000_000 + i * 50_000_000
        footer.add(len(data), event.KIND, seq, t_ns, event if isinstance(event, e.StepReport) else None)
        data += encode_frame(event.KIND, seq, t_ns, codec.encode(event))
    return data + encode_footer(footer.build(), len(data), 1_000_000_000 + 70 * 50_000_000)


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    table = {name: frame.hex() for name, frame in frames().items()}
    (GOLDEN / f"frames-{m.MAJOR}.{m.MINOR}.json").write_text(json.dumps(table, indent=1) + "\n")
    (GOLDEN / f"segment-{FORMAT}.slog").write_bytes(segment())
