"""A row of words that do something when they are clicked: the key bar, filters, hints."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from textual.content import Content
from textual.events import Click, Leave, MouseMove
from textual.widget import Widget


class Link(Struct, frozen=True):
    """A few words; with an action, one can click on them."""

    parts: tuple[tuple[str, str], ...]
    """Text and style."""
    action: str = ""
    """Of the screen; `app.` before it makes it one of the app."""

    @property
    def width(self) -> int:
        """Cells."""
        return Content("".join(text for text, _ in self.parts)).cell_length


class LinkRow(Widget):
    """Links from left to right, as many as fit; the one under the mouse is underlined."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._links: Sequence[Link] = ()
        self._under: int | None = None
        """Which link the mouse is on."""

    @property
    def text(self) -> str:
        """What stands there, without colours."""
        return "".join(text for link in self._links for text, _ in link.parts)

    def show(self, links: Sequence[Link]) -> None:
        """Draw these, when they are others."""
        if list(links) != list(self._links):
            self._links, self._under = links, None
            self.refresh()

    def render(self) -> Content:
        """One row."""
        out = []
        for number, link in enumerate(self._links):
            under = " underline" if number == self._under and link.action else ""
            for text, style in link.parts:
                bare = text.strip()
                if not under or not bare:
                    out.append(Content.assemble((text, style)))
                    continue
                before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
                out.append(Content.assemble(before, (bare, style + under), after))
        return Content("").join(out).truncate(self.content_size.width, ellipsis=True)

    async def on_click(self, event: Click) -> None:
        """Do what the words say."""
        number = self._link_at(event)
        if number is not None and self._links[number].action and self.screen.is_active:
            event.stop()
            await self.screen.run_action(self._links[number].action)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Show that it can be clicked."""
        number = self._link_at(event)
        if number != self._under:
            self._under = number
            self.refresh()

    def on_leave(self, event: Leave) -> None:  # noqa: ARG002
        """No longer."""
        if self._under is not None:
            self._under = None
            self.refresh()

    def _link_at(self, event: Click | MouseMove) -> int | None:
        offset = event.get_content_offset(self)
        if offset is None:
            return None
        right = 0
        for number, link in enumerate(self._links):
            right += link.width
            if offset.x < right:
                return number
        return None
