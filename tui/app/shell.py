"""What holds under every screen: the colours, the keys, the hints, the settings, and a word in the corner."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec.structs import replace
from textual.events import Event, Paste, Resize

from engine.errors import SlotdeckError
from engine.text import one_line
from engine.units import write_bytes
from tui.app.typed_ahead import TypedAhead
from tui.config_path import state_path
from tui.hints import Hints
from tui.keys import Place, rebind
from tui.keys.key import name_of
from tui.settings import Settings
from tui.terminal.driver import driver_class
from tui.terminal.painter import THIN_BYTES_PER_S, Painter
from tui.theme import themes

if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.dom import DOMNode

PASTED = 4096
"""Characters of a line that is pasted; no field wants more."""


@runtime_checkable
class Painting(Protocol):
    """A screen that can be painted anew."""

    def paint_all(self) -> None: ...


class Shell(TypedAhead):
    """The application without its screens."""

    TITLE = "slotdeck"
    CSS_PATH = "cockpit.tcss"
    ENABLE_COMMAND_PALETTE = True
    ALLOW_SELECT = False  # a drag pans; with shift a terminal selects, and does so on every row
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-middle"), (160, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-short"), (30, "-tall"), (44, "-high")]  # noqa: RUF012

    def __init__(self, settings: Settings) -> None:
        self.painter = Painter(THIN_BYTES_PER_S if settings.thin else None)
        super().__init__(driver_class=driver_class())
        if "TEXTUAL_ANIMATIONS" not in os.environ and (settings.thin or "SSH_CONNECTION" in os.environ):
            self.animation_level = "none"
        self._settings = settings
        for theme in themes(self.console.color_system):
            self.register_theme(theme)
        self.theme = f"slotdeck-{settings.theme}"
        self.set_keymap(rebind(settings.keys))
        self.hints = Hints(state_path(os.environ)) if settings.hints else None

    @property
    def line_is_slow(self) -> bool:
        """The terminal does not take what is drawn as fast as it comes."""
        return self.painter.slow

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """As ever; who uses a key need not be told of it again, and is told why it cannot do what it does."""
        if self.hints is not None and isinstance(action, str):
            self.hints.used(name_of(action))
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except SlotdeckError as error:
            self.notify(str(error), severity="error")
            return True

    def hint(self, place: Place) -> str:
        """What to say to a new user on this screen; mostly nothing."""
        return self.hints.row(place) if self.hints is not None else ""

    def on_ready(self) -> None:
        """What was loaded for the start stays: the collector need not look at it, if it was held off till now."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    async def on_event(self, event: Event) -> None:
        """As ever; what is pasted comes from anywhere, and is shown before a field can look at it."""
        if isinstance(event, Paste) and not event.is_forwarded:
            event.text = "\n".join(one_line(line, PASTED) for line in event.text.splitlines())
        await super().on_event(event)

    def on_resize(self, event: Resize) -> None:
        """Nothing that is on the terminal can be counted on."""
        self.painter.resize(event.size.width, event.size.height)

    def notify(self, message: str, **options: Any) -> None:
        """A word in the corner: any text, never markup, safe to draw."""
        options["markup"] = False
        super().notify(one_line(message, 1024), **options)

    def action_settings(self) -> None:
        """The user's settings as a form."""
        from tui.screens.dialogs.settings_form import SettingsScreen
        from tui.settings_file import SettingsFile

        if self.screen.is_modal:
            return
        try:
            file = SettingsFile(os.environ, self._use)
        except SlotdeckError as error:
            self.notify(str(error), severity="error")
        else:
            self.push_screen(SettingsScreen(file, getattr(self.screen, "place", None)))

    def _use(self, settings: Settings) -> None:
        """Settings that were changed meanwhile; the pace stays that of the start."""
        self._settings = replace(settings, thin=self._settings.thin, refresh_hz=self._settings.refresh_hz)
        self.theme = f"slotdeck-{settings.theme}"
        write_bytes(settings.units)
        self.set_keymap(rebind(settings.keys))
        self.hints = Hints(state_path(os.environ)) if settings.hints else None
        for screen in self.screen_stack:
            if isinstance(screen, Painting):
                screen.paint_all()

    def action_dark_light(self) -> None:
        """The other colours."""
        dark = "slotdeck-dark" if self._settings.light else f"slotdeck-{self._settings.theme}"
        self.theme = dark if self.theme == "slotdeck-light" else "slotdeck-light"

    def action_draw_again(self) -> None:
        """All of the screen, where another program wrote over it."""
        self.painter.draw_again()
        self.screen.refresh(layout=True)

    def action_command_palette(self) -> None:
        """Search everything; imported late, since most sessions start without it."""
        from textual.command import CommandPalette

        from tui.palette import Palette
        from tui.screens.dialogs.search import SearchScreen

        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(SearchScreen(providers=[Palette], placeholder="what to do, or a name"))
