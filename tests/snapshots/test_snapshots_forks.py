"""A run that went back and lost a slot: how the forked curve, the gone slot, the jobs and the questions look.

Look at a changed one before accepting it: `pytest tests/snapshots --snapshot-update`, then the report.
"""

import pytest
from deck_app import settle, still_deck, until
from fake_run import write_fake_run
from forked_run import ForkedRun
from textual.widgets import Input

from engine.protocol import events as e
from tui.app import SlotdeckApp, replay_screen
from tui.settings import Settings

RUN = "20261121-090000-demo-3f2a"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("a") / RUN, ForkedRun(RUN))


def deck(run_dir, *keys, events=()):
    app, still = still_deck(run_dir)

    async def before(pilot):
        await still.loaded.wait()
        app.screen.query_one(Input).cursor_blink = False
        store = app.screen.store
        for event in events:
            store.apply(store.head_seq + 1, store.wall_s + 42, event)
        await settle(pilot)
        for key in keys:
            await pilot.press({" ": "space", "=": "equals_sign", ".": "full_stop"}.get(key, key))
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("size", [(80, 24), (120, 32), (200, 50)], ids=["80x24", "120x32", "200x50"])
def test_a_forked_run_without_a_slot_and_with_a_job_at_work(snap_compare, run_dir, size):
    app, before = deck(run_dir, events=[e.StateChanged(state="running", step=760)])
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_the_forked_curve_alone(snap_compare, run_dir):
    app, before = deck(run_dir, "z")
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


@pytest.mark.parametrize("step", [650, 600])
def test_a_replay_before_and_after_the_run_went_back(snap_compare, run_dir, step):
    """Step 650 is shown on the branch that was left, step 600 on the one that came after."""
    app = SlotdeckApp(lambda settings: replay_screen(run_dir, settings), Settings())

    async def before(pilot):
        await until(pilot, lambda: app.screen.store.head_seq > 0)
        player = app.screen.player
        player.pause()
        player.seek_step(step)
        if step == 650:  # the first time the run was there
            player.seek_seq(
                next(action.seq for action in player.stops("action") if "rollback" in action.text) - 60
            )
        await settle(pilot)

    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


@pytest.mark.usefixtures("few_colours")
def test_commands_of_every_kind_in_few_colours(snap_compare, run_dir):
    refused = {"command_id": "x1", "verb": "rollback", "text": "rollback to=9", "step": 760}
    asked = {"client_id": "c-ada", "who": "ada@box7", "verb": "batch", "args": {}}
    app, before = deck(run_dir, "space", events=[
        e.CommandRefused(code="no-checkpoint", reason="no checkpoint 9", remedy="use 250 or 500", **refused),
        e.CommandAccepted(command_id="x2", text="batch value=8", **asked),
    ])  # fmt: skip
    assert snap_compare(app, terminal_size=(120, 40), run_before=before)


@pytest.mark.parametrize("line", ["rollback", "rollback 250", "prune block.3", "prune block.6 trial=no"])
def test_what_destroys_asks(snap_compare, run_dir, line):
    app, before = deck(run_dir, "colon", *line, "enter")
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_the_full_feed_has_the_trouble_and_the_forecast_in_full(snap_compare, run_dir):
    full = e.Alarm(
        step=760, level="error", code="disk-full", message="the disk is full: checkpoints and the log wait",
        remedy="make room on /data; training goes on",
    )  # fmt: skip
    app, before = deck(run_dir, "f", events=[full])
    assert snap_compare(app, terminal_size=(120, 40), run_before=before)
