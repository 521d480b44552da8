"""The replay shows, at any moment, what somebody watching at that moment saw."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun, write_fake_run
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE_S
from tiny_engine import TinyEngine
from told_run import story

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.index import History
from engine.runlog.reader import LogReader
from engine.runlog.writer import LogWriter
from tui.link.replay import ReplaySource
from tui.state.moments.goto import parse_goto
from tui.state.store import RunStore

DRAWN = (
    "run", "state", "state_reason", "report", "plan", "ended", "hardware", "memory", "progress", "lease", "rev",
    "branch", "head_seq", "wall_s",
)  # fmt: skip
DRAWN_LISTS = ("evaluations", "samples", "checkpoints", "feed", "alarms", "ticks", "commands")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_run(tmp_path_factory.mktemp("runs") / FakeRun().run_id, FakeRun(steps=1500))


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that fell back from step 700 to 500, its clock its own."""
    run_dir = tmp_path_factory.mktemp("runs") / "20231114-221320-demo-a1b2"
    (run_dir / "log").mkdir(parents=True)
    events = list(story(900))
    now = [events[0][0]]
    writer = LogWriter(
        run_dir, run_dir.name, clock_ns=lambda: int((now[0] - events[0][0] + 10) * 1e9), wall=lambda: now[0]
    )
    for wall_s, event in events:
        now[0] = wall_s
        writer.commit(event)
    writer.close()
    return run_dir


async def opened(run_dir: Path) -> tuple[ReplaySource, RunStore]:
    store = RunStore(clock=lambda: 0.0)
    source = ReplaySource(run_dir, store, autoplay=False)
    await source.start()
    return source, store


def drawn(store: RunStore) -> dict[str, Any]:
    """Everything that reaches a screen."""
    whole = {name: getattr(store, name) for name in DRAWN}
    lists = {name: list(getattr(store, name)) for name in DRAWN_LISTS}
    curves = {name: list(series.points()) for name, series in store.series.items()}
    return {**whole, **lists, "waterfall": list(store.slots.ticks), "curves": curves}


def play_to(source: ReplaySource, seq: int) -> None:
    """From the start, in small helpings, as the clock would."""
    while source.seq < seq:
        source.seek_seq(min(source.seq + 7, seq))


async def test_seek_shows_what_playing_shows(recorded: Path) -> None:
    played, by_playing = await opened(recorded)
    sought, by_seeking = await opened(recorded)
    places = sorted(random.Random(3).sample(range(2, played.head_seq), 12))
    expected = {}
    for seq in places:
        play_to(played, seq)
        expected[seq] = drawn(by_playing)
    for seq in random.Random(4).sample(places, len(places)):
        sought.seek_seq(seq)
        assert drawn(by_seeking) == expected[seq], f"seq {seq}"


