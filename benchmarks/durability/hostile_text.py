"""Text that somebody hostile would put into a name, a note or an exception, each piece with a number to know it by.

Sequences that the cockpit uses itself are spelled with leading zeros, which a terminal obeys as well and the cockpit
never writes: what reaches a terminal tells where it came from. No text has a line end, but `\\n`, and every one begins
with its marker, so that it can be looked for where lines are cut.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random

MARKER = re.compile(rb"m([0-9]{6})q")
ESC = "\x1b"
PIECES = (
    f"{ESC}[0002J", f"{ESC}[0001;0001H", f"{ESC}[00031m", f"{ESC}[?01049h", f"{ESC}[?0025l", f"{ESC}[06n", f"{ESC}[0c",
    f"{ESC}]52;c;cm0gLXJmIH4=\a", f"{ESC}]52;c;cm0gLXJmIH4={ESC}\\", f"{ESC}]0;your title\a", f"{ESC}]2;title{ESC}\\",
    f"{ESC}]8;;https://evil.example/\aclick{ESC}]8;;\a", f"{ESC}]1337;File=inline=1:AAAA\a", f"{ESC}]9;4;1;50\a",
    f"{ESC}P+q544e{ESC}\\", f"{ESC}_Gi=1,a=T;AAAA{ESC}\\", f"{ESC}^private{ESC}\\", f"{ESC}c", f"{ESC}7", f"{ESC}8",
    f"{ESC}D", f"{ESC}M", f"{ESC}#8", f"{ESC}(0", f"{ESC}%G", f"{ESC}[!p", f"{ESC}[?01000h", f"{ESC}[>004;1m", ESC,
    "\x9b2J", "\x9b00031m", "\x9d52;c;cm0=\x9c", "\x90+q544e\x9c", "\x85", "\x84", "\x8d", "\x80", "\x9f",
    "\x00", "\x01", "\x04", "\x05", "\a", "\b\b\b", "\x0b", "\x0c", "\x0e", "\x0f", "\r", "\r\n", "\x11", "\x13",
    "\x18", "\x1a", "\x1c", "\x1f", "\x7f", "\x7f\x7f",
    "\u202egnp.exe", "\u202a", "\u202b", "\u202c", "\u202d", "\u2066", "\u2067\u2069", "\u2068", "\u200e", "\u200f",
    "\u061c", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u2028", "\u2029", "\ufff9",
    "\U000e0001\U000e0041", "\u0e4a" * 60, "a" + "\u0301" * 500, "\u20dd" * 40, "\u0600", "\u06dd", "\U0001d173",
    "[/", "[/]", "[/nope]", "[link=https://evil.example/]x[/link]", "[@click=app.bell]x[/]", "[@click='app.quit']q[/]",
    "[bold red]loud[/]", "a[b]c", "\\[", "[[", "$error", "[$primary]", "{0}", "%s%n", "$(reboot)", "`reboot`", "';--",
    "\ud7ff", "\ufffe", "\uffff", "\U0010ffff", "\ue000", "Ω≈ç√", "ｗｉｄｅ", "👩\u200d👩\u200d👧", "\u3000",
    "\u00a0", "\u2007", "\n", "\n\n", "\t", "../../etc/passwd", "-rf", "~", "CON", "x" * 300,
)  # fmt: skip
LONG_LINE = 10_000
UNDECODABLE = (b"\xff\xfe", b"\x9b2J", b"\xc0\x9b", b"caf\xe9", b"\xed\xa0\x80", b"\xf5\x80\x80\x80")
"""Bytes that are no UTF-8: lone surrogates in what Python reads of names and arguments."""


def hostile_texts(count: int, seed: int = 7) -> Iterator[str]:
    """So many, each different and each with its marker first."""
    dice = Random(seed)
    for number in range(count):
        pieces = [PIECES[number % len(PIECES)], *dice.choices(PIECES, k=dice.randrange(4))]
        if number % 97 == 0:
            piece = pieces[0]
            pieces.append((piece * (LONG_LINE // len(piece)))[:LONG_LINE])
        yield f"m{number:06d}q" + " ".join(pieces) + dice.choice(("", " end", ESC))


def as_name(text: str, number: int) -> bytes:
    """A name that a file or an argument can have: no NUL, no slash, at most 200 bytes; some are no UTF-8."""
    name = text.replace("\0", "").replace("/", "").encode("utf-8", "surrogatepass")[:190]
    return name + (UNDECODABLE[number % len(UNDECODABLE)] if number % 3 == 0 else b"")


def markers(sent: bytes) -> set[int]:
    """Numbers of the texts whose beginning was written."""
    return {int(found) for found in MARKER.findall(sent)}


def as_argument(text: str, number: int) -> str:
    """As Python gives it to a program."""
    return os.fsdecode(as_name(text, number))
