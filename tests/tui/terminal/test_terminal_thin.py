"""On a thin line the same minute of a run costs fewer bytes: figures are painted once a second."""

from __future__ import annotations

import pytest

from tui.settings import Settings
from tui.terminal.picture import Picture

REPORTS_PER_S = 10
SECONDS = 60


def bytes_of_a_minute(settings: Settings) -> int:
    """Ten reports a second, of which those are drawn that stand there when it is time to paint."""
    picture, sent = Picture(80, 4), 0
    for turn in range(int(SECONDS / settings.period_s)):
        report = int(turn * settings.period_s * REPORTS_PER_S)
        picture.draw(
            f"\x1b[1;1Hstep {report:,}   loss {5 - report / 1000:.3f}   {20_000 + report % 7:,} tok/s"
        )
        sent += len(picture.changes()[1].encode())
    return sent


def test_thin_sends_fewer_bytes() -> None:
    assert bytes_of_a_minute(Settings(thin=True)) < bytes_of_a_minute(Settings()) / 2


@pytest.mark.parametrize(("refresh_hz", "period_s"), [(10.0, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_thin_paints_once_a_second_or_as_seldom_as_asked(refresh_hz: float, period_s: float) -> None:
    assert Settings(refresh_hz=refresh_hz, thin=True).period_s == period_s
    assert Settings(refresh_hz=refresh_hz).period_s == 1 / refresh_hz
