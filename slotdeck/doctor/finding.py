"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found."""

    level: Level
    """fail: the main job does not run."""
    topic: str
    text: str
    remedy: str = ""
