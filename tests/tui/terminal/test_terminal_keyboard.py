"""What a terminal sends, whatever it is, becomes keys and clicks, and never an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from textual.events import Key, MouseDown, Paste, Resize
from textual.message import Message

from tui.terminal.keyboard import Keyboard


@contextmanager
def terminal() -> Iterator[tuple[int, Keyboard]]:
    """Where to write as a terminal, and what reads there."""
    reads, writes = os.pipe()
    try:
        yield writes, Keyboard(reads)
    finally:
        os.close(reads)


def sent(data: bytes) -> list[Message]:
    """All that comes of it, up to the end of the terminal."""
    with terminal() as (writes, keyboard):
        os.write(writes, data)
        os.close(writes)
        return list(keyboard.messages(lambda: False))


def keys(messages: list[Message]) -> str:
    return "".join(one.character or "" for one in messages if isinstance(one, Key))


def test_a_byte_of_another_character_set_is_a_key_that_does_nothing() -> None:
    assert keys(sent(b"a\xe9b")) == "a\ufffdb"
    (pasted,) = [one for one in sent(b"\x1b[200~caf\xe9\x1b[201~") if isinstance(one, Paste)]
    assert pasted.text == "caf\ufffd"


def test_a_character_that_comes_in_two_pieces_is_one_key() -> None:
    with terminal() as (writes, keyboard):
        pieces = iter([b"\xe2\x82", b"\xac"])

        def ended() -> bool:
            if (piece := next(pieces, b"")) != b"":
                os.write(writes, piece)
                return False
            return True

        assert keys(list(keyboard.messages(ended))) == "€"
        os.close(writes)


def test_a_click_in_a_terminal_that_does_not_know_its_pixels_is_counted_in_cells() -> None:
    for size in (b"\x1b[48;30;100;0;0t", b"\x1b[48;0;0;0;0t"):
        resize, click = (one for one in sent(size + b"\x1b[<0;8;5M") if isinstance(one, Resize | MouseDown))
        assert isinstance(click, MouseDown), resize
        assert (click.x, click.y) == (7, 4)
    (_, click) = (
        one for one in sent(b"\x1b[48;30;100;600;1000t\x1b[<0;81;81M") if isinstance(one, Resize | MouseDown)
    )
    assert isinstance(click, MouseDown)
    assert (click.x, click.y) == (8, 4)
