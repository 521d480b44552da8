"""A store held still: what it knew at one moment, to be put back later as often as one likes.

The replay takes one of these every so many events of the log, so that a jump begins at the nearest and not at
the start. Curves are not in it; they are cut from those of the whole run.
"""

from __future__ import annotations

import copy
from array import array
from collections import deque
from typing import Any

from msgspec import Struct

from tui.state.store import RunStore

NOT_OF_THE_RUN = {"_clock", "_dirty", "_doors", "link", "series", "when_answered"}


class Still(Struct, frozen=True):
    """What a store knew when `seq` had just been applied."""

    seq: int
    state: dict[str, Any]


def hold(store: RunStore) -> Still:
    """Take one."""
    return Still(store.head_seq, _copied(_of_the_run(store)))


def hold_far(store: RunStore) -> Still:
    """Take one that is kept for long: without the waterfall, which scrolls away."""
    state = _of_the_run(store)
    return Still(store.head_seq, _copied({**state, "slots": store.slots.resting()}))


def put_back(store: RunStore, still: Still) -> None:
    """The store knows again what it knew then; its curves are as they are."""
    vars(store).update(_copied(still.state))


def _of_the_run(store: RunStore) -> dict[str, Any]:
    return {name: value for name, value in vars(store).items() if name not in NOT_OF_THE_RUN}


def _copied(value: Any) -> Any:
    """A copy that can change by itself; what cannot change is the same object."""
    if isinstance(value, list | deque | array | set):
        return copy.copy(value)
    if isinstance(value, dict):
        twin = copy.copy(value)
        twin.update((key, _copied(item)) for key, item in value.items())
        return twin
    hashed: object = type(value).__hash__
    if hashed is not None and hashed is not object.__hash__:
        return value  # numbers, texts, frozen values and structs
    twin = copy.copy(value)
    for name in (*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())):
        setattr(twin, name, _copied(getattr(value, name)))
    return twin
