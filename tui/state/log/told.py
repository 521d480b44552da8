"""The lines of the log page: all of them, those that pass its filter, and those that hold what is searched for.

Bounded by what it is given. Knows nothing of Textual; searching is a generator, so that a screen is drawn meanwhile.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tui.state.log.feed import ERROR, WARNING, FeedItem

AT_ONCE = 5000
"""Lines searched before the screen gets its turn."""
HOLDS = ("pin ", "ban ", "release ", "policy ")
KINDS: dict[str, frozenset[str]] = {
    "all": frozenset(),
    "commands": frozenset({"command"}),
    "holds": frozenset({"prune"}),
    "evals": frozenset({"evaluation"}),
    "checkpoints": frozenset({"checkpoint"}),
    "samples": frozenset({"sample"}),
    "jobs": frozenset({"job"}),
    "alarms": frozenset({"alarm", "gap"}),
    "lines": frozenset({"log"}),
    "run": frozenset({"run", "state", "lease"}),
    "output": frozenset({"output"}),
}
"""What the filter calls them, and the kinds of `FeedItem` that are meant. `output` is what the engine printed."""
LEVELS: dict[str, frozenset[str]] = {
    "all": frozenset(),
    "warnings": frozenset({WARNING, ERROR}),
    "errors": frozenset({ERROR}),
}
_NESTED = re.compile(r"[+*}]\s*\)\s*[+*{]")
"""A repeat of a repeat can take longer than anyone waits."""


class Filter(Struct, frozen=True):
    """Which lines are wanted."""

    kind: str = "all"
    level: str = "all"
    slot: str = ""
    """Only lines that name it; empty: any."""
    hits_only: bool = False

    @property
    def empty(self) -> bool:
        return self == Filter()


class Told:
    """Lines, oldest first."""

    def __init__(self) -> None:
        self.shown: list[FeedItem] = []
        """Those that pass the filter."""
        self.hits: list[int] = []
        """Places in `shown` of those that hold the search text, in order."""
        self.filter = Filter()
        self.sought = ""
        self.pattern: re.Pattern[str] | None = None
        self.searching = False
        self._items: list[FeedItem] = []
        self._output: list[FeedItem] = []
        self._newest: FeedItem | None = None
        self._newest_seq = 0

    @property
    def count(self) -> int:
        """Lines there are, whatever the filter."""
        return len(self._source)

    def take_past(self, items: Sequence[FeedItem], feed: deque[FeedItem]) -> None:
        """The whole log, and the feed for what came since it was read."""
        self._newest_seq, self._newest = items[-1].seq if items else 0, None
        self._items = list(items)
        self.take_feed(feed)
        self._select()

    def take_feed(self, feed: deque[FeedItem]) -> bool:
        """Append what is new in the feed. False when lines between it and the last look may be missing."""
        fresh: list[FeedItem] = []
        for item in reversed(feed):
            if item is self._newest or 0 < item.seq <= self._newest_seq:
                break
            fresh.append(item)
        if not fresh:
            return True
        missed = len(fresh) == feed.maxlen
        fresh.reverse()
        about = {item.about for item in fresh if item.about}
        if about and any(old.about in about for old in self._items[-500:]):
            # what is said of a command next takes the place of what was said before
            keep = [old for old in self._items[-500:] if old.about not in about]
            self._items[-500:] = keep
            self._items += fresh
            self._select()
        else:
            self._items += fresh
            if self.filter.kind != "output":
                self._append(fresh)
        self._newest = fresh[-1]
        self._newest_seq = max(self._newest_seq, *(item.seq for item in fresh))
        return not missed

    def take_output(self, items: Sequence[FeedItem]) -> None:
        """What the engine printed."""
        self._output = list(items)
        if self.filter.kind == "output":
            self._select()

    def choose(self, wanted: Filter) -> None:
        """Show only those."""
        self.filter = wanted
        self._select()

    def seek(self, text: str) -> Iterator[None]:
        """Find it, case aside: as a regular expression where it is one. Yields now and then; `hits` are set last."""
        self.sought, self.pattern = text, _pattern(text)
        if self.filter.hits_only:
            self._select()
        hits: list[int] = []
        self.hits, self.searching = [], self.pattern is not None
        holds = self._holds()
        for start in range(0, len(self.shown) if holds is not None else 0, AT_ONCE):
            assert holds is not None, "nothing is gone through without something to look for"
            part = self.shown[start : start + AT_ONCE]
            hits += [n for n, item in enumerate(part, start) if holds(item)]
            yield
        self.hits, self.searching = hits, False

    def hit_from(self, at: int, by: int) -> int | None:
        """The next hit after (`by` 1) or before (-1) a place, going on at the other end; `None` when there is none."""
        if not self.hits:
            return None
        place = bisect_left(self.hits, at)
        if by > 0:
            place += place < len(self.hits) and self.hits[place] == at
            return self.hits[place % len(self.hits)]
        return self.hits[place - 1]

    def place_of(self, seq: int) -> int:
        """The place of the line with this sequence number, or of the first after it."""
        return next((n for n, item in enumerate(self.shown) if item.seq >= seq), max(0, len(self.shown) - 1))

    # -- inside ------------------------------------------------------------------------------------------

    @property
    def _source(self) -> list[FeedItem]:
        return self._output if self.filter.kind == "output" else self._items

    def _select(self) -> None:
        self.shown, self.hits = [], []
        self._append(self._source)

    def _append(self, items: Sequence[FeedItem]) -> None:
        before = len(self.shown)
        passing = self._passing(items)
        holds = self._holds()
        if holds is None:
            self.shown += passing
        elif self.filter.hits_only:
            self.shown += [item for item in passing if holds(item)]
            self.hits += range(before, len(self.shown))
        else:
            self.shown += passing
            self.hits += [n for n, item in enumerate(passing, before) if holds(item)]

    def _passing(self, items: Sequence[FeedItem]) -> Sequence[FeedItem]:
        wanted = self.filter
        if wanted.kind not in ("all", "output"):
            kinds, holds = KINDS[wanted.kind], wanted.kind == "holds"
            items = [i for i in items if i.kind in kinds or (holds and _is_hold(i))]
        if wanted.level != "all":
            levels = LEVELS[wanted.level]
            items = [i for i in items if i.level in levels]
        if wanted.slot:
            named = re.compile(rf"(?<![\w.]){re.escape(wanted.slot)}(?![\w]|\.\w)").search
            items = [i for i in items if named(i.text) or (i.body and named(i.body))]
        return items

    def _holds(self) -> Callable[[FeedItem], object] | None:
        """Whether a line holds what is sought; `None` when nothing is."""
        if self.pattern is None:
            return None
        if _is_plain(self.sought):  # several times faster
            low = self.sought.lower()
            return lambda item: low in item.text.lower() or (item.body and low in item.body.lower())
        found = self.pattern.search
        return lambda item: found(item.text) or (item.body and found(item.body))


def _is_hold(item: FeedItem) -> bool:
    return item.kind == "command" and item.text.startswith(HOLDS)


def _is_plain(text: str) -> bool:
    return re.escape(text).replace("\\ ", " ").replace("\\-", "-") == text or not _compiles(text)


def _compiles(text: str) -> bool:
    if _NESTED.search(text):
        return False
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    if _is_plain(text):  # what is one line in the search may be several on the screen
        text = r"\s+".join(re.escape(word) for word in text.split(" "))
    return re.compile(text, re.IGNORECASE)
