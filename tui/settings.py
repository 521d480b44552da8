"""What can be set about the cockpit itself, from the environment; runs are set by their profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import SlotdeckError


@dataclass(frozen=True, slots=True)
class Settings:
    """How the cockpit draws."""

    refresh_hz: float = 4.0
    """How often data is painted: `SLOTDECK_REFRESH_HZ`, 0.5 to 10. Lower it on a slow line."""
    light: bool = False
    """Start with light colours: `SLOTDECK_LIGHT=1`."""
    thin: bool = False
    """For a slow line: fewer repaints and less that moves."""
    hints: bool = False
    """Say the first keys to those who are new."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Settings as the environment has them.

    Raises:
        SlotdeckError: `SLOTDECK_REFRESH_HZ` is not a number from 0.5 to 10.
    """
    text = environ.get("SLOTDECK_REFRESH_HZ", "4")
    try:
        refresh_hz = float(text)
    except ValueError:
        refresh_hz = 0.0
    if not 0.5 <= refresh_hz <= 10:
        raise SlotdeckError(f"SLOTDECK_REFRESH_HZ={text!r} is not a rate", "give a number from 0.5 to 10")
    return Settings(refresh_hz, environ.get("SLOTDECK_LIGHT", "") not in ("", "0"))
