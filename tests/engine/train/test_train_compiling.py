"""When a run compiles: before its first step and after a change of precision, told as it goes; never in a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from engine_run import EngineRun
from live_run import live_run

from engine.control.mailbox import Accepted
from engine.protocol.commands import Stop
from engine.protocol.events import LogLine, Progress
from engine.train.fitting import compiling
from engine.train.loop import obey
from engine.train.run import Run
from engine.train.schedule import LrControl

SMALL = (
    "model.n_layer=2",
    "model.n_head=2",
    "model.n_embd=16",
    "model.seq_len=8",
    "model.dropout=0.1",
    "train.batch_size=1",
    "train.accumulate=2",
    "train.threads=1",
    "train.compile=on",
    "evaluate.tokens=16",
    "slots.policy=random",
)


@contextmanager
def alive(folder: EngineRun) -> Iterator[Run]:
    """The folder's run in this process, its blocks compiled but for the generating of code."""
    with live_run(folder) as (run, past):
        compiling.begin(run, past.state["compiled"] if past.state else None, backend="aot_eager")
        run.meter.start()
        yield run


def steps(run: Run, n: int, measured: bool = False) -> None:
    for _ in range(n):
        run.choose_slots()
        compiling.warm(run)
        if measured:
            run.slot_meter.ask()
        run.take_step()


def weights(run: Run) -> list[torch.Tensor]:
    return [p.detach().clone() for p in run.model.parameters()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, token_dir: Path) -> EngineRun:
    return EngineRun(tmp_path_factory.mktemp("runs"), token_dir, *SMALL)


def test_only_a_change_of_precision_compiles_again_and_it_is_told(folder: EngineRun) -> None:
    with alive(folder) as run:
        compilation = run.compilation
        assert compilation is not None
        assert compilation.on
        steps(run, 2, measured=True)
        run.lr_control = LrControl.parse("1e-4")
        run.planner.pin(1, 1.0, False)
        steps(run, 2, measured=True)
        run.planner.ban(0)
        run.set_recompute(2)
        steps(run, 2, measured=True)
        assert compilation.recompiles == 0
        assert not compiling.cost(run, precision="fp32")
        assert compiling.cost(run, precision="bf16").startswith("compiles 3 variants, about ")
        before = compilation.graphs
        run.set_precision("bf16")
        steps(run, 2, measured=True)
        assert compilation.graphs > before
        run.set_precision("fp32")
        steps(run, 1, measured=True)
        assert compilation.recompiles == 0, "nor because slots are measured"
        told = run.slot_meter.take()
        assert told is not None
        assert told.forward_ms[0] is None, "banned"
        assert told.forward_ms[1] > 0 < told.backward_ms[1]  # type: ignore[operator]
    told = [e for e in folder.of(Progress) if e.task == compiling.TASK]
    assert [(p.done, p.total) for p in told] == 2 * [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [p.detail for p in told[4:]] == ["bf16 1 x 8", "bf16 1 x 8 evaluation", "bf16 1 x 8 frozen", ""]
    lines = [e.text for e in folder.of(LogLine) if e.text.startswith("compiled ")]
    assert len(lines) == 2
    assert lines[0].startswith("compiled 3 variants of the block in ")
    assert lines[0].endswith("0 made while training")


def test_a_resumed_run_compiles_again_and_goes_on_in_the_same_bits(tmp_path: Path, token_dir: Path) -> None:
    folder = EngineRun(tmp_path, token_dir, *SMALL)
    with alive(folder) as run:
        steps(run, 2)
        run.save("for the test")
        steps(run, 2)
        expected = weights(run)
    with alive(folder) as run:
        assert run.step == 2
        assert run.compilation is not None
        steps(run, 2, measured=True)
        assert all(torch.equal(a, b) for a, b in zip(weights(run), expected, strict=True))


def test_a_stop_does_not_wait_for_all_variants(folder: EngineRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with alive(folder) as run:
        assert run.compilation is not None
        run.set_precision("bf16")
        rehearse = run.compilation._rehearse

        def asked_meanwhile(*args: object) -> None:
            rehearse(*args)  # type: ignore[arg-type]
            run.mailbox.put(Accepted("1", "tester", "tester@here", Stop(), 1))

        monkeypatch.setattr(run.compilation, "_rehearse", asked_meanwhile)
        assert not compiling.warm(run)
        assert len(run.compilation.missing(compiling.table(run))) == 2, "one of three is compiled"
        obey(run)
        assert run.stopping


def test_auto_is_for_gpus_and_for_what_was_compiled_before() -> None:
    assert compiling.wanted("auto", "cuda")
    assert not compiling.wanted("auto", "cpu")
    assert not compiling.wanted("auto", "mps")
    assert compiling.wanted("auto", "cpu", resumed=True)
    assert not compiling.wanted("auto", "cuda", resumed=False)
    assert compiling.wanted("on", "cpu", resumed=False)
    assert not compiling.wanted("off", "cuda", resumed=True)


def test_going_on_otherwise_than_the_checkpoint_was_made_is_said(tmp_path: Path, token_dir: Path) -> None:
    folder = EngineRun(tmp_path, token_dir, *(s for s in SMALL if "compile" not in s), "train.compile=off")
    with alive(folder) as run:
        compiling.begin(run, resumed=True)
        assert run.compilation is None
    (line,) = (e.text for e in folder.of(LogLine))
    assert line == "train.compile = off, and the checkpoint was trained compiled: it rounds differently"
