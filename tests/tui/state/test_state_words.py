"""The feed's sentences and the cockpit's numbers."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import events as e
from tui.state import formatting
from tui.state.log.feed import describe


def said(event: object) -> str:
    item = describe(1, 0.0, event)
    assert item is not None
    assert len(item.glyph) == 1
    return item.text


def test_events_are_told_as_a_person_would() -> None:
    applied = e.CommandApplied(
        command_id="c",
        verb="pin",
        text="pin block.3 until=+200",
        step=412,
        branch=0,
        rev=1,
        before="policy",
        after="pin",
    )
    assert said(applied) == "pin block.3 until=+200 applied: policy → pin"
    saved = e.CheckpointSaved(
        step=500, branch=0, name="step-00000500", bytes=6_606_029, seconds=0.4, reason="due"
    )
    assert said(saved) == "checkpoint step-00000500 saved, 6.3 MiB in 400 ms"
    probed = e.Probed(
        step=5, branch=0, loss=4.0, slots=["block.3", "block.7"], losses=[4.012, 4.0], tokens=10, seconds=1.0
    )
    assert said(probed) == "probe: without block.3 +0.012, least missed block.7 +0.000"
    evaluated = e.Evaluated(step=5, branch=0, loss=4.8123, perplexity=123.0, tokens=10, seconds=1.0)
    assert said(evaluated).startswith("validation 4.812")
    refused = e.CommandRefused(
        command_id="c", verb="lr", text="lr x", step=1, code="bad-value", reason="no", remedy="do"
    )
    assert said(refused) == "lr x refused: no; do"


def test_reports_are_no_news() -> None:
    assert describe(1, 0.0, e.Progress(task="x", done=0, total=1)) is None


def test_a_log_line_cannot_drive_the_terminal() -> None:
    assert said(e.LogLine(level="info", text="a\x1b[2Jb\nc")) == "a\\x1b[2Jb c"


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(5, 9))
def test_numbers_keep_their_width(value: float, width: int) -> None:
    assert len(formatting.fixed(value, width)) == width or abs(value) >= 1e99


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.8123, "4.812"), (48.123, "48.12"), (481.23, "481.2"), (4812.3, " 4812"), (12345, "12.3k"),
        (0.0006, " 6e-4"), (0.0, "0.000"), (None, "  n/a"), (nan, "  nan"), (inf, "  inf"), (9.9999, "10.00"),
    ],
)  # fmt: skip
def test_five_characters_say_enough(value: float | None, text: str) -> None:
    assert formatting.fixed(value) == text


def test_times_and_sizes() -> None:
    assert formatting.countdown(724) == "   12:04"
    assert formatting.countdown(3729) == " 1:02:09"
    assert formatting.countdown(None) == "     n/a"
    assert formatting.percent(None) == " n/a"
    sizes = [formatting.size(n) for n in (None, 12, 976 << 10, 24 << 20, 8 << 30, 1536 << 10)]
    assert sizes == ["      n/a", "     12 B", "  976 KiB", " 24.0 MiB", " 8.00 GiB", " 1.50 MiB"]
    assert [formatting.shortest(n) for n in (8.0, 5.75, 0.0, 5.7312)] == ["8", "5.75", "0", "5.73"]
    assert formatting.duty(0.5) == "1/2"
    assert formatting.fit("abcdef", 4) == "abc…"
