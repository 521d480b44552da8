"""A link that shows a recorded log as if its engine were there and just said nothing more.

Keys can then be tried against a screen that holds still; what they would send is kept in `sent`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.commands import Command
from engine.protocol.verbs import as_text
from engine.runlog.reader import LogReader
from tui.state.store import RunStore

CLIENT = "c-ada"
"""Holds the lease in every fake run."""


class StillLink:
    """Fills the store once. `status` and `detail` are what the link then says of itself."""

    def __init__(self, run_dir: Path, store: RunStore, status: str = "live", detail: str = "") -> None:
        self.sent: list[Command] = []
        self.taken = 0
        self.loaded = asyncio.Event()
        self.run_dir, self._store = run_dir, store
        self._status, self._detail = status, detail

    async def start(self) -> None:
        if self._status != "connecting":
            for entry in LogReader(self.run_dir).entries():
                self._store.apply(entry.seq, entry.wall_s, decode(entry.kind, entry.payload))
        self._store.set_link(self._status, self._detail)
        self.loaded.set()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        return

    def send(self, command: Command) -> str:
        if self._store.link.status != "live":
            raise SlotdeckError("no engine is connected", "wait for the link to come back")
        self.sent.append(command)
        command_id = f"here-{len(self.sent)}"
        self._store.request(command_id, as_text(command))
        return command_id

    def take_lease(self) -> None:
        self.taken += 1
