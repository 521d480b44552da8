"""The cells that a stream of drawing asks for: text, cursor moves and looks as Textual writes them, taken apart.

The painter keeps one of what is wanted. Sequences that draw nothing (modes, titles, the clipboard) are handed back to
be sent as they are, except stray control characters; text outside the terminal's size is dropped.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size

from tui.terminal.looks import PLAIN, Look, after

_TOKENS = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]+)"  # text
    r"|\x1b\[([0-9;]*)m"  # a look
    r"|\x1b\[([0-9]*)(?:;([0-9]*))?H"  # a place
    r"|(\n|\r)"
    r"|(\x1b\]8;[^\x07\x1b]*(?:\x07|\x1b\\))"  # a link around text: not kept
    r"|(\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|\a)"
    r"|[\x00-\x1f\x7f-\x9f]"  # would move the cursor or begin a sequence: never drawn
)
_ERASES = re.compile(r"\x1b\[[0-9;?]*[@A-GI-Pb-f`S-Xrsu]$|\x1b\[\?(?:1049|47|1047)[hl]|\x1bc")
"""Whatever else moves the cursor or changes cells: after it nothing is known of the terminal."""

JOINER = "\u200d"
"""Makes one character of the two beside it."""
UNKNOWN = "\x00"
"""In a cell: nobody wrote here, or nobody knows what the terminal shows."""


class Row:
    """The cells of one row: a character, and how it looks. A wide character is followed by empty ones."""

    __slots__ = ("chars", "looks")

    def __init__(self, width: int) -> None:
        self.chars: list[str] = [UNKNOWN] * width
        self.looks: list[Look] = [PLAIN] * width

    def forget(self) -> None:
        """Nothing is known of it any more."""
        self.chars = [UNKNOWN] * len(self.chars)

    def write(self, x: int, cells: list[str], look: Look) -> None:
        """Put characters from column `x` on; what does not fit is cut."""
        end = min(x + len(cells), len(self.chars))
        if x >= end:
            return
        if end - x < len(cells) and cells[end - x] == "":  # half of a wide character
            cells = [*cells[: end - x]]
            while cells and cells[-1] == "":
                cells[-1:] = []
            cells[-1:] = " " * (end - x - len(cells) + 1)
        for edge in (x, end):
            self._break_apart(edge)
        self.chars[x:end] = cells[: end - x]
        self.looks[x:end] = [look] * (end - x)

    def _break_apart(self, edge: int) -> None:
        """A wide character across this edge is gone as a whole, as terminals have it."""
        if edge >= len(self.chars) or self.chars[edge] != "":
            return
        begin = edge
        while begin and self.chars[begin] == "":
            begin -= 1
        end = edge
        while end < len(self.chars) and self.chars[end] == "":
            end += 1
        self.chars[begin:end] = " " * (end - begin)


class Canvas:
    """Rows of cells, a cursor and a look."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows = [Row(width) for _ in range(height)]
        self.touched: set[int] = set()
        """Rows written to since somebody emptied this."""
        self.lost = False
        """Something came whose effect on the terminal is not known here."""
        self.x = self.y = 0
        self._look = PLAIN

    def take(self, data: str) -> str:
        """Draw; what draws nothing is given back."""
        rest = ""
        for token in _TOKENS.finditer(data):
            kind = token.lastindex
            if kind == 1:
                self._text(token[1])
            elif kind == 2:
                self._look = after(self._look, token[2])
            elif token[0].endswith("H") and kind in (3, 4):
                self.y = max(int(token[3] or 1), 1) - 1
                self.x = max(int(token[4] or 1), 1) - 1
            elif kind == 5:
                self.x, self.y = 0, self.y + (token[5] == "\n")
            elif kind == 7:
                rest += token[7]
                if _ERASES.match(token[7]):
                    self.lost = True
                    for row in self.rows:
                        row.forget()
        return rest

    def _text(self, text: str) -> None:
        cells = cells_of(text)
        if self.y < self.height:
            self.rows[self.y].write(self.x, cells, self._look)
            self.touched.add(self.y)
        self.x += len(cells)


@lru_cache(maxsize=1024)
def cells_of(text: str) -> list[str]:
    """A text by cells: a character each, with what combines with it; wide ones are followed by empty cells.

    What combines with the character before the text is left out: nobody knows that one here.
    """
    if text.isascii() or all(get_character_cell_size(char) == 1 for char in text):
        return list(text)
    clusters: list[str] = []
    for char in text:
        if clusters and (get_character_cell_size(char) == 0 or clusters[-1][-1] == JOINER):
            clusters[-1] += char
        elif get_character_cell_size(char):
            clusters.append(char)
    cells: list[str] = []
    for cluster in clusters:
        cells += [cluster, *[""] * (max(cell_len(cluster), 1) - 1)]
    width = cell_len(text)
    return cells if len(cells) == width else [text, *[""] * (width - 1)]
