"""Bring a store to a moment of the log: old curves from the pyramid, the recent past event by event.

Used by the live link when it attaches and by the replay when it seeks, so both show the same. The recent past
is long enough for everything a screen holds of single events: the feed, the waterfall, the newest curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.protocol.codec import decode
from engine.protocol.events import SlotPlanned
from engine.runlog.index import History
from engine.runlog.pyramid import Column, Track
from engine.runlog.reader import Entry
from tui.state.store import RunStore

RECENT_EVENTS = 512
"""Applied one by one before the moment shown, at least."""
RECENT_S = 48.0
"""Of the run's time, before the moment shown: a waterfall as high as any terminal."""
MOST_EVENTS = 1536
"""Applied one by one before the moment shown, at most; a few hundredths of a second of work."""
NEWEST_ONLY = frozenset({SlotPlanned.KIND})
"""Kinds of which the newest makes those before it void; there is one for each step of some runs."""


def past_of(run_dir: Path) -> History:
    """The log opened and its curves put together: for a thread beside the event loop.

    Both in one thread: what the first leaves of its memory is what the second needs.

    Raises:
        SlotdeckError: not a run folder, or the log cannot be read.
    """
    history = History(run_dir)
    _ = history.tracks  # which it keeps
    return history


def rebuild(store: RunStore, history: History, to_seq: int, recent: int | None = None) -> Iterator[None]:
    """Show the run as it was when `to_seq` had just been logged. Yields now and then, for others to run.

    The last `recent` events (RECENT_EVENTS or more unless given) are applied one by one; curves and state before
    them come from the log's pyramid.
    """
    store.reset()
    from_seq = window_start(history, to_seq, recent)
    if from_seq > history.first_seq:
        count, uncovered = history.buckets_until(to_seq)
        store.load(first_buckets(history.tracks, count))
        from_seq = min(from_seq, uncovered)
        yield
        for entry in history.state_before(from_seq, newest_only=NEWEST_ONLY):
            apply(store, entry)
    for number, entry in enumerate(history.between(from_seq, to_seq)):
        apply(store, entry)
        if number % 256 == 255:
            yield
    store.note_damage(len(history.damage))


def window_start(history: History, to_seq: int, recent: int | None = None) -> int:
    """The first sequence number that is to be applied one by one."""
    if recent is None:
        begin, earliest = to_seq - RECENT_EVENTS, to_seq - MOST_EVENTS
        if begin > history.first_seq:
            here = next((entry.wall_s for entry in history.between(to_seq, to_seq)), None)
            if here is not None:
                begin = max(min(begin, history.seq_at(wall_s=here - RECENT_S)), earliest)
    else:
        begin = to_seq - recent
    return max(begin, history.first_seq)


def apply(store: RunStore, entry: Entry) -> None:
    """Give the store one event of the log."""
    store.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))


def first_buckets(track: Track, count: int) -> Track:
    """The first `count` buckets of a track."""
    if count == len(track):
        return track
    return Track(
        branch=track.branch[:count],
        step=track.step[:count],
        wall_s=track.wall_s[:count],
        columns={
            name: Column(min=column.min[:count], max=column.max[:count], last=column.last[:count])
            for name, column in track.columns.items()
        },
    )
