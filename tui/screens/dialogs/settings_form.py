"""The user's settings as a form, over any screen: each value, where it comes from, and the keys of the screen below.

The app hands in `Settable`, which reads and writes the file; this draws, and says what it was told.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.errors import SlotdeckError
from engine.text import one_line
from tui.config import Config, as_text
from tui.keys import TITLES, Key, Place, keys_for
from tui.screens.dialogs.dialog import Dialog
from tui.settings import OPTIONS, THEMES, UNITS, Option
from tui.state.cycle import cycled
from tui.widgets.pick_list import PickList

NOW = "at once"
LATER = "from the next start"
_NEXT: dict[str, tuple[tuple[str, ...], str]] = {
    "theme": (THEMES, NOW),
    "units": (UNITS, NOW),
    "thin": (("false", "true"), LATER),
    "refresh_hz": (("0.5", "1", "2", "4", "8", "10"), LATER),
    "hints": (("false", "true"), NOW),
}
"""What can be changed here -> its values, and since when a change holds."""


class Settable(Protocol):
    """The user's file of settings."""

    @property
    def config_file(self) -> str: ...
    def config_now(self) -> Config: ...
    def set_config(self, key: str, value: str | None) -> None: ...
    def origin_of(self, name: str) -> str: ...


class SettingsScreen(Dialog[None]):
    """Closes on escape; what was changed is in the file already."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q,comma", "leave", show=False),
        Binding("right", "turn(1)", show=False),
        Binding("left", "turn(-1)", show=False),
        Binding("backspace", "unset", show=False),
    ]
    DEFAULT_CSS = """
    SettingsScreen > #settings-box { width: 92; padding: 0 1; }
    SettingsScreen #settings-said { height: 2; margin-top: 1; color: $quiet; }
    """

    def __init__(self, file: Settable, place: Place | None) -> None:
        """`place`: the screen whose keys are listed."""
        super().__init__()
        self._file = file
        self._options = [OPTIONS[name] for name in _NEXT]
        self._keys = [key for key in keys_for(place) if key.action != "digit"] if place is not None else []
        self._place: Place | None = place
        self._awaits_key = False
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Settings, then keys; what the highlighted one does at the bottom."""
        with Vertical(id="settings-box", classes="box") as box:
            box.border_title = Content(f"settings: {one_line(self._file.config_file)}")
            box.border_subtitle = Content("enter or ← → change · backspace default · esc closes")
            yield PickList(id="settings-rows")
            yield Static(id="settings-said")

    def on_mount(self) -> None:
        """All of it."""
        self._fill()
        self.query_one(PickList).focus()

    def on_resize(self) -> None:
        """As much as fits."""
        self._fill()

    # -- drawing -----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        rows = self.query_one(PickList)
        self._config = self._file.config_now()
        self._lines: list[Option | Key | str] = [*self._options]
        if self._place is not None:
            of_place = keys_for(self._place)
            self._keys = [key for key in of_place if key.action != "digit"]
            self._lines += ["", f"Keys: {TITLES[self._place]}", *self._keys]
        rows.styles.height = min(len(self._lines), max(4, int(self.app.size.height * 0.94) - 6))
        titles = frozenset(at for at, line in enumerate(self._lines) if isinstance(line, str))
        rows.show(len(self._lines), self._row, titles=titles)
        self._say()

    def _row(self, at: int) -> Content:
        match self._lines[at]:
            case Option(name=name):
                value = as_text(self._config.values[name])
                return Content.assemble(
                    f" {name:<14}", (f"{value:<12}", "bold"), (self._file.origin_of(name), "$quiet")
                )
            case Key() as key:
                return Content.assemble(
                    (f" {key.shown:<14}", "$accent"), f"{key.name:<18}", (key.help, "$quiet")
                )
            case title:
                return Content.assemble((title, "bold"))

    @property
    def _line(self) -> Option | Key | str:
        at = self.query_one(PickList).cursor
        return self._lines[at] if 0 <= at < len(self._lines) else ""

    def _say(self) -> None:
        """What the highlighted line is, or what is wrong."""
        line = self._line
        if self._refused:
            said = Content.assemble((f"✗ {one_line(self._refused, 400)}", "$error"))
        elif self._awaits_key and isinstance(line, Key):
            said = Content.assemble(
                (f"press the key that is to be {line.name}; esc: as it is", "bold $accent")
            )
        elif isinstance(line, Option):
            said = Content(f"{line.help} Holds {_NEXT[line.name][1]}.")
        elif isinstance(line, Key):
            said = Content(
                f"{line.help}. enter, then another key; or: slotdeck config {self._name_of(line)} KEY"
            )
        else:
            said = Content()
        self.query_one("#settings-said", Static).update(Content.assemble(said))

    def _name_of(self, key: Key) -> str:
        return f"keys.{self._place}.{key.name}"

    # -- changing ----------------------------------------------------------------------------------------

    @on(PickList.Highlighted)
    def _highlighted(self, message: PickList.Highlighted) -> None:
        if type(message) is PickList.Highlighted:  # a pick is one too
            self._refused, self._awaits_key = "", False
            self._say()

    @on(PickList.Pointed)
    def _pointed(self, message: PickList.Pointed) -> None:
        """A click on a value changes it."""
        if isinstance(self._line, Option) and message.column >= len(" name          "):
            self.action_turn(1)

    @on(PickList.Picked)
    def _picked(self) -> None:
        if isinstance(self._line, Key):
            self._awaits_key, self._refused = True, ""
            self._say()
        else:
            self.action_turn(1)

    def on_key(self, event: events.Key) -> None:
        """The key that another action is to have."""
        line = self._line
        if not self._awaits_key or not isinstance(line, Key):
            return
        event.stop()
        event.prevent_default()
        self._awaits_key = False
        if event.key == "escape":
            self._say()
        else:
            typed = (
                event.character if event.is_printable and event.character not in (None, " ") else event.key
            )
            self._set(self._name_of(line), typed)

    def action_turn(self, by: int) -> None:
        """The next value, or the one before."""
        line = self._line
        if isinstance(line, Option):
            now = as_text(self._config.values[line.name])
            self._set(line.name, cycled(_NEXT[line.name][0], now, by))

    def action_unset(self) -> None:
        """As without the file."""
        line = self._line
        if isinstance(line, Option | Key):
            self._set(line.name if isinstance(line, Option) else self._name_of(line), None)

    def _set(self, key: str, value: str | None) -> None:
        self._refused = ""
        try:
            self._file.set_config(key, value)
        except SlotdeckError as error:
            self._refused = str(error)
            self._say()
            return
        if key in OPTIONS and (origin := self._file.origin_of(key)) not in ("file", "default"):
            self._refused = f"{origin} says otherwise, and beats the file"
        refused = self._refused
        self._fill()
        self._refused = refused
        self._say()
