"""A run that meets a NaN, three spikes, a full memory and a preemption finishes, and its log tells it in order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.durability.story import live_through_it, untold


def test_everything_goes_wrong_in_one_run_and_its_log_tells_the_story(
    tmp_path: Path, token_dir: Path
) -> None:
    events = live_through_it(tmp_path, token_dir)
    assert untold(events) == []
    assert untold(events[: len(events) // 2]), "half a story is not the whole one"
