"""The lease: who holds the controls. One client at a time, others watch.

Each change of hands raises the fencing number, so a command sent under an older hold can be told and refused.
The server asks and tells; this file decides, and knows neither sockets nor clocks of its own.
"""

from __future__ import annotations

from engine.protocol.events import LeaseChanged

GRACE_S = 10.0
"""How long a holder that lost its connection keeps the controls: reconnecting takes less."""


class Leases:
    """The present holder and the fencing number."""

    def __init__(self, holder: str = "", who: str = "", fence: int = 0) -> None:
        self.holder = holder
        """Client id, or empty."""
        self.who = who
        self.fence = fence
        self._absent_since_s: float | None = None

    def take(self, client_id: str, who: str, reason: str) -> LeaseChanged | None:
        """Give the controls to this client, whoever has them; `None` when it has them already."""
        self._absent_since_s = None
        if client_id == self.holder:
            return None
        return self._pass_to(client_id, who, reason)

    def release(self, client_id: str, reason: str) -> LeaseChanged | None:
        """Free the controls, if this client holds them."""
        if not client_id or client_id != self.holder:
            return None
        return self._pass_to("", "", reason)

    def came(self, client_id: str) -> None:
        """The client is connected (again)."""
        if client_id == self.holder:
            self._absent_since_s = None

    def went(self, client_id: str, now_s: float) -> None:
        """The client lost its connection."""
        if client_id == self.holder:
            self._absent_since_s = now_s

    def expire(self, now_s: float) -> LeaseChanged | None:
        """Free the controls when their holder has been away for longer than the grace."""
        if not self.holder or self._absent_since_s is None or now_s - self._absent_since_s < GRACE_S:
            return None
        return self._pass_to("", "", f"{self.who} disconnected")

    def state(self, reason: str) -> LeaseChanged:
        """How things stand, for one client that asked in vain."""
        return LeaseChanged(holder=self.holder, who=self.who, fence=self.fence, reason=reason)

    def _pass_to(self, client_id: str, who: str, reason: str) -> LeaseChanged:
        self.holder, self.who = client_id, who
        self.fence += 1
        self._absent_since_s = None
        return self.state(reason)
