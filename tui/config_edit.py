"""Sets one line of the user's settings file and leaves the rest of it, comments too, as it is.

`slotdeck config KEY VALUE` calls it. What it wrote is read again before the file is replaced.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from engine.errors import SlotdeckError, nearest
from engine.small_file import write_whole
from tui.config import parse
from tui.settings import OPTIONS


def set_value(path: Path, key: str, value: str | None) -> None:
    """Set `theme`, or `keys.live.pin`; `None` takes the line out.

    Raises:
        SlotdeckError: no such setting, a value it cannot have, or a file that cannot be written or has a mistake.
    """
    table, name = _place_of(key)
    try:
        before = path.read_text("utf-8")
    except FileNotFoundError:
        before = ""
    except (OSError, UnicodeDecodeError) as error:
        raise SlotdeckError(f"{path} cannot be read: {error}", "mend it, or move it away") from None
    parse(before.encode(), path)
    after = edited(before, table, name, None if value is None else _written(key, value))
    parse(after.encode(), path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, after.encode())
    except OSError as error:
        raise SlotdeckError(f"{path} cannot be written: {error.strerror}", "set it by hand") from None


def edited(text: str, table: str, name: str, value: str | None) -> str:
    """The file with this line of this table set, added or left out."""
    lines = text.splitlines()
    begin, end = _section(lines, table)
    if begin is None:
        if value is None:
            return text
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{table}]", f"{name} = {value}"]) + "\n"
    line_of = re.compile(rf"\s*(?:{re.escape(name)}|{re.escape(json.dumps(name))})\s*=")
    at = next((n for n in range(begin, end) if line_of.match(lines[n])), None)
    if at is not None:
        comment = re.search(r"\s+#[^\"'\]]*$", lines[at])
        lines[at : at + 1] = [] if value is None else [f"{name} = {value}{comment[0] if comment else ''}"]
    elif value is not None:
        while end > begin and not lines[end - 1].strip():
            end -= 1
        lines.insert(end, f"{name} = {value}")
    return "\n".join(lines) + "\n" if lines else ""


def _section(lines: list[str], table: str) -> tuple[int | None, int]:
    """First line of a table's content and one past its last."""
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    if not table:
        return 0, heads[0] if heads else len(lines)
    for n in heads:
        if re.match(rf"\s*\[\s*{re.escape(table)}\s*\]", lines[n]):
            return n + 1, next((later for later in heads if later > n), len(lines))
    return None, 0


def _place_of(key: str) -> tuple[str, str]:
    parts = key.split(".")
    if parts[0] == "keys" and len(parts) in (2, 3):
        return ".".join(parts[:-1]), parts[-1]
    if key not in OPTIONS:
        raise SlotdeckError(f"no setting {key!r}{nearest(key, list(OPTIONS))}", "see: slotdeck config")
    return "", key


def _written(key: str, value: str) -> str:
    """As TOML."""
    if key.startswith("keys."):
        keys = value.split(",") if value != "," else [value]
        return json.dumps(keys[0]) if len(keys) == 1 else json.dumps(keys)
    try:
        read = OPTIONS[key].read(value)
    except ValueError as error:
        raise SlotdeckError(f"{key} = {value!r} {error}", "see: slotdeck config") from None
    return json.dumps(read, ensure_ascii=False)
