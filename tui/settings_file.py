"""The user's settings file while the cockpit runs: what the form on `,` reads, writes and puts into effect at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tui.config import Config, load
from tui.config_edit import set_value
from tui.config_path import config_path
from tui.settings import Settings


class SettingsFile:
    """Made by the app."""

    def __init__(self, environ: Mapping[str, str], use: Callable[[Settings], None]) -> None:
        """`use`: is called with the settings after each change."""
        self._environ, self._use = environ, use
        self._config = load(environ)

    @property
    def config_file(self) -> str:
        """Where it lies."""
        return str(config_path(self._environ))

    def config_now(self) -> Config:
        """As it was read last."""
        return self._config

    def origin_of(self, name: str) -> str:
        """Where a setting comes from."""
        return self._config.origin(name, self._environ)

    def set_config(self, key: str, value: str | None) -> None:
        """Write one line of the file and use it.

        Raises:
            SlotdeckError: the value cannot be, or the file cannot be read or written.
        """
        set_value(config_path(self._environ), key, value)
        self._config = load(self._environ)
        self._use(self._config.settings(self._environ))
