"""Nothing that somebody wrote into a name, a note or an exception makes a terminal do anything."""

from __future__ import annotations

from pathlib import Path

from benchmarks.durability.hostile_text import PIECES
from benchmarks.durability.injection import SHORT, SHORT_LIVE_S, SHORT_PAGES, inject
from benchmarks.durability.raw_terminal import stray


def test_no_control_byte_of_hostile_text_reaches_a_terminal(tmp_path: Path) -> None:
    judged = inject(tmp_path, SHORT, pages=SHORT_PAGES, live_s=SHORT_LIVE_S, thorough=False)
    assert judged.wrong == []
    assert len(judged.seen) > SHORT * 0.8
    assert all(judged.places.values()), judged.places


def test_the_judge_knows_text_of_theirs_from_sequences_of_ours() -> None:
    ours = "\x1b[?1049h\x1b[1;1H\x1b[38;5;231;48;5;16mloss 4.8\x1b[0m\n"
    assert stray(ours.encode()) == []
    for piece in PIECES:
        if not piece.replace("\n", "").replace("\t", "").replace("\u3000", " ").isprintable():
            sent = f"{ours}{piece}".encode()
            assert stray(sent) or piece in ("\u00a0", "\u2007"), ascii(piece)
