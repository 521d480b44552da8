"""The keys of the screen below, from the key table: in as many columns as there is room for, narrowed by typing."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key as KeyPress
from textual.widgets import Static

from tui.keys import TITLES, Place, groups, keys_for
from tui.screens.dialogs.dialog import Dialog
from tui.screens.parts.whole import is_whole

MARKS = (
    ("○ requested", "sent, not answered yet"),
    ("◐ accepted", "in the log, waits for the next step boundary"),
    ("▷ 0:42", "a child works on it beside the training; what it found stands below"),
    ("✓ applied", "in effect; the step and what changed stand beside it"),
    ("✗ refused", "nothing changed; the reason and what to do stand beside it"),
)
KEY_WIDTH = 13
COLUMN = 50
"""Cells that a column has at least."""
MOST_COLUMNS = 3
GAP = 3

Row = tuple[str, str, str]
"""Keys, what they do, and other words for it."""


class HelpScreen(Dialog[None]):
    """Closes with its own key and with escape; what one types is looked for."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("escape", "back", show=False), Binding("enter", "dismiss", show=False)]  # type: ignore[assignment]  # fmt: skip
    DEFAULT_CSS = """
    HelpScreen > #help-box { width: 76; }
    HelpScreen #help-rows { height: auto; }
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place: Place = place
        self._typed = ""
        self._own = {name for key in keys_for(place) if key.name == "help" for name in key.key.split(",")}

    def compose(self) -> ComposeResult:
        """One box, which scrolls."""
        with VerticalScroll(id="help-box", classes="box") as box:
            box.border_title = f"keys: {TITLES[self._place].lower()}"
            yield Static(id="help-rows")

    def on_mount(self) -> None:
        """All of them."""
        self.query_one("#help-box").focus()
        self._fill()

    def on_resize(self) -> None:
        """As many columns as fit now."""
        self._fill()

    @property
    def told(self) -> str:
        """What stands there."""
        return str(self.query_one("#help-rows", Static).content)

    def on_key(self, event: KeyPress) -> None:
        """Letters narrow the list."""
        if event.key in self._own:
            self.dismiss()
        elif event.key == "backspace":
            self._typed = self._typed[:-1]
            self._fill()
        elif event.character is not None and event.is_printable:
            self._typed += event.character
            self._fill()
        else:
            return
        event.stop()

    def action_back(self) -> None:
        """Everything again; then back to where one was."""
        if not self._typed:
            self.dismiss()
        self._typed = ""
        self._fill()

    def _fill(self) -> None:
        if not is_whole(self):
            return
        box = self.query_one("#help-box")
        room = int(self.app.size.width * 0.96) - 8  # border, padding, scroll bar
        groups = self._groups()
        columns = max(1, min(room // (COLUMN + GAP), MOST_COLUMNS, len(groups)))
        width = min(room // columns - GAP, 70) if columns > 1 else min(room, 68)
        box.styles.width = columns * (width + GAP) - GAP + 7
        every = _beside([_block(title, rows, width) for title, rows in groups], columns, width)
        found = [
            _block(title, wanted, width)
            for title, rows in groups
            if (wanted := [row for row in rows if self._wanted(row)])
        ]
        none = [Content.assemble((f"No key for {self._typed!r}; backspace, or esc.", "$quiet")), Content("")]
        box.styles.min_height = len(every.split("\n", allow_blank=True)) + box.gutter.height  # and stays so
        beside = max(1, min(columns, len(found)))
        self.query_one("#help-rows", Static).update(_beside(found or [none], beside, width))
        box.border_subtitle = Content(
            f"{self._typed}▏ esc shows all" if self._typed else "type to find · esc closes"
        )

    def _groups(self) -> list[tuple[str, list[Row]]]:
        table = [
            (title, [(key.shown.replace(" or ", " "), key.help, key.also) for key in keys])
            for title, keys in groups(self._place).items()
        ]
        return (
            [*table, ("A command's life", [(*row, "") for row in MARKS])] if self._place == "live" else table
        )

    def _wanted(self, row: Row) -> bool:
        """A key as printed, or every word somewhere in what it does."""
        said = f"{row[1]} {row[2]}".lower()
        return self._typed in row[0] or all(word in said for word in self._typed.lower().split())


def _block(title: str, rows: list[Row], width: int) -> list[Content]:
    out = [Content.assemble((title, "bold"))]
    for left, right, _ in rows:
        first, *more = Content(right).wrap(max(8, width - KEY_WIDTH))
        out.append(Content.assemble((f"{left:<{KEY_WIDTH - 1}} ", "$accent"), first))
        out += [Content(" " * KEY_WIDTH) + line for line in more]
    return [*out, Content("")]


def _beside(blocks: list[list[Content]], columns: int, width: int) -> Content:
    """The blocks in order, in columns of about the same height."""
    cuts = min(
        combinations(range(1, len(blocks)), columns - 1),
        key=lambda cuts: max(sum(map(len, part)) for part in _parts(blocks, cuts)),
    )
    stacks = [[row for block in part for row in block] for part in _parts(blocks, cuts)]
    lines = []
    for n in range(max(map(len, stacks)) - 1):  # the last row is the gap below a block
        cells = [stack[n] if n < len(stack) else Content("") for stack in stacks]
        padded = [cell + " " * (width + GAP - cell.cell_length) for cell in cells[:-1]]
        lines.append(Content("").join([*padded, cells[-1]]))
    return Content("\n").join(lines)


def _parts(blocks: list[list[Content]], cuts: tuple[int, ...]) -> list[list[list[Content]]]:
    ends = [0, *cuts, len(blocks)]
    return [blocks[a:b] for a, b in pairwise(ends)]
