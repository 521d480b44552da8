"""Keys, the mouse and a terminal's answers, as bytes turned into messages; whatever bytes they are.

The driver reads with it, in a thread of its own. A terminal that is set to another character set, or a paste cut in
the middle of a character, sends bytes that are no UTF-8; one that does not know its size in pixels says zero.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator

from textual._xterm_parser import XTermParser
from textual.message import Message

WAIT_S = 0.1
"""After it an escape that nothing followed is the key; and how soon the end is noticed."""


class Keyboard(XTermParser):
    """What is read of one terminal."""

    def __init__(self, fileno: int) -> None:
        super().__init__()
        self._fileno = fileno
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def messages(self, ended: Callable[[], bool]) -> Iterator[Message]:
        """As they come, until `ended` or until the terminal has gone."""
        terminal = select.poll()
        terminal.register(self._fileno, select.POLLIN)
        while not ended():
            if terminal.poll(WAIT_S * 1000):
                try:
                    data = os.read(self._fileno, 4096)
                except OSError:
                    return
                if not data:
                    return
                if text := self._decode(data):  # nothing yet of a character that is cut in two
                    yield from self.feed(text)
            yield from self.tick()

    def parse_mouse_code(self, code: str) -> Message | None:
        """As ever; in cells when the terminal does not know its pixels."""
        sizes = [*(self.terminal_size or (0,)), *(self.terminal_pixel_size or (0,))]
        self.mouse_pixels = self.mouse_pixels and all(sizes)
        return super().parse_mouse_code(code)
