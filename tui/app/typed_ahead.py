"""Keys that come faster than what they open: over a slow line `:pin 3` arrives at once, and is one command.

Textual hands a key to what has the focus when it arrives, and asks the bindings when the key has come back from there.
Typed at once, the `p` of `:pin 3` was on its way to the screen when `:` opened the line, and pinned a slot. Here a key
that comes back goes on to what has the focus by then, and no later key overtakes it.
"""

from __future__ import annotations

from collections import Counter

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event, Key


class TypedAhead(App[int]):
    """The application, as far as keys keep their order."""

    _under_way: Counter[DOMNode] = Counter()  # noqa: RUF012  replaced before it is changed
    """How many keys each was sent that may still come back, in the order in which they were first sent one."""

    async def on_event(self, event: Event) -> None:
        """A new key follows those under way; one that has come back may have to go on."""
        if not isinstance(event, Key):
            await super().on_event(event)
            return
        listens = self.focused or self.screen
        if event.is_forwarded:
            if getattr(event, "sent_to", listens) is listens:
                await super().on_event(event)
            else:
                self._send(event.copy(), listens)
            return
        ahead = next((node for node, keys in self._under_way.items() if keys and node.is_running), listens)
        if ahead is listens:
            self._note(event, listens)
            await super().on_event(event)
            self._follow(listens)
        else:
            self._send(event, ahead)

    def _send(self, key: Key, to: DOMNode) -> None:
        self._note(key, to)
        key._set_forwarded()
        to.post_message(key)
        self._follow(to)

    def _note(self, key: Key, to: DOMNode) -> None:
        key.sent_to = to  # type: ignore[attr-defined]

    def _follow(self, to: DOMNode) -> None:
        """Something behind the key tells when the key has passed, whether or not it comes back."""
        self._under_way = Counter(
            {node: keys for node, keys in self._under_way.items() if keys and node.is_running}
        )
        if to.call_later(self.call_later, self._passed, to):
            self._under_way[to] += 1

    def _passed(self, by: DOMNode) -> None:
        self._under_way[by] -= 1
