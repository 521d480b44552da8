"""Short forms of the first figures of `benchmarks/faults.py`: terminals, clients, engines and disks that fail a run.

The engines are forks of one process that has torch imported; nothing of them is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.durability import bits, cockpits, full_disk, kills, log_damage, terminals
from benchmarks.durability.failing_disk import preload
from benchmarks.durability.nursery import Nursery, lend
from benchmarks.durability.proof import Proof

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