async def test_seek_in_a_long_run_shows_the_same_but_for_what_scrolled_away(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played, by_playing = await opened(recorded)
    play_to(played, played.head_seq - 40)
    monkeypatch.setattr("tui.link.rebuild.RECENT_EVENTS", 300)
    monkeypatch.setattr("tui.link.rebuild.MOST_EVENTS", 300)
    monkeypatch.setattr("tui.link.replay.READ_AHEAD", 300)
    sought, by_seeking = await opened(recorded)
    sought.seek_seq(sought.head_seq - 40)
    mine, theirs = drawn(by_seeking), drawn(by_playing)
    for scrolled in ("feed", "waterfall"):
        mine.pop(scrolled), theirs.pop(scrolled)
    for name in mine["curves"]:
        assert mine["curves"][name] == theirs["curves"][name], name
    assert mine == theirs


async def test_playing_reaches_the_end_and_starts_over(recorded: Path) -> None:
    source, store = await opened(recorded)
    source.play()
    played = 0
    while source.playing and played < 100_000:
        source.advance(5.0)
        played += 1
    assert source.seq == source.head_seq
    assert store.ended is not None
    assert played < source.timeline.length_s / 5 + 200
    assert store.link.detail == "paused"
    source.play()
    assert source.seq == 1
    assert store.ended is None


async def test_speed_stays_in_its_bounds_and_is_shown(recorded: Path) -> None:
    source, store = await opened(recorded)
    source.play()
    for wanted, got in ((0.01, "0.25x"), (4, "4x"), (10_000, "1000x")):
        source.set_speed(wanted)
        assert store.link.detail == got


async def test_time_passes_at_the_speed_asked_for(recorded: Path) -> None:
    source, store = await opened(recorded)
    source.seek_step(200)
    before = store.wall_s
    source.advance(2.0)
    assert before < store.wall_s <= before + 2.0 + 1e-6


async def test_seek_by_step_and_by_time(recorded: Path) -> None:
    source, store = await opened(recorded)
    source.seek_step(700)
    assert store.step == 700
    wall_s = store.wall_s
    source.seek_step(100)
    assert store.step == 100
    source.seek_wall(wall_s)
    assert store.step == 700
    source.seek_step(10**9)
    assert source.seq == source.head_seq


async def test_next_and_previous_operator_action(recorded: Path) -> None:
    source, store = await opened(recorded)
    shown = []
    while (action := source.go("action", 1)) is not None:
        shown.append(action)
        assert store.ticks[-1].text == action.text
    assert shown == source.stops("action")
    assert len(shown) > 1
    back = []
    while (action := source.go("action", -1)) is not None:
        back.append(action)
    assert back == shown[-2::-1]


async def test_nothing_recorded_is_said(tmp_path: Path) -> None:
    (tmp_path / "run" / "log").mkdir(parents=True)
    with pytest.raises(SlotdeckError, match="nothing recorded"):
        await opened(tmp_path / "run")


async def test_next_and_previous_alarm_and_evaluation(recorded: Path) -> None:
    source, store = await opened(recorded)
    assert [source.go("evaluation", 1).step for _ in range(3)] == [250, 500, 750]  # type: ignore[union-attr]
    assert source.go("evaluation", -1) is not None
    assert store.evaluations[-1].step == 500
    assert source.go("alarm", 1) is None  # it comes at step 2,400
    assert store.step == 500


async def test_playing_fast_holds_at_the_alarm(tmp_path: Path) -> None:
    source, store = await opened(write_fake_run(tmp_path / FakeRun().run_id))
    source.set_speed(100)
    source.play()
    while source.playing:
        source.advance(100 / 30)
    assert source.held_at is not None
    assert "disk is full" in source.held_at.text
    assert store.alarms[-1].seq == source.seq == source.held_at.seq
    source.play()
    while source.playing:
        source.advance(100 / 30)
    assert source.seq == source.head_seq
    source.seek_step(0)
    source.holds_at_alarms = False
    source.play()
    while source.playing:
        source.advance(100 / 30)
    assert source.seq == source.head_seq


@pytest.mark.parametrize("raw", [8192, 0], ids=["raw", "buckets"])
async def test_when_a_value_first_went_below(
    recorded: Path, raw: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.link.recording.History", lambda path: History(path, raw_reports=raw))
    source, store = await opened(recorded)
    reports = [decode(entry.kind, entry.payload) for entry in LogReader(recorded).entries()]
    losses = [(r.step, r.loss) for r in reports if isinstance(r, StepReport)]
    for wanted in (8.0, 6.5, 5.4):
        source.seek_when(parse_goto(f"loss<{wanted}"))  # type: ignore[arg-type]
        assert store.step == next(step for step, loss in losses if loss < wanted)
    source.seek_when(parse_goto("val<6"))  # type: ignore[arg-type]
    assert store.evaluations[-1].loss < 6 <= store.evaluations[-2].loss
    with pytest.raises(SlotdeckError, match="never went below 1; its lowest was 5"):
        source.seek_when(parse_goto("loss<1"))  # type: ignore[arg-type]


async def test_a_run_that_goes_on_is_followed_at_the_end(tmp_path: Path) -> None:
    run_dir = tmp_path / "20261121-090000-demo-3f2a"
    with TinyEngine(run_dir) as engine:
        engine.advance(50)
        store = RunStore(clock=lambda: 0.0)
        source = ReplaySource(run_dir, store)
        await source.start()
        playing = asyncio.create_task(source.run())
        source.seek_seq(source.head_seq)
        engine.advance(30)
        async with asyncio.timeout(PATIENCE_S):
            while store.step < 80:  # noqa: ASYNC110 - the replay posts no event
                await asyncio.sleep(0.02)
        assert source.live
        source.seek_step(60)
        assert store.step == 60
        source.seek_step(75)
        assert store.step == 75
        source.close()
        await playing


@settings(max_examples=12)
@given(places=st.lists(st.integers(1, 5000), min_size=1, max_size=4))
async def test_a_jump_shows_what_playing_there_shows(places: list[int], forked: Path) -> None:
    """With stills close together and a short recent past, in a run that went back."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("rebuild.RECENT_EVENTS", 16), ("rebuild.MOST_EVENTS", 16), ("waypoints.STRIDE", 7),
                            ("waypoints.MOST", 1000), ("replay.READ_AHEAD", 8)):  # fmt: skip
            patch.setattr(f"tui.link.{name}", value)
        sought, by_seeking = await opened(forked)
        sought.stops("action")
        played, by_playing = await opened(forked)
        for place in sorted(1 + place % played.head_seq for place in places):
            play_to(played, place)
            sought.seek_seq(sought.head_seq)
            sought.seek_seq(place)
            mine, theirs = drawn(by_seeking), drawn(by_playing)
            for scrolled in ("waterfall", "memory"):
                mine.pop(scrolled), theirs.pop(scrolled)
            for name in theirs:
                assert mine[name] == theirs[name], f"{name} at {place}"


async def test_a_step_back_shows_what_playing_showed_there(forked: Path) -> None:
    """Back and on again around the place where the run went back, on the trail and beyond where it begins."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("rebuild.RECENT_EVENTS", 16), ("rebuild.MOST_EVENTS", 16), ("waypoints.STRIDE", 7),
                            ("replay.STRIDE", 8), ("trail.STRIDE", 8), ("trail.MOST", 3)):  # fmt: skip
            patch.setattr(f"tui.link.{name}", value)
        sought, by_seeking = await opened(forked)
        sought.stops("action")
        played, by_playing = await opened(forked)
        told = [(entry.seq, decode(entry.kind, entry.payload)) for entry in LogReader(forked).entries()]
        went_back = next(seq for seq, event in told if isinstance(event, StepReport) and event.branch)
        first, last = went_back - 60, went_back + 60
        shown = {}
        for seq in range(first, last + 1):
            play_to(played, seq)
            shown[seq] = drawn(by_playing)
        dice, seq = random.Random(5), last
        sought.seek_seq(seq)
        for _ in range(150):
            seq = min(max(seq + dice.choice((-9, -3, -2, -1, -1, 1, 2)), first), last)
            sought.seek_seq(seq)
            mine, theirs = drawn(by_seeking), shown[seq]
            for name in theirs.keys() - {"waterfall", "memory"}:
                assert mine[name] == theirs[name], f"{name} at {seq}"
        sought.seek_seq(first)
        sought.play()
        while sought.seq < last:
            sought.advance(0.5)
        sought.seek_seq(last)
        assert drawn(by_seeking)["curves"] == shown[last]["curves"]
