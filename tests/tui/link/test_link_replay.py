"""The replay shows, at any moment, what somebody watching at that moment saw."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun, write_fake_run

from engine.errors import SlotdeckError
from engine.protocol import commands as c
from tui.link.replay import ReplaySource
from tui.state.store import RunStore

DRAWN = (
    "run", "state", "state_reason", "report", "plan", "ended", "hardware", "memory", "progress", "lease", "rev",
    "branch", "head_seq", "wall_s",
)  # fmt: skip
DRAWN_LISTS = ("evaluations", "samples", "checkpoints", "feed", "alarms", "ticks", "commands")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_run(tmp_path_factory.mktemp("runs") / FakeRun().run_id, FakeRun(steps=1500))


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


async def test_replay_cannot_be_steered(recorded: Path) -> None:
    source, _ = await opened(recorded)
    with pytest.raises(SlotdeckError, match="replay"):
        source.send(c.Pause())
    with pytest.raises(SlotdeckError, match="replay"):
        source.take_lease()


async def test_nothing_recorded_is_said(tmp_path: Path) -> None:
    (tmp_path / "run" / "log").mkdir(parents=True)
    with pytest.raises(SlotdeckError, match="nothing recorded"):
        await opened(tmp_path / "run")
