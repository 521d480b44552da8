"""What a row of the key table is."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Place = Literal["home", "launch", "pipelines", "live", "replay", "slots", "memory", "log", "compare"]
"""A screen that has keys. `slots`, `memory` and `log` are pages over a `live` or a `replay` deck."""
Needs = Literal["", "control", "run", "profile"]
PLACES: tuple[Place, ...] = get_args(Place)
_FACTORS = {"speed", "magnify"}
"""Actions told by how much, where 1 changes nothing; others are told how far, where 0 does not."""


class Key(Struct, frozen=True):
    """One row."""

    key: str
    """Textual's name, several after commas."""
    shown: str
    """As printed on a keyboard, several with `or` between."""
    action: str
    """`action_<this>` of the screen."""
    label: str
    """One or two words for the key bar."""
    help: str
    where: tuple[Place, ...]
    group: str
    verb: str = ""
    """The verb it sends, if it sends one."""
    needs: Needs = ""
    """`control`: a live engine that this cockpit may steer. `run`, `profile`: one is highlighted at home."""
    destroys: bool = False
    """Asks before it acts."""
    bar: int = 0
    """Rank in the key bar; 0: only in the help."""
    also: str = ""
    """What else somebody who wants this may type into the help or the palette; phrases after commas."""

    @property
    def first(self) -> str:
        """The first of those printed: for where there is little room."""
        return self.shown.split(" or ")[0]

    @property
    def name(self) -> str:
        """What the settings call it: the action and what it is told, such as `log`, `slot_on`, `lr`."""
        return name_of(self.action)


def name_of(action: str) -> str:
    """`page('log')` -> `log`, `slot(1)` -> `slot_on`, `app.dark_light` -> `dark_light`."""
    name, _, told = action.removeprefix("app.").partition("(")
    told = told.rstrip(")").strip("' ")
    if not told:
        return name
    if told.lstrip("-").replace(".", "").isdigit():
        less = float(told) < (1 if name in _FACTORS else 0)
        far = f"_{abs(float(told)):g}" if name not in _FACTORS and abs(float(told)) > 1 else ""
        return f"{name}_{'back' if less else 'on'}{far}"
    return told
