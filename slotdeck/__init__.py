"""slotdeck: a slot-training engine with a terminal cockpit. The front door, and the public names.

The names below are imported when first used, so that `import slotdeck` stays quick and torch-free.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.errors import SlotdeckError
    from engine.profile.load import load_profile
    from engine.profile.schema import Profile
    from engine.runlog.catalog import find_run, list_runs
    from engine.runlog.reader import LogReader
    from engine.slots.optimizer import SlotOptimizer

__all__ = [
    "LogReader",
    "Profile",
    "SlotOptimizer",
    "SlotdeckError",
    "find_run",
    "list_runs",
    "load_profile",
]

_HOMES = {
    "LogReader": "engine.runlog.reader",
    "Profile": "engine.profile.schema",
    "SlotOptimizer": "engine.slots.optimizer",
    "SlotdeckError": "engine.errors",
    "find_run": "engine.runlog.catalog",
    "list_runs": "engine.runlog.catalog",
    "load_profile": "engine.profile.load",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("slotdeck")
        except PackageNotFoundError:
            return "unknown"
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'slotdeck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
