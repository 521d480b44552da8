"""Which topics of a store changed, kept apart for each reader: a screen and a page over it paint at their own pace."""

from __future__ import annotations

from collections.abc import Iterable

TOPICS = frozenset(
    {"run", "loss", "slots", "memory", "hardware", "feed", "commands", "link", "lease", "progress", "samples"}
)


class Changes:
    """What each reader has not seen yet; to one that never looked, everything is new."""

    def __init__(self) -> None:
        self._unseen: dict[object, set[str]] = {}

    def add(self, topic: str) -> None:
        """One topic changed."""
        for unseen in self._unseen.values():
            unseen.add(topic)

    def __ior__(self, topics: Iterable[str]) -> Changes:
        for topic in topics:
            self.add(topic)
        return self

    def take(self, reader: object) -> set[str]:
        """The topics that changed since this reader asked last."""
        unseen = self._unseen.get(reader)
        self._unseen[reader] = set()
        return set(TOPICS) if unseen is None else unseen

    def forget(self, reader: object) -> None:
        """This reader has gone."""
        self._unseen.pop(reader, None)
