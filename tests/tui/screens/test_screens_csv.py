"""`W` writes the run on screen as CSV into the folder one works in, and says where the loss curve is, or why not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from deck_app import settle, still_deck, until
from fake_run import FakeRun, write_fake_run
from patience import PATIENCE_S


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


async def test_leaving_does_not_wait_for_an_export_and_says_that_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_fake_run(tmp_path / "runs" / "20261121-090000-demo-3f2a", FakeRun("demo", steps=60))
    go_on, done = tmp_path / "go-on", tmp_path / "done"
    (endless := tmp_path / "python").write_text(
        f"#!/bin/sh\nwhile [ ! -e '{go_on}' ]; do sleep 0.05; done\ntouch '{done}'\n"
    )
    endless.chmod(0o755)
    monkeypatch.setattr("tui.link.csv_export.write_csv.__defaults__", (str(endless),))
    app, link = still_deck(run_dir)
    async with app.run_test(size=(120, 32)) as pilot:
        await link.loaded.wait()
        await settle(pilot)
        await pilot.press("W", "q")
        await until(pilot, lambda: not app.is_running or app._exit)
    await app.workers.wait_for_complete()
    assert not done.exists()
    assert "-export/csv is still being written" in capfd.readouterr().err
    go_on.touch()
    async with asyncio.timeout(PATIENCE_S):
        while not done.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
