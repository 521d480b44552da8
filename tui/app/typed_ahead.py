"""Keys that come faster than what they open: over a slow line `:pin 3` arrives at once, and is one command.

Textual hands a key to what has the focus when it arrives, and asks the bindings when the key has come back from there.
Typed at once, the `p` of `:pin 3` was on its way to the screen when `:` opened the line, and pinned a slot. Here a key
waits until all that the one before it began has the focus; so does a paste.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from textual.app import App
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump

CALM_LAPS = 4
"""With the focus where it was, until nothing more can follow: a key submits, a line sends, a screen closes the line."""


class TypedAhead(App[int]):
    """The application, as far as keys keep their order."""

    _typed: deque[Event]
    """Keys and pastes that wait."""
    _listening: MessagePump | None = None
    """What has the focus while a key, or what it began, is under way."""

    def __init__(self, **options: Any) -> None:
        self._typed = deque()
        super().__init__(**options)

    async def on_event(self, event: Event) -> None:
        """A key that is new goes when those before it are through."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._typed.append(event)
            await self._hand_out()
        else:
            await super().on_event(event)

    async def _hand_out(self) -> None:
        if self._typed and self._listening is None:
            self._listening = self.focused or self.screen
            await super().on_event(self._typed.popleft())
            self._lap(self._listening, CALM_LAPS)

    def _lap(self, at: MessagePump | None, laps: int) -> None:
        """Go behind the key, or behind what it began, through the queues of all that it passes, up to the app."""
        while at is not None and at is not self:
            above = at._parent
            if at.call_later(self._lap, above, laps):
                return
            at = above  # closed meanwhile
        self.call_later(self._passed, laps - 1)

    async def _passed(self, laps: int) -> None:
        listens = self.focused or self.screen
        if laps or listens is not self._listening:
            laps = laps if listens is self._listening else CALM_LAPS
            self._listening = listens
            self._lap(listens, laps)
        else:
            self._listening = None
            await self._hand_out()
