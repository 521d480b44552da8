"""The painter and a terminal that takes its time: the newest picture arrives, and drawing never waits."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest

from tui.terminal import painter as painter_module
from tui.terminal.painter import BURST_BYTES, Painter

PATIENCE_S = 60.0


class Line(io.StringIO):
    """A line to a terminal. While it is held, one write hangs on it, as on a terminal that reads no more."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()
        self.waiting = threading.Event()

    def write(self, text: str) -> int:
        self.waiting.set()
        assert self.free.wait(PATIENCE_S)
        return super().write(text)


def row(y: int, text: str) -> str:
    return f"\x1b[{y + 1};1H{text}"


def screen_of(character: str) -> str:
    """All 100 rows of 200 columns, to be drawn at once: what comes in parts may be sent in parts."""
    return "".join(row(y, character * 200) for y in range(100))


def until(line: Line, text: str) -> None:
    last_s = time.monotonic() + PATIENCE_S
    while text not in line.getvalue():
        assert time.monotonic() < last_s, line.getvalue()
        time.sleep(0.002)


def test_a_terminal_that_hangs_gets_the_newest_picture_and_holds_nobody_up() -> None:
    line, painter = Line(), Painter()
    painter.start(line, 40, 4)
    line.free.clear()
    painter.draw(row(0, "first"))
    assert line.waiting.wait(PATIENCE_S)
    for number in range(1000):
        painter.draw(row(1, f"step {number:04}"))
    line.free.set()
    painter.close()
    assert "step" in line.getvalue()
    assert "0999" in line.getvalue()
    assert len(line.getvalue()) < 200, "what lay in between was never sent"


def test_half_a_frame_is_not_shown() -> None:
    line, painter = Line(), Painter()
    painter.start(line, 40, 4)
    painter.draw("\x1b[?2026h")
    painter.draw(row(0, "one half"))
    painter.draw("\x1b]0;a title\x07")
    time.sleep(0.02)
    assert line.getvalue() == ""
    painter.draw(row(1, "the other"))
    painter.draw("\x1b[?2026l")
    until(line, "the other")
    assert "one half" in line.getvalue()
    painter.close()


def test_a_thin_line_gets_no_more_than_its_share_but_keys_are_answered() -> None:
    line, painter = Line(), Painter(bytes_per_s=10)
    painter.start(line, 200, 100)
    painter.draw(screen_of("x"))
    until(line, "x" * 200)
    before = len(line.getvalue())
    assert before > BURST_BYTES, "a whole screen goes out at once"
    painter.draw(row(50, "changed"))
    time.sleep(0.05)
    assert "changed" not in line.getvalue()
    painter.hurry()
    until(line, "changed")
    painter.close()


def test_a_terminal_that_did_not_keep_up_is_drawn_to_as_over_a_thin_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(painter_module, "SLOW_S", 0.05)
    monkeypatch.setattr(painter_module, "THIN_BYTES_PER_S", 1)
    line, painter = Line(), Painter()
    painter.start(line, 200, 100)
    assert not painter.slow
    line.free.clear()
    painter.draw(row(0, "first"))
    assert line.waiting.wait(PATIENCE_S)
    time.sleep(0.1)
    assert painter.slow, "a piece is on its way for longer than it should"
    line.free.set()
    painter.draw(screen_of("x"))
    until(line, "x" * 200)
    painter.draw(row(50, "changed"))
    time.sleep(0.05)
    assert painter.slow
    assert "changed" not in line.getvalue()
    painter.hurry()
    until(line, "changed")
    painter.close()


def test_a_terminal_that_is_gone_ends_the_thread_quietly() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "gone")

    painter = Painter()
    painter.start(Gone(), 40, 4)
    painter.draw(row(0, "hello"))
    painter.close()


def test_a_terminal_left_non_blocking_by_another_program_still_gets_everything() -> None:
    master, slave = os.openpty()
    os.set_blocking(slave, False)
    with open(slave, "w", encoding="utf-8") as out:
        painter, taken = Painter(), bytearray()
        painter.start(out, 200, 100)
        for y in range(100):
            painter.draw(row(y, chr(ord("a") + y % 26) * 200))
        painter.draw(row(99, "the end"))
        while b"the end" not in taken:
            taken += os.read(master, 1 << 16)
        painter.close()
    os.close(master)
    assert taken.count(b"a" * 200) == 4


def test_it_can_be_asked_to_draw_everything_again() -> None:
    line, painter = Line(), Painter()
    painter.start(line, 40, 4)
    painter.draw(row(0, "hello"))
    until(line, "hello")
    painter.draw_again()
    painter.close()
    assert line.getvalue().count("hello") == 2


@pytest.mark.parametrize("times", [1, 2])
def test_it_can_be_left_and_taken_over_again(times: int) -> None:
    line, painter = Line(), Painter()
    for _ in range(times):
        painter.start(line, 40, 4)
        painter.draw(row(0, "hello"))
        painter.close()
    assert line.getvalue().count("hello") == times, "nothing is known of a terminal that was left"
