"""The page of jobs over a real runs folder: jobs told there, and those in the logs of live and dead runs."""

import time

from deck_app import settle, until
from fake_run import FakeRun, write_fake_run

from engine.protocol import events as ev
from engine.runlog.jobs import JobFile, JobWriter
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter
from tui.app import SlotdeckApp
from tui.link.pipelines import PipelinesReader
from tui.screens.deck.replay import ReplayScreen
from tui.screens.parts.text_rows import TextRows
from tui.screens.pipelines.screen import PipelinesScreen
from tui.settings import Settings
from tui.widgets.pick_list import PickList

RUN = "20261121-090000-demo-3f2a"


def jobs_of(reader):
    return {(job.task, job.what): job for job in reader.read().jobs}


def test_a_prepare_at_work_has_a_rate_and_time_left(tmp_path):
    now_s = [0.0]
    began_s = time.time() - 100
    job = JobWriter(tmp_path, JobFile(task="prepare", what="data/x"), clock=lambda: began_s + now_s[0])
    job.told("encoding", 0, 1000, "B", "")
    now_s[0] = 2.0
    job.told("encoding", 500, 1000, "B", "3 documents")
    row = jobs_of(PipelinesReader(tmp_path))["prepare", "data/x"]
    assert row.state == "running"
    assert row.share == 0.5
    assert row.rate_per_s
    assert row.eta_s
    job.over("done")
    assert jobs_of(PipelinesReader(tmp_path))["prepare", "data/x"].state == "done"


def test_jobs_of_a_live_run_are_followed_and_end_with_it(tmp_path):
    run_dir = write_fake_run(tmp_path / RUN, FakeRun(RUN, steps=60, outcome=""))
    reader = PipelinesReader(tmp_path)
    with RunLock(run_dir):
        log = LogWriter(run_dir, RUN)
        log.commit(ev.JobReported(job="j1", task="export", state="started", step=60, text="hf"))
        log.commit(ev.Progress(task="probe", done=2, total=8, unit="slots", detail="without block.2"))
        found = jobs_of(reader)
        assert found["export", RUN].state == "running"
        assert found["probe", RUN].state == "running"
        assert found["probe", RUN].share == 0.25
        log.commit(ev.JobReported(job="j1", task="export", state="failed", step=60, text="the disk is full"))
        log.commit(ev.Probed(step=60, branch=0, loss=5.0, slots=["a"], losses=[5.1], tokens=64, seconds=1.5))
        found = jobs_of(reader)
        assert (found["export", RUN].state, found["export", RUN].detail) == ("failed", "the disk is full")
        assert found["probe", RUN].state == "done"
        log.commit(ev.JobReported(job="j2", task="prune-trial", state="started", step=60, text="block.3"))
        log.close()
        assert jobs_of(reader)["prune-trial", RUN].state == "running"
    assert jobs_of(reader)["prune-trial", RUN].state == "cancelled"
    assert jobs_of(PipelinesReader(tmp_path))["prune-trial", RUN].state == "cancelled"


async def test_the_page_lists_jobs_and_enter_opens_the_run(tmp_path):
    write_fake_run(tmp_path / RUN, FakeRun(RUN, steps=600))
    app = SlotdeckApp(lambda _: PipelinesScreen(PipelinesReader(tmp_path)), Settings())
    async with app.run_test(size=(120, 32)) as pilot:
        rows = app.screen.query_one("#jobs", PickList)
        await until(pilot, lambda: rows.count > 0)
        await settle(pilot)
        assert "evaluate" in rows.text
        assert RUN in app.screen.query_one("#job-detail", TextRows).text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))


async def test_an_empty_folder_says_what_would_be_here(tmp_path):
    app = SlotdeckApp(lambda _: PipelinesScreen(PipelinesReader(tmp_path / "runs")), Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No long job" in str(app.screen.query_one("#jobs-empty").content))
