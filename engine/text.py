"""The one sanitiser: every foreign string passes here before it reaches a terminal.

Names, log lines, exceptions and samples can carry escape sequences that write the clipboard, clear
the screen or reverse the text. Both sides call this: the engine before it logs, the cockpit before it draws.
"""

from __future__ import annotations

import unicodedata

_KEPT = {"\n", "\t"}
_SEPARATORS = {"\u2028", "\u2029"}


def sanitise(text: str | bytes, limit: int = 4096) -> str:
    """Text that is safe to draw: control and format characters become visible escapes.

    Bytes are decoded as UTF-8, undecodable ones as `\\xNN`. C0 except newline and tab, DEL, C1, bidi and
    other format characters (category Cf), surrogates and line separators become `\\xNN` or `\\uNNNN`.
    The result is NFC and at most `limit` characters, an ellipsis included.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text if len(text) <= limit else text[: limit - 1] + "…"
    clean = "".join(_visible(c) for c in unicodedata.normalize("NFC", text[: limit + 1]))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def one_line(text: str | bytes, limit: int = 256) -> str:
    """`sanitise`, with newlines and tabs as spaces: for names, titles and single rows."""
    return sanitise(text, limit).replace("\n", " ").replace("\t", " ")


def _visible(char: str) -> str:
    if char in _KEPT or (char.isprintable() and char not in _SEPARATORS):
        return char
    if unicodedata.category(char) == "Zs":
        return " "
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
