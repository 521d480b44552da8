"""The first keys, said to those who are new, in a row that is there anyway: gone once they were used, or after a while.

The app owns one when the settings ask for hints. What was used is remembered in the user's state folder; where
that cannot be written, hints are said again next time.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from engine.small_file import write_whole
from tui.keys import Place, keys_for

SESSIONS = 5
"""After so many starts nobody is new."""
WORDS: dict[Place, dict[str, str]] = {
    "home": {"help": "lists the keys", "command_palette": "finds everything", "launch": "shows a profile as a form"},
    "live": {"help": "lists the keys", "toggle_pause": "pauses", "slots": "the slots", "command_palette": "finds all"},
    "replay": {"help": "lists the keys", "toggle_play": "plays", "next_action": "what the operator did",
               "goto": "goes to a step"},
}  # fmt: skip
"""Place -> name of the key -> what it does."""


class Hints:
    """What this user has not tried yet."""

    def __init__(self, path: Path) -> None:
        """`path`: of the file that remembers."""
        self._path = path
        self._used: set[str] = set()
        self._sessions = 0
        with suppress(OSError, ValueError, TypeError):  # none yet, or somebody wrote something else there
            told = json.loads(path.read_bytes())
            self._used, self._sessions = {str(name) for name in told["used"]}, int(told["sessions"])
        self._sessions += 1
        if self._sessions <= SESSIONS:
            self._remember()

    def row(self, place: Place) -> str:
        """One line; empty when there is nothing to say."""
        words = WORDS.get(place, {})
        if self._sessions > SESSIONS:
            return ""
        shown = {key.name: key.first for key in keys_for(place)}
        wanted = [
            f"{shown[name]} {words[name]}" for name in words if name in shown and name not in self._used
        ]
        return "new here?  " + " · ".join(wanted) if wanted else ""

    def used(self, name: str) -> None:
        """The key of this name was used, on whatever screen."""
        if name not in self._used and any(name in words for words in WORDS.values()):
            self._used.add(name)
            self._remember()

    def _remember(self) -> None:
        told = json.dumps({"sessions": self._sessions, "used": sorted(self._used)})
        with suppress(OSError):  # a home that cannot be written keeps its hints
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, told.encode())
