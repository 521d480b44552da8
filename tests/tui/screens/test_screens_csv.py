"""`W` writes the run on screen as CSV into the folder one works in, and says where the loss curve is, or why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run


async def test_w_writes_a_spreadsheet_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = write_fake_run(
        tmp_path / "runs" / "20261121-090000-demo-3f2a", FakeRun("demo", steps=60, outcome="")
    )
    (work := tmp_path / "work").mkdir()
    monkeypatch.chdir(work)
    app, link = still_deck(run_dir)

    def said(words: str) -> bool:
        return any(words in note.message for note in app._notifications)

    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await pilot.press("W")
        await until(pilot, lambda: said("loss.csv"))
        table = work / f"{run_dir.name}-export" / "csv" / "loss.csv"
        assert table.read_text().count("\n") > 10
        (run_dir / "log").rename(tmp_path / "elsewhere")
        await pilot.press("W")
        await until(pilot, lambda: said("not a run folder"))
        assert table.exists()
