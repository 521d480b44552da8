"""How far a job is: told beside it, and never as something that the steps wait for."""

from __future__ import annotations

from engine.protocol import events as e
from tui.screens.deck.job_rows import at_work
from tui.state.store import RunStore


def test_the_progress_of_a_job_stands_beside_it_and_stops_no_step() -> None:
    store = RunStore()
    told = {"job": "job-3", "task": "prune-trial", "step": 5}
    store.apply(1, 10.0, e.JobReported(state="started", text="tries the model", **told))  # type: ignore[arg-type]
    store.apply(2, 11.0, e.Progress(task="job-3", done=4, total=12, detail="judging", unit="batches"))
    assert store.progress is None
    (job,) = store.jobs.running
    assert at_work(job, 52.0)[1] == "prune trial at work for 0:42: tries the model (judging 4 of 12 batches)"
    store.apply(3, 12.0, e.Progress(task="evaluate", done=1, total=2))
    assert store.progress is not None
    store.apply(4, 60.0, e.JobReported(state="done", text="found", **told))  # type: ignore[arg-type]
    store.apply(5, 61.0, e.Progress(task="job-3", done=12, total=12, unit="batches"))
    assert not store.jobs.running
