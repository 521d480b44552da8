"""Short forms of the first figures of `benchmarks/faults.py`: terminals, clients, engines and disks that fail a run.

The engines are forks of one process that has torch imported; nothing of them is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.durability import bits, cockpits, full_disk, kills, log_damage, terminals
from benchmarks.durability.failing_disk import preload
from benchmarks.durability.nursery import Nursery, borrowed, lend
from benchmarks.durability.operator import Operator
from benchmarks.durability.proof import Proof
from benchmarks.durability.run_folder import events, make_run, make_tokens
from engine.protocol import commands as c
from engine.protocol.events import CommandApplied, CommandRefused

NOT_TIMED = "attached again", "cockpits: step"
"""Their values are times: measured by the benchmark, not judged by a test."""
SHORT = [
    proof
    for figure in (terminals, cockpits, kills, bits, log_damage, full_disk)
    for proof in figure.proofs(long=False)
]


@pytest.fixture(scope="module", autouse=True)
def _one_import(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with Nursery(preload(tmp_path_factory.mktemp("preload"))) as nursery, lend(nursery):
        yield


@pytest.mark.parametrize("proof", SHORT, ids=[proof.name for proof in SHORT])
def test_a_run_loses_nothing(proof: Proof, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = proof.prove(tmp_path)
    if row["value"] == "skipped":
        pytest.skip(row["note"])
    if proof.name not in NOT_TIMED:
        assert row["met"], f"{row['figure']}: {row['value']} {row['unit']}\n{capsys.readouterr().out}"


def test_a_command_that_comes_while_the_engine_starts_is_applied_once(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, make_tokens(tmp_path), "train.steps=1000000", "evaluate.tokens=64")
    with borrowed() as nursery:
        for life in range(2):
            pid = nursery.start(run_dir, resume=True)
            with Operator(run_dir) as operator:
                for verb in (c.Pause(), c.Note(text="early")):
                    answer = operator.do(verb, f"{life}-{type(verb).__name__}")
                    assert isinstance(answer, CommandApplied), answer
                operator.do(c.Note(text="behind the others"), f"{life}-last")
            nursery.kill(pid)
    told = events(run_dir)
    ids = [event.command_id for event in told if isinstance(event, CommandApplied | CommandRefused)]
    assert len(ids) == len(set(ids)) == 6
