"""Every fault is a calm state with a name: how each looks, and that none of them moves the layout.

Look at a changed one before accepting it: `pytest tests/snapshots --snapshot-update`, then the report.
"""

import re

import pytest
from deck_app import settle, still_deck
from fake_run import START_WALL_S, FakeRun, write_fake_run
from still_link import CLIENT
from textual.widgets import Input

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.reader import LogReader
from tui.screens.deck.notice import notice
from tui.state.store import RunStore

RUN = "20261121-090000-demo-3f2a"
SIZES = [(80, 24), (120, 32)]
LOST = {"status": "lost", "detail": "the engine closed the line"}


def alarm(code, message, remedy="", level="warning"):
    return e.Alarm(step=1200, level=level, code=code, message=message, remedy=remedy)


DISK_FULL = alarm(
    "disk-full",
    "the disk is full: checkpoints and the log wait",
    "make room on /data; training goes on",
    "error",
)
QUARANTINED = alarm(
    "checkpoint-quarantined", "step-00001000 is damaged and set aside: model.safetensors has another checksum"
)
OUT_OF_MEMORY = alarm(
    "out-of-memory", "out of memory with micro-batches of 16: 2.0 GiB were asked for",
    "the same sequences run again as 2 micro-batches of 8, and it stays so",
)  # fmt: skip
SPIKES = alarm(
    "loss-spikes", "3 of 20 steps were left out: spikes, or not finite; the run is paused",
    "rollback step-00001000 goes back to the last checkpoint; resume goes on as it is", "error",
)  # fmt: skip
PAUSED = e.StateChanged(state="paused", step=1200, reason="3 of 20 steps were left out")


def ended(outcome, reason, remedy=""):
    return e.RunEnded(step=1200, outcome=outcome, reason=reason, remedy=remedy)


STATES = {
    "connecting": ({"status": "connecting", "detail": "reading the log"}, []),
    "link-lost": (LOST, []),
    "restarting": ({"status": "restarting", "detail": "engine restarting (2 of 3) in 4 s"}, []),
    "killed": (
        {"status": "ended", "detail": "engine killed after step 1,200", "remedy": f"go on with: slotdeck resume {RUN}"},
        [],
    ),
    "finished": ({"status": "ended"}, [ended("finished", "all 1,200 steps done")]),
    "stopped": ({"status": "ended"}, [ended("stopped", "stopped by ada@box7")]),
    "failed": (
        {"status": "ended"},
        [ended("failed", "out of memory at step 1200 with micro-batches of one sequence", "resume with --set "
               "train.recompute=8, or take a smaller model or shorter sequences")],
    ),
    "folder-gone": ({"status": "gone", "detail": f"/data/runs/{RUN} is not there", "remedy": "its engine may still "
                     "train"}, []),
    "other-version": ({"status": "version", "detail": "the engine speaks protocol 2, this cockpit 1",
                       "remedy": "use the slotdeck that started the run"}, []),
    "disk-full": ({}, [DISK_FULL]),
    "quarantined": ({}, [QUARANTINED]),
    "out-of-memory": ({}, [OUT_OF_MEMORY]),
    "spikes": ({}, [SPIKES, PAUSED]),
    "paused": ({}, [e.StateChanged(state="paused", step=1200, reason="paused by ada@box7")]),
    "log-gap": ({}, [e.LogGap(dropped=120, reason="the disk was full")]),
    "gpu-lost": ({}, [e.Hardware(
        cpu_percent=40.0, process_cpu_percent=100.0, ram_used_bytes=9_800_000_000, ram_total_bytes=33_500_000_000,
        process_rss_bytes=2_100_000_000, disk_free_bytes=210_000_000_000, disk_total_bytes=512_000_000_000, gpus=[],
        gpu_status="sampler lost: crashed (SIGSEGV); again in 4 s",
    )]),
    "controls-taken": ({}, [e.LeaseChanged(holder="c-bob", who="bob@box9", fence=2, reason="taken")]),
    "two-troubles": ({}, [QUARANTINED, DISK_FULL]),
}  # fmt: skip


