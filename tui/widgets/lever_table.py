"""The levers on memory: what each saves, how that is known, and how it is pulled; the selected one in full below.

A click selects (`LeverPicked`), a second one on the same row pulls (`LeverPulled`).
"""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from msgspec import Struct
from rich.style import Style
from textual.events import Click, MouseScrollDown, MouseScrollUp

from engine.profile.levers import Lever
from tui.messages import LeverPicked, LeverPulled
from tui.state.formatting import fit, padded, size
from tui.widgets.gauge import meter
from tui.widgets.lines import Lines, Pieces, length

NAME, SAVES, SHARE, KNOWN, HOW = 20, 9, 5, 8, 32
METER, METER_FROM = 16, 104
"""Columns of a meter of the share, and those of a table that has room for it."""
COST_FROM = 150
"""Columns from which what each costs stands in its row."""
WHY_FROM = 16
"""Rows from which the selected lever's formula is told too, and a blank row stands above."""
WRAPPED_BELOW = 116
"""Columns below which what it costs takes two rows."""


class LeverTableView(Struct, frozen=True):
    """What is drawn."""

    levers: tuple[Lever, ...]
    selected: int = 0
    held_bytes: int = 0
    """What the run holds, which shares are of."""
    how: str = ""
    """What enter does to the selected one."""
    empty: str = ""


class LeverTable(Lines[LeverTableView]):
    """Draws a `LeverTableView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "$quiet", "plain": "$foreground", "quiet": "$quiet", "selected": "bold $foreground on $panel",
        "saves": "$accent", "track": "$foreground 20%",
    }  # fmt: skip

    first = 0

    def draw(self, view: LeverTableView, width: int, height: int) -> list[Pieces]:
        quiet = self.look("quiet")
        if not view.levers:
            return [[(fit(view.empty, width), quiet)]]
        explained = self._explained(view, width, height)
        rows = max(1, height - 1 - len(explained))
        self.first = min(max(self.first, view.selected - rows + 1), view.selected)
        shown = view.levers[self.first : self.first + rows]
        gap = " " * ((METER + 2) * (width >= METER_FROM))
        how = padded("how", HOW) + "cost" if width >= COST_FROM else "how"
        titles = f"  {'lever':<{NAME}} {'saves':>{SAVES}} {'share':>{SHARE}}  {gap}{'known':<{KNOWN}}{how}"
        last = self.first + len(shown)
        place = f"{self.first + 1}-{last} of {len(view.levers)}" if len(shown) < len(view.levers) else ""
        out: list[Pieces] = [[(titles[: width - 12].ljust(width - 12) + f"{place:>12}", self.look("title"))]]
        for at, lever in enumerate(shown, self.first):
            out.append(self._row(view, lever, at == view.selected, width))
        return [*out, *[[]] * (rows + 1 - len(out) if height < WHY_FROM else 0), *explained]

    def on_click(self, event: Click) -> None:
        """Select, or pull what is selected."""
        where = event.get_content_offset(self)
        if self.view is None or where is None:
            return
        at = self.first + where.y - 1
        explained = len(self._explained(self.view, self.size.width, self.size.height))
        if 1 <= where.y < self.size.height - explained and at < len(self.view.levers):
            self.post_message(LeverPulled() if at == self.view.selected else LeverPicked(at))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The next one."""
        self._turn(event, 1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The one before."""
        self._turn(event, -1)

    def _turn(self, event: MouseScrollDown | MouseScrollUp, by: int) -> None:
        event.stop()
        if self.view is not None and self.view.levers:
            self.post_message(LeverPicked(min(max(self.view.selected + by, 0), len(self.view.levers) - 1)))

    def _row(self, view: LeverTableView, lever: Lever, chosen: bool, width: int) -> Pieces:
        plain = self.look("selected" if chosen else "quiet" if lever.blocked else "plain")
        saves, share, known, how = "–", "", "", lever.blocked
        row: Pieces = [(("▸ " if chosen else "  ") + f"{padded(lever.name, NAME)} ", plain)]
        if not lever.blocked:
            saves, known = size(lever.saves_bytes).strip(), "counted" if lever.counted else "about"
            share = f"{lever.saves_bytes / view.held_bytes:.0%}" if view.held_bytes else ""
            how = lever.verb or f"--set {lever.setting}"
        row.append((f"{saves:>{SAVES}}", plain if chosen or lever.blocked else self.look("saves")))
        row.append((f" {share:>{SHARE}}  ", plain))
        if width >= METER_FROM:
            row += [*self._meter(view, lever, plain), ("  ", plain)]
        if width >= COST_FROM and not lever.blocked:
            how = padded(how, HOW) + lever.cost
        rest, room = f"{known:<{KNOWN}}{how}", width - length(row)
        return [*row, (padded(rest, room) if chosen else fit(rest, room), plain)]

    def _meter(self, view: LeverTableView, lever: Lever, plain: Style) -> Pieces:
        """The share as a bar, on the ground of its row."""
        if lever.blocked or not view.held_bytes:
            return [(" " * METER, plain)]
        ink, track = (plain + Style(color=self.look(name).color) for name in ("saves", "track"))
        return meter(lever.saves_bytes / view.held_bytes, METER, ink, track)

    def _explained(self, view: LeverTableView, width: int, height: int) -> list[Pieces]:
        """Why it saves, what it costs where its row does not say, and what enter does; as many rows for each lever."""
        if not view.levers:
            return []
        lever, plain, quiet = view.levers[view.selected], self.look("plain"), self.look("quiet")
        tall, lines = height >= WHY_FROM, 2 if width < WRAPPED_BELOW else 1
        why = _wrapped(f"why: {lever.how_known}", width, lines) if tall else []
        costs = _wrapped(f"cost: {lever.cost}", width, lines) if width < COST_FROM else []
        enter = (fit(f"enter {view.how}", width), plain)
        return [*[[]] * tall, *([(row, quiet)] for row in why), *([(row, plain)] for row in costs), [enter]]


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    """Exactly so many rows."""
    rows = wrap(text, max(12, width), subsequent_indent="      ")
    if len(rows) > lines:
        rows = [*rows[: lines - 1], fit(" ".join([rows[lines - 1], *map(str.strip, rows[lines:])]), width)]
    return rows + [""] * (lines - len(rows))
