"""Drawing by cells: whatever Textual writes, the terminal shows the same."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from tui.terminal.picture import Picture

COLUMNS, ROWS = 30, 6
STYLES = (
    "",
    "#5f87af",
    "bold #5f87af",
    "#ffffff on #101418",
    "dim italic red on blue",
    "reverse",
    "underline green",
)

PIECES = st.tuples(
    st.integers(0, COLUMNS - 1),
    st.integers(0, ROWS - 1),
    st.text("abc 0123⣿━●▲", min_size=1, max_size=12),
    st.sampled_from(STYLES),
)
FRAMES = st.lists(st.lists(PIECES, max_size=6), min_size=1, max_size=8)


def piece(x: int, y: int, text: str, style: str = "") -> str:
    """As Textual writes a piece of a row, its end cut at the right edge."""
    return f"\x1b[{y + 1};{x + 1}H{Style.parse(style).render(text[: COLUMNS - x])}"


def screen_of(text: str) -> list[list[pyte.screens.Char]]:
    """What a terminal shows after it, an untouched cell being a space."""
    screen = pyte.Screen(COLUMNS, ROWS)
    screen.reset_mode(7 << 5 | pyte.modes.DECAWM)
    pyte.Stream(screen).feed(text)
    rows = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
    return [
        [c._replace(fg="default", bold=False, italics=False) if c.data == " " else c for c in row]
        for row in rows
    ]


@given(FRAMES, st.integers(0, 20))
def test_the_terminal_shows_what_was_drawn(frames: list[list[tuple[int, int, str, str]]], heals: int) -> None:
    picture, whole, sent = Picture(COLUMNS, ROWS), "", ""
    for number, frame in enumerate(frames):
        drawn = "".join(piece(*one) for one in frame)
        whole += drawn
        picture.draw(drawn)
        sent += picture.changes(number if number < heals else None)[1]
    assert screen_of(sent) == screen_of(whole)


def test_what_stays_as_it_is_is_not_sent_again() -> None:
    picture = Picture(COLUMNS, ROWS)
    picture.draw(piece(0, 0, "loss 3.141", "#5f87af on #101418"))
    picture.changes()
    picture.draw(piece(0, 0, "loss 3.142", "#5f87af on #101418"))
    assert picture.changes()[1] == "\x1b[1;10H2"
    picture.draw(piece(0, 0, "loss 3.142", "#5f87af on #101418"))
    assert picture.changes()[1] == ""


def test_a_row_with_wide_characters_keeps_its_places() -> None:
    picture, sent = Picture(COLUMNS, ROWS), ""
    for text in ("日本 3.14 x", "日本 3.15 x", "e\u0301 日 3.15 y", "plain again"):
        picture.draw(piece(2, 1, text.ljust(16), "bold green"))
        sent += picture.changes()[1]
    assert "plain again" in "".join(c.data for c in screen_of(sent)[1])
    last = piece(2, 1, "日本 3.15 x", "green")
    picture.draw(last)
    assert screen_of(sent + picture.changes()[1])[1][2:13] == screen_of(last)[1][2:13]


def test_what_is_drawn_over_a_part_of_a_wide_text_leaves_the_rest() -> None:
    picture, over = Picture(COLUMNS, ROWS), piece(14, 0, "| box", "red")
    text = piece(0, 0, "日本 e\u0301 loss 3.14 日本 end", "green")
    picture.draw(text)
    sent = picture.changes()[1]
    picture.draw(over)
    assert screen_of(sent + picture.changes()[1])[0] == screen_of(text + over)[0]


def test_characters_that_would_steer_a_terminal_are_never_drawn() -> None:
    picture = Picture(COLUMNS, ROWS)
    picture.draw(piece(0, 0, "a\x9b2Jb\x08c\td"))
    passing, drawn = picture.changes()
    assert passing == ""
    assert drawn.endswith("a2Jbcd")


def test_after_a_resize_everything_is_drawn_again() -> None:
    picture = Picture(COLUMNS, ROWS)
    picture.draw(piece(3, 2, "hello"))
    first = picture.changes()[1]
    picture.resize(COLUMNS, ROWS)
    assert picture.changes()[1] == first
    picture.resize(COLUMNS + 5, ROWS - 4)
    assert picture.changes()[1] == "", "what was drawn for another size does not count"
    picture.draw(piece(3, 2, "below the edge"))
    assert "below" not in picture.changes()[1]


def test_what_draws_nothing_passes_as_it_is() -> None:
    picture = Picture(COLUMNS, ROWS)
    passing = "\x1b[?2004h\x1b]52;c;YWJj\x07\x1b[>13u\x07"
    picture.draw(passing + piece(0, 0, "x"))
    assert picture.changes()[0] == passing


def test_a_cleared_terminal_is_drawn_anew() -> None:
    picture = Picture(COLUMNS, ROWS)
    picture.draw(piece(0, 0, "hello"))
    picture.changes()
    picture.draw("\x1b[2J" + piece(0, 0, "hello"))
    passing, drawn = picture.changes()
    assert passing == "\x1b[2J"
    assert "hello" in drawn


def test_what_another_program_printed_over_it_goes_away() -> None:
    picture, sent = Picture(COLUMNS, ROWS), ""
    for y in range(ROWS):
        picture.draw(piece(0, y, f"row {y} of the cockpit"))
    sent += picture.changes()[1]
    sent += "\x1b[3;1H\x1b[31mBroadcast message from root\r\n"
    for second in range(1, ROWS + 2):
        picture.draw(piece(20, 0, f"{second}"))
        sent += picture.changes(float(second))[1]
    assert "row 2 of the cockpit" in "".join(c.data for c in screen_of(sent)[2])
