"""One profile file as it stands: its table of values, and the line a key is on.

Called by the loader for the profile itself and for each of its bases. It knows TOML, not the schema.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import SlotdeckError
from engine.text import one_line

MAX_BYTES = 1 << 20
"""A profile is a page of settings; anything larger is some other file."""


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed profile file."""

    path: Path
    text: str
    table: dict[str, Any]

    def place(self, key: str) -> str:
        """`runs.toml, line 7` for a dotted key; without the line when it cannot be told for sure."""
        line = self.line_of(key)
        return one_line(f"{self.path}, line {line}" if line else str(self.path))

    def line_of(self, key: str) -> int | None:
        """The line that sets a dotted key or opens its table; None when it cannot be found."""
        *tables, name = key.split(".")
        here: list[str] = []
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[([^\[\]]+)\]\s*(#.*)?$", line):
                here = _words(header[1])
                if here == key.split("."):
                    return number
            elif (left := re.match(r"\s*([^=#]+?)\s*=", line)) and [*here, *_words(left[1])] == [
                *tables,
                name,
            ]:
                return number
        return None


def read_source(path: Path) -> Source:
    """The file's table.

    Raises:
        SlotdeckError: it cannot be read, is not UTF-8, is not TOML, or nests deeper or counts higher than any
            profile can.
    """
    shown = one_line(str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SlotdeckError(
            f"{shown}: {error.strerror or error}", "give a profile that can be read"
        ) from None
    if len(raw) > MAX_BYTES:
        raise SlotdeckError(f"{shown}: larger than any profile", "give a TOML file of settings")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SlotdeckError(
            f"{shown}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8"
        ) from None
    try:
        return Source(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SlotdeckError(f"{shown}: not TOML: {one_line(str(error))}", "mend that line") from None
    except RecursionError:
        raise SlotdeckError(f"{shown}: nested too deeply", "a profile has tables one level deep") from None
    except ValueError as error:  # Python refuses to read integers of more than 4,300 digits
        raise SlotdeckError(f"{shown}: {one_line(str(error))}", "write a number that fits 64 bits") from None


def _words(dotted: str) -> list[str]:
    return [word.strip().strip("\"'") for word in dotted.split(".")]
