"""Bring a store to a moment of the log: old curves from the pyramid, the recent past event by event.

Used by the live link when it attaches and by the replay when it seeks, so both show the same. The recent past
is long enough for everything a screen holds of single events: the feed, the waterfall, the newest curve.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from engine.protocol.codec import decode
from engine.runlog.index import History
from engine.runlog.pyramid import Column, Track
from engine.runlog.reader import Entry, LogReader
from tui.state.store import RunStore

RECENT_EVENTS = 4096
"""Applied one by one before the moment shown; well under a tenth of a second of work on a quiet machine."""


def rebuild(
    store: RunStore, history: History, reader: LogReader, to_seq: int, recent: int | None = None
) -> Iterator[None]:
    """Show the run as it was when `to_seq` had just been logged. Yields now and then, for others to run.

    The last `recent` events (RECENT_EVENTS unless given) are applied one by one; curves and state before them come
    from the log's pyramid.
    """
    recent = RECENT_EVENTS if recent is None else recent
    store.reset()
    from_seq = history.first_seq
    if to_seq - from_seq > recent:
        from_seq = _load_older(store, history, to_seq - recent)
    for count, entry in enumerate(reader.entries(from_seq)):
        if entry.seq > to_seq:
            break
        apply(store, entry)
        if count % 256 == 255:
            yield
    store.note_damage(len(history.damage))


def apply(store: RunStore, entry: Entry) -> None:
    """Give the store one event of the log."""
    store.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))


def _load_older(store: RunStore, history: History, seq: int) -> int:
    """Curves and state up to about `seq`; gives the first sequence number that is still to be applied."""
    reached = next((e.wall_s for e in reversed(history.state_before(seq + 1))), 0.0)
    count = bisect_right(history.tracks.wall_s, reached)
    if count:
        # A bucket is taken whole, so what follows is applied from its last report on.
        seq = min(seq, history.seq_at(wall_s=history.tracks.wall_s[count - 1]))
    store.load(first_buckets(history.tracks, count))
    for entry in history.state_before(seq):
        apply(store, entry)
    return seq


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
