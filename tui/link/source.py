"""Where a cockpit's events come from: the one interface of the live link and the replay.

Screens hold a `Source` and a `RunStore`; the source fills the store and the screens read it.
"""

from __future__ import annotations

from typing import Protocol

from engine.protocol.commands import AnyCommand


class Source(Protocol):
    """Fills a store through `load`, `apply` and `set_link`, and carries commands where there is an engine."""

    async def start(self) -> None:
        """Bring the store to where the run, or the replay, stands. Raises SlotdeckError for no run folder."""

    async def run(self) -> None:
        """Keep the store current until closed."""

    def close(self) -> None:
        """Let go; `run` returns soon."""

    def send(self, command: AnyCommand) -> str:
        """Ask for a command and give its id. Raises SlotdeckError with a sentence when it cannot be sent."""
