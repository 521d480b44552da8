"""How the page of jobs looks: three sizes, nothing to show, trouble, and the question before a job is ended."""

from pathlib import Path

import pytest
from deck_app import settle

from engine.errors import SlotdeckError
from tui.app import SlotdeckApp
from tui.screens.pipelines.screen import PipelinesScreen
from tui.settings import Settings
from tui.state.pipelines import JobRow, JobsView

SIZES = [(60, 16), (80, 24), (120, 32), (200, 50)]
NOW_S = 1_000_000.0
RUN = Path("20261121-090000-demo-3f2a")
MIB = 1 << 20
JOBS = (
    JobRow("prepare", "data/wiki", "running", NOW_S - 64, None, "encoding and writing", 2900 * MIB, 6400 * MIB, "B",
           71.4 * MIB, 49.0, "1.2 M documents  620 M tokens", "slotdeck prepare wiki/ --out data/wiki", job_id="1"),
    JobRow("probe", RUN.name, "running", NOW_S - 3, None, "", 2, 8, "slots", 0.7, 8.6, "without block.2", "", RUN),
    JobRow("prune-trial", RUN.name, "done", NOW_S - 400, NOW_S - 350, detail="block.3 costs 0.4 % loss", run=RUN,
           command=f"slotdeck send {RUN.name} prune amount=1 dry_run=yes"),
    JobRow("export", RUN.name, "failed", NOW_S - 4000, NOW_S - 3990, detail="no space left; free 40 MiB", run=RUN),
    JobRow("prepare", "data/code", "killed", NOW_S - 90_000, NOW_S - 86_500, "learning the vocabulary", 200 * MIB,
           256 * MIB, "B", 3.1 * MIB, None, "41,202 documents", "slotdeck prepare code/ --out data/code"),
    JobRow("prepare", "data/old", "cancelled", NOW_S - 190_000, NOW_S - 186_500, "learning the vocabulary", 20 * MIB,
           256 * MIB, "B", 3.1 * MIB, None, "interrupted", "slotdeck prepare old/ --out data/old"),
)  # fmt: skip


class StillJobs:
    """Always the same jobs, or always the same error."""

    runs_dir = Path("/home/ada/runs")

    def __init__(self, jobs=(), fault=""):
        self._jobs, self._fault = jobs, fault

    def read(self):
        if self._fault:
            raise SlotdeckError(self._fault)
        return JobsView(tuple(self._jobs), NOW_S)

    def interrupt(self, job_id):
        """Nothing to end."""


def pipelines(*keys, jobs=(), fault=""):
    app = SlotdeckApp(lambda _: PipelinesScreen(StillJobs(jobs, fault)), Settings())

    async def before(pilot):
        await pilot.app.workers.wait_for_complete()
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", SIZES, ids=["60x16", "80x24", "120x32", "200x50"])
def test_pipelines(snap_compare, size):
    app, before = pipelines(jobs=JOBS)
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_pipelines_without_colours_on_a_job_that_failed(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, before = pipelines("down", "down", "down", jobs=JOBS)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_pipelines_with_nothing_to_show(snap_compare):
    app, before = pipelines()
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_pipelines_before_they_are_read(snap_compare, monkeypatch):
    monkeypatch.setattr(PipelinesScreen, "reload", lambda _: None)
    app, before = pipelines()
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_pipelines_in_a_terminal_too_small(snap_compare):
    app, before = pipelines(jobs=JOBS)
    assert snap_compare(app, terminal_size=(59, 15), run_before=before)


def test_pipelines_that_cannot_be_read(snap_compare):
    app, before = pipelines(fault="/home/ada/runs cannot be read: Permission denied")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_a_job_is_asked_about_before_it_is_ended(snap_compare):
    app, before = pipelines("x", jobs=JOBS)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