# fmt: off
SAID = {
    "connecting": "",
    "link-lost": "! link lost since 09:01:00: the engine closed the line; trying again",
    "restarting": "! link lost since 09:01:00; engine restarting (2 of 3) in 4 s",
    "killed": "! engine killed after step 1,200, last told at 09:00:36; go on with: slotdeck resume 20261121-090000-demo-3f2a",  # noqa: E501
    "finished": "✓ finished at step 1,200: all 1,200 steps done",
    "stopped": "■ stopped at step 1,200: stopped by ada@box7; go on with: slotdeck resume 20261121-090000-demo-3f2a",
    "failed": "! 09:00:41 failed at step 1,200: out of memory at step 1200 with micro-batches of one sequence; resume with --set train.recompute=8, or take a smaller model or shorter sequences",  # noqa: E501
    "folder-gone": "! run folder gone since 09:01:00: /data/runs/20261121-090000-demo-3f2a is not there; its engine may still train",  # noqa: E501
    "other-version": "! another engine version since 09:01:00: the engine speaks protocol 2, this cockpit 1; use the slotdeck that started the run",  # noqa: E501
    "disk-full": "! disk full: saving paused since 09:00:41; the disk is full: checkpoints and the log wait; make room on /data; training goes on",  # noqa: E501
    "quarantined": "! 09:00:41 checkpoint quarantined: step-00001000 is damaged and set aside: model.safetensors has another checksum",  # noqa: E501
    "out-of-memory": "! 09:00:41 out of memory: out of memory with micro-batches of 16: 2.0 GiB were asked for; the same sequences run again as 2 micro-batches of 8, and it stays so",  # noqa: E501
    "spikes": "! 09:00:41 loss spikes: paused; 3 of 20 steps were left out: spikes, or not finite; the run is paused; R rolls back to 1,000, space goes on",  # noqa: E501
    "paused": "‖ paused at step 1,200: paused by ada@box7; space goes on",
    "log-gap": "! 09:00:41 log has a gap: 120 events never reached the log",
    "gpu-lost": "! GPU readings lost since 09:00:41: sampler lost: crashed (SIGSEGV); again in 4 s",
    "controls-taken": "! 09:00:41 bob@box9 took the controls; t takes them back",
    "two-troubles": "! disk full: saving paused since 09:00:46; the disk is full: checkpoints and the log wait; make room on /data; training goes on",  # noqa: E501
}
# fmt: on


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("a") / RUN, FakeRun(RUN, steps=1200, outcome=""))


def shown(run_dir, name):
    """The app, and what brings it into the state."""
    link, events = STATES[name]
    connecting = link.get("status") == "connecting"
    app, still = still_deck(run_dir, status="connecting" if connecting else "live")

    async def before(pilot):
        await still.loaded.wait()
        app.screen.query_one(Input).cursor_blink = False
        store = app.screen.store
        for event in events:
            store.apply(store.head_seq + 1, store.wall_s, event)
        if link:
            store.set_link("connecting" if connecting else "live")
            store.set_link(**link)
        await settle(pilot)

    return app, before


@pytest.mark.parametrize("name", STATES)
def test_fault(snap_compare, run_dir, name):
    app, before = shown(run_dir, name)
    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("name", ["restarting", "failed", "two-troubles"])
def test_fault_on_a_wider_screen(snap_compare, run_dir, name):
    app, before = shown(run_dir, name)
    assert snap_compare(app, terminal_size=(120, 32), run_before=before)


def row(run_dir, name, width):
    """The row under the heading in that state."""
    link, events = STATES[name]
    store = RunStore(lambda: START_WALL_S + 60)
    for entry in LogReader(run_dir).entries():
        store.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))
    store.set_link(**{"status": "live", **link})
    for event in events:
        store.apply(store.head_seq + 1, store.wall_s + 5, event)
    return notice(store, width, store.wall_s + 1, client_id=CLIENT, may_control=True)


@pytest.mark.parametrize(("name", "said"), SAID.items())
def test_fault_in_words_on_a_wide_screen(run_dir, name, said):
    assert row(run_dir, name, 198).plain.split("  ")[0] == said


@pytest.mark.parametrize("name", STATES)
def test_a_fault_fits_its_row_and_keeps_its_name(run_dir, name):
    whole = row(run_dir, name, 198).plain
    for width in (58, 78, 118):
        narrow = row(run_dir, name, width)
        assert narrow.cell_length <= width
        assert (
            not whole
            or re.sub(r" ?\d\d:\d\d:\d\d", "", narrow.plain)[:11]
            == re.sub(r" ?\d\d:\d\d:\d\d", "", whole)[:11]
        )


async def test_no_fault_moves_the_layout(run_dir):
    places = set()
    for name in ("link-lost", "two-troubles", "paused"):
        app, before = shown(run_dir, name)
        async with app.run_test(size=(80, 24)) as pilot:
            await before(pilot)
            places.add(
                tuple(app.screen.query_one(f"#{part}").region for part in ("readout", "chart", "feed"))
            )
            assert app.screen.query_one("#notice").text
    app, still = still_deck(run_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await still.loaded.wait()
        await settle(pilot)
        assert not app.screen.query_one("#notice").text
        places.add(tuple(app.screen.query_one(f"#{part}").region for part in ("readout", "chart", "feed")))
    assert len(places) == 1
