"""Which checkpoint an export or a measurement takes when none, or only a step, is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_run import EngineRun

from engine.errors import SlotdeckError
from engine.protocol.events import WentBack
from engine.shrink.choose import choose


def test_the_newest_lies_on_the_way_that_the_run_is_on_and_a_step_names_what_it_left(
    tmp_path: Path, token_dir: Path
) -> None:
    run = EngineRun(tmp_path, token_dir, "train.steps=40", "checkpoint.every=10").start_at(15)
    run.wait_sealed("step-00000010")
    run.send("rollback", "10")
    run.wait_for(lambda _: run.of(WentBack))
    assert choose(run.dir).manifest.name == "step-00000010"
    assert choose(run.dir, "15").manifest.name == "step-00000015", "saved when the run went back"
    with pytest.raises(SlotdeckError, match="no checkpoint of step 12; the nearest is step-00000010"):
        choose(run.dir, "12")
