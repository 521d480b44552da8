"""The run as the cockpit knows it: the one mutable object of the cockpit, and `apply` its one door.

`tui.link` feeds it, live, on re-attach and in replay alike; screens read it when `take_dirty` names their
topic. It knows nothing of Textual, sockets or files.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.protocol.codec import Unknown
from engine.text import one_line
from tui.state.changes import TOPICS
from tui.state.clean import clean
from tui.state.curves.curve import Track
from tui.state.curves.series import stretches_of
from tui.state.facts import Lease, LinkState
from tui.state.log.feed import FeedItem, describe
from tui.state.store_events import StoreEvents
from tui.state.store_facts import SCALARS


class RunStore(StoreEvents):
    """The facts of one run between the link that feeds them and the screens that show them."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.when_answered: Callable[[], None] | None = None
        """Called when the engine has answered a command of this cockpit's own: somebody waits to see it."""

    def reset(self, keep_series: bool = False) -> None:
        super().reset(keep_series)
        self._dirty |= TOPICS

    # -- what the link calls -----------------------------------------------------------------------------

    def apply(self, seq: int, wall_s: float, event: object) -> None:
        """Take in one event. What was seen before (`seq` <= `head_seq`) is ignored, a newer kind counted.

        `seq` 0 is for answers that are in no log, such as a refusal for want of the lease.
        """
        if seq:
            if seq <= self.head_seq:
                return
            self.head_seq = seq
        if isinstance(event, Unknown):
            self.unknown += 1
            return
        event = clean(event)
        self.wall_s = wall_s
        self._take_in(event)
        self.memory_history.heard(event)
        if self.measures.heard(event, self.plan):
            self._dirty.add("slots")
        if self.open_alarms and self.open_alarms.heard(event):
            self._dirty.add("run")
        life = self.commands.get(getattr(event, "command_id", ""))
        item = describe(seq, wall_s, event, life.who if life is not None else "")
        if item is not None:
            self._tell(item)

    def load(self, track: Track) -> None:
        """Take the curves of the log's pyramid; reports among them that arrive again are ignored."""
        stretches = stretches_of(track.branch)
        for name in SCALARS:
            if name in track.columns:
                self.series[name].load(track, track.columns[name], stretches)
        self._dirty.add("loss")

    def changed(self, *topics: str) -> None:
        """What is drawn of these topics is not what it was, though no event came."""
        self._dirty |= topics

    def set_link(self, status: str, detail: str = "", remedy: str = "") -> None:
        """How the cockpit is connected now."""
        before, detail, remedy = self.link, one_line(detail, 1024), one_line(remedy, 1024)
        if (status, detail, remedy) != (before.status, before.detail, before.remedy):
            same = status == before.status or {status, before.status} == {"lost", "restarting"}
            self.link = LinkState(status, detail, before.since_wall_s if same else self._clock(), remedy)
            self._dirty.add("link")

    def set_lease(self, holder: str, who: str, fence: int) -> None:
        """Who holds the controls, as the welcome says."""
        self._lease_is(Lease(holder, one_line(who), fence), self._clock())

    def note_damage(self, stretches: int) -> None:
        """How many stretches of the log cannot be read."""
        if stretches != self.damaged:
            self.damaged, self.damaged_wall_s = stretches, self.damaged_wall_s or self.wall_s
            self._dirty.add("link")

    def request(self, command_id: str, text: str) -> None:
        """This cockpit asked for a command; nothing has been answered."""
        self.commands.request(command_id, one_line(text, 4096), self._clock())
        self._dirty.add("commands")

    # -- what the screens call ---------------------------------------------------------------------------

    def take_dirty(self, reader: object = None) -> set[str]:
        """The topics that changed since this reader asked last; all of them at its first call."""
        return self._dirty.take(reader)

    def forget_reader(self, reader: object) -> None:
        """This reader will not ask again."""
        self._dirty.forget(reader)

    def _tell(self, item: FeedItem) -> None:
        if item.about:
            told = (back for back, old in enumerate(reversed(self.feed), 1) if old.about == item.about)
            if before := next(told, 0):
                del self.feed[-before]
        self.feed.append(item)
        self._dirty.add("feed")
        if item.kind == "alarm":
            self.alarms.append(item)
            self._dirty.add("run")
