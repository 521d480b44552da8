"""The line that one would type to start a run: shown, copied and said in several places."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def start_command(profile: str, sets: Iterable[str]) -> str:
    """`slotdeck train PROFILE --set KEY=VALUE ...`, quoted for a shell. `sets`: `KEY=VALUE` words."""
    return shlex.join(["slotdeck", "train", profile, *(word for each in sets for word in ("--set", each))])
