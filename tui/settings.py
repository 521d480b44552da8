"""What can be set about the cockpit itself; runs are set by their profiles.

A flag of the command line beats the environment, the environment the user's file (`tui.config`), the file the default.
The app reads them once when it starts; screens honour what they are handed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from engine.errors import SlotdeckError, nearest

THEMES = ("dark", "light", "contrast", "auto")
UNITS = ("binary", "decimal")


class Settings(Struct, frozen=True):
    """How the cockpit draws."""

    refresh_hz: float = 4.0
    """How often data is painted, 0.5 to 10. Lower it on a slow line."""
    theme: str = "dark"
    """`dark`, `light` or `contrast`."""
    units: str = "binary"
    """Bytes in powers of 1024 (`binary`) or of 1000 (`decimal`)."""
    thin: bool = False
    """For a slow line: fewer repaints and less that moves."""
    hints: bool = False
    """Say the first keys to those who are new."""
    keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Other keys: place, or empty for every place -> action -> keys, several after commas."""

    @property
    def period_s(self) -> float:
        """Seconds between two paints of figures; on a thin line at least one."""
        return max(1 / self.refresh_hz, 1.0 if self.thin else 0.0)

    @property
    def light(self) -> bool:
        """Whether colours are light."""
        return self.theme == "light"


class Option(Struct, frozen=True):
    """One setting."""

    name: str
    default: object
    read: Callable[[object], object]
    """The value in what a file, the environment or a flag has; ValueError with what is wrong with it."""
    help: str

    @property
    def variable(self) -> str:
        """Of the environment."""
        return f"SLOTDECK_{self.name.upper()}"


def _rate(given: object) -> float:
    try:
        rate = float(given) if isinstance(given, (int, float, str)) and not isinstance(given, bool) else 0.0
    except ValueError:
        rate = 0.0
    if not 0.5 <= rate <= 10:
        raise ValueError("is not a rate; give a number from 0.5 to 10")
    return rate


def _truth(given: object) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("", "0", "false", "no", "off"):
        return False
    raise ValueError("is neither true nor false")


def _one_of(*names: str) -> Callable[[object], str]:
    def read(given: object) -> str:
        if given not in names:
            raise ValueError(f"is none of {', '.join(names)}{nearest(str(given), list(names))}")
        return str(given)

    return read


def _folder(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError("is not a folder; give a path")
    return given


OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        Option("theme", "dark", _one_of(*THEMES), "Colours: dark, light, contrast, or auto: as the terminal says."),
        Option("units", "binary", _one_of(*UNITS), "Bytes in powers of 1024 (binary) or of 1000 (decimal)."),
        Option("thin", False, _truth, "For a slow line: far fewer bytes to the terminal."),
        Option("refresh_hz", 4.0, _rate, "How often figures are drawn, 0.5 to 10 times a second."),
        Option("hints", True, _truth, "The first keys, in a row that goes away once they were used."),
        Option("runs", "runs", _folder, "Folder of runs, from where one stands if it is relative."),
    )
}  # fmt: skip
"""By name."""


def from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """What the environment sets, by name.

    Raises:
        SlotdeckError: a variable has a value that it cannot have.
    """
    given: dict[str, object] = {}
    if environ.get("SLOTDECK_LIGHT", "") not in ("", "0"):
        given["theme"] = "light"
    for option in OPTIONS.values():
        text = environ.get(option.variable)
        if text is not None and (text or option.read is _truth):
            try:
                given[option.name] = option.read(text)
            except ValueError as error:
                raise SlotdeckError(
                    f"{option.variable}={text!r} {error}", "set another value, or unset it"
                ) from None
    return given


def terminal_theme(environ: Mapping[str, str]) -> str:
    """`light` or `dark`, from the background that `COLORFGBG` names; dark where the terminal says nothing."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"
